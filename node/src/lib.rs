//! Local chain for smart contracts: blocks on demand or at an interval, finality after a fixed
//! delay, and all state kept.
//!
//! A library only for its tests' sake: the service takes minutes to compile, and the tests of a
//! binary would compile it a second time.

pub mod chain_spec;
pub mod cli;
pub mod command;
pub mod finality;
pub mod rpc;
pub mod seal;
pub mod service;

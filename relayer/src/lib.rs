//! Relayer and command line of the LLM oracle.

pub mod chain;
pub mod cli;
pub mod config;
pub mod credential;
pub mod guard;
pub mod llm;
pub mod ops;
pub mod pipeline;
pub mod signer;
pub mod store;
pub mod verify;

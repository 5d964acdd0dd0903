//! Relayer and command line of the LLM oracle.

pub mod chain;
pub mod cli;
pub mod config;
pub mod credential;
pub mod llm;
pub mod ops;
pub mod peers;
pub mod pipeline;
pub mod store;
pub mod verify;

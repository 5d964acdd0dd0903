//! Relayer and command line of the LLM oracle.

pub mod chain;
mod chance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
pub mod llm;
pub mod ops;
pub mod pipeline;
mod planted;
#[cfg(test)]
mod sim;
pub mod store;
pub mod verify;

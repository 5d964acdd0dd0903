//! Relayer and command line of the LLM oracle.

pub mod chain;
pub mod cli;
pub mod config;
pub mod credential;
#[cfg(test)]
mod fuzz;
pub mod llm;
pub mod ops;
pub mod pipeline;
pub mod store;
pub mod verify;

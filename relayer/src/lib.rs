//! Relayer and command line of the LLM oracle.

mod blocking;
pub mod chain;
mod chance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
#[cfg(test)]
mod fuzz;
pub mod guard;
mod http;
pub mod llm;
pub mod ops;
pub mod peers;
pub mod pipeline;
mod planted;
pub mod signer;
#[cfg(test)]
mod sim;
pub mod store;
pub mod verify;

//! Relayer and command line of the LLM oracle.

pub mod llm;

//! Relayer and command line of the LLM oracle.

//! Rules of the house that a test can check. Each failure lists all violations and says the remedy.
//!
//! What does not keep a rule yet stands in `ratchet.json`: the numbers there may only go down.
//! `LLM_ORACLE_TIDY_UPDATE=1 cargo test -p llm-oracle-tidy` lowers them to what the tree has, and
//! takes out what is mended. It never adds or raises a number. After a move of files, take the section
//! of that rule out of `ratchet.json` before the command: a section that is missing is made anew.
//!
//! `LLM_ORACLE_TIDY_ROOT=FOLDER cargo test -p llm-oracle-tidy summary -- --nocapture` measures
//! another tree, for example an older one.
#![cfg(test)]
// Lines and names are counted: nothing here comes near a limit. A test fails by panicking.
#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)]

mod arrows;
mod circles;
mod decisions;
mod dialect;
mod lines;
mod methods;
mod modules;
mod ratchet;
mod resolve;
mod summary;
mod text;
mod tree;
mod types;
mod words;

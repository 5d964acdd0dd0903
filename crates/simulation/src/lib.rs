//! The relayer against a network in memory: seeded faults, planted bugs, and a death at every place.
//!
//! A run is a function of its seed: time is tokio's paused clock, chance is the seed's, and one thread
//! does everything. `LLM_ORACLE_SEED=n` runs one seed alone and prints what happened.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[cfg(test)]
mod checks;
#[cfg(test)]
mod directed;
pub mod disk;
pub mod faults;
pub mod kill;
#[cfg(all(test, not(feature = "mutants")))]
mod kills;
pub mod model;
#[cfg(all(test, feature = "mutants"))]
mod mutants;
pub mod network;
#[cfg(all(test, not(feature = "mutants")))]
mod node_tests;
#[cfg(all(test, not(feature = "mutants")))]
mod promises;
pub mod run;
pub mod scenario;
#[cfg(all(test, not(feature = "mutants")))]
mod sending;
mod signers;
#[cfg(all(test, not(feature = "mutants")))]
mod storage_tests;
#[cfg(all(test, not(feature = "mutants")))]
mod strangers;
#[cfg(test)]
mod tests;
pub mod witness;

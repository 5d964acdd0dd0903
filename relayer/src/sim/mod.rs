//! The relayer against a network in memory: seeded faults, planted bugs, and a death at every place.
//!
//! A run is a function of its seed: time is tokio's paused clock, chance is the seed's, and one thread
//! does everything. `LLM_ORACLE_SEED=n` runs one seed alone and prints what happened.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod checks;
mod disk;
mod faults;
pub(crate) mod kill;
mod kills;
mod model;
mod promises;
mod run;
pub(crate) mod scenario;
mod tests;
mod witness;

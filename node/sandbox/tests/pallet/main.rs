//! The contracts' Wasm on the real pallet, in process.
//!
//! The tests need the contracts' code: `scripts/setup.sh --contracts` builds it. Random tests print
//! their seed; `LLM_ORACLE_SEED` runs one again, `LLM_ORACLE_STEPS` sets how long.

#![allow(clippy::unwrap_used)] // A test that panics has failed, which is what it is for.

mod boundaries;
mod callbacks;
mod cells;
mod coverage;
mod edges;
mod encoding;
mod exits;
mod features;
mod fees;
mod invariants;
mod keys;
mod life;
mod market;
mod messages;
mod model;
mod money;
mod moves;
mod payouts;
mod plans;
mod reached;
mod replay;
mod solvency;
mod upgrade;
mod world;
mod zoo;

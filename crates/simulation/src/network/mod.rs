//! A chain in memory that runs the contract's own rules, for tests: blocks that fork and are given up,
//! finality that lags, a pool that loses, and nodes that see different things.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    dead_code
)]

mod dispatch;
mod node;
mod tree;
mod world;

pub use dispatch::parse;
pub use node::{lock, Shared, Wires};
pub use tree::{State, Tx};
pub use world::{SubmitFault, Watch, Ways, World, ERA};

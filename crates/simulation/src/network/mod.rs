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
mod pool;
mod tree;
mod trouble;
mod world;

pub use dispatch::parse;
pub use node::{lock, Shared, Wires};
pub use tree::{Consumer, State, Tx, FEE};
pub use world::{SubmitFault, Watch, Ways, World, CODE, ERA};

//! The tests of `sandbox/tests/pallet` on the original node's own runtime, and one request from the
//! registration of its operators to the last planck.

#![allow(clippy::unwrap_used)] // A test that panics has failed, which is what it is for.

// The same sources on another runtime.
extern crate llm_oracle_original as llm_oracle_sandbox;

#[path = "../../sandbox/tests/pallet/boundaries.rs"]
mod boundaries;
#[path = "../../sandbox/tests/pallet/callbacks.rs"]
mod callbacks;
#[path = "../../sandbox/tests/pallet/cells.rs"]
mod cells;
#[path = "../../sandbox/tests/pallet/coverage.rs"]
mod coverage;
#[path = "../../sandbox/tests/pallet/edges.rs"]
mod edges;
#[path = "../../sandbox/tests/pallet/encoding.rs"]
mod encoding;
#[path = "../../sandbox/tests/pallet/exits.rs"]
mod exits;
#[path = "../../sandbox/tests/pallet/features.rs"]
mod features;
#[path = "../../sandbox/tests/pallet/invariants.rs"]
mod invariants;
#[path = "../../sandbox/tests/pallet/keys.rs"]
mod keys;
#[path = "../../sandbox/tests/pallet/life.rs"]
mod life;
#[path = "../../sandbox/tests/pallet/market.rs"]
mod market;
#[path = "../../sandbox/tests/pallet/messages.rs"]
mod messages;
#[path = "../../sandbox/tests/pallet/model.rs"]
mod model;
#[path = "../../sandbox/tests/pallet/money.rs"]
mod money;
#[path = "../../sandbox/tests/pallet/moves.rs"]
mod moves;
#[path = "../../sandbox/tests/pallet/payouts.rs"]
mod payouts;
#[path = "../../sandbox/tests/pallet/plans.rs"]
mod plans;
#[path = "../../sandbox/tests/pallet/reached.rs"]
mod reached;
#[path = "../../sandbox/tests/pallet/replay.rs"]
mod replay;
#[path = "../../sandbox/tests/pallet/solvency.rs"]
mod solvency;
#[path = "../../sandbox/tests/pallet/upgrade.rs"]
mod upgrade;
#[path = "original/whole.rs"]
mod whole;
#[path = "../../sandbox/tests/pallet/world.rs"]
mod world;
#[path = "../../sandbox/tests/pallet/zoo.rs"]
mod zoo;

//! End to end: a real node, real relayer processes, the real command line.
// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod ask;
mod bad_input;
mod canary;
mod cells;
mod clients;
mod commit_guard;
mod committees;
mod crashes;
mod cuts;
mod delivery;
mod disk;
mod documents;
mod ends;
mod equivocation;
mod forged;
mod nodes;
mod open_answers;
mod operators;
mod ops;
mod owner;
mod peers;
mod promises;
mod providers;
mod recovery;
mod replicas;
mod rivals;
mod settle;
mod shared_store;
mod signer;
mod ssrf;
mod subsystems;
mod upgrade;
mod verifier;
mod wire;

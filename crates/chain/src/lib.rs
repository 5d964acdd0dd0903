//! The chain: connecting, reading contracts, signing and sending transactions, reading events.
//!
//! Everything that belongs to the chain's pallets is encoded and decoded through the metadata the
//! node serves, so one binary works on chains whose balances, fee extensions or pallet versions
//! differ. What belongs to the contract is plain SCALE of the types in `llm_oracle_primitives`.
//!
//! **Architecture invariant:** this module knows neither the store nor the models.

mod access;
mod call;
mod cells;
mod check;
mod client;
mod clock;
mod deploy;
mod endpoints;
mod error;
mod event;
mod exec;
mod follow;
#[cfg(test)]
mod fuzz_tests;
mod health;
mod inputs;
#[cfg(test)]
mod mortality;
mod oracle;
mod remedy;
#[cfg(test)]
mod signing_tests;
mod state;
#[cfg(test)]
mod still;
mod transfer;
mod transport;
mod tx;
mod wire;

pub use access::{Access, AnyChain, Ran, Run};
pub use call::{oracle as messages, BatchResults, Call};
pub use cells::{read_with_messages, Listed, Read, Reader, Wanted, REFUSED_BLOCKS};
pub use check::{CheckedOracle, Expect};
pub use client::{redact, Chain, Head, WakeUps, CONNECT_TIMEOUT, REQUEST_TIMEOUT};
pub use deploy::{DeployDryRun, Deployed};
pub use endpoints::{Connect, Endpoints, Fit};
pub use error::{ChainError, Class};
pub use event::{Event, Located};
pub use exec::{Deposit, DryRun, Weight};
pub use health::{Known, Sight, LAG_BLOCKS_MAX, STALL_BLOCKS};
pub use llm_oracle_rules::Key;
pub use oracle::{Oracle, READS_AT_ONCE};
pub use remedy::Remedy;
pub use tx::{InBlock, Receipt, SignedTx, TxOptions, ERA_BLOCKS};

//! From a request on the chain to a settled answer.
//!
//! One turn of the wheel ([`Relayer::step`]): read the chain at its finalized head, look up what the
//! store remembers, [`decide`] what each operator does next, do it, and read again. Nothing here
//! believes what it sent; only what the next read shows has happened. So a turn can end anywhere,
//! by a crash too, and the next one goes on from what is true.
//!
//! **Architecture invariants:** deciding is pure; a model is never asked once an answer is recorded;
//! nothing is sent that is not on disk; nothing is revealed whose commit round could still change.

mod ask;
mod batch;
mod carry;
mod config;
mod decide;
mod ending;
mod entries;
mod equivocation;
mod error;
#[cfg(test)]
mod fuzz_tests;
mod ledger;
mod observe;
pub mod ops;
mod outbox;
mod peers;
mod policy;
mod queue;
mod reconcile;
mod record;
mod recover;
mod relayer;
mod retry;
mod scan;
mod seats;
mod share;
mod signatures;
mod transact;
mod views;

pub use config::{Limits, RelayerConfig};
pub use decide::{decide, Free, GivenUp, Heads, Local, OnChain, SeatOnChain, Step, Why};
pub use error::RelayerError;
pub use outbox::{send, Submit};
pub use policy::{Account, Budget, PolicyConfig, RequesterBudget};
pub use relayer::{Progress, Relayer};

/// The oracle on whatever chain it is worked on.
type Oracle = llm_oracle_chain::Oracle<llm_oracle_chain::AnyChain>;

#[cfg(test)]
mod spam_tests;

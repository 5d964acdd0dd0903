//! The relayer: watches a chain for requests, asks models, submits answers, settles and delivers.
//!
//! One iteration ([`Relayer::iterate`]) reads the chain at its finalized head, looks up what the store
//! has, [`decide`]s what each operator does next, does it, and reads again. Nothing here believes what it
//! sent; only what the next read shows has happened. So an iteration can end anywhere, by a crash too,
//! and the next one goes on from what is true. There is one thread of control: parts own their state and
//! are called in turn, without channels between them, so that a simulation can repeat a run exactly.
//!
//! **Architecture invariants:** deciding is pure; a model is never asked once an answer is recorded;
//! nothing is sent that is not on disk; nothing is revealed whose commit round could still change.

mod bonds;
mod config;
mod drain;
mod equivocation;
mod error;
mod failures;
#[cfg(test)]
mod fuzz_tests;
mod keys;
mod model;
mod node_session;
mod observer;
mod operators;
pub mod ops;
mod pace;
mod pauses;
mod peers;
mod plan;
mod poll_timer;
mod relayer;
mod reload;
mod requests;
mod retention;
mod settlement;
mod take_over;
mod tx;
mod work;

pub use config::{CodeHashes, Limits, RelayerConfig};
pub use drain::DRAIN_FILE;
pub use error::RelayerError;
pub use model::{RationaleConfig, SourceReadingProvider};
pub use ops::ReloadReport;
pub use plan::{
    decide, Budget, Exhausted, HeadNumbers, ListedAccount, Local, OnChain, PolicyConfig,
    RequesterBudget, SeatOnChain, Step, Why,
};
pub use relayer::{Progress, Relayer};
pub use reload::{reload_channel, LiveSettings, ReloadInbox, Reloader};
pub use retention::RetentionConfig;
pub use tx::{send, Submit};

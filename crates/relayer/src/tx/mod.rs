//! Transactions: what is in them, sending, and finding out what became of them.

mod batch;
mod block_rate;
mod commit_latency;
mod entries;
pub(crate) mod jobs;
mod outbox;
mod reconcile;
mod refusal;
mod request_facts;
mod sender;
mod weight;

pub(crate) use batch::{BatchContext, BatchSender};
pub(crate) use entries::{BatchEntry, OwnSeat, PeerEntry, SeatSigner};
pub use outbox::{send, Submit};
pub(crate) use reconcile::Reconciler;
pub(crate) use request_facts::RequestFacts;
pub(crate) use sender::{signer_part, TxDraft, TxSender};

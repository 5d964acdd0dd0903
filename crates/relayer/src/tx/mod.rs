//! Transactions: what is in them, sending, and finding out what became of them.

mod batch;
mod entries;
pub(crate) mod jobs;
mod outbox;
mod reconcile;
mod refusal;
mod sender;

pub(crate) use batch::{BatchContext, BatchSender};
pub(crate) use entries::{BatchEntry, OwnSeat, PeerEntry, SeatSigner};
pub use outbox::{send, Submit};
pub(crate) use reconcile::Reconciler;
pub(crate) use sender::{TxDraft, TxSender};

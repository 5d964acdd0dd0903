//! The words both sides of the oracle share.
//!
//! Everything that is hashed, signed, stored or decoded by more than one program is defined here
//! once: [`Terms`] of a request, the [`Answer`] kinds, the [`digest`]s and signed messages, the
//! [`event`]s, [`Error`]s, [`Params`] and [`limits`]. The crate is `no_std`; the feature `std` adds
//! what only off-chain programs need ([`canonical`] forms and type information).
//!
//! Units: amounts are planck (`u128`), windows are blocks (`u32`), sizes are bytes.
#![cfg_attr(not(feature = "std"), no_std)]

mod answer;
#[cfg(feature = "std")]
pub mod canonical;
#[cfg(feature = "std")]
mod deployment;
pub mod digest;
mod error;
pub mod event;
pub mod limits;
mod message;
mod params;
mod source;
mod terms;
mod view;

pub use answer::{Answer, Margin, Outcome, Reason, SeatAnswer};
#[cfg(feature = "std")]
pub use deployment::DeploymentId;
pub use error::Error;
pub use message::{AnswerEntry, CommitEntry, Equivocation, Quote, RevealEntry, SignedAnswer};
pub use params::Params;
pub use source::Source;
pub use terms::{AnswerKind, Assignment, CallbackLimits, LeastRecord, ModelRef, Sampling, Terms};
pub use view::{
    AnswerState, Config, DeliveryStatus, LedgerView, OperatorView, Phase, RequestView, SeatState,
    SeatView, SetView, Summary,
};

pub use ink::primitives::AccountId;

/// Number of a request; counts up from 0 and is never reused.
pub type RequestId = u64;
/// Place of an operator's account in the contract; given at registration and never reused.
pub type Slot = u32;
/// Amount in planck, the chain's smallest unit.
pub type Balance = u128;
/// Height of a block.
pub type BlockNumber = u32;
/// A 32-byte `blake2_256` digest.
pub type Hash = [u8; 32];
/// An sr25519 signature.
pub type Signature = [u8; 64];

/// Version of the contract's messages, events and digests, as `interface_version()` returns it.
pub const INTERFACE_VERSION: u32 = 3;

/// Selector of the consumer's `on_answer(request_id: u64, outcome: Outcome)`: the ASCII bytes `LLMa`.
pub const ON_ANSWER_SELECTOR: [u8; 4] = [0x4c, 0x4c, 0x4d, 0x61];

//! The oracle's rules as plain values.
//!
//! [`Request`] and [`Operator`] hold state and the rules of their own life, [`tally`] agrees on an
//! answer, and [`Oracle`] carries out whole messages over a [`Host`]: the ink! contract is one host,
//! [`MemoryHost`] (feature `std`) another, so tests and simulations run the contract's own rules.
//!
//! **Invariants.** Nothing here reads an environment. A function that returns an error has changed
//! nothing that the host keeps when the host discards the call's writes on error, as the pallet does.
//! All arithmetic is checked. No loop runs over stored requests or operators.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "std")]
pub mod cells;
pub mod codec;
mod form;
mod host;
#[cfg(feature = "std")]
mod memory;
mod moves;
mod operator;
mod oracle;
mod packed;
mod params_cell;
mod request;
mod seat;
mod settlement;
pub mod tally;
mod text;
mod versions;

pub use form::Form;
pub use host::{Account, Announced, Counters, Host, Identity, Key, OperatorSet, Treasury};
#[cfg(feature = "std")]
pub use memory::MemoryHost;
pub use operator::{Operator, OperatorCell, Profile, OPERATOR_STRIDE};
pub use oracle::{Batch, Oracle};
pub use packed::Packed;
pub use params_cell::ParamsCell;
pub use request::{Delivery, End, Money, Request};
pub use seat::{Opened, Seat};
pub use settlement::{SeatSettlement, Settlement};

use ink::prelude::boxed::Box;
use llm_oracle_primitives::{Balance, Error};

/// A refusal on its way out. Boxed: an error names amounts, and moving it from caller to caller by
/// value costs more code than the rules themselves.
pub type Refusal = Box<Error>;

/// Refuses with a reason.
#[cold]
#[inline(never)]
pub(crate) fn refuse<T>(error: Error) -> Result<T, Refusal> {
    Err(Box::new(error))
}

#[cold]
#[inline(never)]
pub(crate) fn overflow() -> Refusal {
    Box::new(Error::Overflow)
}

/// Sum, or [`Error::Overflow`].
pub(crate) fn add(left: Balance, right: Balance) -> Result<Balance, Refusal> {
    left.checked_add(right).ok_or_else(overflow)
}

/// Difference, or [`Error::Overflow`].
pub(crate) fn sub(left: Balance, right: Balance) -> Result<Balance, Refusal> {
    left.checked_sub(right).ok_or_else(overflow)
}

/// Product with a count, or [`Error::Overflow`].
pub(crate) fn times(amount: Balance, count: u8) -> Result<Balance, Refusal> {
    // Counts are seats, at most 32. A checked product of 128 bits is the larger code by far.
    (0..count).try_fold(0, |sum, _| add(sum, amount))
}

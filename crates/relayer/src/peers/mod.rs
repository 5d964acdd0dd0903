//! Submitting for each other: one transmitter for a committee.

mod committee;
mod message;
mod share;
mod submit;

pub(crate) use share::PeerExchange;

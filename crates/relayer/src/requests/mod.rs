//! The requests of the contract: what has been read of them, and what is remembered about them.

mod cache;
mod lease;
mod recover;
mod schedule;
mod sets;
mod track_records;
mod tracker;

pub(crate) use cache::RequestCache;
pub(crate) use lease::take_share;
pub(crate) use recover::account_for_seats;
pub(crate) use schedule::{choose, DeadlineQueue};
pub(crate) use sets::OperatorSets;
pub(crate) use track_records::{TrackRecords, TrackRecordsAt};
pub(crate) use tracker::{is_undelivered, KnownSeats, RequestTracker};

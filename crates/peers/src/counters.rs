//! Metrics of what relayers do for each other.

use super::wire::EntryKind;
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

type CounterLabel = [(&'static str, String); 1];

/// Counters, shared by all their clones.
#[derive(Debug, Clone, Default)]
pub struct PeerCounters {
    handed_off: Family<CounterLabel, Counter>,
    transmitted: Family<CounterLabel, Counter>,
    fallbacks: Family<CounterLabel, Counter>,
    rejected: Family<CounterLabel, Counter>,
}

impl PeerCounters {
    /// Adds them to a registry.
    pub fn register(&self, to: &mut Registry) {
        to.register(
            "peer_entries_handed_off",
            "own entries that a peer has accepted to submit",
            self.handed_off.clone(),
        );
        to.register(
            "peer_entries_transmitted",
            "entries submitted for peers",
            self.transmitted.clone(),
        );
        to.register(
            "peer_entries_fallback",
            "own entries that no peer submitted in time",
            self.fallbacks.clone(),
        );
        to.register(
            "peer_rejected",
            "messages and entries of peers that were rejected, by reason",
            self.rejected.clone(),
        );
    }

    /// A peer has accepted an entry of ours.
    pub fn handed_off(&self, kind: EntryKind) {
        inc(&self.handed_off, ("purpose", kind.name()));
    }

    /// An entry of a peer was submitted.
    pub fn transmitted(&self, kind: EntryKind) {
        inc(&self.transmitted, ("purpose", kind.name()));
    }

    /// An entry of ours was not submitted in time.
    pub fn fell_back(&self, kind: EntryKind) {
        inc(&self.fallbacks, ("purpose", kind.name()));
    }

    /// A message or an entry of a peer was rejected.
    pub fn rejected(&self, reason: &'static str) {
        inc(&self.rejected, ("reason", reason));
    }
}

fn inc(family: &Family<CounterLabel, Counter>, (label, value): (&'static str, &'static str)) {
    family.get_or_create(&[(label, value.to_owned())]).inc();
}

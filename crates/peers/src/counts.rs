//! What relayers did for each other, in numbers.

use super::wire::Kind;
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

type One = [(&'static str, String); 1];

/// Counters, shared by all their clones.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    handed_over: Family<One, Counter>,
    carried: Family<One, Counter>,
    fallbacks: Family<One, Counter>,
    refused: Family<One, Counter>,
}

impl Counts {
    /// Puts them into a registry.
    pub fn register(&self, to: &mut Registry) {
        to.register(
            "peer_handed_over",
            "own entries that a peer has taken to carry",
            self.handed_over.clone(),
        );
        to.register(
            "peer_carried",
            "entries carried for peers",
            self.carried.clone(),
        );
        to.register(
            "peer_fallbacks",
            "own entries that no peer carried in time",
            self.fallbacks.clone(),
        );
        to.register(
            "peer_refused",
            "letters and entries of peers that were not taken, by reason",
            self.refused.clone(),
        );
    }

    /// A peer has taken an entry.
    pub fn handed_over(&self, kind: Kind) {
        inc(&self.handed_over, ("purpose", kind.name()));
    }

    /// An entry of a peer was sent.
    pub fn carried(&self, kind: Kind) {
        inc(&self.carried, ("purpose", kind.name()));
    }

    /// An entry was not carried in time.
    pub fn fell_back(&self, kind: Kind) {
        inc(&self.fallbacks, ("purpose", kind.name()));
    }

    /// Something was not taken.
    pub fn refused(&self, reason: &'static str) {
        inc(&self.refused, ("reason", reason));
    }
}

fn inc(family: &Family<One, Counter>, (label, value): (&'static str, &'static str)) {
    family.get_or_create(&[(label, value.to_owned())]).inc();
}

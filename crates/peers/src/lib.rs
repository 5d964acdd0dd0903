//! One transmitter for a committee: relayers that know each other hand their signed commits and reveals to
//! the one that is the transmitter of a request, and submit their own when it does not do so in time.
//!
//! Nothing here is trusted. The contract accepts an entry because of its operator's signature alone,
//! whoever submits it; a transmitter can only submit it or not, and then its operator does after a number
//! of blocks. Entries of peers are checked against the finalized chain before they are submitted, and what
//! a peer says it has submitted is never relied on.
//!
//! A peer learns nothing early: a commit is a digest, and a reveal leaves this process only once a
//! finalized block shows the reveal phase.
//!
//! **Architecture invariant:** this crate decodes, signs, checks and remembers; it reads no chain and no
//! store. The relayer passes in what the chain shows and asks what to do.

mod config;
mod counters;
mod entry_check;
mod handoff;
mod message_guard;
mod obsolete;
mod outbox;
mod pool;
#[cfg(test)]
mod samples;
mod server;
mod transmitter;
mod wire;

pub use config::{Peer, PeerConfig, PeerDirectory, PeersConfig, PeersError};
pub use counters::PeerCounters;
pub use entry_check::{check, EntryFault, EntryVerdict};
pub use handoff::{HandoffClock, HandoffState, Handoffs};
pub use message_guard::RejectReason;
pub use outbox::{client, submit_to_peer, PeerOutbox, SubmitError, SubmitOutcome};
pub use pool::{EntryPool, PooledEntry};
pub use server::{serve, PeerEndpoint};
pub use transmitter::{committee, missing, transmitter};
pub use wire::{
    DeploymentId, EntryKey, EntryKind, OperatorId, Payload, PeerMessage, PeerMessageHeader,
    SignedEntry, ENTRIES_MAX, MESSAGE_BYTES_MAX,
};

use obsolete::ObsoleteEntries;

use llm_oracle_primitives::{Hash, RequestId, RequestView, Slot, Terms};
use llm_oracle_signing::Signer;
use llm_oracle_support::clock::Instant;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// A request as the finalized block shows it, and its terms where they are known.
pub type SeenRequest = (Arc<RequestView>, Option<Arc<Terms>>);

/// Everything that a relayer remembers about its peers. Losing it does no harm.
pub struct Peers {
    /// The known relayers and their operators.
    pub directory: Arc<PeerDirectory>,
    /// Receives the entries of peers.
    pub endpoint: Arc<PeerEndpoint>,
    /// Our messages to peers that are in flight.
    pub outbox: PeerOutbox,
    /// Our entries that were handed off to peers.
    pub handoffs: Handoffs,
    /// Entries of peers that wait to be submitted.
    pub pool: EntryPool,
    /// Counters for metrics.
    pub counters: PeerCounters,
    /// How long a transmitter waits for the entries of others.
    pub batching_window: Duration,
    slots: HashMap<OperatorId, Slot>,
    seen_at: Hash,
    seen: HashMap<RequestId, SeenRequest>,
    due: Option<Instant>,
    obsolete: ObsoleteEntries,
}

impl Peers {
    /// Builds the state from the settings; `None` without a peer. `block` is the usual time between two
    /// blocks.
    ///
    /// # Errors
    /// See [`PeersError`].
    pub fn new(
        config: &PeersConfig,
        block: Duration,
        deployment: DeploymentId,
        own: Vec<(OperatorId, Arc<dyn Signer>)>,
        counters: PeerCounters,
    ) -> Result<Option<Self>, PeersError> {
        let ids: Vec<OperatorId> = own.iter().map(|(id, _)| *id).collect();
        let directory = Arc::new(config.check(&ids)?);
        if directory.peers.is_empty() {
            return Ok(None);
        }
        let outbox = PeerOutbox::new(deployment, own.first().cloned())?;
        let endpoint = PeerEndpoint::new(deployment, directory.clone(), own, counters.clone());
        let timeout_blocks = config.transmitter_timeout_blocks;
        let timeout = block.saturating_mul(timeout_blocks);
        Ok(Some(Self {
            endpoint: Arc::new(endpoint),
            directory,
            outbox,
            handoffs: Handoffs::new(timeout_blocks, timeout),
            pool: EntryPool::default(),
            counters,
            batching_window: Duration::from_millis(config.batching_window_ms),
            slots: HashMap::new(),
            seen_at: Hash::default(),
            seen: HashMap::new(),
            due: None,
            obsolete: ObsoleteEntries::default(),
        }))
    }

    /// Collects what has arrived since the last iteration: acknowledgements of our messages, and entries
    /// of peers.
    pub fn refresh(&mut self, clock: &HandoffClock) {
        for outcome in self.outbox.outcomes() {
            let accepted = self.handoffs.record_outcome(&outcome, clock.now);
            for key in accepted {
                self.counters.handed_off(key.kind);
            }
        }
        for (peer, entry) in self.endpoint.collect() {
            if !self.pool.add(peer, entry, clock.now) {
                self.counters.rejected(RejectReason::Full.name());
            }
        }
        self.pool.sweep(clock.now);
        self.handoffs.sweep(clock.now);
        self.due = self.due.filter(|due| *due > clock.now);
    }

    /// Remembers a request as a finalized block shows it. Requests of other blocks are forgotten.
    pub fn remember_request(
        &mut self,
        at: Hash,
        view: Arc<RequestView>,
        terms: Option<Arc<Terms>>,
    ) {
        if self.seen_at != at {
            self.seen.clear();
            self.seen_at = at;
        }
        self.seen.insert(view.summary.request_id, (view, terms));
    }

    /// A request as it was remembered at this finalized block.
    pub fn request_at(&self, at: Hash, id: RequestId) -> Option<SeenRequest> {
        let seen = self.seen.get(&id).filter(|_| self.seen_at == at);
        seen.cloned()
    }

    /// Remembers the slot of a peer's operator; slots never change.
    pub fn remember_slot(&mut self, operator: OperatorId, slot: Slot) {
        self.slots.insert(operator, slot);
    }

    /// The slot of a peer's operator, once it is known.
    pub fn slot(&self, operator: &OperatorId) -> Option<Slot> {
        self.slots.get(operator).copied()
    }

    /// Whether an operator's relayer is in cooldown after it failed to submit.
    pub fn in_cooldown(&self, operator: &OperatorId, now: Instant) -> bool {
        let peer = self.directory.peer_of(operator);
        peer.is_some_and(|peer| self.handoffs.in_cooldown(peer, now))
    }

    /// Records that an entry of a peer was no longer needed: too many of them are a fault, since each costs
    /// work here and nothing there.
    pub fn note_obsolete(&mut self, peer: usize, now: Instant) {
        if self.obsolete.add(peer, now) {
            self.counters.rejected("obsolete");
            self.endpoint.record_fault(peer);
        }
    }

    /// Lets [`Self::changed`] return at this time at the latest.
    pub fn wake_at(&mut self, time: Instant) {
        self.due = Some(self.due.map_or(time, |due| due.min(time)));
    }

    /// Waits until something arrives from a peer, or the time of [`Self::wake_at`] has come.
    pub async fn changed(&self) {
        let changed = self.endpoint.changed();
        match self.due {
            Some(due) => tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(due) => {}
            },
            None => changed.await,
        }
    }
}

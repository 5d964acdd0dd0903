//! One carrier for a committee: relayers that know each other hand their signed commits and reveals to
//! the one whose turn it is for a request, and send their own when it does not carry them.
//!
//! Nothing here is trusted. An entry is worth something to the contract by its operator's signature
//! alone, whoever brings it; a carrier can only send it or not, and then its operator does after a
//! number of blocks. What a peer hands over is checked against the finalized chain before it is
//! carried, and what it says about what it has carried is believed by nobody.
//!
//! A peer learns nothing early: a commit is a digest, and a reveal leaves this process only once the
//! reveal phase stands at a finalized block.
//!
//! **Architecture invariant:** this module decodes, signs, checks and remembers; it reads no chain and
//! no store. The pipeline gives it what the chain shows and asks what to do.

mod check;
mod client;
mod config;
mod counts;
mod guard;
mod pool;
#[cfg(test)]
pub mod sample;
mod sent;
mod server;
mod turn;
mod wire;

pub use check::{check, Fault, Verdict};
pub use client::{client, hand_over, Lost, Outcome, Post};
pub use config::{Directory, Peer, PeerConfig, PeersConfig, PeersError};
pub use counts::Counts;
pub use guard::Refusal;
pub use pool::{Foreign, Pool};
pub use sent::{Clock, Sent, Standing};
pub use server::{serve, Endpoint};
pub use turn::{carrier, committee, missing};
pub use wire::{
    DeploymentId, Handed, Head, Id, Key, Kind, Letter, Load, ENTRIES_MAX, LETTER_BYTES_MAX,
};

use llm_oracle_primitives::{Hash, RequestId, RequestView, Slot, Terms};
use llm_oracle_signing::Signer;
use llm_oracle_support::clock::Instant;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// A request as the finalized block shows it, and its terms where they are known.
pub type Seen = (Arc<RequestView>, Option<Arc<Terms>>);

/// Everything that a relayer remembers about its peers. It can be lost without harm.
pub struct Peers {
    /// Who they are.
    pub directory: Arc<Directory>,
    /// Where they hand their entries over.
    pub endpoint: Arc<Endpoint>,
    /// Our letters under way.
    pub post: Post,
    /// Our entries that were handed over.
    pub sent: Sent,
    /// Their entries that wait to be carried.
    pub pool: Pool,
    /// What happened, in numbers.
    pub counts: Counts,
    /// How long a carrier waits for the entries of others.
    pub company: Duration,
    slots: HashMap<Id, Slot>,
    seen_at: Hash,
    seen: HashMap<RequestId, Seen>,
    due: Option<Instant>,
}

impl Peers {
    /// Reads the settings; `None` without a peer.
    ///
    /// # Errors
    /// See [`PeersError`].
    pub fn new(
        config: &PeersConfig,
        block: Duration,
        deployment: DeploymentId,
        own: Vec<(Id, Arc<dyn Signer>)>,
        counts: Counts,
    ) -> Result<Option<Self>, PeersError> {
        let ids: Vec<Id> = own.iter().map(|(id, _)| *id).collect();
        let directory = Arc::new(config.check(&ids)?);
        if directory.peers.is_empty() {
            return Ok(None);
        }
        let post = Post::new(deployment, own.first().cloned())?;
        let endpoint = Endpoint::new(deployment, directory.clone(), own, counts.clone());
        let patience = block.saturating_mul(config.carrier_blocks);
        Ok(Some(Self {
            endpoint: Arc::new(endpoint),
            directory,
            post,
            sent: Sent::new(config.carrier_blocks, patience),
            pool: Pool::default(),
            counts,
            company: Duration::from_millis(config.company_ms),
            slots: HashMap::new(),
            seen_at: Hash::default(),
            seen: HashMap::new(),
            due: None,
        }))
    }

    /// Takes in what has come since the last turn: answers to our letters, and entries of peers.
    pub fn begin(&mut self, clock: &Clock) {
        for outcome in self.post.outcomes() {
            let taken = self.sent.answered(&outcome, clock.now);
            for key in taken {
                self.counts.handed_over(key.kind);
            }
        }
        for (peer, handed) in self.endpoint.collect() {
            if !self.pool.add(peer, handed, clock.now) {
                self.counts.refused(Refusal::Full.name());
            }
        }
        self.pool.sweep(clock.now);
        self.sent.sweep(clock.now);
        self.due = self.due.filter(|due| *due > clock.now);
    }

    /// Notes a request as a finalized block shows it. What was seen at another block is forgotten.
    pub fn note(&mut self, at: Hash, view: Arc<RequestView>, terms: Option<Arc<Terms>>) {
        if self.seen_at != at {
            self.seen.clear();
            self.seen_at = at;
        }
        self.seen.insert(view.summary.request_id, (view, terms));
    }

    /// A request as it was noted at this finalized block.
    pub fn noted(&self, at: Hash, id: RequestId) -> Option<Seen> {
        let seen = self.seen.get(&id).filter(|_| self.seen_at == at);
        seen.cloned()
    }

    /// A peer's operator has this slot; slots never change.
    pub fn note_slot(&mut self, operator: Id, slot: Slot) {
        self.slots.insert(operator, slot);
    }

    /// The slot of a peer's operator, once it is known.
    pub fn slot(&self, operator: &Id) -> Option<Slot> {
        self.slots.get(operator).copied()
    }

    /// Whether an operator's relayer has just failed to carry.
    pub fn rests(&self, operator: &Id, now: Instant) -> bool {
        let peer = self.directory.peer_of(operator);
        peer.is_some_and(|peer| self.sent.rests(peer, now))
    }

    /// Something waits until then.
    pub fn wake_at(&mut self, time: Instant) {
        self.due = Some(self.due.map_or(time, |due| due.min(time)));
    }

    /// Waits until something came from a peer, or something that waits is due.
    pub async fn moved(&self) {
        let come = self.endpoint.come();
        match self.due {
            Some(due) => tokio::select! {
                () = come => {}
                () = tokio::time::sleep_until(due) => {}
            },
            None => come.await,
        }
    }
}

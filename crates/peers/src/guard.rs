//! Who may hand something over, how often, and that nothing counts twice.

use super::{
    config::Directory,
    wire::{self, DeploymentId, Handed, Head, Letter},
};
use llm_oracle_primitives::BlockNumber;
use llm_oracle_support::clock::Instant;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// A letter's block may be this far from our finalized one, either way.
const WINDOW_BLOCKS: BlockNumber = 128;
/// Letters of one peer that are remembered; they are forgotten once their block has left the window.
const REMEMBERED_MAX: usize = 16_384;
/// Letters that a peer may send at once …
const BURST: u32 = 64;
/// … and one more after each of these.
const ONE_MORE_EACH: Duration = Duration::from_millis(30);
/// Faults after which a peer is not listened to for a while …
const FAULTS_MAX: u32 = 5;
/// … as long as this.
const COOL_DOWN: Duration = Duration::from_secs(60);

/// Why a letter, or an entry of it, is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a POST of `/entries`.
    NoSuchPath,
    /// Over the limit of bytes, or slower than it may be.
    TooLarge,
    /// No letter, or nothing but entries is in it.
    Garbage,
    /// Signed by nobody that is known.
    Unknown,
    /// For an operator that is not here.
    NotHere,
    /// The signature is another one.
    Forged,
    /// Its block is too far from our finalized one.
    Stale,
    /// It was here before.
    Replayed,
    /// Too many letters.
    TooMany,
    /// The peer has handed over too much that is wrong.
    CoolsDown,
    /// An operator that does not belong to the peer.
    NotTheirs,
    /// No room for further entries.
    Full,
    /// The receipt could not be signed.
    NoSignature,
}

impl Refusal {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Self; 13] = [
        Self::NoSuchPath,
        Self::TooLarge,
        Self::Garbage,
        Self::Unknown,
        Self::NotHere,
        Self::Forged,
        Self::Stale,
        Self::Replayed,
        Self::TooMany,
        Self::CoolsDown,
        Self::NotTheirs,
        Self::Full,
        Self::NoSignature,
    ];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSuchPath => "no_such_path",
            Self::TooLarge => "too_large",
            Self::Garbage => "garbage",
            Self::Unknown => "unknown",
            Self::NotHere => "not_here",
            Self::Forged => "forged",
            Self::Stale => "stale",
            Self::Replayed => "replayed",
            Self::TooMany => "too_many",
            Self::CoolsDown => "cools_down",
            Self::NotTheirs => "not_theirs",
            Self::Full => "full",
            Self::NoSignature => "no_signature",
        }
    }
}

/// The doorkeeper of one relayer.
pub(super) struct Guard {
    deployment: DeploymentId,
    directory: Arc<Directory>,
    finalized: BlockNumber,
    visitors: Vec<Visitor>,
}

/// What is remembered of one peer.
#[derive(Default)]
struct Visitor {
    seen: HashMap<BlockNumber, HashSet<[u8; 16]>>,
    used: u32,
    filled: Option<Instant>,
    faults: u32,
    cools_since: Option<Instant>,
}

impl Visitor {
    fn cools(&mut self, now: Instant) -> bool {
        let since = self.cools_since;
        if since.is_some_and(|since| now.saturating_duration_since(since) < COOL_DOWN) {
            return true;
        }
        self.cools_since = None;
        false
    }

    fn fault(&mut self, now: Instant) {
        self.faults = self.faults.saturating_add(1);
        if self.faults >= FAULTS_MAX {
            self.faults = 0;
            self.cools_since = Some(now);
        }
    }

    /// A bucket that empties by one for each [`ONE_MORE_EACH`].
    fn may_come(&mut self, now: Instant) -> bool {
        let filled = *self.filled.get_or_insert(now);
        let passed = now.saturating_duration_since(filled).as_millis();
        let drained = passed
            .checked_div(ONE_MORE_EACH.as_millis())
            .and_then(|drained| u32::try_from(drained).ok())
            .unwrap_or(u32::MAX);
        if drained > 0 {
            self.used = self.used.saturating_sub(drained);
            self.filled = Some(now);
        }
        let room = self.used < BURST;
        self.used = self.used.saturating_add(u32::from(room));
        room
    }

    fn remember(&mut self, head: &Head, finalized: BlockNumber) -> Result<(), Refusal> {
        self.seen.retain(|block, _| in_window(*block, finalized));
        let remembered: usize = self.seen.values().map(HashSet::len).sum();
        let of_block = self.seen.entry(head.block).or_default();
        if of_block.contains(&head.nonce) {
            return Err(Refusal::Replayed);
        }
        if remembered >= REMEMBERED_MAX {
            return Err(Refusal::TooMany);
        }
        of_block.insert(head.nonce);
        Ok(())
    }
}

fn in_window(block: BlockNumber, finalized: BlockNumber) -> bool {
    block.abs_diff(finalized) <= WINDOW_BLOCKS
}

impl Guard {
    pub(super) fn new(deployment: DeploymentId, directory: Arc<Directory>) -> Self {
        let visitors = directory.peers.iter().map(|_| Visitor::default());
        Self {
            deployment,
            visitors: visitors.collect(),
            directory,
            finalized: 0,
        }
    }

    pub(super) fn looks(&mut self, finalized: BlockNumber) {
        self.finalized = finalized;
    }

    /// Takes a letter, or says why not: the peer that wrote it, its head and its entries.
    pub(super) fn admit(
        &mut self,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(usize, Head, Vec<Handed>), Refusal> {
        let (head, signature, rest) = Letter::open(bytes).ok_or(Refusal::Garbage)?;
        let peer = self.directory.peer_of(&head.sender);
        let peer = peer.ok_or(Refusal::Unknown)?;
        if !self.directory.own.contains(&head.receiver) {
            return Err(Refusal::NotHere);
        }
        let visitor = self.visitors.get_mut(peer).ok_or(Refusal::Unknown)?;
        if visitor.cools(now) {
            return Err(Refusal::CoolsDown);
        }
        if !in_window(head.block, self.finalized) {
            return Err(Refusal::Stale);
        }
        if !wire::is_signed(&wire::letter(&self.deployment, &head, rest), &signature) {
            return Err(Refusal::Forged);
        }
        // From here on it is the peer's word. A replay is not: anyone on the way can send one.
        visitor.remember(&head, self.finalized)?;
        if !visitor.may_come(now) {
            return Err(Refusal::TooMany);
        }
        let Some(entries) = wire::entries(rest) else {
            visitor.fault(now);
            return Err(Refusal::Garbage);
        };
        let theirs = |handed: &Handed| self.directory.peer_of(&handed.operator) == Some(peer);
        if !entries.iter().all(theirs) {
            visitor.fault(now);
            return Err(Refusal::NotTheirs);
        }
        Ok((peer, head, entries))
    }

    /// A peer handed something over that no honest relayer does.
    pub(super) fn fault(&mut self, peer: usize, now: Instant) {
        if let Some(visitor) = self.visitors.get_mut(peer) {
            visitor.fault(now);
        }
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;

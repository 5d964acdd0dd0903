//! Which peers may send messages, how often, and that no message is accepted twice.

use super::{
    config::PeerDirectory,
    wire::{self, DeploymentId, PeerMessage, PeerMessageHeader, SignedEntry},
};
use llm_oracle_primitives::BlockNumber;
use llm_oracle_support::clock::Instant;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Most blocks between a message's block and our finalized one, either way.
const WINDOW_BLOCKS: BlockNumber = 128;
/// Messages of one peer that are remembered, until their block leaves the window.
const REMEMBERED_MAX: usize = 16_384;
/// Messages that a peer may send in a burst …
const BURST: u32 = 64;
/// … and one more per interval.
const REFILL_INTERVAL: Duration = Duration::from_millis(30);
/// Faults after which a peer's messages are rejected for a while …
const FAULTS_MAX: u32 = 5;
/// … as long as this.
const COOLDOWN: Duration = Duration::from_secs(60);

/// Why a message, or an entry in it, is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// Not a POST of `/entries`.
    NoSuchPath,
    /// Over the limit of bytes, or slower than it may be.
    TooLarge,
    /// The message or its entries do not decode.
    Malformed,
    /// The sender is not a known operator.
    UnknownPeer,
    /// Addressed to an operator of another relayer.
    OtherRecipient,
    /// The signature is not the sender's.
    Forged,
    /// Its block is too far from our finalized one.
    Stale,
    /// It was received before.
    Replayed,
    /// Too many messages.
    TooMany,
    /// The peer is in cooldown after too many faults.
    RateLimited,
    /// An entry of an operator that does not belong to the peer.
    NotTheirEntry,
    /// No room for further entries.
    Full,
    /// The acknowledgement could not be signed.
    NoSignature,
}

impl RejectReason {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Self; 13] = [
        Self::NoSuchPath,
        Self::TooLarge,
        Self::Malformed,
        Self::UnknownPeer,
        Self::OtherRecipient,
        Self::Forged,
        Self::Stale,
        Self::Replayed,
        Self::TooMany,
        Self::RateLimited,
        Self::NotTheirEntry,
        Self::Full,
        Self::NoSignature,
    ];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSuchPath => "no_such_path",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::UnknownPeer => "unknown_peer",
            Self::OtherRecipient => "other_recipient",
            Self::Forged => "forged",
            Self::Stale => "stale",
            Self::Replayed => "replayed",
            Self::TooMany => "too_many",
            Self::RateLimited => "rate_limited",
            Self::NotTheirEntry => "not_their_entry",
            Self::Full => "full",
            Self::NoSignature => "no_signature",
        }
    }
}

impl RejectReason {
    /// The text in the HTTP answer. It is part of the protocol, so it does not follow the metric's labels.
    pub(super) fn wire_text(self) -> &'static str {
        match self {
            Self::Malformed => "garbage",
            Self::UnknownPeer => "unknown",
            Self::OtherRecipient => "not_here",
            Self::RateLimited => "cools_down",
            Self::NotTheirEntry => "not_theirs",
            other => other.name(),
        }
    }
}

/// Decides which messages of peers are accepted.
pub(super) struct MessageGuard {
    deployment: DeploymentId,
    directory: Arc<PeerDirectory>,
    finalized: BlockNumber,
    limits: Vec<PeerLimits>,
}

/// Rate limit, replay protection and faults of one peer.
#[derive(Default)]
struct PeerLimits {
    seen: HashMap<BlockNumber, HashSet<[u8; 16]>>,
    used: u32,
    filled: Option<Instant>,
    faults: u32,
    cools_since: Option<Instant>,
}

impl PeerLimits {
    fn in_cooldown(&mut self, now: Instant) -> bool {
        let since = self.cools_since;
        if since.is_some_and(|since| now.saturating_duration_since(since) < COOLDOWN) {
            return true;
        }
        self.cools_since = None;
        false
    }

    fn record_fault(&mut self, now: Instant) {
        self.faults = self.faults.saturating_add(1);
        if self.faults >= FAULTS_MAX {
            self.faults = 0;
            self.cools_since = Some(now);
        }
    }

    /// Takes a token from a bucket that gets one more in each [`REFILL_INTERVAL`].
    fn take_token(&mut self, now: Instant) -> bool {
        let filled = *self.filled.get_or_insert(now);
        let passed = now.saturating_duration_since(filled).as_millis();
        let drained = passed
            .checked_div(REFILL_INTERVAL.as_millis())
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

    fn remember(
        &mut self,
        head: &PeerMessageHeader,
        finalized: BlockNumber,
    ) -> Result<(), RejectReason> {
        self.seen.retain(|block, _| in_window(*block, finalized));
        let remembered: usize = self.seen.values().map(HashSet::len).sum();
        let of_block = self.seen.entry(head.block).or_default();
        if of_block.contains(&head.nonce) {
            return Err(RejectReason::Replayed);
        }
        if remembered >= REMEMBERED_MAX {
            return Err(RejectReason::TooMany);
        }
        of_block.insert(head.nonce);
        Ok(())
    }
}

fn in_window(block: BlockNumber, finalized: BlockNumber) -> bool {
    block.abs_diff(finalized) <= WINDOW_BLOCKS
}

impl MessageGuard {
    pub(super) fn new(deployment: DeploymentId, directory: Arc<PeerDirectory>) -> Self {
        let limits = directory.peers.iter().map(|_| PeerLimits::default());
        Self {
            deployment,
            limits: limits.collect(),
            directory,
            finalized: 0,
        }
    }

    pub(super) fn set_finalized(&mut self, finalized: BlockNumber) {
        self.finalized = finalized;
    }

    /// Checks a message: the peer that sent it, its head and its entries, or why it is rejected.
    pub(super) fn admit(
        &mut self,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(usize, PeerMessageHeader, Vec<SignedEntry>), RejectReason> {
        let (head, signature, rest) = PeerMessage::open(bytes).ok_or(RejectReason::Malformed)?;
        let peer = self.directory.peer_of(&head.sender);
        let peer = peer.ok_or(RejectReason::UnknownPeer)?;
        if !self.directory.own.contains(&head.receiver) {
            return Err(RejectReason::OtherRecipient);
        }
        let limits = self.limits.get_mut(peer).ok_or(RejectReason::UnknownPeer)?;
        if limits.in_cooldown(now) {
            return Err(RejectReason::RateLimited);
        }
        if !in_window(head.block, self.finalized) {
            return Err(RejectReason::Stale);
        }
        if !wire::is_signed_by_peer(
            &wire::message_to_sign(&self.deployment, &head, rest),
            &signature,
        ) {
            return Err(RejectReason::Forged);
        }
        // From here on the peer is responsible for it. Not for a replay: anyone on the network can send one.
        limits.remember(&head, self.finalized)?;
        if !limits.take_token(now) {
            return Err(RejectReason::TooMany);
        }
        let Some(entries) = wire::decode_entries(rest) else {
            limits.record_fault(now);
            return Err(RejectReason::Malformed);
        };
        let theirs = |entry: &SignedEntry| self.directory.peer_of(&entry.operator) == Some(peer);
        if !entries.iter().all(theirs) {
            limits.record_fault(now);
            return Err(RejectReason::NotTheirEntry);
        }
        Ok((peer, head, entries))
    }

    /// Counts a fault: the peer handed off an entry that no honest relayer would.
    pub(super) fn record_fault(&mut self, peer: usize, now: Instant) {
        if let Some(limits) = self.limits.get_mut(peer) {
            limits.record_fault(now);
        }
    }
}

#[cfg(test)]
#[path = "message_guard_tests.rs"]
mod tests;

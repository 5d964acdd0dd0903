//! Our entries that were handed off to peers: how long they wait, and which peers failed to submit.

use super::{outbox::SubmitOutcome, wire::EntryKey};
use llm_oracle_primitives::BlockNumber;
use llm_oracle_support::clock::Instant;
use std::{collections::HashMap, time::Duration};

/// Delay before a message that did not arrive is sent again.
const RESEND_DELAY: Duration = Duration::from_secs(1);
/// Cooldown of a transmitter that failed, doubled each time up to …
const COOLDOWN_MIN: Duration = Duration::from_secs(60);
/// … this.
const COOLDOWN_MAX: Duration = Duration::from_secs(960);
/// An entry whose state has not been read for this long is removed.
const TTL: Duration = Duration::from_secs(600);
/// Most entries that are handed off at a time; further ones we submit ourselves.
const HANDOFFS_MAX: usize = 4_096;

/// Block height and time of an iteration.
#[derive(Debug, Clone, Copy)]
pub struct HandoffClock {
    /// Height of the best block.
    pub best: BlockNumber,
    /// The time.
    pub now: Instant,
}

/// What to do with one of our entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandoffState {
    /// Not assigned to a peer.
    New,
    /// Send it to this peer.
    Submit(usize),
    /// A peer has it, or a message is in flight.
    Waiting,
    /// The transmitter did not submit it in time.
    Overdue,
    /// Submit it ourselves.
    SubmitOurselves,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandoffStage {
    /// To be sent to the peer, for the first time or again.
    ToSend { not_before: Instant },
    /// A message is in flight.
    InFlight,
    /// The peer has acknowledged it.
    Accepted,
    /// The peer did not submit it in time.
    SubmitOurselves,
}

#[derive(Debug)]
struct Handoff {
    peer: usize,
    block: BlockNumber,
    since: Instant,
    stage: HandoffStage,
    read_at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Cooldown {
    since: Instant,
    length: Duration,
}

/// Our entries that were handed off, and the cooldowns of peers that failed.
#[derive(Debug)]
pub struct Handoffs {
    timeout_blocks: BlockNumber,
    timeout: Duration,
    handoffs: HashMap<EntryKey, Handoff>,
    cooldowns: HashMap<usize, Cooldown>,
}

impl Handoffs {
    /// Entries wait for their transmitter for `timeout_blocks` or for `timeout`, whichever ends first.
    pub fn new(timeout_blocks: BlockNumber, timeout: Duration) -> Self {
        Self {
            timeout_blocks,
            timeout,
            handoffs: HashMap::new(),
            cooldowns: HashMap::new(),
        }
    }

    /// Blocks that an entry waits for its transmitter.
    pub fn timeout_blocks(&self) -> BlockNumber {
        self.timeout_blocks
    }

    /// State of an entry that the chain does not show yet.
    pub fn state(&mut self, key: &EntryKey, clock: &HandoffClock) -> HandoffState {
        let peer = self.handoffs.get(key).map(|handoff| handoff.peer);
        let in_cooldown = peer.is_some_and(|peer| self.in_cooldown(peer, clock.now));
        let Some(handoff) = self.handoffs.get_mut(key) else {
            return HandoffState::New;
        };
        handoff.read_at = clock.now;
        let waited = clock.now.saturating_duration_since(handoff.since);
        let blocks = clock.best.saturating_sub(handoff.block);
        let overdue = blocks >= self.timeout_blocks || waited >= self.timeout;
        match handoff.stage {
            HandoffStage::SubmitOurselves => HandoffState::SubmitOurselves,
            _ if overdue => HandoffState::Overdue,
            HandoffStage::Accepted | HandoffStage::InFlight => HandoffState::Waiting,
            // The peer has just failed to submit another entry: one delay is enough.
            HandoffStage::ToSend { .. } if in_cooldown => {
                self.handoffs.remove(key);
                HandoffState::New
            }
            HandoffStage::ToSend { not_before } if clock.now < not_before => HandoffState::Waiting,
            HandoffStage::ToSend { .. } => HandoffState::Submit(handoff.peer),
        }
    }

    /// Assigns an entry to a peer; `false` if there is no room for another.
    pub fn assign(&mut self, key: EntryKey, peer: usize, clock: &HandoffClock) -> bool {
        if self.handoffs.len() >= HANDOFFS_MAX {
            return false;
        }
        let handoff = Handoff {
            peer,
            block: clock.best,
            since: clock.now,
            stage: HandoffStage::ToSend {
                not_before: clock.now,
            },
            read_at: clock.now,
        };
        self.handoffs.insert(key, handoff);
        true
    }

    /// Records that a message with these entries was sent.
    pub fn mark_sent(&mut self, keys: &[EntryKey]) {
        for key in keys {
            if let Some(handoff) = self.handoffs.get_mut(key) {
                handoff.stage = HandoffStage::InFlight;
            }
        }
    }

    /// Records the outcome of a message; returns the entries that the peer has accepted.
    pub fn record_outcome(&mut self, outcome: &SubmitOutcome, now: Instant) -> Vec<EntryKey> {
        let mut accepted = Vec::new();
        for (index, key) in outcome.keys.iter().enumerate() {
            let Some(handoff) = self.handoffs.get_mut(key) else {
                continue;
            };
            if handoff.stage != HandoffStage::InFlight {
                continue;
            }
            let has_it = outcome.accepted.as_ref().is_ok_and(|accepted| {
                let accepted = accepted.get(index);
                accepted.copied().unwrap_or(false)
            });
            if has_it {
                handoff.stage = HandoffStage::Accepted;
                accepted.push(*key);
            } else {
                let not_before = now.checked_add(RESEND_DELAY).unwrap_or(now);
                handoff.stage = HandoffStage::ToSend { not_before };
            }
        }
        accepted
    }

    /// The transmitter did not submit it: we submit it ourselves, and the peer gets a cooldown.
    pub fn fall_back(&mut self, key: &EntryKey, now: Instant) {
        let Some(handoff) = self.handoffs.get_mut(key) else {
            return;
        };
        handoff.stage = HandoffStage::SubmitOurselves;
        let peer = handoff.peer;
        if self.in_cooldown(peer, now) {
            return;
        }
        // A peer that did not fail for as long again as its cooldown starts with the shortest one.
        let before = self.cooldowns.get(&peer).filter(|cooldown| {
            let passed = now.saturating_duration_since(cooldown.since);
            passed < cooldown.length.saturating_mul(2)
        });
        let length = before.map_or(COOLDOWN_MIN, |cooldown| cooldown.length.saturating_mul(2));
        let cooldown = Cooldown {
            since: now,
            length: length.min(COOLDOWN_MAX),
        };
        self.cooldowns.insert(peer, cooldown);
    }

    /// Whether a peer is in cooldown.
    pub fn in_cooldown(&self, peer: usize, now: Instant) -> bool {
        let cooldown = self.cooldowns.get(&peer);
        cooldown
            .is_some_and(|cooldown| now.saturating_duration_since(cooldown.since) < cooldown.length)
    }

    /// Removes entries whose state is not read any more.
    pub fn sweep(&mut self, now: Instant) {
        self.handoffs
            .retain(|_, handoff| now.saturating_duration_since(handoff.read_at) < TTL);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::{
        super::{outbox::SubmitError, wire::EntryKind},
        *,
    };

    const TIMEOUT: Duration = Duration::from_secs(18);

    fn key(request_id: u64) -> EntryKey {
        EntryKey {
            kind: EntryKind::Commit,
            request_id,
            operator: [1; 32],
        }
    }

    fn after(clock: HandoffClock, blocks: u32, passed: Duration) -> HandoffClock {
        HandoffClock {
            best: clock.best + blocks,
            now: clock.now.checked_add(passed).unwrap(),
        }
    }

    fn outcome(accepted: Result<Vec<bool>, SubmitError>) -> SubmitOutcome {
        SubmitOutcome {
            peer: 0,
            keys: vec![key(1)],
            accepted,
        }
    }

    fn start() -> (Handoffs, HandoffClock) {
        let clock = HandoffClock {
            best: 100,
            now: Instant::now(),
        };
        (Handoffs::new(3, TIMEOUT), clock)
    }

    #[test]
    fn an_entry_is_handed_over_once_and_waits_its_blocks() {
        let (mut handoffs, clock) = start();
        assert_eq!(handoffs.state(&key(1), &clock), HandoffState::New);
        assert!(handoffs.assign(key(1), 0, &clock));
        assert_eq!(handoffs.state(&key(1), &clock), HandoffState::Submit(0));
        handoffs.mark_sent(&[key(1)]);
        assert_eq!(handoffs.state(&key(1), &clock), HandoffState::Waiting);
        let accepted = handoffs.record_outcome(&outcome(Ok(vec![true])), clock.now);
        assert_eq!(accepted, [key(1)]);
        let two = after(clock, 2, Duration::from_secs(17));
        assert_eq!(handoffs.state(&key(1), &two), HandoffState::Waiting);
        let three = after(clock, 3, Duration::ZERO);
        assert_eq!(handoffs.state(&key(1), &three), HandoffState::Overdue);
        handoffs.fall_back(&key(1), three.now);
        assert_eq!(
            handoffs.state(&key(1), &three),
            HandoffState::SubmitOurselves
        );
        // An acknowledgement that comes too late changes nothing.
        assert!(handoffs
            .record_outcome(&outcome(Ok(vec![true])), three.now)
            .is_empty());
        assert_eq!(
            handoffs.state(&key(1), &three),
            HandoffState::SubmitOurselves
        );
        assert_eq!(handoffs.state(&key(2), &three), HandoffState::New);
    }

    #[test]
    fn on_a_chain_that_makes_no_blocks_the_clock_counts() {
        let (mut handoffs, clock) = start();
        handoffs.assign(key(1), 0, &clock);
        let late = after(clock, 0, TIMEOUT);
        assert_eq!(handoffs.state(&key(1), &late), HandoffState::Overdue);
    }

    #[test]
    fn a_message_that_did_not_arrive_is_written_again_and_the_delay_goes_on() {
        for lost in [
            Err(SubmitError::Unreachable),
            Err(SubmitError::BadAcknowledgement),
            Ok(vec![false]),
            Ok(Vec::new()),
        ] {
            let (mut handoffs, clock) = start();
            handoffs.assign(key(1), 0, &clock);
            handoffs.mark_sent(&[key(1)]);
            assert!(handoffs
                .record_outcome(&outcome(lost), clock.now)
                .is_empty());
            let soon = after(clock, 0, Duration::from_millis(999));
            assert_eq!(handoffs.state(&key(1), &soon), HandoffState::Waiting);
            let again = after(clock, 0, RESEND_DELAY);
            assert_eq!(handoffs.state(&key(1), &again), HandoffState::Submit(0));
            let late = after(clock, 3, RESEND_DELAY);
            assert_eq!(handoffs.state(&key(1), &late), HandoffState::Overdue);
        }
    }

    #[test]
    fn a_transmitter_that_failed_cools_down_longer_each_time_and_costs_one_delay() {
        let (mut handoffs, clock) = start();
        for id in [1, 2, 3] {
            handoffs.assign(key(id), 0, &clock);
        }
        handoffs.mark_sent(&[key(3)]);
        assert!(!handoffs.in_cooldown(0, clock.now));
        handoffs.fall_back(&key(1), clock.now);
        assert!(handoffs.in_cooldown(0, clock.now) && !handoffs.in_cooldown(1, clock.now));
        // Entries that have not been sent get another transmitter at once; entries in flight wait.
        assert_eq!(handoffs.state(&key(2), &clock), HandoffState::New);
        assert_eq!(handoffs.state(&key(3), &clock), HandoffState::Waiting);
        let cooled = after(clock, 0, COOLDOWN_MIN);
        assert!(!handoffs.in_cooldown(0, cooled.now));
        handoffs.fall_back(&key(3), cooled.now);
        let short = after(cooled, 0, COOLDOWN_MIN);
        assert!(handoffs.in_cooldown(0, short.now), "twice as long");
        // After a long time without failures it begins anew.
        let long = after(cooled, 0, COOLDOWN_MIN.saturating_mul(4));
        handoffs.fall_back(&key(1), long.now);
        let cooled = after(long, 0, COOLDOWN_MIN);
        assert!(!handoffs.in_cooldown(0, cooled.now));
    }

    #[test]
    fn what_is_followed_is_bounded_and_forgotten() {
        let (mut handoffs, clock) = start();
        for id in 0..HANDOFFS_MAX as u64 {
            assert!(handoffs.assign(key(id), 0, &clock));
        }
        assert!(!handoffs.assign(key(u64::MAX), 0, &clock));
        handoffs.sweep(after(clock, 0, TTL).now);
        assert!(handoffs.assign(key(u64::MAX), 0, &clock));
    }
}

//! Our entries that were handed over: how long they wait, and who has failed to carry.

use super::{client::Outcome, wire::Key};
use llm_oracle_primitives::BlockNumber;
use llm_oracle_support::clock::Instant;
use std::{collections::HashMap, time::Duration};

/// Pause before a letter that did not arrive is written again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// How long a carrier that has failed is passed over, doubled each time up to …
const FIRST_REST: Duration = Duration::from_secs(60);
/// … this.
const LONGEST_REST: Duration = Duration::from_secs(960);
/// An entry that nobody has asked about for so long is over.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Entries that are followed; further ones we send ourselves.
const FOLLOWED_MAX: usize = 4_096;

/// When a turn asks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Height of the best block.
    pub best: BlockNumber,
    /// The time.
    pub now: Instant,
}

/// What to do with one of our entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has to be decided who carries it.
    New,
    /// It is to be written to this peer.
    HandOver(usize),
    /// A peer has it, or a letter is under way.
    Waits,
    /// The carrier has had its time.
    Overdue,
    /// We send it ourselves.
    Ours,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// To be written, again if it is not the first time.
    ToWrite { not_before: Instant },
    /// A letter is under way.
    Underway,
    /// The peer says that it has it.
    Delivered,
    /// The peer did not carry it.
    Ours,
}

#[derive(Debug)]
struct Given {
    peer: usize,
    block: BlockNumber,
    since: Instant,
    stage: Stage,
    asked: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    since: Instant,
    length: Duration,
}

/// What became of our entries.
#[derive(Debug)]
pub struct Sent {
    blocks: BlockNumber,
    patience: Duration,
    given: HashMap<Key, Given>,
    rests: HashMap<usize, Rest>,
}

impl Sent {
    /// Entries wait for a carrier as many blocks or as long, whichever is over first.
    pub fn new(blocks: BlockNumber, patience: Duration) -> Self {
        Self {
            blocks,
            patience,
            given: HashMap::new(),
            rests: HashMap::new(),
        }
    }

    /// Blocks that an entry waits for its carrier.
    pub fn blocks(&self) -> BlockNumber {
        self.blocks
    }

    /// What to do with an entry that the chain does not show yet.
    pub fn standing(&mut self, key: &Key, clock: &Clock) -> Standing {
        let peer = self.given.get(key).map(|given| given.peer);
        let rests = peer.is_some_and(|peer| self.rests(peer, clock.now));
        let Some(given) = self.given.get_mut(key) else {
            return Standing::New;
        };
        given.asked = clock.now;
        let waited = clock.now.saturating_duration_since(given.since);
        let blocks = clock.best.saturating_sub(given.block);
        let overdue = blocks >= self.blocks || waited >= self.patience;
        match given.stage {
            Stage::Ours => Standing::Ours,
            _ if overdue => Standing::Overdue,
            Stage::Delivered | Stage::Underway => Standing::Waits,
            // It has just failed somebody else's entry: one delay is enough.
            Stage::ToWrite { .. } if rests => {
                self.given.remove(key);
                Standing::New
            }
            Stage::ToWrite { not_before } if clock.now < not_before => Standing::Waits,
            Stage::ToWrite { .. } => Standing::HandOver(given.peer),
        }
    }

    /// Gives an entry to a peer from now on; `false` if no more can be followed.
    pub fn give(&mut self, key: Key, peer: usize, clock: &Clock) -> bool {
        if self.given.len() >= FOLLOWED_MAX {
            return false;
        }
        let given = Given {
            peer,
            block: clock.best,
            since: clock.now,
            stage: Stage::ToWrite {
                not_before: clock.now,
            },
            asked: clock.now,
        };
        self.given.insert(key, given);
        true
    }

    /// A letter with these entries has left.
    pub fn written(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(given) = self.given.get_mut(key) {
                given.stage = Stage::Underway;
            }
        }
    }

    /// What came of a letter; returns the entries that the peer has taken.
    pub fn answered(&mut self, outcome: &Outcome, now: Instant) -> Vec<Key> {
        let mut taken = Vec::new();
        for (index, key) in outcome.keys.iter().enumerate() {
            let Some(given) = self.given.get_mut(key) else {
                continue;
            };
            if given.stage != Stage::Underway {
                continue;
            }
            let has_it = outcome.taken.as_ref().is_ok_and(|taken| {
                let taken = taken.get(index);
                taken.copied().unwrap_or(false)
            });
            if has_it {
                given.stage = Stage::Delivered;
                taken.push(*key);
            } else {
                let not_before = now.checked_add(WRITE_AGAIN).unwrap_or(now);
                given.stage = Stage::ToWrite { not_before };
            }
        }
        taken
    }

    /// The carrier has not carried it: we send it ourselves, and pass the carrier over for a while.
    pub fn fall_back(&mut self, key: &Key, now: Instant) {
        let Some(given) = self.given.get_mut(key) else {
            return;
        };
        given.stage = Stage::Ours;
        let peer = given.peer;
        if self.rests(peer, now) {
            return;
        }
        // Whoever behaved for as long again as it had rested begins anew.
        let before = self.rests.get(&peer).filter(|rest| {
            let passed = now.saturating_duration_since(rest.since);
            passed < rest.length.saturating_mul(2)
        });
        let length = before.map_or(FIRST_REST, |rest| rest.length.saturating_mul(2));
        let rest = Rest {
            since: now,
            length: length.min(LONGEST_REST),
        };
        self.rests.insert(peer, rest);
    }

    /// Whether a peer is passed over.
    pub fn rests(&self, peer: usize, now: Instant) -> bool {
        let rest = self.rests.get(&peer);
        rest.is_some_and(|rest| now.saturating_duration_since(rest.since) < rest.length)
    }

    /// Forgets entries that nobody asks about any more.
    pub fn sweep(&mut self, now: Instant) {
        self.given
            .retain(|_, given| now.saturating_duration_since(given.asked) < FORGOTTEN_AFTER);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::{
        super::{client::Lost, wire::Kind},
        *,
    };

    const PATIENCE: Duration = Duration::from_secs(18);

    fn key(request_id: u64) -> Key {
        Key {
            kind: Kind::Commit,
            request_id,
            operator: [1; 32],
        }
    }

    fn after(clock: Clock, blocks: u32, passed: Duration) -> Clock {
        Clock {
            best: clock.best + blocks,
            now: clock.now.checked_add(passed).unwrap(),
        }
    }

    fn outcome(taken: Result<Vec<bool>, Lost>) -> Outcome {
        Outcome {
            peer: 0,
            keys: vec![key(1)],
            taken,
        }
    }

    fn start() -> (Sent, Clock) {
        let clock = Clock {
            best: 100,
            now: Instant::now(),
        };
        (Sent::new(3, PATIENCE), clock)
    }

    #[test]
    fn an_entry_is_handed_over_once_and_waits_its_blocks() {
        let (mut sent, clock) = start();
        assert_eq!(sent.standing(&key(1), &clock), Standing::New);
        assert!(sent.give(key(1), 0, &clock));
        assert_eq!(sent.standing(&key(1), &clock), Standing::HandOver(0));
        sent.written(&[key(1)]);
        assert_eq!(sent.standing(&key(1), &clock), Standing::Waits);
        let taken = sent.answered(&outcome(Ok(vec![true])), clock.now);
        assert_eq!(taken, [key(1)]);
        let two = after(clock, 2, Duration::from_secs(17));
        assert_eq!(sent.standing(&key(1), &two), Standing::Waits);
        let three = after(clock, 3, Duration::ZERO);
        assert_eq!(sent.standing(&key(1), &three), Standing::Overdue);
        sent.fall_back(&key(1), three.now);
        assert_eq!(sent.standing(&key(1), &three), Standing::Ours);
        // A receipt that comes too late changes nothing.
        assert!(sent
            .answered(&outcome(Ok(vec![true])), three.now)
            .is_empty());
        assert_eq!(sent.standing(&key(1), &three), Standing::Ours);
        assert_eq!(sent.standing(&key(2), &three), Standing::New);
    }

    #[test]
    fn on_a_chain_that_makes_no_blocks_the_clock_counts() {
        let (mut sent, clock) = start();
        sent.give(key(1), 0, &clock);
        let late = after(clock, 0, PATIENCE);
        assert_eq!(sent.standing(&key(1), &late), Standing::Overdue);
    }

    #[test]
    fn a_letter_that_did_not_arrive_is_written_again_and_the_delay_goes_on() {
        for lost in [
            Err(Lost::Unreachable),
            Err(Lost::Receipt),
            Ok(vec![false]),
            Ok(Vec::new()),
        ] {
            let (mut sent, clock) = start();
            sent.give(key(1), 0, &clock);
            sent.written(&[key(1)]);
            assert!(sent.answered(&outcome(lost), clock.now).is_empty());
            let soon = after(clock, 0, Duration::from_millis(999));
            assert_eq!(sent.standing(&key(1), &soon), Standing::Waits);
            let again = after(clock, 0, WRITE_AGAIN);
            assert_eq!(sent.standing(&key(1), &again), Standing::HandOver(0));
            let late = after(clock, 3, WRITE_AGAIN);
            assert_eq!(sent.standing(&key(1), &late), Standing::Overdue);
        }
    }

    #[test]
    fn a_carrier_that_failed_rests_longer_each_time_and_costs_one_delay() {
        let (mut sent, clock) = start();
        for id in [1, 2, 3] {
            sent.give(key(id), 0, &clock);
        }
        sent.written(&[key(3)]);
        assert!(!sent.rests(0, clock.now));
        sent.fall_back(&key(1), clock.now);
        assert!(sent.rests(0, clock.now) && !sent.rests(1, clock.now));
        // What has not reached it finds another carrier at once; what is on its way waits.
        assert_eq!(sent.standing(&key(2), &clock), Standing::New);
        assert_eq!(sent.standing(&key(3), &clock), Standing::Waits);
        let rested = after(clock, 0, FIRST_REST);
        assert!(!sent.rests(0, rested.now));
        sent.fall_back(&key(3), rested.now);
        let short = after(rested, 0, FIRST_REST);
        assert!(sent.rests(0, short.now), "twice as long");
        // After a long time without failures it begins anew.
        let long = after(rested, 0, FIRST_REST.saturating_mul(4));
        sent.fall_back(&key(1), long.now);
        let rested = after(long, 0, FIRST_REST);
        assert!(!sent.rests(0, rested.now));
    }

    #[test]
    fn what_is_followed_is_bounded_and_forgotten() {
        let (mut sent, clock) = start();
        for id in 0..FOLLOWED_MAX as u64 {
            assert!(sent.give(key(id), 0, &clock));
        }
        assert!(!sent.give(key(u64::MAX), 0, &clock));
        sent.sweep(after(clock, 0, FORGOTTEN_AFTER).now);
        assert!(sent.give(key(u64::MAX), 0, &clock));
    }
}

//! What waits for the model, and which requests an iteration works on: both by deadline, so that however
//! much waits, what is due next comes next.

use llm_oracle_primitives::{BlockNumber, Phase, Summary};
use llm_oracle_store::SeatId;
use std::collections::{BTreeMap, HashMap};

/// Requests that an iteration works on because they are due first.
const DUE_PER_ITERATION: usize = 192;
/// Further requests that an iteration works on, each in its turn, so that none is forgotten.
const OTHERS_PER_ITERATION: usize = 64;

/// A bounded queue of seats by commit deadline. What finds no room stays on the chain, where a later
/// iteration finds it.
pub(crate) struct DeadlineQueue<T> {
    most: usize,
    items: BTreeMap<(BlockNumber, SeatId), T>,
    deadlines: HashMap<SeatId, BlockNumber>,
}

impl<T> DeadlineQueue<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            items: BTreeMap::new(),
            deadlines: HashMap::new(),
        }
    }

    pub(crate) fn contains(&self, entry: &SeatId) -> bool {
        self.deadlines.contains_key(entry)
    }

    /// Whether something due at this block would find room.
    fn has_room(&self, deadline: BlockNumber) -> bool {
        let last = self.items.last_key_value();
        self.items.len() < self.most || last.is_some_and(|((block, _), _)| deadline < *block)
    }

    /// Adds an item, in the place of what is due last if need be; says whether it did.
    pub(crate) fn push(&mut self, deadline: BlockNumber, entry: SeatId, item: T) -> bool {
        if self.contains(&entry) || !self.has_room(deadline) {
            return false;
        }
        if self.items.len() >= self.most {
            if let Some(((_, evicted), _)) = self.items.pop_last() {
                self.deadlines.remove(&evicted);
            }
        }
        self.items.insert((deadline, entry), item);
        self.deadlines.insert(entry, deadline);
        true
    }

    /// Seats whose items wait.
    pub(crate) fn entries(&self) -> impl Iterator<Item = SeatId> + '_ {
        self.deadlines.keys().copied()
    }

    /// What is due first, left where it is.
    pub(crate) fn first(&self) -> Option<&T> {
        self.items.first_key_value().map(|(_, item)| item)
    }

    /// What is due first.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let ((_, entry), item) = self.items.pop_first()?;
        self.deadlines.remove(&entry);
        Some(item)
    }

    /// Drops what can't be committed above this block any more.
    pub(crate) fn drop_overdue(&mut self, best: BlockNumber) -> Vec<SeatId> {
        let mut dropped = Vec::new();
        while let Some(first) = self.items.first_entry() {
            let (deadline, entry) = *first.key();
            if deadline > best {
                break;
            }
            first.remove();
            self.deadlines.remove(&entry);
            dropped.push(entry);
        }
        dropped
    }
}

/// The block by which something must have happened about a request, if there is one.
pub(super) fn due(summary: &Summary) -> BlockNumber {
    match summary.phase {
        _ if summary.settled => BlockNumber::MAX,
        Phase::Waiting | Phase::Committing => summary.commit_deadline,
        Phase::Revealing => summary.reveal_deadline,
        Phase::Ended => BlockNumber::MAX,
    }
}

/// The requests that an iteration works on, what is due first before the rest: all in which a seat of ours is
/// to be revealed, those that may need us by deadline, and some of all others, further ones in each iteration.
pub(crate) fn choose(
    summaries: &[Summary],
    is_ours: impl Fn(&Summary) -> bool,
    idle: impl Fn(&Summary) -> bool,
    iteration: u64,
) -> Vec<&Summary> {
    let must = |one: &&Summary| !one.settled && one.phase == Phase::Revealing && is_ours(one);
    let (mut chosen, summaries): (Vec<_>, Vec<_>) = summaries.iter().partition(must);
    chosen.sort_by_key(|summary| (due(summary), summary.request_id));
    let (others, mut wanted): (Vec<_>, Vec<_>) = summaries.into_iter().partition(|one| idle(one));
    wanted.sort_by_key(|summary| (due(summary), summary.request_id));
    let mut rest = wanted.split_off(wanted.len().min(DUE_PER_ITERATION));
    rest.extend(others);
    let count = rest.len() as u64;
    let start = iteration
        .wrapping_mul(OTHERS_PER_ITERATION as u64)
        .checked_rem(count);
    let start = start.and_then(|start| usize::try_from(start).ok());
    rest.rotate_left(start.unwrap_or(0));
    wanted.extend(rest.into_iter().take(OTHERS_PER_ITERATION));
    chosen.extend(wanted);
    chosen
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;

//! What a process remembers about requests between iterations and can lose without harm.

use super::RequestCache;
use crate::{error::RelayerError, model::ModelQueue, operators::Operators};
use llm_oracle_primitives::{BlockNumber, DeliveryStatus, Phase, RequestId, Summary};
use llm_oracle_store::{now_ms, Attempt, Purpose, SeatId, SeatRecords, Store};
use llm_oracle_support::clock::Instant;
use std::collections::{BTreeSet, HashMap, HashSet};

/// When requests were seen, which are over, and which are skipped.
#[derive(Default)]
pub(crate) struct RequestTracker {
    /// When each open request was first seen at a finalized block, milliseconds since 1970.
    seen_at_ms: HashMap<RequestId, i64>,
    /// Since when something waits for somebody to settle or deliver it.
    waiting_since: HashMap<RequestId, Instant>,
    /// Seats whose answers are lost, as a person has accepted: their reveals will be missed.
    lost: BTreeSet<SeatId>,
    /// Over, although ids below are not.
    done: BTreeSet<RequestId>,
    /// Skipped for good, as the store has it.
    skipped: HashSet<SeatId>,
    /// Iterations so far.
    iterations: u64,
}

/// What the store knows about the requests of an iteration.
pub(crate) struct KnownSeats {
    pub(crate) recall: SeatRecords,
    /// Transactions that may still count.
    pub(crate) live: Vec<Attempt>,
    /// Seats that are in one of them.
    pub(crate) in_flight: HashSet<SeatId>,
}

impl KnownSeats {
    fn new(recall: SeatRecords, live: Vec<Attempt>) -> Self {
        let seats = |attempt: &&Attempt| {
            matches!(
                attempt.tx.purpose,
                Purpose::Commit | Purpose::Answer | Purpose::Reveal
            )
        };
        let in_flight = live.iter().filter(seats);
        let in_flight = in_flight.flat_map(|attempt| attempt.tx.entries.iter().copied());
        Self {
            in_flight: in_flight.collect(),
            recall,
            live,
        }
    }
}

impl RequestTracker {
    /// Requests that are over although lower ones are not.
    pub(crate) fn done(&self) -> &BTreeSet<RequestId> {
        &self.done
    }

    /// Whether nothing is left to do for a request.
    pub(crate) fn is_done(&self, id: RequestId) -> bool {
        self.done.contains(&id)
    }

    /// The requests of the cache that are not over.
    pub(crate) fn open(&self, cache: &RequestCache) -> Vec<Summary> {
        let open = cache.summaries();
        open.filter(|summary| !self.is_done(summary.request_id))
            .cloned()
            .collect()
    }

    /// Nothing is left to do for a request.
    pub(crate) fn finish(&mut self, id: RequestId, operators: &Operators) {
        self.done.insert(id);
        for entry in operators.entries(id) {
            self.skipped.remove(&entry);
        }
        self.seen_at_ms.remove(&id);
        self.waiting_since.remove(&id);
    }

    /// Counts an iteration, from 1.
    pub(crate) fn next_iteration(&mut self) -> u64 {
        self.iterations = self.iterations.wrapping_add(1);
        self.iterations
    }

    /// When a request was first seen, milliseconds since 1970; now, if it was not.
    pub(crate) fn seen_at_ms(&self, id: RequestId) -> i64 {
        self.seen_at_ms.get(&id).copied().unwrap_or_else(now_ms)
    }

    /// Since when a request waits to be settled or delivered; from now on, if it did not.
    pub(crate) fn waiting_since(&mut self, id: RequestId) -> Instant {
        *self.waiting_since.entry(id).or_insert_with(Instant::now)
    }

    /// The answer of a seat is lost: its reveal will be missed.
    pub(crate) fn mark_lost(&mut self, entry: SeatId) {
        self.lost.insert(entry);
    }

    /// Whether the answer of a seat is lost.
    pub(crate) fn is_lost(&self, entry: &SeatId) -> bool {
        self.lost.contains(entry)
    }

    /// What the store knows of these requests. After the leases: whoever had one before has written down
    /// what is under way.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn recall(
        &mut self,
        store: &Store,
        chosen: &[&Summary],
    ) -> Result<KnownSeats, RelayerError> {
        let ids: Vec<RequestId> = chosen.iter().map(|summary| summary.request_id).collect();
        let recall = store.seat_records(&ids)?;
        // Another replica may have skipped some of them.
        self.skipped.extend(recall.skips());
        Ok(KnownSeats::new(recall, store.live_attempts()?))
    }

    /// Notes when requests were first seen, and which of them were skipped by an earlier process.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn note_first_seen(
        &mut self,
        store: &Store,
        open: &[Summary],
    ) -> Result<(), RelayerError> {
        let seen = &self.seen_at_ms;
        let open = open.iter().map(|summary| summary.request_id);
        let new: Vec<RequestId> = open.filter(|id| !seen.contains_key(id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        self.skipped.extend(store.skips_of(&new)?);
        let now_ms = now_ms();
        self.seen_at_ms
            .extend(new.into_iter().map(|id| (id, now_ms)));
        Ok(())
    }

    /// Requests whose next step is the model's or nobody's: each operator has skipped them, or is asking, or
    /// they wait for a later block than the best.
    pub(crate) fn idle(
        &self,
        open: &[Summary],
        operators: &Operators,
        models: &ModelQueue,
        best: BlockNumber,
    ) -> HashSet<RequestId> {
        let unseated = open.iter().filter(|summary| {
            let takes_seats = matches!(summary.phase, Phase::Waiting | Phase::Committing);
            !summary.settled && takes_seats
        });
        let needs_nobody = |summary: &&Summary| {
            if best < summary.opens_at {
                return true;
            }
            let mut entries = operators.entries(summary.request_id);
            entries.all(|entry| models.is_asking(&entry) || self.skipped.contains(&entry))
        };
        let idle = unseated.filter(needs_nobody);
        idle.map(|summary| summary.request_id).collect()
    }

    /// The lowest id that is neither over nor pruned is where the next iteration begins to read.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn move_cursor(
        &mut self,
        store: &Store,
        cache: &RequestCache,
    ) -> Result<(), RelayerError> {
        let mut open = cache.summaries().map(|summary| summary.request_id);
        let lowest = open.find(|id| !self.is_done(*id));
        let lowest = lowest.unwrap_or(cache.next_id());
        if lowest > store.cursor()? {
            store.set_cursor(lowest)?;
            self.done = self.done.split_off(&lowest);
        }
        Ok(())
    }

    /// Forgets what is known of requests that are not in the cache any more: pruned ones are never over.
    pub(crate) fn forget_gone(&mut self, cache: &RequestCache) {
        let is_there = |id: &RequestId| cache.summary(*id).is_some();
        self.seen_at_ms.retain(|id, _| is_there(id));
        self.waiting_since.retain(|id, _| is_there(id));
        self.skipped.retain(|entry| is_there(&entry.request_id));
    }
}

/// Whether somebody still waits for the end of a request.
pub(crate) fn is_undelivered(summary: &Summary) -> bool {
    matches!(
        summary.delivery,
        DeliveryStatus::Waiting | DeliveryStatus::Failed(_) | DeliveryStatus::Delivering
    )
}

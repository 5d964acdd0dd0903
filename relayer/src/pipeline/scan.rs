//! Finding work in the contract's state, at one finalized block.

use super::{
    ask::{seen_now, Ask},
    ending::Ending,
    entries::Seat,
    error::RelayerError,
    queue::choose,
    relayer::{Now, Relayer},
    seats::Records,
    Oracle,
};
use crate::{
    chain::ChainError,
    clock::Instant,
    planted::{planted, Bug},
    store::{Attempt, Entry},
};
use llm_oracle_primitives::{
    digest, DeliveryStatus, Hash, Phase, RequestId, RequestView, Summary, Terms,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// What a process remembers between turns and can lose without harm.
#[derive(Default)]
pub(super) struct Memory {
    /// Terms never change once asked.
    terms: HashMap<RequestId, Arc<Terms>>,
    pub(super) seen_at_ms: HashMap<RequestId, i64>,
    /// Track records of our operators at a block.
    pub(super) records: Option<(Hash, Records)>,
    /// Since when something waits for somebody to settle or deliver it.
    pub(super) waiting_since: HashMap<RequestId, Instant>,
    /// Seats whose answers are lost and given up by a person: they fall silent.
    pub(super) lost: BTreeSet<Entry>,
    /// Over, although ids below are not.
    done: BTreeSet<RequestId>,
    /// Left out for good, as the store has it.
    left_out: HashSet<Entry>,
    /// Turns so far.
    turns: u64,
}

impl Memory {
    /// The terms of a request, if they have been read.
    pub(super) fn known_terms(&self, id: RequestId) -> Option<Arc<Terms>> {
        self.terms.get(&id).cloned()
    }
}

/// Terms that are kept in memory, at most 12 KiB each; what is over is read again.
const MOST_TERMS: usize = 2_048;

/// What a turn is going to do.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) asks: Vec<Ask>,
    pub(super) commits: Vec<Seat>,
    pub(super) answers: Vec<Seat>,
    pub(super) reveals: Vec<Seat>,
    pub(super) endings: Vec<Ending>,
    pub(super) settled_something: bool,
    /// Whether one of our operators still has something to do about a request it has answered.
    pub(super) unended: bool,
}

impl Relayer {
    /// Looks at the requests that are not over: at those that are due first, and at the others in turn.
    pub(super) async fn scan(&mut self, oracle: &Oracle, now: &Now) -> Result<Plan, RelayerError> {
        self.drop_overdue(now.best.number)?;
        let cursor = self.store.cursor()?;
        let mut plan = Plan::default();
        let next_id = match oracle.next_id(Some(now.finalized.hash)).await {
            // It was there at the best block when we connected: its deployment is not final yet.
            Err(ChainError::NoContract { .. }) => return Ok(plan),
            next_id => next_id?,
        };
        if cursor >= next_id {
            // Other replicas see that this one is there.
            self.take_share(&[], &HashSet::new())?;
            return Ok(plan);
        }
        let summaries = oracle.summaries_from(cursor, now.finalized.hash).await?;
        let present: BTreeSet<_> = summaries.iter().map(|summary| summary.request_id).collect();
        let mut open = summaries;
        open.retain(|summary| !self.memory.done.contains(&summary.request_id));
        let idle = self.idle(&open)?;
        let ours = self.take_share(&open, &idle)?;
        // After the leases: whoever had one before has written down what is under way.
        let live = self.store.live_attempts()?;
        self.memory.turns = self.memory.turns.wrapping_add(1);
        let is_idle = |summary: &Summary| idle.contains(&summary.request_id);
        for summary in choose(&ours, is_idle, self.memory.turns) {
            self.plan(oracle, now, summary, &live, &mut plan).await?;
        }
        if self.none_takes_seats() {
            for summary in &open {
                plan.unended = plan.unended || self.has_unended_job(summary.request_id)?;
            }
        }
        self.move_cursor(cursor, next_id, &present)?;
        Ok(plan)
    }

    /// Requests whose next step is the model's or nobody's: each operator has left them out, or is asking.
    fn idle(&mut self, open: &[Summary]) -> Result<HashSet<RequestId>, RelayerError> {
        let mut idle = HashSet::new();
        for summary in open {
            if summary.settled || summary.phase != Phase::Committing {
                continue;
            }
            let id = summary.request_id;
            let mut needs_us = false;
            for operator in &self.operators {
                let entry = operator.entry(id);
                if self.asks.is_asking(&entry) || self.memory.left_out.contains(&entry) {
                    continue;
                }
                if self.store.skipped(id, &operator.id)?.is_some() {
                    self.memory.left_out.insert(entry);
                } else {
                    needs_us = true;
                }
            }
            if !needs_us {
                idle.insert(id);
            }
        }
        Ok(idle)
    }

    /// The lowest id that is neither over nor pruned is where the next look begins.
    fn move_cursor(
        &mut self,
        cursor: RequestId,
        next_id: RequestId,
        present: &BTreeSet<RequestId>,
    ) -> Result<(), RelayerError> {
        let open = |id: &RequestId| present.contains(id) && !self.memory.done.contains(id);
        let mut lowest = (cursor..next_id).find(open).unwrap_or(next_id);
        if planted(Bug::CursorPastOpen) {
            lowest = next_id;
        }
        if lowest > cursor {
            self.store.set_cursor(lowest)?;
            self.memory.done = self.memory.done.split_off(&lowest);
        }
        Ok(())
    }

    pub(super) fn is_done(&self, id: RequestId) -> bool {
        self.memory.done.contains(&id)
    }

    pub(super) fn over(&mut self, id: RequestId) {
        self.memory.done.insert(id);
        for operator in &self.operators {
            self.memory.left_out.remove(&operator.entry(id));
        }
        self.memory.terms.remove(&id);
        self.memory.seen_at_ms.remove(&id);
        self.memory.waiting_since.remove(&id);
    }

    async fn plan(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        summary: &Summary,
        live: &[Attempt],
        plan: &mut Plan,
    ) -> Result<(), RelayerError> {
        let id = summary.request_id;
        let undelivered = is_undelivered(summary);
        let unended = self.has_unended_job(id)?;
        if summary.settled && !undelivered && !unended {
            self.over(id);
            return Ok(());
        }
        let at = match planted(Bug::RevealAtBestBlock) {
            true => now.best.hash,
            false => now.finalized.hash,
        };
        let Some(view) = oracle.request(id, Some(at)).await? else {
            self.over(id);
            return Ok(());
        };
        if summary.settled {
            self.close_books(&view);
            plan.settled_something |= self.note_end(&view)?;
            if !undelivered {
                self.over(id);
                return Ok(());
            }
        }
        if summary.settled || summary.phase == Phase::Ended {
            match self.plan_ending(&view, live)? {
                EndingPlan::Now(ending) => plan.endings.push(ending),
                EndingPlan::Later => {}
                EndingPlan::Over => self.over(id),
            }
            return Ok(());
        }
        let Some(terms) = self.terms(oracle, now, &view).await? else {
            self.over(id);
            return Ok(());
        };
        let records = self.records(oracle, now, &view).await?;
        self.note_for_peers(now, &view, &terms);
        self.plan_seats(now, (&view, &terms), &records, live, plan)
    }

    /// What our seats have earned is no longer at risk.
    fn close_books(&mut self, view: &RequestView) {
        for operator in &self.operators {
            let entry = operator.entry(view.summary.request_id);
            let mut seats = view.seats.iter();
            if let Some(seat) = seats.find(|seat| seat.operator == operator.account) {
                let policy = &self.config.policy;
                self.asks
                    .ledger()
                    .close(policy, &entry, view.commit_fee, seat.paid);
            }
        }
    }

    /// The terms, checked once against the digest that everything signed will be bound to.
    async fn terms(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        view: &RequestView,
    ) -> Result<Option<Arc<Terms>>, RelayerError> {
        let request_id = view.summary.request_id;
        if let Some(terms) = self.memory.terms.get(&request_id) {
            return Ok(Some(terms.clone()));
        }
        let Some(terms) = oracle.terms(request_id, Some(now.finalized.hash)).await? else {
            return Ok(None);
        };
        if digest::terms_digest(&view.requester, &terms) != view.terms_digest {
            let reason = "its terms do not give its terms digest".to_owned();
            return Err(RelayerError::Inconsistent { request_id, reason });
        }
        let terms = Arc::new(terms);
        if self.memory.terms.len() >= MOST_TERMS {
            self.memory.terms.clear();
        }
        self.memory.terms.insert(request_id, terms.clone());
        self.memory
            .seen_at_ms
            .entry(request_id)
            .or_insert_with(seen_now);
        Ok(Some(terms))
    }
}

/// Whether somebody still waits for the end of a request.
pub(super) fn is_undelivered(summary: &Summary) -> bool {
    matches!(
        summary.delivery,
        DeliveryStatus::Waiting | DeliveryStatus::Failed(_) | DeliveryStatus::Delivering
    )
}

/// What to do about a request that has ended.
pub(super) enum EndingPlan {
    Now(Ending),
    Later,
    /// Nothing to do, or nothing more.
    Over,
}

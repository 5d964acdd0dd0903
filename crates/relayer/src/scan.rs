//! Finding work in the contract's state, at one finalized block.

use super::{
    ask::{seen_now, Ask},
    ending::Ending,
    entries::Seat,
    error::RelayerError,
    queue::choose,
    reconcile::Note,
    relayer::{Now, Relayer},
    seats::Records,
    Oracle,
};
use llm_oracle_chain::Wanted;
use llm_oracle_primitives::{DeliveryStatus, Hash, Phase, RequestId, RequestView, Summary};
use llm_oracle_store::{Attempt, Entry, Purpose, Recall};
use llm_oracle_support::{
    clock::Instant,
    planted::{planted, Bug},
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What a process remembers between turns and can lose without harm.
#[derive(Default)]
pub(super) struct Memory {
    /// When each open request was first seen at a finalized block.
    pub(super) seen_at_ms: HashMap<RequestId, i64>,
    /// Track records of our operators at a block.
    pub(super) records: Option<(Hash, Records)>,
    /// Since when something waits for somebody to settle or deliver it.
    pub(super) waiting_since: HashMap<RequestId, Instant>,
    /// Seats whose answers are lost and given up by a person: they fall silent.
    pub(super) lost: BTreeSet<Entry>,
    /// Over, although ids below are not.
    pub(super) done: BTreeSet<RequestId>,
    /// Left out for good, as the store has it.
    left_out: HashSet<Entry>,
    /// Turns so far.
    turns: u64,
}

/// What the store knows about the requests of a turn.
pub(super) struct Known {
    pub(super) recall: Recall,
    /// Transactions that may still count.
    pub(super) live: Vec<Attempt>,
    /// Seats that are in one of them.
    pub(super) in_flight: HashSet<Entry>,
}

impl Known {
    fn new(recall: Recall, live: Vec<Attempt>) -> Self {
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

/// What a turn is going to do.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) asks: Vec<Ask>,
    pub(super) commits: Vec<Seat>,
    pub(super) answers: Vec<Seat>,
    pub(super) reveals: Vec<Seat>,
    pub(super) endings: Vec<Ending>,
    pub(super) settled_something: bool,
    /// What the chain shows about our jobs and the store does not know yet.
    pub(super) notes: Vec<Note>,
    /// Whether one of our operators still has something to do about a request it has answered.
    pub(super) unended: bool,
}

impl Relayer {
    /// Looks at the requests that are not over: at those that are due first, and at the others in turn.
    pub(super) async fn scan(&mut self, oracle: &Oracle, now: &Now) -> Result<Plan, RelayerError> {
        self.drop_overdue(now.best.number)?;
        let mut plan = Plan::default();
        let done = &self.memory.done;
        let open = self.views.summaries();
        let open: Vec<Summary> = open
            .filter(|summary| !done.contains(&summary.request_id))
            .cloned()
            .collect();
        self.ops.metrics().open_requests(open.len());
        self.note_first_sight(&open)?;
        let idle = self.idle(&open);
        let ours = self.take_share(&open, &idle)?;
        self.memory.turns = self.memory.turns.wrapping_add(1);
        let is_idle = |summary: &Summary| idle.contains(&summary.request_id);
        let chosen = choose(&ours, is_idle, self.memory.turns);
        let known = self.recall(&chosen)?;
        let wanted = chosen
            .iter()
            .filter_map(|summary| self.wanted(summary, &known.recall));
        let wanted: Vec<Wanted> = wanted.collect();
        self.read_ahead(oracle, now, &wanted).await?;
        for summary in chosen {
            self.plan(oracle, now, summary, &known, &mut plan).await?;
        }
        self.keep(std::mem::take(&mut plan.notes))?;
        if self.none_takes_seats() {
            for summary in &open {
                plan.unended = plan.unended || self.has_job_left(summary.request_id)?;
            }
        }
        self.move_cursor()?;
        Ok(plan)
    }

    /// What the store knows of these requests. After the leases: whoever had one before has written
    /// down what is under way.
    fn recall(&mut self, chosen: &[&Summary]) -> Result<Known, RelayerError> {
        let ids: Vec<RequestId> = chosen.iter().map(|summary| summary.request_id).collect();
        let recall = self.store.recall(&ids)?;
        // Another replica may have left some of them out.
        self.memory.left_out.extend(recall.skips());
        Ok(Known::new(recall, self.store.live_attempts()?))
    }

    /// Notes when requests were first seen, and which of them were left out by an earlier process.
    fn note_first_sight(&mut self, open: &[Summary]) -> Result<(), RelayerError> {
        let seen = &self.memory.seen_at_ms;
        let open = open.iter().map(|summary| summary.request_id);
        let new: Vec<RequestId> = open.filter(|id| !seen.contains_key(id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let left_out = self.store.skips_of(&new)?;
        self.memory.left_out.extend(left_out);
        let now_ms = seen_now();
        let seen = &mut self.memory.seen_at_ms;
        seen.extend(new.into_iter().map(|id| (id, now_ms)));
        Ok(())
    }

    /// Requests whose next step is the model's or nobody's: each operator has left them out, or is asking.
    fn idle(&self, open: &[Summary]) -> HashSet<RequestId> {
        let waiting = open
            .iter()
            .filter(|summary| !summary.settled && summary.phase == Phase::Committing);
        let ids = waiting.map(|summary| summary.request_id);
        let needs_nobody = |id: &RequestId| {
            let mut entries = self.operators.iter().map(|operator| operator.entry(*id));
            let left_out = &self.memory.left_out;
            entries.all(|entry| self.asks.is_asking(&entry) || left_out.contains(&entry))
        };
        ids.filter(needs_nobody).collect()
    }

    /// The lowest id that is neither over nor pruned is where the next look begins.
    fn move_cursor(&mut self) -> Result<(), RelayerError> {
        let done = &self.memory.done;
        let mut open = self.views.summaries().map(|summary| summary.request_id);
        let lowest = open.find(|id| !done.contains(id));
        let mut lowest = lowest.unwrap_or(self.views.next_id);
        if planted(Bug::CursorPastOpen) {
            lowest = self.views.next_id;
        }
        if lowest > self.store.cursor()? {
            self.store.set_cursor(lowest)?;
            self.memory.done = self.memory.done.split_off(&lowest);
        }
        Ok(())
    }

    /// Forgets what is known of requests that are not in the list any more: pruned ones are never over.
    pub(super) fn forget_gone(&mut self) {
        let (views, memory) = (&self.views, &mut self.memory);
        let is_there = |id: &RequestId| views.summary(*id).is_some();
        memory.seen_at_ms.retain(|id, _| is_there(id));
        memory.waiting_since.retain(|id, _| is_there(id));
        memory.left_out.retain(|entry| is_there(&entry.request_id));
    }

    pub(super) fn is_done(&self, id: RequestId) -> bool {
        self.memory.done.contains(&id)
    }

    pub(super) fn over(&mut self, id: RequestId) {
        self.memory.done.insert(id);
        for operator in &self.operators {
            self.memory.left_out.remove(&operator.entry(id));
        }
        self.memory.seen_at_ms.remove(&id);
        self.memory.waiting_since.remove(&id);
    }

    /// What has to be read of a request before it can be planned; `None`: its summary is enough.
    fn wanted(&self, summary: &Summary, recall: &Recall) -> Option<Wanted> {
        let id = summary.request_id;
        if summary.settled && !is_undelivered(summary) {
            let known = !self.has_unended_job(id, recall) || self.has_opened_all(summary, recall);
            return (!known).then_some(Wanted::view(id));
        }
        let open = !summary.settled && summary.phase != Phase::Ended;
        Some(match open {
            true => Wanted::whole(id),
            false => Wanted::view(id),
        })
    }

    async fn plan(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        summary: &Summary,
        known: &Known,
        plan: &mut Plan,
    ) -> Result<(), RelayerError> {
        let (id, recall) = (summary.request_id, &known.recall);
        let undelivered = is_undelivered(summary);
        if summary.settled && !undelivered {
            if !self.has_unended_job(id, recall) {
                self.over(id);
                return Ok(());
            }
            if self.has_opened_all(summary, recall) {
                plan.notes.extend(self.opened_jobs(id, recall));
                plan.settled_something = true;
                self.over(id);
                return Ok(());
            }
        }
        let Some(view) = self.view(oracle, now, id).await? else {
            self.over(id);
            return Ok(());
        };
        if summary.settled {
            self.close_books(&view);
            let ended = self.ended_jobs(&view, recall);
            plan.settled_something |= !ended.is_empty();
            plan.notes.extend(ended);
            if !undelivered {
                self.over(id);
                return Ok(());
            }
        }
        if summary.settled || summary.phase == Phase::Ended {
            match self.plan_ending(&view, &known.live)? {
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
        self.plan_seats(now, (&view, &terms), &records, known, plan)
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

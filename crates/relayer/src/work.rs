//! Finding work in the contract's state, at one finalized block.

use crate::{
    error::RelayerError,
    model::ModelQueue,
    node_session::ChainView,
    operators::Operators,
    plan::{ForeignSeat, SeatAction, SeatFacts, SeatPlanner, WorkList},
    relayer::Relayer,
    requests::{choose, is_undelivered, take_share, KnownSeats},
    settlement::EndingPlan,
    tx::{jobs, BatchContext, OwnSeat},
};
use llm_oracle_chain::ReadRequest;
use llm_oracle_primitives::{
    BlockNumber, Phase, RequestId, RequestView, Summary, Terms, INTERFACE_VERSION,
};
use llm_oracle_store::{unrevealed_requests, JobState, Purpose, SeatId, SeatRecords};
use llm_oracle_support::{address::ss58, clock::Instant};
use std::sync::Arc;

impl Relayer {
    /// Goes through the requests that are not over: those that are due first, and of the others some in
    /// each iteration.
    pub(crate) async fn plan(&mut self, chain: &ChainView) -> Result<WorkList, RelayerError> {
        let is_draining = self.drain.look();
        self.ops.drains(is_draining);
        self.pace.note(chain.finalized, chain.best, Instant::now());
        self.models.drop_overdue(chain.best.number)?;
        self.models.begin_day();
        let mut work = WorkList::default();
        let open = self.tracker.open(&self.cache);
        self.ops.metrics().open_requests(open.len());
        let ours = self.share_of(&open, chain.best.number)?;
        let (ours, idle) = (ours.summaries, ours.idle);
        let is_idle = |summary: &Summary| idle.contains(&summary.request_id);
        let unrevealed = unrevealed_requests(&self.store)?;
        let is_ours = |summary: &Summary| unrevealed.contains(&summary.request_id);
        let chosen = choose(&ours, is_ours, is_idle, self.tracker.next_iteration());
        let known = self.tracker.recall(&self.store, &chosen)?;
        let wanted = chosen
            .iter()
            .filter_map(|summary| self.wanted(summary, &known.recall));
        let wanted: Vec<ReadRequest> = wanted.collect();
        self.cache.read_ahead(chain, &wanted).await?;
        for summary in chosen {
            self.plan_one(chain, summary, &known, &mut work).await?;
        }
        let asked = asked(&known, &self.models);
        let policy = &self.config.policy;
        work.asks = self.bonds.affordable(policy, &asked, work.asks);
        jobs::record(&self.store, std::mem::take(&mut work.changes))?;
        if is_draining || self.operators.none_takes_seats() {
            for summary in &open {
                let id = summary.request_id;
                work.unended =
                    work.unended || jobs::has_unended_in(&self.store, &self.operators, id)?;
            }
        }
        // An answer that was handed to a peer may become a seat without a transaction of ours.
        work.is_drained = is_draining && !work.unended && self.store.live_attempts()?.is_empty();
        self.tracker.move_cursor(&self.store, &self.cache)?;
        if chain.reveals_only {
            work.keep_reveals();
        }
        Ok(work)
    }

    /// What of the open requests this process works on.
    fn share_of(&mut self, open: &[Summary], best: BlockNumber) -> Result<Share, RelayerError> {
        self.tracker.note_first_seen(&self.store, open)?;
        let idle = self.tracker.idle(open, &self.operators, &self.models, best);
        let (operators, models) = (&self.operators, &self.models);
        let tracker = &mut self.tracker;
        let summaries = take_share(&self.store, tracker, operators, models, open, &idle)?;
        Ok(Share { summaries, idle })
    }

    /// What has to be read of a request before it can be planned; `None`: its summary is enough.
    fn wanted(&self, summary: &Summary, recall: &SeatRecords) -> Option<ReadRequest> {
        let id = summary.request_id;
        if is_over_unjoined(&self.operators, summary, recall) {
            return None;
        }
        if summary.settled && !is_undelivered(summary) {
            let known = !jobs::has_unended(&self.operators, id, recall)
                || self.are_all_revealed(summary, recall);
            return (!known).then_some(ReadRequest::view(id));
        }
        let open = !summary.settled && summary.phase != Phase::Ended;
        Some(match open {
            true => ReadRequest::whole(id),
            false => ReadRequest::view(id),
        })
    }

    fn are_all_revealed(&self, summary: &Summary, recall: &SeatRecords) -> bool {
        let is_spent_on = |entry: &_| self.models.is_spent_on(entry);
        jobs::are_all_revealed(&self.operators, summary, recall, is_spent_on)
    }

    async fn plan_one(
        &mut self,
        chain: &ChainView,
        summary: &Summary,
        known: &KnownSeats,
        work: &mut WorkList,
    ) -> Result<(), RelayerError> {
        let id = summary.request_id;
        let undelivered = is_undelivered(summary);
        if is_over_unjoined(&self.operators, summary, &known.recall) {
            return self.finish(id, &known.recall);
        }
        if summary.settled && !undelivered && self.end_by_summary(summary, &known.recall, work)? {
            return Ok(());
        }
        let Some(view) = self.cache.view(chain, id).await? else {
            return self.finish(id, &known.recall);
        };
        // Where we have no seat nobody pays us for settling it, and its end stands all the same.
        let has_seat = |operator: &crate::operators::OwnOperator| {
            jobs::seat_of(&view, operator.account.as_ref()).is_some()
        };
        let is_ours = self.operators.iter().any(has_seat);
        if summary.settled || (summary.phase == Phase::Ended && !is_ours) {
            self.close_spend(&view);
            let ends = jobs::ends(&self.operators, &view, &known.recall);
            work.ended_something |= !ends.is_empty();
            work.changes.extend(ends);
            if !undelivered {
                return self.finish(id, &known.recall);
            }
        }
        if summary.settled || summary.phase == Phase::Ended {
            return self.plan_ending(chain, &view, known, work);
        }
        let terms = self.cache.terms(chain, &view).await?;
        // The contract shows no terms of an earlier version. Its seats are revealed all the same.
        if terms.is_none() && view.interface_version == INTERFACE_VERSION {
            return self.finish(id, &known.recall);
        }
        let request = (&view, terms.as_ref());
        self.plan_open(chain, request, known, work).await
    }

    /// Ends the jobs of a settled request if its summary is enough for that. Says whether it was.
    fn end_by_summary(
        &mut self,
        summary: &Summary,
        recall: &SeatRecords,
        work: &mut WorkList,
    ) -> Result<bool, RelayerError> {
        let id = summary.request_id;
        if jobs::has_unended(&self.operators, id, recall) {
            if !self.are_all_revealed(summary, recall) {
                return Ok(false);
            }
            work.changes
                .extend(jobs::revealed_ends(&self.operators, id, recall));
            work.ended_something = true;
        }
        self.finish(id, recall)?;
        Ok(true)
    }

    fn plan_ending(
        &mut self,
        chain: &ChainView,
        view: &RequestView,
        known: &KnownSeats,
        work: &mut WorkList,
    ) -> Result<(), RelayerError> {
        let (operators, tracker) = (&self.operators, &mut self.tracker);
        let at = (chain, self.pace.pace());
        match self
            .settlement
            .plan(at, view, &known.live, operators, tracker)?
        {
            EndingPlan::Now(ending) => work.endings.push(ending),
            EndingPlan::Later => {}
            EndingPlan::Over => {
                // What is left of it is for others.
                let ends = jobs::unseated_ends(&self.operators, view, &known.recall);
                work.ended_something |= !ends.is_empty();
                work.changes.extend(ends);
                self.finish(view.summary.request_id, &known.recall)?;
            }
        }
        Ok(())
    }

    async fn plan_open(
        &mut self,
        chain: &ChainView,
        (view, terms): (&Arc<RequestView>, Option<&Arc<Terms>>),
        known: &KnownSeats,
        work: &mut WorkList,
    ) -> Result<(), RelayerError> {
        let number = terms.and_then(|terms| terms.assignment.set());
        let set = self.sets.read(chain, number).await?;
        let operators = &mut self.operators;
        let records = self.track_records.read(chain, view, operators).await?;
        self.peers.note_request(chain, view, terms);
        self.bonds.note(view, operators);
        let planner = SeatPlanner {
            operators: &self.operators,
            models: &self.models,
            tracker: &self.tracker,
            limits: &self.config.limits,
            pace: self.pace.pace(),
            is_draining: self.drain.is_on(),
        };
        let facts = SeatFacts {
            records: &records,
            set: set.as_deref(),
        };
        for action in planner.plan(chain, (view, terms), &facts, known) {
            self.apply(action, work)?;
        }
        Ok(())
    }

    fn apply(&mut self, action: SeatAction, work: &mut WorkList) -> Result<(), RelayerError> {
        match action {
            SeatAction::Ask(request) => work.asks.push(request),
            SeatAction::Commit(seat) => work.commits.push(seat),
            SeatAction::Answer(seat) => work.answers.push(seat),
            SeatAction::Reveal(seat) => work.reveals.push(seat),
            SeatAction::Record(change) => work.changes.push(change),
            SeatAction::Skip(entry, reason) => self.failures.skip(&entry, &reason)?,
            SeatAction::Overdue(entry) => self.models.overdue(&entry)?,
            SeatAction::Stop(seat) => self.stop_operator(&seat)?,
        }
        Ok(())
    }

    /// Another process works with the key, or our store was lost: this operator goes no further.
    fn stop_operator(&mut self, seat: &ForeignSeat) -> Result<(), RelayerError> {
        let request_id = seat.entry.request_id;
        let error = RelayerError::ForeignCommitment {
            request_id,
            operator: ss58(&self.operators[seat.operator].account),
            found: seat.found,
            ours: seat.ours,
        };
        tracing::error!(request = request_id, %error, "operator stopped");
        let reason = error.to_string();
        let state = JobState::UnknownCommitment;
        self.store
            .set_job_state(request_id, &seat.entry.operator, state, Some(&reason))?;
        self.failures.skip(&seat.entry, &reason)?;
        self.operators.stop(seat.operator);
        if self.operators.active().is_empty() {
            return Err(error);
        }
        Ok(())
    }

    /// Nothing more is done about a request. If the model was tried in vain, that goes on record.
    fn finish(&mut self, id: RequestId, recall: &SeatRecords) -> Result<(), RelayerError> {
        self.tracker.finish(id, &self.operators);
        self.bonds.forget(id, &self.operators);
        for entry in self.operators.entries(id) {
            let is_open = recall.job(&entry).is_none() && !recall.skipped(&entry);
            let (failures, _) = recall.failures(&entry, Purpose::Ask);
            if is_open && (failures > 0 || self.models.backoffs().contains(&entry)) {
                self.models.overdue(&entry)?;
            }
            // What nothing has given back stays at risk for the day.
            self.models.close(&entry, 0, 0);
        }
        Ok(())
    }

    /// Submits our seats together with what peers have handed over.
    pub(crate) async fn send(
        &mut self,
        chain: &ChainView,
        purpose: Purpose,
        seats: Vec<OwnSeat>,
    ) -> Result<bool, RelayerError> {
        let (operators, cache) = (&self.operators, &self.cache);
        let entries = self.peers.share(chain, operators, cache, purpose, seats);
        let entries = entries.await?;
        let mut context = BatchContext {
            chain,
            operators: &mut self.operators,
            peers: &mut self.peers,
            purpose,
        };
        self.batches.send(&mut context, entries).await
    }

    /// What our seats have earned is no longer at risk.
    fn close_spend(&mut self, view: &RequestView) {
        for operator in self.operators.iter() {
            let entry = operator.entry(view.summary.request_id);
            let mut seats = view.seats.iter();
            if let Some(seat) = seats.find(|seat| seat.operator == operator.account) {
                self.models.close(&entry, view.seat_fee, seat.paid);
            }
        }
    }
}

/// Whether a request has ended without a seat of anybody: no bond is locked, and nothing is earned by its
/// end.
fn is_over_unjoined(operators: &Operators, summary: &Summary, recall: &SeatRecords) -> bool {
    let unjoined = summary.phase == Phase::Ended && summary.committed == 0;
    unjoined && !jobs::has_unended(operators, summary.request_id, recall)
}

/// Seats for which the model has been asked and that are not known to be taken.
fn asked(known: &KnownSeats, models: &ModelQueue) -> Vec<SeatId> {
    let jobs = known.recall.jobs();
    let unsent = jobs.filter(|job| job.state == JobState::Answered);
    let unsent = unsent.map(|job| job.answered.seat_id());
    unsent.chain(models.asked()).collect()
}

/// The requests that this process works on, and which of all are idle.
struct Share {
    summaries: Vec<Summary>,
    idle: std::collections::HashSet<RequestId>,
}

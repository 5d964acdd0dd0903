//! Finding work in the contract's state, at one finalized block.

use super::{
    ask::{seen_now, Ask},
    batch::Seat,
    decide::{decide, GivenUp, Heads, Local, OnChain, SeatOnChain, Step},
    ending::Ending,
    error::RelayerError,
    relayer::{Now, Relayer},
};
use crate::{
    chain::{ss58, ChainError, Oracle},
    store::{Attempt, Job, JobState, Purpose},
};
use llm_oracle_primitives::{
    digest, Assignment, DeliveryStatus, Phase, RequestId, RequestView, Summary, Terms,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

/// What a process remembers between turns and can lose without harm.
#[derive(Default)]
pub(super) struct Memory {
    /// Terms never change once asked.
    terms: HashMap<RequestId, Arc<Terms>>,
    seen_at_ms: HashMap<RequestId, i64>,
    /// Since when something waits for somebody to settle or deliver it.
    pub(super) waiting_since: HashMap<RequestId, Instant>,
    /// Over, although ids below are not.
    done: BTreeSet<RequestId>,
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
}

impl Relayer {
    /// Looks at every request that is not over.
    pub(super) async fn scan(&mut self, oracle: &Oracle, now: &Now) -> Result<Plan, RelayerError> {
        let live = self.store.live_attempts()?;
        let cursor = self.store.cursor()?;
        let mut plan = Plan::default();
        let next_id = match oracle.next_id(Some(now.finalized.hash)).await {
            // It was there at the best block when we connected: its deployment is not final yet.
            Err(ChainError::NoContract { .. }) => return Ok(plan),
            next_id => next_id?,
        };
        if cursor >= next_id {
            return Ok(plan);
        }
        let summaries = oracle.summaries_from(cursor, now.finalized.hash).await?;
        let present: BTreeSet<_> = summaries.iter().map(|summary| summary.request_id).collect();
        for summary in &summaries {
            if !self.memory.done.contains(&summary.request_id) {
                self.plan(oracle, now, summary, &live, &mut plan).await?;
            }
        }
        self.move_cursor(cursor, next_id, &present)?;
        Ok(plan)
    }

    /// The lowest id that is neither over nor pruned is where the next look begins.
    fn move_cursor(
        &mut self,
        cursor: RequestId,
        next_id: RequestId,
        present: &BTreeSet<RequestId>,
    ) -> Result<(), RelayerError> {
        let open = |id: &RequestId| present.contains(id) && !self.memory.done.contains(id);
        let lowest = (cursor..next_id).find(open).unwrap_or(next_id);
        if lowest > cursor {
            self.store.set_cursor(lowest)?;
            self.memory.done = self.memory.done.split_off(&lowest);
        }
        Ok(())
    }

    fn over(&mut self, id: RequestId) {
        self.memory.done.insert(id);
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
        let undelivered = matches!(
            summary.delivery,
            DeliveryStatus::Waiting | DeliveryStatus::Failed(_) | DeliveryStatus::Delivering
        );
        if summary.settled && !undelivered && !self.has_unended_job(id)? {
            self.over(id);
            return Ok(());
        }
        let Some(view) = oracle.request(id, Some(now.finalized.hash)).await? else {
            self.over(id);
            return Ok(());
        };
        if summary.settled {
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
        self.plan_seats(now, &view, &terms, live, plan)
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
        self.memory.terms.insert(request_id, terms.clone());
        self.memory
            .seen_at_ms
            .entry(request_id)
            .or_insert_with(seen_now);
        Ok(Some(terms))
    }

    fn plan_seats(
        &mut self,
        now: &Now,
        view: &RequestView,
        terms: &Arc<Terms>,
        live: &[Attempt],
        plan: &mut Plan,
    ) -> Result<(), RelayerError> {
        let id = view.summary.request_id;
        let jobs = self.jobs_for(id)?;
        let may_sit = self.may_sit(view, terms, &jobs);
        let asking: Vec<bool> = self
            .operators
            .iter()
            .map(|one| self.asks.is_asking(&one.entry(id)))
            .collect();
        let heads = Heads {
            finalized: now.finalized.number,
            best: now.best.number,
        };
        for (index, job) in jobs.into_iter().enumerate() {
            if self.operators[index].stopped {
                continue;
            }
            let company = (0..asking.len()).any(|other| other != index && asking[other]);
            let local = self.local(id, index, job.as_ref(), asking[index], company, live)?;
            let chain = on_chain(view, &self.operators[index].id, may_sit[index]);
            let step = decide(&chain, &local, &heads);
            tracing::trace!(request = id, operator = index, ?step, "decided");
            self.note(id, index, job.as_ref(), &chain)?;
            match step {
                Step::Nothing(_) => {}
                Step::Ask => {
                    if let Some(ask) = self.admit(view, terms, index)? {
                        plan.asks.push(ask);
                    }
                }
                Step::Commit => plan.commits.extend(Seat::new(index, view, job)),
                Step::Answer => plan.answers.extend(Seat::new(index, view, job)),
                Step::Reveal => plan.reveals.extend(Seat::new(index, view, job)),
                Step::Foreign { found, ours } => self.stop_operator(id, index, found, ours)?,
            }
        }
        Ok(())
    }

    fn jobs_for(&self, id: RequestId) -> Result<Vec<Option<Job>>, RelayerError> {
        let jobs = self
            .operators
            .iter()
            .map(|operator| self.store.job(id, &operator.id));
        Ok(jobs.collect::<Result<_, _>>()?)
    }

    /// Which operators may go for the free seats: the named ones, and no more of ours than there
    /// are seats; those that have begun come first, then each in its turn.
    fn may_sit(&self, view: &RequestView, terms: &Terms, jobs: &[Option<Job>]) -> Vec<bool> {
        let summary = &view.summary;
        let free = usize::from(summary.seats.saturating_sub(summary.committed));
        let count = self.operators.len();
        let first = summary.request_id.checked_rem(count as u64);
        let first = first
            .and_then(|first| usize::try_from(first).ok())
            .unwrap_or(0);
        let turn = |index: usize| {
            index
                .saturating_add(count)
                .saturating_sub(first)
                .checked_rem(count)
                .unwrap_or(0)
        };
        let mut wanting: Vec<usize> = (0..count)
            .filter(|index| {
                let operator = &self.operators[*index];
                let named = match &terms.assignment {
                    Assignment::Open => true,
                    Assignment::Named { operators } => operators.contains(&operator.account),
                    Assignment::Drawn => false,
                };
                let seated = view
                    .seats
                    .iter()
                    .any(|seat| seat.operator == operator.account);
                named && !seated && !operator.stopped
            })
            .collect();
        wanting.sort_by_key(|index| {
            let begun = jobs[*index].is_some()
                || self
                    .asks
                    .is_asking(&self.operators[*index].entry(summary.request_id));
            (!begun, turn(*index))
        });
        wanting.truncate(free);
        (0..count).map(|index| wanting.contains(&index)).collect()
    }

    fn local(
        &self,
        id: RequestId,
        index: usize,
        job: Option<&Job>,
        asking: bool,
        company: bool,
        live: &[Attempt],
    ) -> Result<Local, RelayerError> {
        let entry = self.operators[index].entry(id);
        let in_flight = live.iter().any(|attempt| {
            let seats = matches!(
                attempt.tx.purpose,
                Purpose::Commit | Purpose::Answer | Purpose::Reveal
            );
            seats && attempt.tx.entries.contains(&entry)
        });
        Ok(Local {
            skipped: self.store.skipped(id, &entry.operator)?.is_some(),
            asking,
            company,
            commitment: job.map(|job| job.answered.commitment),
            in_flight,
            given_up: GivenUp {
                ask: self.asks.must_wait(&entry) || self.must_wait(&entry, Purpose::Ask)?,
                commit: self.must_wait(&entry, Purpose::Commit)?
                    || self.must_wait(&entry, Purpose::Answer)?,
                // Never for good: until the deadline a bond is at stake.
                reveal: self.is_resting(&entry, Purpose::Reveal)?,
            },
        })
    }

    /// Whether this relayer takes the request on at all; if not, the reason is recorded.
    fn admit(
        &self,
        view: &RequestView,
        terms: &Arc<Terms>,
        index: usize,
    ) -> Result<Option<Ask>, RelayerError> {
        let summary = &view.summary;
        let entry = self.operators[index].entry(summary.request_id);
        let least = self.config.limits.min_reward;
        if summary.reward < least {
            let reason = format!(
                "pays {} planck a seat, and min_reward is {least}",
                summary.reward
            );
            self.leave_out(&entry, &reason)?;
            return Ok(None);
        }
        if let Err(reason) = self.serves(terms) {
            self.leave_out(&entry, &reason)?;
            return Ok(None);
        }
        let seen = self.memory.seen_at_ms.get(&summary.request_id).copied();
        Ok(Some(Ask {
            entry,
            terms: terms.clone(),
            terms_digest: view.terms_digest,
            seen_at_ms: seen.unwrap_or_else(seen_now),
        }))
    }

    /// Another process works with the key, or our store was lost: this operator goes no further.
    fn stop_operator(
        &mut self,
        request_id: RequestId,
        index: usize,
        found: llm_oracle_primitives::Hash,
        ours: Option<llm_oracle_primitives::Hash>,
    ) -> Result<(), RelayerError> {
        let entry = self.operators[index].entry(request_id);
        let operator = ss58(&self.operators[index].account);
        let error = RelayerError::ForeignCommitment {
            request_id,
            operator,
            found,
            ours,
        };
        tracing::error!(request = request_id, %error, "operator stopped");
        let reason = error.to_string();
        let state = JobState::ForeignCommitment;
        self.store
            .set_job_state(request_id, &entry.operator, state, Some(&reason))?;
        self.leave_out(&entry, &reason)?;
        self.operators[index].stopped = true;
        if self.operators.iter().all(|operator| operator.stopped) {
            return Err(error);
        }
        Ok(())
    }
}

/// What to do about a request that has ended.
pub(super) enum EndingPlan {
    Now(Ending),
    Later,
    /// Nothing to do, or nothing more.
    Over,
}

fn on_chain(view: &RequestView, operator: &[u8; 32], seat_free: bool) -> OnChain {
    let summary = &view.summary;
    let seat = view.seats.iter().find(|seat| {
        let holder: &[u8; 32] = seat.operator.as_ref();
        holder == operator
    });
    OnChain {
        phase: summary.phase,
        one_step: view.one_step,
        opens_at: summary.opens_at,
        commit_deadline: summary.commit_deadline,
        reveal_deadline: summary.reveal_deadline,
        seat_free,
        seat: seat.map(|seat| SeatOnChain {
            state: seat.state,
            commitment: seat.commitment,
        }),
    }
}

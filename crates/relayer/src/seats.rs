//! What each of our operators does about one request that is open.

use super::{
    ask::{seen_now, Ask},
    decide::{decide, Free, GivenUp, Heads, Local, OnChain, SeatOnChain, Step, Why},
    entries::Seat,
    error::RelayerError,
    policy::{Candidate, Stake},
    relayer::{Now, Relayer},
    retry::{must_wait, rests_now},
    scan::{Known, Plan},
    Oracle,
};
use llm_oracle_primitives::{
    AccountId, Assignment, BlockNumber, DrawView, LeastRecord, OperatorView, Phase, RequestId,
    RequestView, Terms,
};
use llm_oracle_store::{JobState, Purpose, Recall};
use llm_oracle_support::{
    address::ss58,
    planted::{planted, Bug},
};
use std::sync::Arc;

/// What the contract says about each of our operators, in their order.
pub(super) type Records = Arc<Vec<Option<OperatorView>>>;

impl Relayer {
    /// Our operators' track records, if a request that seats can be taken of asks for one. They are
    /// read once for each finalized block.
    pub(super) async fn records(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        view: &RequestView,
    ) -> Result<Records, RelayerError> {
        let hash = now.finalized.hash;
        if view.least_record == LeastRecord::default() || view.summary.phase != Phase::Committing {
            return Ok(Records::default());
        }
        if let Some((_, records)) = self.memory.records.as_ref().filter(|(at, _)| *at == hash) {
            return Ok(records.clone());
        }
        let mut records = Vec::with_capacity(self.operators.len());
        for index in 0..self.operators.len() {
            let account = self.operators[index].account;
            let record = oracle.operator(&account, Some(hash)).await?;
            if record.as_ref().is_some_and(|record| record.barred) {
                self.bar(index);
            }
            records.push(record);
        }
        let records = Records::new(records);
        self.memory.records = Some((hash, records.clone()));
        Ok(records)
    }

    pub(super) fn plan_seats(
        &mut self,
        now: &Now,
        (view, terms): (&Arc<RequestView>, &Arc<Terms>),
        records: &Records,
        known: &Known,
        plan: &mut Plan,
    ) -> Result<(), RelayerError> {
        let id = view.summary.request_id;
        let recall = &known.recall;
        let free = self.free_seats(view, terms, recall);
        let asking: Vec<bool> = self
            .operators
            .iter()
            .map(|one| self.asks.is_asking(&one.entry(id)))
            .collect();
        let heads = Heads {
            finalized: now.finalized.number,
            best: now.best.number,
        };
        for (index, free) in free.into_iter().enumerate() {
            if self.operators[index].stopped {
                continue;
            }
            let job = recall.job(&self.operators[index].entry(id));
            let company = (0..asking.len()).any(|other| other != index && asking[other]);
            let local = self.local(id, index, asking[index], company, known);
            let chain = on_chain(view, &self.operators[index].id, free);
            let step = decide(&chain, &local, &heads);
            tracing::trace!(request = id, operator = index, ?step, "decided");
            plan.notes.extend(self.note(id, index, job, &chain));
            match step {
                Step::Nothing(Why::TooLate) if job.is_none() => {
                    self.overdue(&self.operators[index].entry(id))?;
                }
                Step::Nothing(_) => {}
                Step::Ask => {
                    let kept = is_kept(terms, free, view, heads.best);
                    if let Some(ask) = self.admit((view, terms), records, index, kept)? {
                        plan.asks.push(ask);
                    }
                }
                Step::Reveal
                    if planted(Bug::CommittedIsDone)
                        && job.is_some_and(|job| job.state == JobState::Committed) => {}
                Step::Commit => plan.commits.extend(Seat::new(index, view, job.cloned())),
                Step::Answer => plan.answers.extend(Seat::new(index, view, job.cloned())),
                Step::Reveal => plan.reveals.extend(Seat::new(index, view, job.cloned())),
                Step::Foreign { found, ours } => self.stop_operator(id, index, found, ours)?,
            }
        }
        Ok(())
    }

    /// Which free seat each of our operators may take. No more of them go for one than there are:
    /// those that have begun come first, then those drawn, then each in its turn.
    fn free_seats(&self, view: &RequestView, terms: &Terms, recall: &Recall) -> Vec<Free> {
        let summary = &view.summary;
        let (id, count) = (summary.request_id, self.operators.len());
        let mut wishes = Vec::new();
        for (index, operator) in self.operators.iter().enumerate() {
            let account = &operator.account;
            let seated = view.seats.iter().any(|seat| seat.operator == *account);
            let entry = operator.entry(id);
            let skipped = recall.skipped(&entry);
            let begun = recall.job(&entry).is_some() || self.asks.is_asking(&entry);
            let free = openness(&terms.assignment, view.draw.as_ref(), account);
            let out = seated || skipped || operator.stopped || operator.barred;
            if free != Free::No && !out {
                wishes.push(Wish {
                    index,
                    free,
                    begun,
                    turn: turn(id, index, count),
                });
            }
        }
        let seats = usize::from(summary.seats.saturating_sub(summary.committed));
        grant(wishes, seats, count)
    }

    fn local(
        &self,
        id: RequestId,
        index: usize,
        asking: bool,
        company: bool,
        known: &Known,
    ) -> Local {
        let entry = self.operators[index].entry(id);
        let recall = &known.recall;
        let most = self.config.limits.max_attempts;
        let must_wait = |purpose| must_wait(recall.failures(&entry, purpose), most);
        Local {
            lost: self.memory.lost.contains(&entry),
            skipped: recall.skipped(&entry),
            asking,
            company,
            commitment: recall
                .job(&entry)
                .filter(|_| !planted(Bug::AskAgain))
                .map(|job| job.answered.commitment),
            in_flight: known.in_flight.contains(&entry),
            given_up: GivenUp {
                ask: self.asks.must_wait(&entry) || must_wait(Purpose::Ask),
                commit: must_wait(Purpose::Commit) || must_wait(Purpose::Answer),
                // Never for good: until the deadline a bond is at stake.
                reveal: match planted(Bug::GiveUpReveals) {
                    true => must_wait(Purpose::Reveal),
                    false => rests_now(recall.failures(&entry, Purpose::Reveal)),
                },
            },
        }
    }

    /// Whether this relayer takes the request on at all; if not, the reason is recorded.
    fn admit(
        &mut self,
        (view, terms): (&RequestView, &Arc<Terms>),
        records: &Records,
        index: usize,
        kept: bool,
    ) -> Result<Option<Ask>, RelayerError> {
        let summary = &view.summary;
        let stake = Stake {
            entry: self.operators[index].entry(summary.request_id),
            requester: view.requester,
            commit_fee: view.commit_fee,
            kept,
            price: self.asks.price(terms),
        };
        let candidate = Candidate {
            stake,
            beneficiary: view.beneficiary,
            terms,
            reward: summary.reward,
        };
        let min_reward = self.config.limits.min_reward;
        let record = records.get(index).and_then(Option::as_ref);
        let policy = &self.config.policy;
        let refusal = policy
            .refusal(min_reward, &candidate, self.asks.ledger())
            .or_else(|| record.and_then(|record| below(&view.least_record, record)))
            .or_else(|| self.serves(terms).err());
        if let Some(reason) = refusal {
            self.leave_out(&stake.entry, &reason)?;
            return Ok(None);
        }
        let seen = self.memory.seen_at_ms.get(&summary.request_id).copied();
        Ok(Some(Ask {
            stake,
            terms: terms.clone(),
            terms_digest: view.terms_digest,
            seen_at_ms: seen.unwrap_or_else(seen_now),
            deadline: summary.commit_deadline,
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

    /// Notes that an operator takes no seat any more. Those that it has are still opened.
    pub(super) fn bar(&mut self, index: usize) {
        let Some(operator) = self.operators.get_mut(index) else {
            return;
        };
        if !operator.barred {
            operator.barred = true;
            let error = barred(&operator.account);
            tracing::error!(%error, "operator takes no more seats");
        }
    }

    /// Ends the process once none of its operators can do anything any more, for the first one's reason.
    pub(super) fn none_takes_seats(&self) -> bool {
        let mut operators = self.operators.iter();
        operators.all(|operator| operator.stopped || operator.barred)
    }

    pub(super) fn stop_if_barred(&self, plan: &Plan) -> Result<(), RelayerError> {
        let out = self.none_takes_seats();
        let first = self.operators.iter().find(|operator| operator.barred);
        match first {
            Some(operator) if out && !plan.unended => Err(barred(&operator.account)),
            _ => Ok(()),
        }
    }
}

fn barred(operator: &AccountId) -> RelayerError {
    RelayerError::Barred {
        operator: ss58(operator),
    }
}

/// Whether a request's seats are open to an operator, whatever others want.
fn openness(assignment: &Assignment, draw: Option<&DrawView>, operator: &AccountId) -> Free {
    if let Assignment::Named { operators } = assignment {
        if !operators.contains(operator) {
            return Free::No;
        }
    }
    let Some(draw) = draw else {
        return Free::Yes;
    };
    match &draw.drawn {
        None => Free::Undrawn(draw.opens_to_all_at),
        Some(drawn) if drawn.contains(operator) => Free::Yes,
        Some(_) => Free::From(draw.opens_to_all_at),
    }
}

/// Blocks that must be left for a commit to be sure of a seat that is kept for it.
const KEPT_MARGIN_BLOCKS: BlockNumber = 4;

/// Whether nobody else can take the seat that is free for an operator, for as long as it takes.
fn is_kept(terms: &Terms, free: Free, view: &RequestView, best: BlockNumber) -> bool {
    let until = match (&terms.assignment, view.draw.as_ref()) {
        (Assignment::Named { operators }, _) if operators.len() <= usize::from(terms.seats) => {
            view.summary.commit_deadline
        }
        (_, Some(draw)) if draw.drawn.is_some() && free == Free::Yes => draw.opens_to_all_at,
        _ => return false,
    };
    until.saturating_sub(best) >= KEPT_MARGIN_BLOCKS
}

/// One of our operators that may go for a seat, now or later.
struct Wish {
    index: usize,
    free: Free,
    begun: bool,
    turn: usize,
}

/// Gives the wishes that come first what they wish, as many as there are free seats.
fn grant(mut wishes: Vec<Wish>, seats: usize, operators: usize) -> Vec<Free> {
    wishes.sort_by_key(|wish| (!wish.begun, wish.free != Free::Yes, wish.turn));
    let mut granted = vec![Free::No; operators];
    for wish in wishes.into_iter().take(seats) {
        if let Some(place) = granted.get_mut(wish.index) {
            *place = wish.free;
        }
    }
    granted
}

/// How many of `count` operators come before this one: the request's number names the first.
fn turn(id: RequestId, index: usize, count: usize) -> usize {
    let first = id.checked_rem(count as u64);
    let first = first
        .and_then(|first| usize::try_from(first).ok())
        .unwrap_or(0);
    index
        .saturating_add(count)
        .saturating_sub(first)
        .checked_rem(count)
        .unwrap_or(0)
}

/// Why an operator's record is not enough, if it is not.
fn below(least: &LeastRecord, record: &OperatorView) -> Option<String> {
    let answers = record
        .agreed
        .saturating_add(record.dissented)
        .saturating_add(record.abstained);
    let enough = answers >= least.answers && record.agreement_ppm >= least.agreement_ppm;
    (!enough).then(|| {
        format!(
            "asks for {} answers of which {} ppm agreed, and the operator's record is {answers} and {} ppm",
            least.answers, least.agreement_ppm, record.agreement_ppm
        )
    })
}

fn on_chain(view: &RequestView, operator: &[u8; 32], free: Free) -> OnChain {
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
        free,
        seat: seat.map(|seat| SeatOnChain {
            state: seat.state,
            commitment: seat.commitment,
        }),
    }
}

#[cfg(test)]
#[path = "seats_tests.rs"]
mod tests;

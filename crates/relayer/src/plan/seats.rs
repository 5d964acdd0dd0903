//! What each of our operators does about one request that is open.

use super::{
    committee::{
        family, family_room, full_family, grant, is_exclusive, is_open_to, turn, Family, Wish,
    },
    decide::{decide, Exhausted, HeadNumbers, Local, OnChain, SeatOnChain, Step, Why},
    policy::Candidate,
    policy_config::Stake,
    windows::{has_time, too_late, too_short},
};
use crate::{
    config::Limits,
    failures::{backs_off_now, must_wait},
    model::{ModelQueue, ModelRequest},
    node_session::ChainView,
    operators::Operators,
    pace::ChainPace,
    requests::{KnownSeats, RequestTracker, TrackRecordsAt},
    tx::{
        jobs::{self, JobChange},
        OwnSeat,
    },
};
use llm_oracle_primitives::{
    limits::share, Assignment, Hash, LeastRecord, OperatorView, RequestView, SetView, Terms,
};
use llm_oracle_store::{now_ms, Job, Purpose, SeatId, SeatRecords};
use std::{sync::Arc, time::Duration};

/// What one of our operators does about one open request.
pub(crate) enum SeatAction {
    /// Ask the model.
    Ask(ModelRequest),
    /// Take the seat.
    Commit(OwnSeat),
    /// Answer in one step.
    Answer(OwnSeat),
    /// Open the commitment.
    Reveal(OwnSeat),
    /// Leave the request alone for good.
    Skip(SeatId, String),
    /// Its commit deadline is past without an answer.
    Overdue(SeatId),
    /// What the chain shows about its recorded answer.
    Record(JobChange),
    /// Stop the operator: another process works with its key, or our store was lost.
    Stop(ForeignSeat),
}

/// A seat of ours with a commitment that is not in our store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForeignSeat {
    /// Position of the operator.
    pub(crate) operator: usize,
    pub(crate) entry: SeatId,
    /// The commitment on chain.
    pub(crate) found: Hash,
    /// The one in the store, if there is one.
    pub(crate) ours: Option<Hash>,
}

/// What else of the chain's state a request is planned with.
pub(crate) struct SeatFacts<'a> {
    /// What the contract says about our operators, where the request looks at it.
    pub(crate) records: &'a TrackRecordsAt,
    /// The set that the request names.
    pub(crate) set: Option<&'a SetView>,
}

impl SeatFacts<'_> {
    fn record(&self, index: usize) -> Option<&OperatorView> {
        self.records.get(index).and_then(Option::as_ref)
    }
}

/// Plans what our operators do about open requests. Reads what the parts know and changes nothing.
pub(crate) struct SeatPlanner<'a> {
    pub(crate) operators: &'a Operators,
    pub(crate) models: &'a ModelQueue,
    pub(crate) tracker: &'a RequestTracker,
    pub(crate) limits: &'a Limits,
    /// How fast the chain goes.
    pub(crate) pace: ChainPace,
    /// No more seats are taken.
    pub(crate) is_draining: bool,
}

impl SeatPlanner<'_> {
    /// The actions for one open request at the finalized block, in the order of the operators. Without terms
    /// it takes no more seats.
    pub(crate) fn plan(
        &self,
        chain: &ChainView,
        (view, terms): (&Arc<RequestView>, Option<&Arc<Terms>>),
        facts: &SeatFacts<'_>,
        known: &KnownSeats,
    ) -> Vec<SeatAction> {
        let id = view.summary.request_id;
        let recall = &known.recall;
        let free = self.free_seats(view, terms, facts, recall);
        let entries: Vec<SeatId> = self.operators.entries(id).collect();
        let asking: Vec<bool> = entries.iter().map(|it| self.models.is_asking(it)).collect();
        let heads = HeadNumbers {
            finalized: chain.finalized.number,
            best: chain.best.number,
        };
        let mut actions = Vec::new();
        for (index, free) in free.into_iter().enumerate() {
            let operator = &self.operators[index];
            if operator.stopped {
                continue;
            }
            let entry = operator.entry(id);
            let job = recall.job(&entry);
            let others = (0..asking.len()).any(|other| other != index && asking[other]);
            let batched = others && self.waits_for_batch(terms, job);
            let local = self.local(entry, asking[index], batched, known);
            let on_chain = on_chain(view, &operator.id, free);
            let step = decide(&on_chain, &local, &heads);
            tracing::trace!(request = id, operator = index, ?step, "decided");
            actions.extend(jobs::shown(entry, job, &on_chain).map(SeatAction::Record));
            let seat = || OwnSeat::new(index, view, job.cloned());
            match step {
                Step::Nothing(Why::TooLate) if job.is_none() => {
                    actions.push(SeatAction::Overdue(entry));
                }
                Step::Nothing(_) => {}
                Step::Ask => {
                    let asked = terms.map(|terms| self.admit((view, terms), facts, index, &heads));
                    actions.extend(asked);
                }
                Step::Commit | Step::Answer if self.too_short(terms).is_some() => {
                    // Finality has fallen behind since the model was asked.
                    let reason = self.too_short(terms).unwrap_or_default();
                    actions.push(SeatAction::Skip(entry, reason));
                }
                Step::Commit => actions.extend(seat().map(SeatAction::Commit)),
                Step::Answer => actions.extend(seat().map(SeatAction::Answer)),
                Step::Reveal => actions.extend(seat().map(SeatAction::Reveal)),
                Step::Foreign { found, ours } => actions.push(SeatAction::Stop(ForeignSeat {
                    operator: index,
                    entry,
                    found,
                    ours,
                })),
            }
        }
        actions
    }

    /// Which of our operators may take a seat. No more of them go for one than there are, in all and for
    /// their model family: those that have begun come first, then each in its turn.
    fn free_seats(
        &self,
        view: &RequestView,
        terms: Option<&Arc<Terms>>,
        facts: &SeatFacts<'_>,
        recall: &SeatRecords,
    ) -> Vec<bool> {
        let summary = &view.summary;
        let (id, count) = (summary.request_id, self.operators.len());
        let mut wishes = Vec::new();
        let Some(terms) = terms.filter(|_| !self.is_draining) else {
            return vec![false; count];
        };
        for (index, operator) in self.operators.iter().enumerate() {
            let account = &operator.account;
            let seated = view.seats.iter().any(|seat| seat.operator == *account);
            let entry = operator.entry(id);
            let skipped = recall.skipped(&entry);
            let begun = recall.job(&entry).is_some() || self.models.is_asking(&entry);
            let open = is_open_to(&terms.assignment, facts.set, operator);
            let out = seated || skipped || operator.stopped || operator.barred;
            if open && !out {
                wishes.push(Wish {
                    index,
                    begun,
                    family: facts.record(index).map(family),
                    turn: turn(id, index, count),
                });
            }
        }
        let seats = usize::from(summary.seats.saturating_sub(summary.committed));
        let room = |family: &Family| family_room(view, family);
        grant(wishes, seats, count, room)
    }

    fn local(&self, entry: SeatId, asking: bool, batched: bool, known: &KnownSeats) -> Local {
        let recall = &known.recall;
        let most = self.limits.max_attempts;
        let must_wait = |purpose| must_wait(recall.failures(&entry, purpose), most);
        Local {
            lost: self.tracker.is_lost(&entry),
            skipped: recall.skipped(&entry),
            asking,
            batched,
            commitment: recall.job(&entry).map(|job| job.answered.commitment),
            in_flight: known.in_flight.contains(&entry),
            exhausted: Exhausted {
                ask: self.models.backoffs().must_wait(&entry) || must_wait(Purpose::Ask),
                // Never for good: until the deadline an answer that was paid for, or a bond, is at stake.
                commit: backs_off_now(recall.failures(&entry, Purpose::Commit))
                    || backs_off_now(recall.failures(&entry, Purpose::Answer)),
                reveal: backs_off_now(recall.failures(&entry, Purpose::Reveal)),
            },
        }
    }

    /// Asks for an answer, or skips the request if this relayer does not take it on.
    fn admit(
        &self,
        (view, terms): (&RequestView, &Arc<Terms>),
        facts: &SeatFacts<'_>,
        index: usize,
        heads: &HeadNumbers,
    ) -> SeatAction {
        let summary = &view.summary;
        let left = summary.commit_deadline.saturating_sub(heads.best);
        let latency = self.models.latency.usual();
        let exclusive =
            is_exclusive(terms, facts.set, view, heads.best) && has_time(left, &self.pace, latency);
        let entry = self.operators[index].entry(summary.request_id);
        let stake = Stake {
            entry,
            requester: view.requester,
            seat_fee: view.seat_fee,
            effort: sure_effort(view),
            kept: exclusive,
            price: self.models.price(&entry.operator, terms),
        };
        let candidate = Candidate {
            stake,
            beneficiary: view.beneficiary,
            terms,
            reward: summary.reward,
            fee_ppm: view.fee_ppm,
        };
        let min_reward = self.limits.min_reward;
        let record = facts.record(index);
        let refusal = self
            .models
            .refusal(min_reward, &candidate)
            .or_else(|| record.and_then(|record| below(&view.least_record, record)))
            .or_else(|| record.and_then(|record| full_family(view, record)))
            .or_else(|| self.models.model_refusal(&entry.operator, terms))
            .or_else(|| too_short(terms, &self.pace))
            .or_else(|| too_late(left, &self.pace, latency));
        if let Some(reason) = refusal {
            return SeatAction::Skip(stake.entry, reason);
        }
        SeatAction::Ask(ModelRequest {
            stake,
            terms: terms.clone(),
            terms_digest: view.terms_digest,
            seen_at_ms: self.tracker.seen_at_ms(summary.request_id),
            deadline: summary.commit_deadline,
            seat_bond: view.seat_bond,
        })
    }

    /// Why a request's windows are too short for a seat, if they are and its terms are known.
    fn too_short(&self, terms: Option<&Arc<Terms>>) -> Option<String> {
        terms.and_then(|terms| too_short(terms, &self.pace))
    }

    /// Whether an answer that is ready waits for those of our other operators, to share a transaction with
    /// them: not where strangers may take its seat meanwhile, and never for longer than a block.
    fn waits_for_batch(&self, terms: Option<&Arc<Terms>>, job: Option<&Job>) -> bool {
        let open = terms.is_none_or(|terms| matches!(terms.assignment, Assignment::Open { .. }));
        let block = self.pace.block_time.unwrap_or(BATCHING_WAIT_MAX);
        let block = block.min(BATCHING_WAIT_MAX);
        let since = job.map(|job| now_ms().saturating_sub(job.answered_at_ms));
        let most = i64::try_from(block.as_millis()).unwrap_or(i64::MAX);
        // An answer of the future is a clock that was set back.
        !open && since.is_some_and(|since| (0..most).contains(&since))
    }
}

/// Longest wait of an answer for those of our other operators.
const BATCHING_WAIT_MAX: Duration = Duration::from_secs(2);

/// What an answer earns whatever comes out, the owner's part taken off, planck. Nothing is sure while the
/// request may still expire.
fn sure_effort(view: &RequestView) -> u128 {
    if view.summary.committed.saturating_add(1) < view.threshold {
        return 0;
    }
    let effort = share(view.summary.reward, view.effort_ppm);
    effort.saturating_sub(share(effort, view.fee_ppm))
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

fn on_chain(view: &RequestView, operator: &[u8; 32], free: bool) -> OnChain {
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

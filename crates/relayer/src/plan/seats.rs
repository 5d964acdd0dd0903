//! What each of our operators does about one request that is open.

use super::{
    decide::{decide, Exhausted, Free, HeadNumbers, Local, OnChain, SeatOnChain, Step, Why},
    policy::{Candidate, Stake},
};
use crate::{
    config::Limits,
    failures::{backs_off_now, must_wait},
    model::{ModelQueue, ModelRequest},
    node_session::ChainView,
    operators::Operators,
    requests::{KnownSeats, RequestTracker, TrackRecordsAt},
    tx::{
        jobs::{self, JobChange},
        OwnSeat,
    },
};
use llm_oracle_primitives::{
    AccountId, Assignment, BlockNumber, DrawView, Hash, LeastRecord, OperatorView, RequestId,
    RequestView, Terms,
};
use llm_oracle_store::{Purpose, SeatId, SeatRecords};
use std::sync::Arc;

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

/// Plans what our operators do about open requests. Reads what the parts know and changes nothing.
pub(crate) struct SeatPlanner<'a> {
    pub(crate) operators: &'a Operators,
    pub(crate) models: &'a ModelQueue,
    pub(crate) tracker: &'a RequestTracker,
    pub(crate) limits: &'a Limits,
}

impl SeatPlanner<'_> {
    /// The actions for one open request at the finalized block, in the order of the operators.
    pub(crate) fn plan(
        &self,
        chain: &ChainView,
        (view, terms): (&Arc<RequestView>, &Arc<Terms>),
        records: &TrackRecordsAt,
        known: &KnownSeats,
    ) -> Vec<SeatAction> {
        let id = view.summary.request_id;
        let recall = &known.recall;
        let free = self.free_seats(view, terms, recall);
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
            let batched = (0..asking.len()).any(|other| other != index && asking[other]);
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
                    let exclusive = is_exclusive(terms, free, view, heads.best);
                    actions.push(self.admit((view, terms), records, index, exclusive));
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

    /// Which free seat each of our operators may take. No more of them go for one than there are:
    /// those that have begun come first, then those drawn, then each in its turn.
    fn free_seats(&self, view: &RequestView, terms: &Terms, recall: &SeatRecords) -> Vec<Free> {
        let summary = &view.summary;
        let (id, count) = (summary.request_id, self.operators.len());
        let mut wishes = Vec::new();
        for (index, operator) in self.operators.iter().enumerate() {
            let account = &operator.account;
            let seated = view.seats.iter().any(|seat| seat.operator == *account);
            let entry = operator.entry(id);
            let skipped = recall.skipped(&entry);
            let begun = recall.job(&entry).is_some() || self.models.is_asking(&entry);
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
                ask: self.models.must_wait(&entry) || must_wait(Purpose::Ask),
                commit: must_wait(Purpose::Commit) || must_wait(Purpose::Answer),
                // Never for good: until the deadline a bond is at stake.
                reveal: backs_off_now(recall.failures(&entry, Purpose::Reveal)),
            },
        }
    }

    /// Asks for an answer, or skips the request if this relayer does not take it on.
    fn admit(
        &self,
        (view, terms): (&RequestView, &Arc<Terms>),
        records: &TrackRecordsAt,
        index: usize,
        exclusive: bool,
    ) -> SeatAction {
        let summary = &view.summary;
        let stake = Stake {
            entry: self.operators[index].entry(summary.request_id),
            requester: view.requester,
            commit_fee: view.commit_fee,
            kept: exclusive,
            price: self.models.price(terms),
        };
        let candidate = Candidate {
            stake,
            beneficiary: view.beneficiary,
            terms,
            reward: summary.reward,
        };
        let min_reward = self.limits.min_reward;
        let record = records.get(index).and_then(Option::as_ref);
        let refusal = self
            .models
            .refusal(min_reward, &candidate)
            .or_else(|| record.and_then(|record| below(&view.least_record, record)))
            .or_else(|| self.models.serves(terms).err());
        if let Some(reason) = refusal {
            return SeatAction::Skip(stake.entry, reason);
        }
        SeatAction::Ask(ModelRequest {
            stake,
            terms: terms.clone(),
            terms_digest: view.terms_digest,
            seen_at_ms: self.tracker.seen_at_ms(summary.request_id),
            deadline: summary.commit_deadline,
        })
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

/// Blocks that must be left for a commit to be sure of a seat that only this operator may take.
const EXCLUSIVE_MARGIN_BLOCKS: BlockNumber = 4;

/// Whether nobody else can take the seat that is free for an operator, for as long as it takes.
fn is_exclusive(terms: &Terms, free: Free, view: &RequestView, best: BlockNumber) -> bool {
    let until = match (&terms.assignment, view.draw.as_ref()) {
        (Assignment::Named { operators }, _) if operators.len() <= usize::from(terms.seats) => {
            view.summary.commit_deadline
        }
        (_, Some(draw)) if draw.drawn.is_some() && free == Free::Yes => draw.opens_to_all_at,
        _ => return false,
    };
    until.saturating_sub(best) >= EXCLUSIVE_MARGIN_BLOCKS
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

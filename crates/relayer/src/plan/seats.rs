//! What each of our operators does about one request that is open.

use super::{
    decide::{decide, Exhausted, HeadNumbers, Local, OnChain, SeatOnChain, Step, Why},
    policy::{Candidate, Stake},
};
use crate::{
    config::Limits,
    failures::{backs_off_now, must_wait},
    model::{ModelQueue, ModelRequest},
    node_session::ChainView,
    operators::{Operator, Operators},
    requests::{KnownSeats, RequestTracker, TrackRecordsAt},
    tx::{
        jobs::{self, JobChange},
        OwnSeat,
    },
};
use llm_oracle_primitives::{
    digest, limits::share, Assignment, BlockNumber, Hash, LeastRecord, OperatorView, RequestId,
    RequestView, SetView, Terms,
};
use llm_oracle_store::{Purpose, SeatId, SeatRecords};
use std::{collections::HashMap, sync::Arc};

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
                    let asked = terms.map(|terms| {
                        let exclusive = is_exclusive(terms, facts.set, view, heads.best);
                        self.admit((view, terms), facts, index, exclusive)
                    });
                    actions.extend(asked);
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
        let Some(terms) = terms else {
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
        facts: &SeatFacts<'_>,
        index: usize,
        exclusive: bool,
    ) -> SeatAction {
        let summary = &view.summary;
        let stake = Stake {
            entry: self.operators[index].entry(summary.request_id),
            requester: view.requester,
            seat_fee: view.seat_fee,
            effort: sure_effort(view),
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
        let record = facts.record(index);
        let refusal = self
            .models
            .refusal(min_reward, &candidate)
            .or_else(|| record.and_then(|record| below(&view.least_record, record)))
            .or_else(|| record.and_then(|record| full_family(view, record)))
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

/// What an answer earns whatever comes out, the owner's part taken off, planck. Nothing is sure while the
/// request may still expire.
fn sure_effort(view: &RequestView) -> u128 {
    if view.summary.committed.saturating_add(1) < view.threshold {
        return 0;
    }
    let effort = share(view.summary.reward, view.effort_ppm);
    effort.saturating_sub(share(effort, view.fee_ppm))
}

/// Whether a request's seats are open to an operator, whatever others want.
fn is_open_to(assignment: &Assignment, set: Option<&SetView>, operator: &Operator) -> bool {
    match assignment {
        Assignment::Open { .. } => true,
        Assignment::Named { operators } => operators.contains(&operator.account),
        Assignment::Set(_) => set.is_some_and(|set| set.slots.contains(&operator.slot)),
    }
}

/// Blocks that must be left for a commit to be sure of a seat that only this operator may take.
const EXCLUSIVE_MARGIN_BLOCKS: BlockNumber = 4;

/// Whether nobody else can take the seat that is free for an operator, for as long as it takes.
fn is_exclusive(
    terms: &Terms,
    set: Option<&SetView>,
    view: &RequestView,
    best: BlockNumber,
) -> bool {
    let members = match (&terms.assignment, set) {
        (Assignment::Named { operators }, _) => operators.len(),
        (Assignment::Set(_), Some(set)) => set.slots.len(),
        _ => return false,
    };
    let left = view.summary.commit_deadline.saturating_sub(best);
    members <= usize::from(terms.seats)
        && terms.max_seats_per_family == 0
        && left >= EXCLUSIVE_MARGIN_BLOCKS
}

/// What a seat keeps of the name of a model family.
type Family = [u8; 4];

fn family(record: &OperatorView) -> Family {
    digest::family_tag(&record.family)
}

/// Seats that operators of a family may still take.
fn family_room(view: &RequestView, family: &Family) -> usize {
    if view.max_seats_per_family == 0 {
        return usize::MAX;
    }
    let taken = view.seats.iter().filter(|seat| seat.family == *family);
    usize::from(view.max_seats_per_family).saturating_sub(taken.count())
}

/// Why there is no seat for an operator's model family, if there is none.
fn full_family(view: &RequestView, record: &OperatorView) -> Option<String> {
    (family_room(view, &family(record)) == 0).then(|| {
        format!(
            "lets {} seats go to one model family, and the family '{}' has them",
            view.max_seats_per_family,
            String::from_utf8_lossy(&record.family)
        )
    })
}

/// One of our operators that may go for a seat.
struct Wish {
    index: usize,
    begun: bool,
    /// Its model family, where the request looks at it.
    family: Option<Family>,
    turn: usize,
}

/// Gives the wishes that come first what they wish, as many as there are free seats. A family without any
/// room holds nobody up here: its operators are told so one by one.
fn grant(
    mut wishes: Vec<Wish>,
    seats: usize,
    operators: usize,
    room: impl Fn(&Family) -> usize,
) -> Vec<bool> {
    wishes.sort_by_key(|wish| (!wish.begun, wish.turn));
    let mut granted = vec![false; operators];
    let mut families: HashMap<Family, usize> = HashMap::new();
    let mut left = seats;
    for wish in wishes {
        if left == 0 {
            break;
        }
        if let Some(family) = &wish.family {
            let (room, used) = (room(family), families.entry(*family).or_default());
            if room > 0 && *used >= room {
                continue;
            }
            *used = used.saturating_add(1);
        }
        left = left.saturating_sub(1);
        if let Some(place) = granted.get_mut(wish.index) {
            *place = true;
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

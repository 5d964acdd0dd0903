//! What must hold in the end, when nothing has failed for long enough.

use super::{
    run::{Report, Run},
    scenario::Kind,
};
use crate::network::lock;
use llm_oracle_primitives::{BlockNumber, DeliveryStatus, RequestId, SeatState, SeatView};
use llm_oracle_store::{database::Database, JobState};

/// Blocks without faults within which everything must come to its end.
const PATIENCE: u32 = 320;
/// Blocks without faults that a seat must have had for its reveal to be owed: a reveal that was lost before is
/// handed in again after 15 s, and replaced when it has been refused three times.
const MARGIN: BlockNumber = 48;

/// What is owed at the end.
struct Owed {
    /// From this block on nothing has failed.
    from: BlockNumber,
    /// The question that every operator of ours must have answered.
    answered: RequestId,
    /// The question that every operator of ours must have left out.
    skipped: RequestId,
}

impl Run {
    /// A phase with faults, then one without.
    pub async fn simulate(mut self) -> Report {
        let blocks = 24 + self.rng.below(28);
        lock(&self.world).ways = self.plan.rates.ways;
        self.start();
        for block in 0..blocks {
            if block == 0 || (self.asked < 6 && self.rng.chance(1, 6)) {
                self.ask_any();
            }
            self.inject();
            self.block().await;
            if !self.witness.seen().violations.is_empty() {
                return self.report();
            }
        }
        self.end_well().await;
        self.report()
    }

    fn ask_any(&mut self) {
        let kind = match self.rng.chance(1, 2) {
            true => Kind::Plain,
            false => *self.rng.pick(&Kind::ALL).unwrap(),
        };
        self.ask(kind);
    }

    /// Without faults everything comes to its end in bounded time.
    pub async fn end_well(&mut self) {
        self.heal();
        let owed = Owed {
            from: lock(&self.world).height(),
            answered: self.asked,
            skipped: self.asked + 1,
        };
        // Windows that are shorter than an era: nothing may have to wait for the end of one.
        self.ask_with(Kind::Plain, |terms| {
            (terms.commit_blocks, terms.reveal_blocks) = (MARGIN, MARGIN);
        });
        let skipped_kinds = [Kind::Unserved, Kind::Cheap, Kind::Hopeless];
        let kind = *self.rng.pick(&skipped_kinds).unwrap();
        self.ask(kind);
        for block in 0..PATIENCE {
            self.block().await;
            let looks = block % 4 == 3;
            if !self.witness.seen().violations.is_empty()
                || (looks && self.open_ends(&owed).is_empty())
            {
                return;
            }
        }
        for end in self.open_ends(&owed) {
            self.witness.violation(end);
        }
    }

    fn open_ends(&self, owed: &Owed) -> Vec<String> {
        let mut open = Vec::new();
        let mut world = lock(&self.world);
        let finalized = world.finalized;
        let next = world.next_id(finalized);
        if next <= owed.skipped {
            open.push("a question was not asked".to_owned());
        }
        for id in 0..next {
            let Some(view) = world.request(finalized, id) else {
                continue;
            };
            let waits = matches!(
                view.summary.delivery,
                DeliveryStatus::Waiting | DeliveryStatus::Failed(_)
            );
            let unended = !view.summary.settled || waits;
            if unended && self.witness.is_worth_ending(&view) && !self.abandoned(id) {
                open.push(format!(
                    "{id} is not settled and delivered: {:?}",
                    view.summary
                ));
            }
            let full = view.seats.len() >= usize::from(view.summary.seats);
            for operator in self.witness.operators.values() {
                let seat = view.seats.iter().find(|seat| {
                    let holder: &[u8; 32] = seat.operator.as_ref();
                    holder == operator
                });
                let late = view.summary.reveal_deadline > owed.from + MARGIN;
                open.extend(self.open_end(id, operator, seat, full, late, owed));
            }
        }
        drop(world);
        for attempt in self.disk.memory.live_attempts().unwrap_or_default() {
            open.push(format!(
                "nonce {} for {} is still {:?}",
                attempt.tx.nonce,
                attempt.tx.purpose.name(),
                attempt.state
            ));
        }
        open
    }

    fn abandoned(&self, id: RequestId) -> bool {
        self.witness.operators.values().any(|operator| {
            let reason = self.disk.memory.skipped(id, operator).ok().flatten();
            reason.is_some_and(|reason| reason.contains("gave up"))
        })
    }

    /// What one operator owes to one request.
    fn open_end(
        &self,
        id: RequestId,
        operator: &[u8; 32],
        seat: Option<&SeatView>,
        full: bool,
        late: bool,
        owed: &Owed,
    ) -> Option<String> {
        let job = self.disk.memory.job(id, operator).ok().flatten();
        let skip = self.disk.memory.skipped(id, operator).ok().flatten();
        let done = job.as_ref().is_some_and(|job| match job.state {
            JobState::Ended => true,
            JobState::Abandoned => job.reason.is_some(),
            _ => false,
        });
        let silent = seat.is_some_and(|seat| seat.state == SeatState::Silent);
        let state = job.as_ref().map(|job| job.state);
        if id == owed.skipped {
            return skip
                .is_none()
                .then(|| format!("{id} is left out and not on record"));
        }
        if id == owed.answered && (seat.is_none() || silent) {
            return Some(format!("{id} is not answered: {state:?} {skip:?}"));
        }
        if silent && late {
            return Some(format!("{id} was not revealed: {state:?}"));
        }
        match seat {
            Some(_) if !done => Some(format!("{id} has a seat, and its job is {state:?}")),
            None if job.is_some() && !done && skip.is_none() && !full => {
                Some(format!("{id} has an answer, and its job is {state:?}"))
            }
            _ => None,
        }
    }
}

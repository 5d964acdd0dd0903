//! A database in memory that outlives the processes that use it, fails, and sees each write.

use super::{
    kill::{Kill, KillKind, Side},
    witness::Witness,
};
use crate::network::{lock, Shared, World};
use llm_oracle_primitives::{
    AccountId, DeliveryStatus, Hash, Phase, RequestId, RequestView, SeatState,
};
use llm_oracle_store::{
    database::{Database, FailureRecord},
    sqlite::Sqlite,
    Answered, Attempt, AttemptState, Evidence, Job, JobState, JobUpdate, NewAttempt, PruneResult,
    PruneRule, Purpose, SeatFailures, SeatId, Skip, StoreError,
};
use std::{path::PathBuf, sync::Arc};

/// The relayer's database, with a witness.
#[derive(Clone)]
pub struct Disk {
    pub memory: Arc<Sqlite>,
    pub witness: Arc<Witness>,
    pub world: Shared,
    pub kill: Arc<Kill>,
}

fn broken(why: &str) -> StoreError {
    StoreError::Io {
        path: PathBuf::from("disk"),
        source: std::io::Error::other(why.to_owned()),
    }
}

impl Disk {
    /// One write: it may be the last thing that this process does, or fail, or succeed.
    fn write<T>(
        &self,
        what: &str,
        write: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.kill.passes(KillKind::Write, Side::Before) {
            return Err(broken("the process is dead"));
        }
        {
            let mut world = lock(&self.world);
            world.trace.note(format!("writes {what}"));
            let often = world.ways.disk;
            if often > 0 && world.rng.chance(often, 1_000) {
                world.count("disk error");
                self.witness.seen().disk_errors += 1;
                return Err(broken("no space left"));
            }
        }
        let written = write();
        if self.kill.passes(KillKind::Write, Side::After) {
            return Err(broken("the process is dead"));
        }
        written
    }

    fn job_view(world: &mut World, id: RequestId) -> Option<RequestView> {
        let finalized = world.finalized;
        world.request(finalized, id)
    }

    fn check_attempt(&self, id: i64, state: AttemptState, reason: Option<&str>) {
        let Ok(live) = self.memory.live_attempts() else {
            return;
        };
        let Some(attempt) = live.iter().find(|attempt| attempt.id == id) else {
            return;
        };
        let world = lock(&self.world);
        let sender = AccountId::from(attempt.tx.sender);
        let used = world
            .tree
            .state(&world.finalized)
            .is_some_and(|state| state.nonce(&sender) > attempt.tx.nonce);
        let over = world.final_height() > attempt.tx.valid_until;
        let reason = reason.unwrap_or_default();
        let best = world.tree.state(&world.best);
        let waits = best.is_some_and(|state| state.nonce(&sender) < attempt.tx.nonce);
        let stranded = waits && reason.contains("a lower nonce is free");
        let proved = match state {
            AttemptState::Final => used,
            AttemptState::Expired => used || over || stranded || reason.contains("refuses"),
            AttemptState::InBlock | AttemptState::Signed | AttemptState::Broadcast => true,
        };
        if stranded {
            self.witness.supersede(&attempt.tx.hash);
        }
        if !proved {
            let nonce = attempt.tx.nonce;
            self.witness.violation(format!(
                "nonce {nonce} is called {state:?} without proof: {reason}"
            ));
        }
    }

    /// What a job's state says must stand at the finalized block.
    fn check_job(&self, note: &JobUpdate) {
        let JobUpdate {
            entry,
            state,
            ref reason,
        } = *note;
        let id = entry.request_id;
        let view = Self::job_view(&mut lock(&self.world), id);
        let seat = view.as_ref().and_then(|view| {
            view.seats.iter().find(|seat| {
                let holder: &[u8; 32] = seat.operator.as_ref();
                *holder == entry.operator
            })
        });
        if let (JobState::Abandoned, Some(view)) = (state, &view) {
            let best = lock(&self.world).height();
            if !view.summary.settled && best < view.summary.commit_deadline {
                let text = format!("{id} is given up in {best}: {reason:?}");
                self.witness.violation(text);
            }
        }
        let open = [SeatState::Vacant, SeatState::Committed];
        let true_now = match state {
            // Why it is not on the chain yet.
            JobState::Answered => reason.is_some(),
            JobState::Committed => seat.is_some(),
            JobState::Revealed => seat.is_some_and(|seat| !open.contains(&seat.state)),
            // An end that nobody has settled stands all the same.
            JobState::Ended => view.as_ref().is_none_or(|view| {
                let over = seat.is_none() && view.summary.phase == Phase::Ended;
                view.summary.settled || over
            }),
            JobState::Abandoned => reason.as_ref().is_some_and(|reason| !reason.is_empty()),
            // There is nobody else with our keys.
            JobState::UnknownCommitment => false,
        };
        if !true_now {
            self.witness
                .violation(format!("{id} is called {state:?} and is not: {reason:?}"));
        }
    }

    /// Below the cursor everything must be over, given up with a reason, or nothing to us.
    fn check_cursor(&self, cursor: RequestId) {
        for id in 0..cursor {
            let view = Self::job_view(&mut lock(&self.world), id);
            let Some(view) = view else { continue };
            let summary = &view.summary;
            let waits = matches!(
                summary.delivery,
                DeliveryStatus::Waiting | DeliveryStatus::Failed(_)
            );
            let abandoned = self.witness.operators.values().any(|operator| {
                let reason = self.memory.skipped(id, operator).ok().flatten();
                reason.is_some_and(|reason| reason.contains("gave up"))
            });
            let over = (summary.settled && !waits) || !self.witness.is_worth_ending(&view);
            if summary.phase != Phase::Ended || !(over || abandoned) {
                self.witness
                    .violation(format!("the cursor goes past {id}, which is open"));
            }
        }
    }
}

impl Database for Disk {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.meta(key)
    }
    fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        if key == "cursor" {
            let cursor = value.try_into().map(RequestId::from_le_bytes);
            self.check_cursor(cursor.unwrap_or_default());
        }
        self.write(key, || self.memory.set_meta(key, value))
    }
    fn remove_meta(&self, key: &str) -> Result<(), StoreError> {
        self.write(key, || self.memory.remove_meta(key))
    }

    fn insert_answers(&self, answers: &[Answered]) -> Result<Vec<bool>, StoreError> {
        self.write("answers", || {
            let new = self.memory.insert_answers(answers)?;
            for (answered, _) in answers.iter().zip(&new).filter(|(_, new)| **new) {
                self.witness.recorded(answered);
            }
            Ok(new)
        })
    }
    fn job(&self, request: RequestId, operator: &[u8; 32]) -> Result<Option<Job>, StoreError> {
        self.memory.job(request, operator)
    }
    fn jobs(&self, limit: u32) -> Result<Vec<Job>, StoreError> {
        self.memory.jobs(limit)
    }
    fn has_jobs(&self) -> Result<bool, StoreError> {
        self.memory.has_jobs()
    }
    fn jobs_of(&self, requests: &[RequestId]) -> Result<Vec<Job>, StoreError> {
        self.memory.jobs_of(requests)
    }
    fn set_job_states(&self, notes: &[JobUpdate]) -> Result<(), StoreError> {
        notes.iter().for_each(|note| self.check_job(note));
        self.write("states", || self.memory.set_job_states(notes))
    }
    fn set_submitted(&self, entries: &[SeatId], at_ms: i64) -> Result<(), StoreError> {
        self.write("a time", || self.memory.set_submitted(entries, at_ms))
    }

    fn insert_skip(&self, skip: &Skip) -> Result<(), StoreError> {
        self.witness.skipped(skip);
        self.write("a skip", || self.memory.insert_skip(skip))
    }
    fn append_skip(&self, skip: &Skip) -> Result<(), StoreError> {
        self.witness.skipped(skip);
        self.write("a skip", || self.memory.append_skip(skip))
    }
    fn skipped(
        &self,
        request: RequestId,
        operator: &[u8; 32],
    ) -> Result<Option<String>, StoreError> {
        self.memory.skipped(request, operator)
    }
    fn skips_of(&self, requests: &[RequestId]) -> Result<Vec<SeatId>, StoreError> {
        self.memory.skips_of(requests)
    }

    fn insert_attempt(&self, attempt: &NewAttempt) -> Result<i64, StoreError> {
        self.write(attempt.purpose.name(), || {
            let id = self.memory.insert_attempt(attempt)?;
            self.witness.seen().stored.insert(attempt.hash);
            Ok(id)
        })
    }
    fn mark_sent(&self, id: i64) -> Result<(), StoreError> {
        self.write("sent", || self.memory.mark_sent(id))
    }
    fn set_attempt_state(
        &self,
        id: i64,
        state: AttemptState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.check_attempt(id, state, reason);
        self.write(state.name(), || {
            self.memory.set_attempt_state(id, state, reason)
        })
    }
    fn live_nonces(&self, signer: &[u8; 32]) -> Result<Vec<u64>, StoreError> {
        self.memory.live_nonces(signer)
    }
    fn unrevealed_requests(&self) -> Result<Vec<RequestId>, StoreError> {
        self.memory.unrevealed_requests()
    }
    fn live_attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        self.memory.live_attempts()
    }

    fn add_failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
        reason: &str,
    ) -> Result<u32, StoreError> {
        self.write("a failure", || {
            self.memory.add_failure(entry, purpose, reason)
        })
    }
    fn failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
    ) -> Result<Option<FailureRecord>, StoreError> {
        self.memory.failure(entry, purpose)
    }
    fn failures_of(&self, requests: &[RequestId]) -> Result<Vec<SeatFailures>, StoreError> {
        self.memory.failures_of(requests)
    }

    fn count_jobs(&self, state: JobState) -> Result<u64, StoreError> {
        self.memory.count_jobs(state)
    }
    fn count_attempts(&self, purpose: Purpose, state: AttemptState) -> Result<u64, StoreError> {
        self.memory.count_attempts(purpose, state)
    }
    fn count_skips(&self) -> Result<u64, StoreError> {
        self.memory.count_skips()
    }
    fn published(&self, digest: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.published(digest)
    }
    fn evidence(&self, request: Option<RequestId>) -> Result<Vec<Evidence>, StoreError> {
        self.memory.evidence(request)
    }
    fn prune(&self, rule: &PruneRule) -> Result<PruneResult, StoreError> {
        self.write("retention", || self.memory.prune(rule))
    }
    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

//! Answers: one for each request and operator, for ever.

use super::{synced_write, SeatId, Store, StoreError};
use llm_oracle_primitives::{Answer, Hash, RequestId};
use llm_oracle_support::blocking::blocking;

/// An answer with all that its commit and its reveal need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The request.
    pub request_id: RequestId,
    /// The operator's account.
    pub operator: [u8; 32],
    /// What was asked.
    pub terms_digest: Hash,
    /// The answer.
    pub answer: Answer,
    /// How sure the model is, 0 to 100, as the commitment binds it. `None` for a request that was asked
    /// under version 2 of the interface, which had no confidence.
    pub confidence: Option<u8>,
    /// The evidence document, canonical JSON.
    pub document: Vec<u8>,
    /// Its digest.
    pub evidence: Hash,
    /// Number of the secret that the salt is derived from.
    pub salt_secret: u32,
    /// What the operator commits to.
    pub commitment: Hash,
    /// The model as its provider named it.
    pub model: String,
    /// What the model took, milliseconds.
    pub model_ms: i64,
    /// When this relayer first saw the request at a finalized block, milliseconds since 1970.
    pub seen_at_ms: i64,
}

impl Answered {
    /// Whose answer to which request it is.
    pub fn seat_id(&self) -> SeatId {
        SeatId {
            request_id: self.request_id,
            operator: self.operator,
        }
    }
}

/// State of a job, for status output. Decisions are made on the chain's state instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Answered, not yet committed.
    Answered,
    /// Committed at a finalized block.
    Committed,
    /// Revealed at a finalized block.
    Revealed,
    /// The request has ended.
    Ended,
    /// The chain has a commitment of this operator that is not in the store: nothing can be revealed.
    UnknownCommitment,
    /// Abandoned, see the reason.
    Abandoned,
}

impl JobState {
    pub(super) const ALL: [Self; 6] = [
        Self::Answered,
        Self::Committed,
        Self::Revealed,
        Self::Ended,
        Self::UnknownCommitment,
        Self::Abandoned,
    ];

    /// The state with a name, as the database has it.
    pub(super) fn named(name: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| StoreError::damaged("job state", "an unknown name"))
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }

    /// Its name in the database and in status output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Committed => "committed",
            Self::Revealed => "revealed",
            Self::Ended => "ended",
            Self::UnknownCommitment => "foreign_commitment",
            Self::Abandoned => "dead",
        }
    }
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The answer.
    pub answered: Answered,
    /// Its state.
    pub state: JobState,
    /// Why it stopped, if it did.
    pub reason: Option<String>,
    /// When the answer was recorded, milliseconds since 1970.
    pub answered_at_ms: i64,
    /// When its commit was first handed to a node, milliseconds since 1970.
    pub submitted_at_ms: Option<i64>,
}

/// The new state of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobUpdate {
    /// The job.
    pub entry: SeatId,
    /// Its state.
    pub state: JobState,
    /// Why it stopped, if it did.
    pub reason: Option<String>,
}

/// The result of recording an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is the first and was recorded.
    New,
    /// The same answer was recorded before.
    Same,
    /// Another answer was recorded before and stays.
    Conflict(Box<Answered>),
}

/// A request that an operator skips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The request.
    pub request_id: RequestId,
    /// The operator's account.
    pub operator: [u8; 32],
    /// Why.
    pub reason: String,
}

impl Store {
    /// Records an answer before anything is committed to. The database refuses a second one.
    ///
    /// # Errors
    /// `Database`.
    pub fn record_answer(&self, answered: &Answered) -> Result<Recorded, StoreError> {
        let mut recorded = self.record_answers(std::slice::from_ref(answered))?;
        let first = recorded.pop();
        first.ok_or_else(|| StoreError::damaged("jobs", "a row was neither taken nor refused"))
    }

    /// Records several answers with one write to the disk; each is taken or refused for itself.
    ///
    /// # Errors
    /// `Database`; then none is recorded.
    pub fn record_answers(&self, answers: &[Answered]) -> Result<Vec<Recorded>, StoreError> {
        // Serialized, so that the backup is of the answer that the database has.
        let _recording = self.recording();
        if let Some(backup) = &self.backup {
            for one in answers {
                // Never overwrite the backup of an answer that the database has.
                if self.job(one.request_id, &one.operator)?.is_none() {
                    blocking(|| backup.persist(one))?;
                }
            }
        }
        let inserted = synced_write(self, |database| database.insert_answers(answers))?;
        let each = answers.iter().zip(inserted);
        each.map(|(one, is_new)| self.recorded(one, is_new))
            .collect()
    }

    fn recorded(&self, answered: &Answered, is_new: bool) -> Result<Recorded, StoreError> {
        if is_new {
            return Ok(Recorded::New);
        }
        let stands = self.job(answered.request_id, &answered.operator)?;
        let stands = stands.ok_or_else(|| StoreError::damaged("jobs", "a refused row is gone"))?;
        if same_promise(&stands.answered, answered) {
            return Ok(Recorded::Same);
        }
        if let Some(backup) = &self.backup {
            // Another replica inserted its answer after our read.
            blocking(|| backup.persist(&stands.answered))?;
        }
        Ok(Recorded::Conflict(Box::new(stands.answered)))
    }

    /// The job of an operator for a request.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn job(&self, request: RequestId, operator: &[u8; 32]) -> Result<Option<Job>, StoreError> {
        self.database.job(request, operator)
    }

    /// Whether this store has no answer yet.
    ///
    /// # Errors
    /// `Database`.
    pub fn is_fresh(&self) -> Result<bool, StoreError> {
        Ok(!self.database.has_jobs()?)
    }

    /// The second copy of an answer, if there is one.
    ///
    /// # Errors
    /// `Damaged` when it does not read back, `Io`.
    pub fn backed_up(
        &self,
        request: RequestId,
        operator: &[u8; 32],
    ) -> Result<Option<Answered>, StoreError> {
        match &self.backup {
            Some(backup) => backup.find(request, operator),
            None => Ok(None),
        }
    }

    /// All jobs, newest request first, for status output.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn jobs(&self, limit: u32) -> Result<Vec<Job>, StoreError> {
        self.database.jobs(limit)
    }

    /// Records the state of a job.
    ///
    /// # Errors
    /// `Database`.
    pub fn set_job_state(
        &self,
        request: RequestId,
        operator: &[u8; 32],
        state: JobState,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let entry = SeatId {
            request_id: request,
            operator: *operator,
        };
        let reason = reason.map(str::to_owned);
        self.set_job_states(&[JobUpdate {
            entry,
            state,
            reason,
        }])
    }

    /// Records the states of several jobs, each named once, with one write to the disk.
    ///
    /// # Errors
    /// `Database`; then nothing is recorded.
    pub fn set_job_states(&self, updates: &[JobUpdate]) -> Result<(), StoreError> {
        match updates {
            [] => Ok(()),
            updates => synced_write(self, |database| database.set_job_states(updates)),
        }
    }

    /// Records when the commits of jobs were first submitted to a node, milliseconds since 1970.
    ///
    /// # Errors
    /// `Database`; then nothing is recorded.
    pub fn set_submitted(&self, entries: &[SeatId], at_ms: i64) -> Result<(), StoreError> {
        match entries {
            [] => Ok(()),
            entries => synced_write(self, |database| database.set_submitted(entries, at_ms)),
        }
    }

    /// Records that an operator skips a request, and why. The first reason stays.
    ///
    /// # Errors
    /// `Database`.
    pub fn skip(&self, skip: &Skip) -> Result<(), StoreError> {
        synced_write(self, |database| database.insert_skip(skip))
    }

    /// Records a further reason for which an operator stops working on a request. A reason that is
    /// recorded already is not repeated.
    ///
    /// # Errors
    /// `Database`.
    pub fn skip_also(&self, skip: &Skip) -> Result<(), StoreError> {
        synced_write(self, |database| database.append_skip(skip))
    }

    /// Why an operator skips a request, if it does.
    ///
    /// # Errors
    /// `Database`.
    pub fn skipped(
        &self,
        request: RequestId,
        operator: &[u8; 32],
    ) -> Result<Option<String>, StoreError> {
        self.database.skipped(request, operator)
    }
}

/// Whether two records bind the operator to the same thing.
fn same_promise(one: &Answered, other: &Answered) -> bool {
    one.terms_digest == other.terms_digest
        && one.answer == other.answer
        && one.commitment == other.commitment
}

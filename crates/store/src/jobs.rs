//! Answers: one for each request and operator, for ever.

use super::{Entry, Store, StoreError};
use llm_oracle_primitives::{Answer, Hash, RequestId};

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
    pub fn entry(&self) -> Entry {
        Entry {
            request_id: self.request_id,
            operator: self.operator,
        }
    }
}

/// How far a job is, for people; the chain is asked before anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Answered, not yet committed.
    Answered,
    /// Committed at a finalized block.
    Committed,
    /// Revealed at a finalized block.
    Revealed,
    /// The request is over.
    Ended,
    /// Somebody else committed with this operator's key: nothing will be revealed.
    ForeignCommitment,
    /// Given up, see the reason.
    Dead,
}

impl JobState {
    pub(super) const ALL: [Self; 6] = [
        Self::Answered,
        Self::Committed,
        Self::Revealed,
        Self::Ended,
        Self::ForeignCommitment,
        Self::Dead,
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
            Self::ForeignCommitment => "foreign_commitment",
            Self::Dead => "dead",
        }
    }
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The answer.
    pub answered: Answered,
    /// How far it is.
    pub state: JobState,
    /// Why it stopped, if it did.
    pub reason: Option<String>,
    /// When the answer was recorded, milliseconds since 1970.
    pub answered_at_ms: i64,
    /// When its commit was first handed to a node, milliseconds since 1970.
    pub submitted_at_ms: Option<i64>,
}

/// How far a job is, to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobNote {
    /// The job.
    pub entry: Entry,
    /// How far it is.
    pub state: JobState,
    /// Why it stopped, if it did.
    pub reason: Option<String>,
}

/// What became of an answer that was to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is the first; it stands.
    New,
    /// It was recorded before.
    Same,
    /// Another answer was recorded before, and that one stands.
    Conflict(Box<Answered>),
}

/// A request that an operator leaves out.
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
        // One after the other: the copy must be of the answer that stands.
        let _recording = self.recording();
        if let Some(backup) = &self.backup {
            for one in answers {
                // Not over the copy of an answer that stands.
                if self.job(one.request_id, &one.operator)?.is_none() {
                    backup.keep(one)?;
                }
            }
        }
        let inserted = self.database.insert_answers(answers)?;
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
            // Another process was faster than our look at the database.
            backup.keep(&stands.answered)?;
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

    /// Whether nothing was ever answered with this store.
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

    /// Notes how far a job is.
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
        let entry = Entry {
            request_id: request,
            operator: *operator,
        };
        let reason = reason.map(str::to_owned);
        self.set_job_states(&[JobNote {
            entry,
            state,
            reason,
        }])
    }

    /// Notes how far several jobs are, each named once, with one write to the disk.
    ///
    /// # Errors
    /// `Database`; then nothing is noted.
    pub fn set_job_states(&self, notes: &[JobNote]) -> Result<(), StoreError> {
        match notes {
            [] => Ok(()),
            notes => self.database.set_job_states(notes),
        }
    }

    /// Notes when the commits of jobs were first handed to a node.
    ///
    /// # Errors
    /// `Database`; then nothing is noted.
    pub fn set_submitted(&self, entries: &[Entry], at_ms: i64) -> Result<(), StoreError> {
        match entries {
            [] => Ok(()),
            entries => self.database.set_submitted(entries, at_ms),
        }
    }

    /// Records that an operator leaves a request out, and why; the first reason stands.
    ///
    /// # Errors
    /// `Database`.
    pub fn skip(&self, skip: &Skip) -> Result<(), StoreError> {
        self.database.insert_skip(skip)
    }

    /// Records that an operator stops working on a request, and why, beside what is recorded
    /// already. The same reason twice is one.
    ///
    /// # Errors
    /// `Database`.
    pub fn skip_also(&self, skip: &Skip) -> Result<(), StoreError> {
        self.database.append_skip(skip)
    }

    /// Why an operator leaves a request out, if it does.
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

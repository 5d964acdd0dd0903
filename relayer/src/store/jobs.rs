//! Answers: one for each request and operator, for ever.

use super::{bytes32, from_sql, now_ms, to_sql, Store, StoreError};
use llm_oracle_primitives::{Answer, Hash, RequestId};
use rusqlite::{Connection, OptionalExtension, Row};
use scale::{Decode, Encode};

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

    /// All names.
    #[cfg(test)]
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
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

const COLUMNS: &str = "request_id, operator, terms_digest, answer, document, evidence, \
    salt_secret, commitment, model, model_ms, seen_at_ms, state, reason, answered_at_ms, \
    submitted_at_ms";

impl Store {
    /// Records an answer before anything is committed to. The database refuses a second one.
    ///
    /// # Errors
    /// `Database`.
    pub fn record_answer(&self, answered: &Answered) -> Result<Recorded, StoreError> {
        let database = self.database();
        if let Some(backup) = &self.backup {
            // Not over the copy of an answer that stands.
            if read(&database, answered.request_id, &answered.operator)?.is_none() {
                backup.keep(answered)?;
            }
        }
        let inserted = insert(&database, answered);
        match inserted {
            Ok(()) => return Ok(Recorded::New),
            Err(StoreError::Database(error)) if is_constraint(&error) => {}
            Err(error) => return Err(error),
        }
        let stands = read(&database, answered.request_id, &answered.operator)?;
        let stands = stands.ok_or_else(|| StoreError::damaged("jobs", "a refused row is gone"))?;
        if same_promise(&stands.answered, answered) {
            Ok(Recorded::Same)
        } else {
            Ok(Recorded::Conflict(Box::new(stands.answered)))
        }
    }

    /// The job of an operator for a request.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn job(&self, request: RequestId, operator: &[u8; 32]) -> Result<Option<Job>, StoreError> {
        read(&self.database(), request, operator)
    }

    /// Whether nothing was ever answered with this store.
    ///
    /// # Errors
    /// `Database`.
    pub fn is_fresh(&self) -> Result<bool, StoreError> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM jobs)";
        Ok(self.database().query_row(sql, [], |row| row.get(0))?)
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
        let database = self.database();
        let sql = format!("SELECT {COLUMNS} FROM jobs ORDER BY request_id DESC LIMIT ?1");
        let mut query = database.prepare_cached(&sql)?;
        let mut rows = query.query([limit])?;
        let mut jobs = Vec::new();
        while let Some(row) = rows.next()? {
            jobs.push(from_row(row)?);
        }
        Ok(jobs)
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
        let sql = "UPDATE jobs SET state = ?3, reason = ?4 WHERE request_id = ?1 AND operator = ?2";
        let parameters = (to_sql(request)?, operator, state.name(), reason);
        self.database().execute(sql, parameters)?;
        Ok(())
    }

    /// Notes when the commit of a job was first handed to a node.
    ///
    /// # Errors
    /// `Database`.
    pub fn set_submitted(
        &self,
        request: RequestId,
        operator: &[u8; 32],
        at_ms: i64,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE jobs SET submitted_at_ms = coalesce(submitted_at_ms, ?3)
                   WHERE request_id = ?1 AND operator = ?2";
        self.database()
            .execute(sql, (to_sql(request)?, operator, at_ms))?;
        Ok(())
    }

    /// Records that an operator leaves a request out, and why; the first reason stands.
    ///
    /// # Errors
    /// `Database`.
    pub fn skip(&self, skip: &Skip) -> Result<(), StoreError> {
        let sql = "INSERT INTO skips (request_id, operator, reason, at_ms) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO NOTHING";
        let parameters = (
            to_sql(skip.request_id)?,
            skip.operator,
            &skip.reason,
            now_ms(),
        );
        self.database().execute(sql, parameters)?;
        Ok(())
    }

    /// Records that an operator stops working on a request, and why, beside what is recorded
    /// already. The same reason twice is one.
    ///
    /// # Errors
    /// `Database`.
    pub fn skip_also(&self, skip: &Skip) -> Result<(), StoreError> {
        let sql = "INSERT INTO skips (request_id, operator, reason, at_ms) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET reason = reason || '; ' || excluded.reason
                   WHERE instr(reason, excluded.reason) = 0";
        let parameters = (
            to_sql(skip.request_id)?,
            skip.operator,
            &skip.reason,
            now_ms(),
        );
        self.database().execute(sql, parameters)?;
        Ok(())
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
        let sql = "SELECT reason FROM skips WHERE request_id = ?1 AND operator = ?2";
        let database = self.database();
        let parameters = (to_sql(request)?, operator);
        Ok(database
            .query_row(sql, parameters, |row| row.get(0))
            .optional()?)
    }
}

fn insert(database: &Connection, answered: &Answered) -> Result<(), StoreError> {
    let sql = "INSERT INTO jobs (request_id, operator, terms_digest, answer, document, evidence,
               salt_secret, commitment, model, model_ms, seen_at_ms, answered_at_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    database.execute(
        sql,
        (
            to_sql(answered.request_id)?,
            answered.operator,
            answered.terms_digest,
            answered.answer.encode(),
            &answered.document,
            answered.evidence,
            answered.salt_secret,
            answered.commitment,
            &answered.model,
            answered.model_ms,
            answered.seen_at_ms,
            now_ms(),
        ),
    )?;
    Ok(())
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

/// Whether two records bind the operator to the same thing.
fn same_promise(one: &Answered, other: &Answered) -> bool {
    one.terms_digest == other.terms_digest
        && one.answer == other.answer
        && one.commitment == other.commitment
}

fn read(
    database: &Connection,
    request: RequestId,
    operator: &[u8; 32],
) -> Result<Option<Job>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE request_id = ?1 AND operator = ?2");
    let mut query = database.prepare_cached(&sql)?;
    let mut rows = query.query((to_sql(request)?, operator))?;
    rows.next()?.map(from_row).transpose()
}

fn from_row(row: &Row<'_>) -> Result<Job, StoreError> {
    let answer: Vec<u8> = row.get(3)?;
    let answer = Answer::decode(&mut &*answer);
    let state: String = row.get(11)?;
    let state = JobState::ALL
        .into_iter()
        .find(|known| known.name() == state);
    Ok(Job {
        answered: Answered {
            request_id: from_sql(row.get(0)?)?,
            operator: bytes32("operator", row.get(1)?)?,
            terms_digest: bytes32("terms digest", row.get(2)?)?,
            answer: answer.map_err(|error| StoreError::damaged("answer", error))?,
            document: row.get(4)?,
            evidence: bytes32("evidence", row.get(5)?)?,
            salt_secret: row.get(6)?,
            commitment: bytes32("commitment", row.get(7)?)?,
            model: row.get(8)?,
            model_ms: row.get(9)?,
            seen_at_ms: row.get(10)?,
        },
        state: state.ok_or_else(|| StoreError::damaged("job state", "an unknown name"))?,
        reason: row.get(12)?,
        answered_at_ms: row.get(13)?,
        submitted_at_ms: row.get(14)?,
    })
}

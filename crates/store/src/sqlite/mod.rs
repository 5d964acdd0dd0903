//! The store's database in one SQLite file.

mod attempts;
mod jobs;
mod many;
mod retention;
mod schema;

use super::{
    attempts::{Attempt, AttemptState, NewAttempt, Purpose, SeatId},
    bytes32,
    database::{Database, FailureRecord},
    from_sql,
    jobs::{Answered, Job, JobState, JobUpdate, Skip},
    retention::{PruneResult, PruneRule},
    seat_records::SeatFailures,
    stats::Evidence,
    to_sql, StoreError, StoreIdentity,
};
use llm_oracle_primitives::{Hash, RequestId};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Name of the database's file in the store's folder.
pub(super) const FILE: &str = "relayer.sqlite";

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A SQLite database.
pub struct Sqlite {
    connection: Mutex<Connection>,
}

impl Sqlite {
    /// Opens or makes the database at `path`, for `identity` only.
    pub(super) fn open(path: &Path, identity: &StoreIdentity) -> Result<Self, StoreError> {
        let mut connection = schema::open(path)?;
        schema::bind(&mut connection, identity)?;
        Ok(Self::with_connection(connection))
    }

    /// Opens the database at `path` to read it, also while a relayer works with it.
    pub(super) fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Self::with_connection(connection))
    }

    /// Opens a database in memory with the same tables and constraints, for `identity` only. It lives as
    /// long as this value, which may outlive the stores on it.
    ///
    /// # Errors
    /// `Database`.
    pub fn open_in_memory(identity: &StoreIdentity) -> Result<Self, StoreError> {
        let mut connection = schema::in_memory()?;
        schema::bind(&mut connection, identity)?;
        Ok(Self::with_connection(connection))
    }

    fn with_connection(connection: Connection) -> Self {
        Self {
            connection: Mutex::new(connection),
        }
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held rolled its transaction back: the database is whole.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database for Sqlite {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        schema::read_meta(&self.connection(), key)
    }

    fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        schema::write_meta(&self.connection(), key, value)
    }

    fn remove_meta(&self, key: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM meta WHERE key = ?1";
        self.connection().execute(sql, [key])?;
        Ok(())
    }

    fn insert_answers(&self, answers: &[Answered]) -> Result<Vec<bool>, StoreError> {
        let mut connection = self.connection();
        let write = connection.transaction()?;
        // A refused row undoes nothing but itself.
        let each = answers.iter().map(|one| jobs::insert(&write, one));
        let inserted = each.collect::<Result<_, _>>()?;
        write.commit()?;
        Ok(inserted)
    }

    fn job(&self, request: RequestId, operator: &[u8; 32]) -> Result<Option<Job>, StoreError> {
        jobs::read(&self.connection(), request, operator)
    }

    fn jobs(&self, limit: u32) -> Result<Vec<Job>, StoreError> {
        jobs::newest(&self.connection(), limit)
    }

    fn has_jobs(&self) -> Result<bool, StoreError> {
        jobs::any(&self.connection())
    }

    fn jobs_of(&self, requests: &[RequestId]) -> Result<Vec<Job>, StoreError> {
        many::jobs(&self.connection(), requests)
    }

    fn set_job_states(&self, notes: &[JobUpdate]) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let write = connection.transaction()?;
        for note in notes {
            jobs::set_state(&write, note)?;
        }
        Ok(write.commit()?)
    }

    fn set_submitted(&self, entries: &[SeatId], at_ms: i64) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let write = connection.transaction()?;
        for entry in entries {
            jobs::set_submitted(&write, entry, at_ms)?;
        }
        Ok(write.commit()?)
    }

    fn insert_skip(&self, skip: &Skip) -> Result<(), StoreError> {
        jobs::insert_skip(&self.connection(), skip)
    }

    fn append_skip(&self, skip: &Skip) -> Result<(), StoreError> {
        jobs::append_skip(&self.connection(), skip)
    }

    fn skipped(
        &self,
        request: RequestId,
        operator: &[u8; 32],
    ) -> Result<Option<String>, StoreError> {
        jobs::skipped(&self.connection(), request, operator)
    }

    fn skips_of(&self, requests: &[RequestId]) -> Result<Vec<SeatId>, StoreError> {
        many::skips(&self.connection(), requests)
    }

    fn insert_attempt(&self, attempt: &NewAttempt) -> Result<i64, StoreError> {
        attempts::insert(&mut self.connection(), attempt)
    }

    fn mark_sent(&self, id: i64) -> Result<(), StoreError> {
        attempts::mark_sent(&self.connection(), id)
    }

    fn set_attempt_state(
        &self,
        id: i64,
        state: AttemptState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        attempts::set_state(&self.connection(), id, state, reason)
    }

    fn live_nonces(&self, signer: &[u8; 32]) -> Result<Vec<u64>, StoreError> {
        attempts::live_nonces(&self.connection(), signer)
    }
    fn unrevealed_requests(&self) -> Result<Vec<RequestId>, StoreError> {
        many::unrevealed(&self.connection())
    }

    fn live_attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        attempts::live(&self.connection())
    }

    fn add_failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
        reason: &str,
    ) -> Result<u32, StoreError> {
        attempts::add_failure(&self.connection(), entry, purpose, reason)
    }

    fn failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
    ) -> Result<Option<FailureRecord>, StoreError> {
        attempts::failure(&self.connection(), entry, purpose)
    }

    fn failures_of(&self, requests: &[RequestId]) -> Result<Vec<SeatFailures>, StoreError> {
        many::failures(&self.connection(), requests)
    }

    fn count_jobs(&self, state: JobState) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM jobs WHERE state = ?1";
        let connection = self.connection();
        let mut query = connection.prepare_cached(sql)?;
        from_sql(query.query_row([state.name()], |row| row.get(0))?)
    }

    fn count_attempts(&self, purpose: Purpose, state: AttemptState) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM attempts WHERE purpose = ?1 AND state = ?2";
        let connection = self.connection();
        let mut query = connection.prepare_cached(sql)?;
        let names = [purpose.name(), state.name()];
        from_sql(query.query_row(names, |row| row.get(0))?)
    }

    fn count_skips(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM skips";
        from_sql(self.connection().query_row(sql, [], |row| row.get(0))?)
    }

    fn published(&self, digest: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT document FROM jobs
                   WHERE evidence = ?1 AND state IN ('revealed', 'ended') AND length(document) > 0";
        let connection = self.connection();
        let found = connection.query_row(sql, [digest], |row| row.get(0));
        Ok(found.optional()?)
    }

    fn evidence(&self, request: Option<RequestId>) -> Result<Vec<Evidence>, StoreError> {
        let sql = "SELECT request_id, operator, evidence, document, state IN ('revealed', 'ended')
                   FROM jobs WHERE (?1 IS NULL OR request_id = ?1) AND length(document) > 0 ORDER BY request_id, operator";
        let connection = self.connection();
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query([request.map(to_sql).transpose()?])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(Evidence {
                request_id: from_sql(row.get(0)?)?,
                operator: bytes32("operator", row.get(1)?)?,
                digest: bytes32("evidence", row.get(2)?)?,
                document: row.get(3)?,
                public: row.get(4)?,
            });
        }
        Ok(all)
    }

    fn prune(&self, rule: &PruneRule) -> Result<PruneResult, StoreError> {
        retention::prune(&mut self.connection(), rule)
    }

    fn check(&self) -> Result<(), StoreError> {
        let sql = "PRAGMA quick_check(1)";
        let found: String = self.connection().query_row(sql, [], |row| row.get(0))?;
        if found == "ok" {
            return Ok(());
        }
        Err(StoreError::damaged("database", found))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

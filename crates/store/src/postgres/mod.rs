//! The store's database on a PostgreSQL server, which several replicas share.

mod attempts;
mod jobs;
mod leases;
mod link;
mod many;
mod retention;
mod schema;
mod session;
mod tls;
mod url;

pub use url::{DatabaseUrl, SharedDatabase, UrlSource};

use super::{
    attempts::{Attempt, AttemptState, NewAttempt, Purpose, SeatId},
    database::{Database, FailureRecord},
    from_sql,
    jobs::{Answered, Job, JobState, JobUpdate, Skip},
    retention::{PruneResult, PruneRule},
    seat_records::SeatFailures,
    secret::SaltSecrets,
    stats::Evidence,
    StoreError, StoreIdentity,
};
use futures::FutureExt;
use link::DatabaseThread;
use llm_oracle_primitives::{digest, Hash, RequestId};
use std::{borrow::Cow, io, path::Path, sync::Arc};

/// Random bytes that identify the writer of a row: a replica, or one call of it.
type Mark = [u8; 16];

/// Key of the digest of a salt secret, before its number.
const SECRET_KEY: &str = "salt-secret-";

fn mark() -> Result<Mark, StoreError> {
    let mut mark = [0; 16];
    llm_oracle_support::random::fill(&mut mark)
        .map_err(|error| StoreError::damaged("source of randomness", error))?;
    Ok(mark)
}

/// Text without zero characters, which PostgreSQL does not accept and models may produce.
fn printable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A PostgreSQL database, as one replica sees it.
pub struct Postgres {
    link: DatabaseThread,
    /// Drawn at every start, so that two processes differ.
    replica: Mark,
    lease_ms: i64,
}

impl Postgres {
    /// Connects, migrates the tables, and binds them to `identity`.
    pub(super) fn open(
        shared: &SharedDatabase,
        identity: &StoreIdentity,
    ) -> Result<Self, StoreError> {
        let this = Self::over(shared, false)?;
        let (identity, place) = (*identity, shared.place());
        this.link.run(move |session, _| {
            let place = place.clone();
            async move {
                schema::migrate(session, &place).await?;
                schema::bind(session, &identity).await?;
                schema::check_guards(session).await
            }
            .boxed()
        })?;
        Ok(this)
    }

    /// Connects for reading, while replicas work with the database.
    pub(super) fn open_to_read(shared: &SharedDatabase) -> Result<Self, StoreError> {
        let this = Self::over(shared, true)?;
        let exists = this
            .link
            .run(|session, _| schema::exists(session).boxed())?;
        if !exists {
            return Err(StoreError::Io {
                path: shared.place().into(),
                source: io::Error::new(io::ErrorKind::NotFound, "no relayer has worked with it"),
            });
        }
        Ok(this)
    }

    fn over(shared: &SharedDatabase, reads_only: bool) -> Result<Self, StoreError> {
        Ok(Self {
            link: DatabaseThread::new(shared, reads_only)?,
            replica: mark()?,
            lease_ms: shared.lease_ms.into(),
        })
    }

    /// Numbers of the salt secrets that answers in this database were made with.
    pub(super) fn secret_numbers(&self) -> Result<Vec<u32>, StoreError> {
        self.link.run(move |session, _| {
            async move {
                let sql = "SELECT substr(key, 13)::bigint FROM meta WHERE key LIKE 'salt-secret-%'
                           ORDER BY 1";
                let rows = session.rows(sql, &[]).await?;
                let read = |row: &tokio_postgres::Row| {
                    let number = u32::try_from(row.try_get::<_, i64>(0)?);
                    Ok(number.map_err(|error| StoreError::damaged("meta", error))?)
                };
                rows.iter().map(read).collect()
            }
            .boxed()
        })
    }

    /// Records digests of these secrets, and refuses a secret that differs from the recorded digest.
    pub(super) fn bind_secrets(
        &self,
        secrets: &SaltSecrets,
        directory: &Path,
    ) -> Result<(), StoreError> {
        for (number, secret) in secrets.all() {
            let tag = b"llm-oracle/salt-secret/1".as_slice();
            let made = digest::blake2(&[tag, &number.to_le_bytes(), secret].concat());
            let key = format!("{SECRET_KEY}{number}");
            let found = self.link.run(move |session, _| {
                let key = key.clone();
                async move { schema::keep_first(session, &key, &made).await }.boxed()
            })?;
            if found != made {
                let path = directory.to_owned();
                return Err(StoreError::OtherSecret { path, number });
            }
        }
        Ok(())
    }
}

/// Runs `$work` on a session. The names are cloned into every run: an operation may run twice.
macro_rules! on_session {
    ($self:ident, |$session:ident, $again:ident| [$($name:ident),*] $work:expr) => {
        $self.link.run(move |$session, $again| {
            let _ = $again;
            $(let $name = $name.clone();)*
            async move { $work.await }.boxed()
        })
    };
}

impl Database for Postgres {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.to_owned();
        on_session!(self, |session, again| [key] async {
            let sql = "SELECT value FROM meta WHERE key = $1";
            session.value(sql, &[&key]).await
        })
    }

    fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_vec());
        on_session!(self, |session, again| [key, value] async {
            let sql = "INSERT INTO meta (key, value) VALUES ($1, $2)
                       ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            session.execute(sql, &[&key, &value]).await.map(drop)
        })
    }

    fn remove_meta(&self, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        on_session!(self, |session, again| [key] async {
            session.execute("DELETE FROM meta WHERE key = $1", &[&key]).await.map(drop)
        })
    }

    fn insert_answers(&self, answers: &[Answered]) -> Result<Vec<bool>, StoreError> {
        let (answers, writer) = (Arc::new(answers.to_vec()), mark()?);
        on_session!(self, |session, again| [answers] jobs::insert(session, &answers, &writer))
    }

    fn job(&self, request: RequestId, operator: &[u8; 32]) -> Result<Option<Job>, StoreError> {
        let operator = *operator;
        on_session!(self, |session, again| [] jobs::read(session, request, &operator))
    }

    fn jobs(&self, limit: u32) -> Result<Vec<Job>, StoreError> {
        on_session!(self, |session, again| [] jobs::newest(session, limit))
    }

    fn has_jobs(&self) -> Result<bool, StoreError> {
        on_session!(self, |session, again| [] async {
            let any = session.value("SELECT EXISTS (SELECT 1 FROM jobs)", &[]).await?;
            Ok(any.unwrap_or(false))
        })
    }

    fn jobs_of(&self, requests: &[RequestId]) -> Result<Vec<Job>, StoreError> {
        let requests = Arc::new(requests.to_vec());
        on_session!(self, |session, again| [requests] many::jobs(session, &requests))
    }

    fn set_job_states(&self, notes: &[JobUpdate]) -> Result<(), StoreError> {
        let notes = Arc::new(notes.to_vec());
        on_session!(self, |session, again| [notes] many::set_states(session, &notes))
    }

    fn set_submitted(&self, entries: &[SeatId], at_ms: i64) -> Result<(), StoreError> {
        let entries = Arc::new(entries.to_vec());
        on_session!(self, |session, again| [entries] many::set_submitted(session, &entries, at_ms))
    }

    fn insert_skip(&self, skip: &Skip) -> Result<(), StoreError> {
        let skip = skip.clone();
        on_session!(self, |session, again| [skip] jobs::insert_skip(session, &skip))
    }

    fn append_skip(&self, skip: &Skip) -> Result<(), StoreError> {
        let skip = skip.clone();
        on_session!(self, |session, again| [skip] jobs::append_skip(session, &skip))
    }

    fn skipped(
        &self,
        request: RequestId,
        operator: &[u8; 32],
    ) -> Result<Option<String>, StoreError> {
        let operator = *operator;
        on_session!(self, |session, again| [] jobs::skipped(session, request, &operator))
    }

    fn skips_of(&self, requests: &[RequestId]) -> Result<Vec<SeatId>, StoreError> {
        let requests = Arc::new(requests.to_vec());
        on_session!(self, |session, again| [requests] many::skips(session, &requests))
    }

    fn insert_attempt(&self, attempt: &NewAttempt) -> Result<i64, StoreError> {
        let (attempt, replica) = (Arc::new(attempt.clone()), self.replica);
        on_session!(self, |session, again| [attempt]
            attempts::insert(session, &attempt, &replica, again))
    }

    fn mark_sent(&self, id: i64) -> Result<(), StoreError> {
        on_session!(self, |session, again| [] attempts::mark_sent(session, id))
    }

    fn set_attempt_state(
        &self,
        id: i64,
        state: AttemptState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        let (reason, closer) = (reason.map(str::to_owned), mark()?);
        on_session!(self, |session, again| [reason]
            attempts::set_state(session, id, state, reason.as_deref(), &closer))
    }

    fn live_nonces(&self, signer: &[u8; 32]) -> Result<Vec<u64>, StoreError> {
        let signer = *signer;
        on_session!(self, |session, again| [] attempts::live_nonces(session, &signer))
    }
    fn unrevealed_requests(&self) -> Result<Vec<RequestId>, StoreError> {
        on_session!(self, |session, again| [] many::unrevealed(session))
    }

    fn live_attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        on_session!(self, |session, again| [] attempts::live(session))
    }

    fn add_failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
        reason: &str,
    ) -> Result<u32, StoreError> {
        let (entry, reason, writer) = (*entry, reason.to_owned(), mark()?);
        on_session!(self, |session, again| [reason]
            attempts::add_failure(session, &entry, purpose, &reason, &writer))
    }

    fn failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
    ) -> Result<Option<FailureRecord>, StoreError> {
        let entry = *entry;
        on_session!(self, |session, again| [] attempts::failure(session, &entry, purpose))
    }

    fn failures_of(&self, requests: &[RequestId]) -> Result<Vec<SeatFailures>, StoreError> {
        let requests = Arc::new(requests.to_vec());
        on_session!(self, |session, again| [requests] many::failures(session, &requests))
    }

    fn count_jobs(&self, state: JobState) -> Result<u64, StoreError> {
        on_session!(self, |session, again| [] async {
            let sql = "SELECT count(*) FROM jobs WHERE state = $1";
            let count: Option<i64> = session.value(sql, &[&state.name()]).await?;
            Ok(from_sql(count.unwrap_or_default())?)
        })
    }

    fn count_attempts(&self, purpose: Purpose, state: AttemptState) -> Result<u64, StoreError> {
        on_session!(self, |session, again| [] async {
            let sql = "SELECT count(*) FROM attempts WHERE purpose = $1 AND state = $2";
            let count: Option<i64> = session.value(sql, &[&purpose.name(), &state.name()]).await?;
            Ok(from_sql(count.unwrap_or_default())?)
        })
    }

    fn count_skips(&self) -> Result<u64, StoreError> {
        on_session!(self, |session, again| [] async {
            let count: Option<i64> = session.value("SELECT count(*) FROM skips", &[]).await?;
            Ok(from_sql(count.unwrap_or_default())?)
        })
    }

    fn published(&self, digest: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let digest = *digest;
        on_session!(self, |session, again| [] async {
            let sql = "SELECT document FROM jobs
                       WHERE evidence = $1 AND state IN ('revealed', 'ended')
                       AND octet_length(document) > 0 LIMIT 1";
            session.value(sql, &[&digest.as_slice()]).await
        })
    }

    fn evidence(&self, request: Option<RequestId>) -> Result<Vec<Evidence>, StoreError> {
        on_session!(self, |session, again| [] jobs::evidence(session, request))
    }

    fn prune(&self, rule: &PruneRule) -> Result<PruneResult, StoreError> {
        let rule = *rule;
        on_session!(self, |session, again| [] retention::prune(session, &rule))
    }

    fn check(&self) -> Result<(), StoreError> {
        on_session!(self, |session, again| [] schema::check_guards(session))
    }

    fn lease(&self, wanted: &[RequestId]) -> Result<Vec<RequestId>, StoreError> {
        let (wanted, replica, lease_ms) = (Arc::new(wanted.to_vec()), self.replica, self.lease_ms);
        on_session!(self, |session, again| [wanted]
            leases::take(session, &wanted, &replica, lease_ms))
    }

    fn release_leases(&self) -> Result<(), StoreError> {
        let replica = self.replica;
        on_session!(self, |session, again| [] leases::release(session, &replica))
    }

    fn held_elsewhere(&self) -> Result<Vec<i64>, StoreError> {
        let replica = self.replica;
        on_session!(self, |session, again| [] attempts::held_elsewhere(session, &replica))
    }
}

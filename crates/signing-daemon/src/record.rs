//! What was signed first, for ever: one row for each request and operator of a deployment.

use crate::{
    database::{connect, RETIREMENT, VERSION_RETIRED},
    decision::SignedDecision,
    error::{SigningDaemonError, SigningRefusal},
    private_folder::{io_error, private_folder},
};
use llm_oracle_primitives::{AccountId, DeploymentId, Hash, RequestId};
use rusqlite::{ffi, Connection, OptionalExtension, TransactionBehavior};
use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many rows of an import were written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MergeCounts {
    /// Rows that were new, or said more than the record did.
    pub(crate) written: usize,
    /// Rows that the record had already.
    pub(crate) known: usize,
}

/// Name of the database in the folder of the record.
const FILE: &str = "signed.sqlite";

/// An open record, locked against every other process. Dropping it releases the lock.
pub(crate) struct SigningRecord {
    database: Mutex<Connection>,
    _lock: File,
}

impl SigningRecord {
    /// Opens or makes the record in a folder that only the daemon's user may enter.
    ///
    /// # Errors
    /// `Locked`, `OpenFolder`, `Database`, `Io`.
    pub(crate) fn open(folder: &Path) -> Result<Self, SigningDaemonError> {
        private_folder(folder)?;
        let lock = lock(folder)?;
        let path = folder.join(FILE);
        Ok(Self {
            database: Mutex::new(connect(&path)?),
            _lock: lock,
        })
    }

    /// Opens the record, which has to be there.
    ///
    /// # Errors
    /// `NoRecord`, or as [`SigningRecord::open`].
    pub(crate) fn open_existing(folder: &Path) -> Result<Self, SigningDaemonError> {
        match folder.join(FILE).try_exists() {
            Ok(true) => Self::open(folder),
            Ok(false) => Err(SigningDaemonError::NoRecord {
                path: folder.to_owned(),
            }),
            Err(error) => Err(io_error(folder)(error)),
        }
    }

    /// Writes to disk what is about to be signed, or refuses all of it.
    ///
    /// # Errors
    /// `ConflictingCommitment`, `ConflictingAnswer`, `Record`.
    pub(crate) fn insert(
        &self,
        deployment: &DeploymentId,
        decisions: &[SignedDecision],
    ) -> Result<(), SigningRefusal> {
        let failed = |error: rusqlite::Error| SigningRefusal::Record(error.to_string());
        let mut database = self.database();
        let write = database.transaction().map_err(failed)?;
        let mut changed = false;
        for decision in decisions {
            changed |= insert_one(&write, deployment, decision)?;
        }
        // Nothing changed: no write, and so no sync.
        if changed {
            write.commit().map_err(failed)?;
        }
        Ok(())
    }

    /// Writes the rows of another record, or none of them.
    ///
    /// # Errors
    /// `Retired`, `Conflict` with the row, `Database`.
    pub(crate) fn merge(
        &self,
        deployment: &DeploymentId,
        decisions: &[SignedDecision],
    ) -> Result<MergeCounts, MergeError> {
        let failed = |error: rusqlite::Error| MergeError::Database(error.to_string());
        let mut database = self.database();
        let write = database
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        if is_retired(&write, deployment).map_err(failed)? {
            return Err(MergeError::Retired);
        }
        let mut counts = MergeCounts::default();
        for decision in decisions {
            let written = insert_one(&write, deployment, decision);
            let written = written.map_err(|refusal| match refusal {
                SigningRefusal::Record(reason) => MergeError::Database(reason),
                refusal => MergeError::Conflict {
                    operator: decision.operator,
                    request_id: decision.request_id,
                    refusal,
                },
            })?;
            let count = if written {
                &mut counts.written
            } else {
                &mut counts.known
            };
            *count = count.saturating_add(1);
        }
        write.commit().map_err(failed)?;
        Ok(counts)
    }

    /// All rows of a deployment, by operator and request, after a check of the whole database.
    ///
    /// # Errors
    /// What SQLite says, or what its check finds.
    pub(crate) fn rows(&self, deployment: &DeploymentId) -> Result<Vec<SignedDecision>, String> {
        let failed = |error: rusqlite::Error| error.to_string();
        let mut database = self.database();
        let read = database.transaction().map_err(failed)?;
        let sql = "PRAGMA integrity_check(1)";
        let found: String = read.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
        if found != "ok" {
            return Err(format!("it is damaged: {found}"));
        }
        let sql = "SELECT operator, request_id, commitment, evidence, answer FROM signed
                   WHERE domain = ?1 AND contract = ?2 ORDER BY operator, request_id";
        let mut query = read.prepare(sql).map_err(failed)?;
        let rows = query
            .query_map((deployment.domain, deployment.contract), |row| {
                Ok(SignedDecision {
                    operator: AccountId::from(row.get::<_, Hash>(0)?),
                    request_id: request_id(row.get(1)?)?,
                    commitment: row.get(2)?,
                    evidence: row.get(3)?,
                    answer: row.get(4)?,
                })
            })
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    /// Whether the keys of a deployment have moved to another record.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn is_retired(&self, deployment: &DeploymentId) -> Result<bool, String> {
        is_retired(&self.database(), deployment).map_err(|error| error.to_string())
    }

    /// Marks a deployment as moved, durably and for ever. Nothing is signed for it from this record again.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn retire(&self, deployment: &DeploymentId) -> Result<(), String> {
        let failed = |error: rusqlite::Error| error.to_string();
        let mut database = self.database();
        let write = database.transaction().map_err(failed)?;
        write.execute_batch(RETIREMENT).map_err(failed)?;
        let sql = "INSERT INTO retired (domain, contract) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        write
            .execute(sql, (deployment.domain, deployment.contract))
            .map_err(failed)?;
        write
            .pragma_update(None, "user_version", VERSION_RETIRED)
            .map_err(failed)?;
        write.commit().map_err(failed)
    }

    /// A panic while it was locked has rolled its transaction back, so the connection is usable.
    fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why another record was not merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MergeError {
    /// This record is retired.
    Retired,
    /// A row contradicts this record.
    Conflict {
        /// Operator of the row.
        operator: AccountId,
        /// Request of the row.
        request_id: RequestId,
        /// What it contradicts.
        refusal: SigningRefusal,
    },
    /// What SQLite says.
    Database(String),
}

fn request_id(stored: i64) -> rusqlite::Result<RequestId> {
    RequestId::try_from(stored).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(1, stored))
}

fn is_retired(database: &Connection, deployment: &DeploymentId) -> rusqlite::Result<bool> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'retired')";
    if !database.query_row(sql, [], |row| row.get::<_, bool>(0))? {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM retired WHERE domain = ?1 AND contract = ?2)";
    database.query_row(sql, (deployment.domain, deployment.contract), |row| {
        row.get(0)
    })
}

/// Writes one row. Tells whether it is new or says more than before.
fn insert_one(
    write: &Connection,
    deployment: &DeploymentId,
    decision: &SignedDecision,
) -> Result<bool, SigningRefusal> {
    let id = decision.request_id;
    let failed = |error: rusqlite::Error| refusal(id, &error);
    let request = i64::try_from(id)
        .map_err(|_| SigningRefusal::Record(format!("request {id} is out of range")))?;
    let operator: &[u8; 32] = decision.operator.as_ref();
    let sql =
        "SELECT commitment = ?5 AND evidence = ?6 AND (?7 IS NULL OR answer IS ?7) FROM signed
               WHERE domain = ?1 AND contract = ?2 AND request_id = ?3 AND operator = ?4";
    let values = (
        deployment.domain,
        deployment.contract,
        request,
        operator,
        decision.commitment,
        decision.evidence,
        decision.answer,
    );
    let mut query = write.prepare_cached(sql).map_err(failed)?;
    let same: Option<bool> = query
        .query_row(values, |row| row.get(0))
        .optional()
        .map_err(failed)?;
    if same == Some(true) {
        return Ok(false);
    }
    let sql = "INSERT INTO signed
               (domain, contract, request_id, operator, commitment, evidence, answer)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
               ON CONFLICT DO UPDATE SET commitment = excluded.commitment,
               evidence = excluded.evidence, answer = coalesce(excluded.answer, answer)";
    let mut query = write.prepare_cached(sql).map_err(failed)?;
    query.execute(values).map_err(failed)?;
    Ok(true)
}

fn refusal(id: RequestId, error: &rusqlite::Error) -> SigningRefusal {
    let rusqlite::Error::SqliteFailure(code, Some(text)) = error else {
        return SigningRefusal::Record(error.to_string());
    };
    match (code.extended_code, text.as_str()) {
        (ffi::SQLITE_CONSTRAINT_TRIGGER, "conflicting commitment") => {
            SigningRefusal::ConflictingCommitment(id)
        }
        (ffi::SQLITE_CONSTRAINT_TRIGGER, "conflicting answer") => {
            SigningRefusal::ConflictingAnswer(id)
        }
        _ => SigningRefusal::Record(error.to_string()),
    }
}

fn lock(folder: &Path) -> Result<File, SigningDaemonError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(&path).map_err(io_error(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SigningDaemonError::Locked {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(SigningDaemonError::Io { path, source }),
    }
}

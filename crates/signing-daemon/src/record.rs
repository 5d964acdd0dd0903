//! What was signed first, for ever: one row for each request and operator of a deployment.

use super::{GuardError, Refusal};
use llm_oracle_primitives::{AccountId, Hash, RequestId};
use rusqlite::{ffi, Connection, OptionalExtension};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// What an operator is about to say on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The request.
    pub request_id: RequestId,
    /// The operator.
    pub operator: AccountId,
    /// Its commitment.
    pub commitment: Hash,
    /// Digest of its evidence.
    pub evidence: Hash,
    /// Digest of its answer, when that is what is signed.
    pub answer: Option<Hash>,
}

/// The rule is in the database: whatever the code above does, a row never says anything else.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS signed (
    domain     BLOB NOT NULL CHECK (length(domain) = 32),
    contract   BLOB NOT NULL CHECK (length(contract) = 32),
    request_id INTEGER NOT NULL,
    operator   BLOB NOT NULL CHECK (length(operator) = 32),
    commitment BLOB NOT NULL CHECK (length(commitment) = 32),
    evidence   BLOB NOT NULL CHECK (length(evidence) = 32),
    answer     BLOB CHECK (length(answer) = 32),
    PRIMARY KEY (domain, contract, request_id, operator)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS one_place
BEFORE UPDATE OF domain, contract, request_id, operator ON signed
BEGIN SELECT RAISE(ABORT, 'what was signed stays where it is'); END;

CREATE TRIGGER IF NOT EXISTS one_answer
BEFORE UPDATE ON signed
WHEN NEW.commitment IS NOT OLD.commitment OR NEW.evidence IS NOT OLD.evidence
    OR (OLD.answer IS NOT NULL AND NEW.answer IS NOT OLD.answer)
BEGIN
    SELECT CASE WHEN OLD.answer IS NOT NULL AND NEW.answer IS NOT OLD.answer
        THEN RAISE(ABORT, 'conflicting answer')
        ELSE RAISE(ABORT, 'conflicting commitment') END;
END;

CREATE TRIGGER IF NOT EXISTS kept
BEFORE DELETE ON signed
BEGIN SELECT RAISE(ABORT, 'what was signed is never forgotten'); END;
";

/// Version of the tables above.
const VERSION: i64 = 1;

/// An open record. Dropping it gives its lock back.
pub(super) struct Record {
    database: Mutex<Connection>,
    _lock: File,
}

impl Record {
    /// Opens or makes the record in a folder that nobody else may enter.
    pub(super) fn open(folder: &Path) -> Result<Self, GuardError> {
        private_folder(folder)?;
        let lock = lock(folder)?;
        let path = folder.join("signed.sqlite");
        Ok(Self {
            database: Mutex::new(connect(&path)?),
            _lock: lock,
        })
    }

    /// Writes down what is about to be signed, synced, or refuses all of it.
    pub(super) fn note(
        &self,
        domain: &Hash,
        contract: &AccountId,
        decisions: &[Decision],
    ) -> Result<(), Refusal> {
        let contract: &[u8; 32] = contract.as_ref();
        let failed = |error: rusqlite::Error| Refusal::Record(error.to_string());
        // A panic while it was locked rolled its transaction back.
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let write = database.transaction().map_err(failed)?;
        let mut changed = false;
        for decision in decisions {
            changed |= note_one(&write, domain, contract, decision)?;
        }
        // What was all there needs no write, and so no sync.
        if changed {
            write.commit().map_err(failed)?;
        }
        Ok(())
    }
}

/// Whether the row is new or says more than before.
fn note_one(
    write: &Connection,
    domain: &Hash,
    contract: &[u8; 32],
    decision: &Decision,
) -> Result<bool, Refusal> {
    let id = decision.request_id;
    let failed = |error: rusqlite::Error| refusal(id, &error);
    let request =
        i64::try_from(id).map_err(|_| Refusal::Record(format!("request {id} is out of range")))?;
    let operator: &[u8; 32] = decision.operator.as_ref();
    let sql =
        "SELECT commitment = ?5 AND evidence = ?6 AND (?7 IS NULL OR answer IS ?7) FROM signed
               WHERE domain = ?1 AND contract = ?2 AND request_id = ?3 AND operator = ?4";
    let values = (
        domain,
        contract,
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

fn refusal(id: RequestId, error: &rusqlite::Error) -> Refusal {
    let rusqlite::Error::SqliteFailure(code, Some(text)) = error else {
        return Refusal::Record(error.to_string());
    };
    match (code.extended_code, text.as_str()) {
        (ffi::SQLITE_CONSTRAINT_TRIGGER, "conflicting commitment") => {
            Refusal::ConflictingCommitment(id)
        }
        (ffi::SQLITE_CONSTRAINT_TRIGGER, "conflicting answer") => Refusal::ConflictingAnswer(id),
        _ => Refusal::Record(error.to_string()),
    }
}

fn connect(path: &Path) -> Result<Connection, GuardError> {
    let ill = |reason: String| GuardError::Database {
        path: path.to_owned(),
        reason,
    };
    let failed = |error: rusqlite::Error| ill(error.to_string());
    let database = Connection::open(path).map_err(failed)?;
    let pragma =
        |name: &str, value: &dyn rusqlite::ToSql| database.pragma_update(None, name, value);
    // Without it, REPLACE deletes rows past the triggers.
    pragma("recursive_triggers", &true).map_err(failed)?;
    pragma("journal_mode", &"WAL").map_err(failed)?;
    pragma("synchronous", &"FULL").map_err(failed)?;
    // Read back: some file systems and builds quietly keep another value.
    let number = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let mode = database.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    let (mode, sync) = (
        mode.map_err(failed)?,
        number("synchronous").map_err(failed)?,
    );
    if mode != "wal" || sync != 2 {
        return Err(ill(format!(
            "it does not sync every write (journal {mode}, synchronous {sync}); use a local file system"
        )));
    }
    let version = number("user_version").map_err(failed)?;
    if version > VERSION {
        return Err(ill(format!(
            "version {version} was written by a newer version of this program; use that one"
        )));
    }
    database.execute_batch(TABLES).map_err(failed)?;
    pragma("user_version", &VERSION).map_err(failed)?;
    Ok(database)
}

fn lock(folder: &Path) -> Result<File, GuardError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(&path).map_err(io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(GuardError::Locked {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(GuardError::Io { path, source }),
    }
}

/// Makes the folder with mode 0700, or checks the one that is there.
pub(super) fn private_folder(folder: &Path) -> Result<(), GuardError> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(io(folder))?;
    let found = fs::metadata(folder).map_err(io(folder))?;
    match found.permissions().mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(GuardError::OpenFolder {
            path: folder.to_owned(),
            mode,
        }),
    }
}

pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> GuardError + '_ {
    move |source| GuardError::Io {
        path: path.to_owned(),
        source,
    }
}

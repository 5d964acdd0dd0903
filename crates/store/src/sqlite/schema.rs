//! The database's tables, its durability settings, and its deployment.

use super::retention;
use crate::{StoreError, StoreIdentity};
use rusqlite::{Connection, OptionalExtension};
use rusqlite_migration::{Migrations, M};
use std::{path::Path, time::Duration};

/// Rules that must hold whatever the calling code does are constraints here: one answer for each request
/// and operator, immutable once written, and no transaction twice.
const VERSION_1: &str = "
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE jobs (
    request_id      INTEGER NOT NULL,
    operator        BLOB NOT NULL CHECK (length(operator) = 32),
    terms_digest    BLOB NOT NULL CHECK (length(terms_digest) = 32),
    answer          BLOB NOT NULL,
    document        BLOB NOT NULL,
    evidence        BLOB NOT NULL CHECK (length(evidence) = 32),
    salt_secret     INTEGER NOT NULL,
    commitment      BLOB NOT NULL CHECK (length(commitment) = 32),
    model           TEXT NOT NULL,
    model_ms        INTEGER NOT NULL,
    seen_at_ms      INTEGER NOT NULL,
    answered_at_ms  INTEGER NOT NULL,
    submitted_at_ms INTEGER,
    state           TEXT NOT NULL DEFAULT 'answered',
    reason          TEXT,
    PRIMARY KEY (request_id, operator)
) STRICT;

CREATE TRIGGER jobs_answer_is_final
BEFORE UPDATE OF request_id, operator, terms_digest, answer, document, evidence, salt_secret, commitment ON jobs
BEGIN SELECT RAISE(ABORT, 'an answer never changes once it is recorded'); END;

CREATE TRIGGER jobs_are_kept
BEFORE DELETE ON jobs
BEGIN SELECT RAISE(ABORT, 'an answer is never forgotten'); END;

CREATE TABLE attempts (
    id           INTEGER PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    bytes        BLOB NOT NULL,
    carrier      BLOB NOT NULL CHECK (length(carrier) = 32),
    nonce        INTEGER NOT NULL,
    valid_until  INTEGER NOT NULL,
    purpose      TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'signed',
    reason       TEXT,
    signed_at_ms INTEGER NOT NULL,
    sent_at_ms   INTEGER,
    closed_at_ms INTEGER
) STRICT;

CREATE INDEX attempts_open ON attempts (state);

CREATE UNIQUE INDEX attempts_one_live_per_nonce ON attempts (carrier, nonce)
WHERE state IN ('signed', 'broadcast', 'in_block');

CREATE TABLE attempt_entries (
    attempt    INTEGER NOT NULL REFERENCES attempts (id),
    request_id INTEGER NOT NULL,
    operator   BLOB NOT NULL CHECK (length(operator) = 32),
    PRIMARY KEY (attempt, request_id, operator)
) STRICT, WITHOUT ROWID;

CREATE TABLE failures (
    request_id INTEGER NOT NULL,
    operator   BLOB NOT NULL CHECK (length(operator) = 32),
    purpose    TEXT NOT NULL,
    count      INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (request_id, operator, purpose)
) STRICT, WITHOUT ROWID;

CREATE TABLE skips (
    request_id INTEGER NOT NULL,
    operator   BLOB NOT NULL CHECK (length(operator) = 32),
    reason     TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (request_id, operator)
) STRICT, WITHOUT ROWID;
";

/// Evidence is asked for by its digest, and answers are counted by their state.
const JOB_INDICES: &str = "
CREATE INDEX jobs_by_evidence ON jobs (evidence);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX attempts_by_purpose ON attempts (purpose, state);
";

/// An answer has a confidence from version 3 of the interface on; those recorded before have none.
const CONFIDENCE: &str = "
ALTER TABLE jobs ADD COLUMN confidence INTEGER CHECK (confidence BETWEEN 0 AND 100);

DROP TRIGGER jobs_answer_is_final;

CREATE TRIGGER jobs_answer_is_final
BEFORE UPDATE OF request_id, operator, terms_digest, answer, confidence, document, evidence, salt_secret,
    commitment ON jobs
BEGIN SELECT RAISE(ABORT, 'an answer never changes once it is recorded'); END;
";

/// Statements that stay prepared; there are fewer.
const PREPARED_MOST: usize = 64;

/// Opens and migrates the database, and checks that its writes are synced.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    make_private_file(path)?;
    let mut database = Connection::open(path)?;
    database.set_prepared_statement_cache_capacity(PREPARED_MOST);
    database.busy_timeout(Duration::from_secs(5))?;
    database.pragma_update(None, "foreign_keys", true)?;
    // Without it, REPLACE deletes rows past the triggers.
    database.pragma_update(None, "recursive_triggers", true)?;
    expect_pragma(&database, "journal_mode", "WAL", "wal")?;
    expect_pragma(&database, "synchronous", "FULL", "2")?;
    migrate(&mut database, path)?;
    Ok(database)
}

/// The same tables and constraints, in memory.
pub(super) fn in_memory() -> Result<Connection, StoreError> {
    let mut database = Connection::open_in_memory()?;
    database.pragma_update(None, "foreign_keys", true)?;
    database.pragma_update(None, "recursive_triggers", true)?;
    migrate(&mut database, Path::new(":memory:"))?;
    Ok(database)
}

/// One for each version of the tables. Never changed once released.
fn migrations() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(VERSION_1),
        M::up(JOB_INDICES),
        M::up(CONFIDENCE),
        M::up(retention::MIGRATION),
    ])
}

fn migrate(database: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrations()
        .to_latest(database)
        .map_err(|error| match error {
            rusqlite_migration::Error::MigrationDefinition(
                rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
            ) => StoreError::TooNew {
                path: path.to_owned(),
            },
            rusqlite_migration::Error::RusqliteError { err, .. } => err.into(),
            other => StoreError::damaged("schema", other),
        })
}

fn make_private_file(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(path);
    file.map(drop).map_err(StoreError::io(path))
}

/// Sets a pragma and reads it back: some file systems and builds quietly keep another value.
fn expect_pragma(
    database: &Connection,
    pragma: &'static str,
    value: &str,
    wanted: &'static str,
) -> Result<(), StoreError> {
    // journal_mode answers with a row when it is set; synchronous does not.
    database
        .query_row(&format!("PRAGMA {pragma} = {value}"), [], |_| Ok(()))
        .optional()?;
    let found = database.query_row(&format!("PRAGMA {pragma}"), [], |row| {
        row.get::<_, rusqlite::types::Value>(0)
    })?;
    let found = match found {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if found == wanted {
        Ok(())
    } else {
        Err(StoreError::NotDurable {
            pragma,
            found,
            wanted,
        })
    }
}

/// Records the store's deployment on first use, and compares it on every later use.
pub(super) fn bind(database: &mut Connection, identity: &StoreIdentity) -> Result<(), StoreError> {
    let parts: [(&'static str, [u8; 32]); 3] = [
        ("chain", identity.genesis),
        ("contract", identity.contract),
        ("deployment", identity.domain),
    ];
    let write = database.transaction()?;
    for (what, wanted) in parts {
        match read_meta(&write, what)? {
            None => write_meta(&write, what, &wanted)?,
            Some(found) if found == wanted => {}
            Some(found) => {
                return Err(StoreError::Foreign {
                    what,
                    found: format!("0x{}", hex::encode(found)),
                    wanted: format!("0x{}", hex::encode(wanted)),
                });
            }
        }
    }
    write.commit()?;
    Ok(())
}

pub(super) fn read_meta(database: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    Ok(database
        .query_row(sql, [key], |row| row.get(0))
        .optional()?)
}

pub(super) fn write_meta(database: &Connection, key: &str, value: &[u8]) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2)
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    database.execute(sql, (key, value))?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{sample::answered, sqlite::jobs};

    #[test]
    fn an_answer_of_version_2_has_no_confidence_and_gets_none() {
        let mut database = Connection::open_in_memory().unwrap();
        migrations().to_version(&mut database, 2).unwrap();
        let sql = "INSERT INTO jobs (request_id, operator, terms_digest, answer, document, evidence,
                   salt_secret, commitment, model, model_ms, seen_at_ms, answered_at_ms)
                   VALUES (6, zeroblob(32), zeroblob(32), x'0101', x'', zeroblob(32), 1, zeroblob(32),
                   'm', 0, 0, 0)";
        database.execute(sql, []).unwrap();
        migrate(&mut database, Path::new(":memory:")).unwrap();
        let old = jobs::read(&database, 6, &[0; 32]).unwrap().unwrap();
        assert_eq!(old.answered.confidence, None);
        let change = "UPDATE jobs SET confidence = 1";
        assert!(database.execute(change, []).is_err());
        let new = answered(7, true);
        assert!(jobs::insert(&database, &new).unwrap());
        let found = jobs::read(&database, 7, &new.operator).unwrap().unwrap();
        assert_eq!(found.answered, new);
    }
}

//! Tables of the record and the settings of its database.

use crate::error::SigningDaemonError;
use rusqlite::Connection;
use std::path::Path;

/// The database enforces the rule itself: no statement of this program can change or delete a row.
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

/// Marks a deployment whose keys have moved to another record. The tables exist only after the first mark.
/// They come with a version of their own, so that a program that does not know the mark refuses the record.
pub(crate) const RETIREMENT: &str = "
CREATE TABLE IF NOT EXISTS retired (
    domain   BLOB NOT NULL CHECK (length(domain) = 32),
    contract BLOB NOT NULL CHECK (length(contract) = 32),
    PRIMARY KEY (domain, contract)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS retired_insert BEFORE INSERT ON signed
WHEN EXISTS (SELECT 1 FROM retired WHERE domain = NEW.domain AND contract = NEW.contract)
BEGIN SELECT RAISE(ABORT, 'the record is retired'); END;

CREATE TRIGGER IF NOT EXISTS retired_update BEFORE UPDATE ON signed
WHEN EXISTS (SELECT 1 FROM retired WHERE domain = OLD.domain AND contract = OLD.contract)
BEGIN SELECT RAISE(ABORT, 'the record is retired'); END;

CREATE TRIGGER IF NOT EXISTS retired_for_ever BEFORE DELETE ON retired
BEGIN SELECT RAISE(ABORT, 'a retired record stays retired'); END;

CREATE TRIGGER IF NOT EXISTS retired_unchanged BEFORE UPDATE ON retired
BEGIN SELECT RAISE(ABORT, 'a retired record stays retired'); END;
";

/// Version of a record with the tables of [`RETIREMENT`].
pub(crate) const VERSION_RETIRED: i64 = 2;

/// Opens or makes the database, with every write synced.
///
/// # Errors
/// `Database`, also when the file system does not sync or a newer program has written it.
pub(crate) fn connect(path: &Path) -> Result<Connection, SigningDaemonError> {
    let ill = |reason: String| SigningDaemonError::Database {
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
    // Read back: some file systems and builds keep another value without an error.
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
    if version > VERSION_RETIRED {
        return Err(ill(format!(
            "version {version} was written by a newer version of this program; use that one"
        )));
    }
    database.execute_batch(TABLES).map_err(failed)?;
    if version < VERSION {
        pragma("user_version", &VERSION).map_err(failed)?;
    }
    Ok(database)
}

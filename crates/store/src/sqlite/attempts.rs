//! Transactions and failures in SQLite.

use crate::{
    attempts::{Attempt, AttemptState, NewAttempt, Purpose, SeatId},
    bytes32,
    database::FailureRecord,
    from_sql, now_ms, to_sql, StoreError,
};
use rusqlite::{Connection, OptionalExtension, Row};

const COLUMNS: &str = "id, hash, bytes, carrier, nonce, valid_until, purpose, state, sent_at_ms";

pub(super) fn insert(database: &mut Connection, attempt: &NewAttempt) -> Result<i64, StoreError> {
    let write = database.transaction()?;
    let sql = "INSERT INTO attempts
               (hash, bytes, carrier, nonce, valid_until, purpose, signed_at_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let inserted = write.execute(
        sql,
        (
            attempt.hash,
            &attempt.bytes,
            attempt.sender,
            to_sql(attempt.nonce)?,
            attempt.valid_until,
            attempt.purpose.name(),
            now_ms(),
        ),
    );
    if let Err(error) = inserted {
        let holder = "SELECT 1 FROM attempts WHERE carrier = ?1 AND nonce = ?2
                      AND state IN ('signed', 'broadcast', 'in_block')";
        let held = write
            .query_row(holder, (attempt.sender, to_sql(attempt.nonce)?), |_| Ok(()))
            .optional()?;
        return Err(match held {
            Some(()) => StoreError::NonceTaken {
                nonce: attempt.nonce,
            },
            None => error.into(),
        });
    }
    let id = write.last_insert_rowid();
    for entry in &attempt.entries {
        let sql = "INSERT INTO attempt_entries (attempt, request_id, operator)
                   VALUES (?1, ?2, ?3)";
        let mut insert = write.prepare_cached(sql)?;
        insert.execute((id, to_sql(entry.request_id)?, entry.operator))?;
    }
    write.commit()?;
    Ok(id)
}

pub(super) fn mark_sent(database: &Connection, id: i64) -> Result<(), StoreError> {
    let sql = "UPDATE attempts SET sent_at_ms = ?2,
               state = CASE state WHEN 'signed' THEN 'broadcast' ELSE state END
               WHERE id = ?1";
    database.execute(sql, (id, now_ms()))?;
    Ok(())
}

pub(super) fn set_state(
    database: &Connection,
    id: i64,
    state: AttemptState,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    let closed = matches!(state, AttemptState::Final | AttemptState::Expired).then(now_ms);
    let sql = "UPDATE attempts SET state = ?2, reason = ?3, closed_at_ms = ?4
               WHERE id = ?1 AND state NOT IN ('final', 'dead')";
    let changed = database.execute(sql, (id, state.name(), reason, closed))?;
    Ok(changed > 0)
}

/// One query, however many there are: the seats of each stand beside it, row by row.
pub(super) fn live(database: &Connection) -> Result<Vec<Attempt>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, request_id, operator
         FROM attempts LEFT JOIN attempt_entries ON attempt = id
         WHERE state IN ('signed', 'broadcast', 'in_block') ORDER BY id, request_id, operator"
    );
    let mut query = database.prepare_cached(&sql)?;
    let mut rows = query.query([])?;
    let mut attempts: Vec<Attempt> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if attempts.last().is_none_or(|last| last.id != id) {
            attempts.push(from_row(row)?);
        }
        let request_id: Option<i64> = row.get(9)?;
        if let (Some(request_id), Some(attempt)) = (request_id, attempts.last_mut()) {
            attempt.tx.entries.push(SeatId {
                request_id: from_sql(request_id)?,
                operator: bytes32("operator", row.get(10)?)?,
            });
        }
    }
    Ok(attempts)
}

pub(super) fn live_nonces(
    database: &Connection,
    signer: &[u8; 32],
) -> Result<Vec<u64>, StoreError> {
    let sql = "SELECT nonce FROM attempts
               WHERE carrier = ?1 AND state IN ('signed', 'broadcast', 'in_block') ORDER BY nonce";
    let mut query = database.prepare_cached(sql)?;
    let mut rows = query.query([signer])?;
    let mut nonces = Vec::new();
    while let Some(row) = rows.next()? {
        nonces.push(from_sql(row.get(0)?)?);
    }
    Ok(nonces)
}

pub(super) fn add_failure(
    database: &Connection,
    entry: &SeatId,
    purpose: Purpose,
    reason: &str,
) -> Result<u32, StoreError> {
    let sql = "INSERT INTO failures (request_id, operator, purpose, count, reason, at_ms)
               VALUES (?1, ?2, ?3, 1, ?4, ?5)
               ON CONFLICT DO UPDATE SET
               count = count + 1, reason = excluded.reason, at_ms = excluded.at_ms
               RETURNING count";
    let (id, name) = (to_sql(entry.request_id)?, purpose.name());
    let parameters = (id, entry.operator, name, reason, now_ms());
    Ok(database.query_row(sql, parameters, |row| row.get(0))?)
}

pub(super) fn failure(
    database: &Connection,
    entry: &SeatId,
    purpose: Purpose,
) -> Result<Option<FailureRecord>, StoreError> {
    let sql = "SELECT count, at_ms, reason FROM failures
               WHERE request_id = ?1 AND operator = ?2 AND purpose = ?3";
    let parameters = (to_sql(entry.request_id)?, entry.operator, purpose.name());
    let row = database.query_row(sql, parameters, |row| {
        Ok(FailureRecord {
            count: row.get(0)?,
            at_ms: row.get(1)?,
            reason: row.get(2)?,
        })
    });
    Ok(row.optional()?)
}

fn from_row(row: &Row<'_>) -> Result<Attempt, StoreError> {
    let (purpose, state): (String, String) = (row.get(6)?, row.get(7)?);
    Ok(Attempt {
        id: row.get(0)?,
        tx: NewAttempt {
            hash: bytes32("transaction hash", row.get(1)?)?,
            bytes: row.get(2)?,
            sender: bytes32("carrier", row.get(3)?)?,
            nonce: from_sql(row.get(4)?)?,
            valid_until: row.get(5)?,
            purpose: Purpose::named(&purpose)?,
            entries: Vec::new(),
        },
        state: AttemptState::named(&state)?,
        sent_at_ms: row.get(8)?,
    })
}

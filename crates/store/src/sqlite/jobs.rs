//! Answers and skips in SQLite.

use crate::{
    bytes32, from_sql,
    jobs::{Answered, Job, JobState, JobUpdate, Skip},
    now_ms, to_sql, SeatId, StoreError,
};
use llm_oracle_primitives::{Answer, RequestId};
use rusqlite::{Connection, OptionalExtension, Row};
use scale::{Decode, Encode};

pub(super) const COLUMNS: &str = "request_id, operator, terms_digest, answer, document, evidence, \
    salt_secret, commitment, model, model_ms, seen_at_ms, state, reason, answered_at_ms, \
    submitted_at_ms, confidence";

/// False when the table's key refuses the row.
pub(super) fn insert(database: &Connection, answered: &Answered) -> Result<bool, StoreError> {
    let sql = "INSERT INTO jobs (request_id, operator, terms_digest, answer, document, evidence,
               salt_secret, commitment, model, model_ms, seen_at_ms, answered_at_ms, confidence)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let inserted = database.prepare_cached(sql)?.execute((
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
        answered.confidence,
    ));
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if is_constraint(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

pub(super) fn read(
    database: &Connection,
    request: RequestId,
    operator: &[u8; 32],
) -> Result<Option<Job>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE request_id = ?1 AND operator = ?2");
    let mut query = database.prepare_cached(&sql)?;
    let mut rows = query.query((to_sql(request)?, operator))?;
    rows.next()?.map(from_row).transpose()
}

pub(super) fn newest(database: &Connection, limit: u32) -> Result<Vec<Job>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs ORDER BY request_id DESC LIMIT ?1");
    let mut query = database.prepare_cached(&sql)?;
    let mut rows = query.query([limit])?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(from_row(row)?);
    }
    Ok(jobs)
}

pub(super) fn any(database: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM jobs)";
    Ok(database.query_row(sql, [], |row| row.get(0))?)
}

pub(super) fn set_state(database: &Connection, note: &JobUpdate) -> Result<(), StoreError> {
    let sql = "UPDATE jobs SET state = ?3, reason = ?4 WHERE request_id = ?1 AND operator = ?2";
    let id = to_sql(note.entry.request_id)?;
    let state = note.state.name();
    let mut update = database.prepare_cached(sql)?;
    update.execute((id, note.entry.operator, state, note.reason.as_deref()))?;
    Ok(())
}

pub(super) fn set_submitted(
    database: &Connection,
    entry: &SeatId,
    at_ms: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE jobs SET submitted_at_ms = coalesce(submitted_at_ms, ?3)
               WHERE request_id = ?1 AND operator = ?2";
    let mut update = database.prepare_cached(sql)?;
    update.execute((to_sql(entry.request_id)?, entry.operator, at_ms))?;
    Ok(())
}

pub(super) fn insert_skip(database: &Connection, skip: &Skip) -> Result<(), StoreError> {
    let sql = "INSERT INTO skips (request_id, operator, reason, at_ms) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO NOTHING";
    let id = to_sql(skip.request_id)?;
    database.execute(sql, (id, skip.operator, &skip.reason, now_ms()))?;
    Ok(())
}

pub(super) fn append_skip(database: &Connection, skip: &Skip) -> Result<(), StoreError> {
    let sql = "INSERT INTO skips (request_id, operator, reason, at_ms) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET reason = reason || '; ' || excluded.reason
               WHERE instr(reason, excluded.reason) = 0";
    let id = to_sql(skip.request_id)?;
    database.execute(sql, (id, skip.operator, &skip.reason, now_ms()))?;
    Ok(())
}

pub(super) fn skipped(
    database: &Connection,
    request: RequestId,
    operator: &[u8; 32],
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT reason FROM skips WHERE request_id = ?1 AND operator = ?2";
    let parameters = (to_sql(request)?, operator);
    Ok(database
        .query_row(sql, parameters, |row| row.get(0))
        .optional()?)
}

pub(super) fn from_row(row: &Row<'_>) -> Result<Job, StoreError> {
    let answer: Vec<u8> = row.get(3)?;
    let answer = Answer::decode(&mut &*answer);
    let state: String = row.get(11)?;
    Ok(Job {
        answered: Answered {
            request_id: from_sql(row.get(0)?)?,
            operator: bytes32("operator", row.get(1)?)?,
            terms_digest: bytes32("terms digest", row.get(2)?)?,
            answer: answer.map_err(|error| StoreError::damaged("answer", error))?,
            confidence: row.get(15)?,
            document: row.get(4)?,
            evidence: bytes32("evidence", row.get(5)?)?,
            salt_secret: row.get(6)?,
            commitment: bytes32("commitment", row.get(7)?)?,
            model: row.get(8)?,
            model_ms: row.get(9)?,
            seen_at_ms: row.get(10)?,
        },
        state: JobState::named(&state)?,
        reason: row.get(12)?,
        answered_at_ms: row.get(13)?,
        submitted_at_ms: row.get(14)?,
    })
}

//! Answers and skips in PostgreSQL.

use super::{
    many::{columns, entry},
    printable,
    session::{Session, SessionError},
    Mark,
};
use crate::{
    bytes32, from_sql,
    jobs::{Answered, Job, JobState, Skip},
    now_ms,
    stats::Evidence,
    to_sql, SeatId, StoreError,
};
use llm_oracle_primitives::{Answer, RequestId};
use scale::{Decode, Encode};
use std::collections::HashSet;
use tokio_postgres::Row;

/// True for each row that this call inserted, in this run or in one whose commit was not confirmed.
pub(super) async fn insert(
    session: &mut Session,
    answers: &[Answered],
    writer: &Mark,
) -> Result<Vec<bool>, SessionError> {
    session.batch("BEGIN").await?;
    match write_all(session, answers, writer).await {
        Ok(()) => session.batch("COMMIT").await?,
        Err(fault) => {
            session.batch("ROLLBACK").await?;
            return Err(fault);
        }
    }
    let entries: Vec<SeatId> = answers.iter().map(Answered::seat_id).collect();
    let (requests, operators) = columns(&entries)?;
    let sql = "SELECT j.request_id, j.operator FROM jobs j
               JOIN unnest($1::bigint[], $2::bytea[]) AS e (request_id, operator)
               ON j.request_id = e.request_id AND j.operator = e.operator WHERE j.writer = $3";
    let rows = session
        .rows(sql, &[&requests, &operators, &writer.as_slice()])
        .await?;
    let ours: Result<HashSet<SeatId>, SessionError> = rows.iter().map(entry).collect();
    let ours = ours?;
    Ok(entries.iter().map(|entry| ours.contains(entry)).collect())
}

/// Always in the same order, so that two replicas cannot deadlock.
async fn write_all(
    session: &mut Session,
    answers: &[Answered],
    writer: &Mark,
) -> Result<(), SessionError> {
    let mut sorted: Vec<&Answered> = answers.iter().collect();
    sorted.sort_by_key(|one| one.seat_id());
    for one in sorted {
        write(session, one, writer).await?;
    }
    Ok(())
}

async fn write(
    session: &mut Session,
    answered: &Answered,
    writer: &Mark,
) -> Result<(), SessionError> {
    let sql = "INSERT INTO jobs (request_id, operator, terms_digest, answer, document, evidence,
               salt_secret, commitment, model, model_ms, seen_at_ms, answered_at_ms, writer, confidence)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
               ON CONFLICT DO NOTHING";
    session
        .execute(
            sql,
            &[
                &to_sql(answered.request_id)?,
                &answered.operator.as_slice(),
                &answered.terms_digest.as_slice(),
                &answered.answer.encode(),
                &answered.document,
                &answered.evidence.as_slice(),
                &i64::from(answered.salt_secret),
                &answered.commitment.as_slice(),
                &printable(&answered.model),
                &answered.model_ms,
                &answered.seen_at_ms,
                &now_ms(),
                &writer.as_slice(),
                &answered.confidence.map(i16::from),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn read(
    session: &mut Session,
    request: RequestId,
    operator: &[u8; 32],
) -> Result<Option<Job>, SessionError> {
    let sql = "SELECT request_id, operator, terms_digest, answer, document, evidence, salt_secret,
               commitment, model, model_ms, seen_at_ms, state, reason, answered_at_ms,
               submitted_at_ms, confidence FROM jobs WHERE request_id = $1 AND operator = $2";
    let id = to_sql(request)?;
    let row = session.row(sql, &[&id, &operator.as_slice()]).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn newest(session: &mut Session, limit: u32) -> Result<Vec<Job>, SessionError> {
    let sql = "SELECT request_id, operator, terms_digest, answer, document, evidence, salt_secret,
               commitment, model, model_ms, seen_at_ms, state, reason, answered_at_ms,
               submitted_at_ms, confidence FROM jobs ORDER BY request_id DESC LIMIT $1";
    let rows = session.rows(sql, &[&i64::from(limit)]).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn evidence(
    session: &mut Session,
    request: Option<RequestId>,
) -> Result<Vec<Evidence>, SessionError> {
    let sql = "SELECT request_id, operator, evidence, document, state IN ('revealed', 'ended')
               FROM jobs WHERE ($1::bigint IS NULL OR request_id = $1) AND octet_length(document) > 0
               ORDER BY request_id, operator";
    let id = request.map(to_sql).transpose()?;
    let rows = session.rows(sql, &[&id]).await?;
    let read = |row: &Row| {
        Ok(Evidence {
            request_id: from_sql(row.try_get(0)?)?,
            operator: bytes32("operator", row.try_get(1)?)?,
            digest: bytes32("evidence", row.try_get(2)?)?,
            document: row.try_get(3)?,
            public: row.try_get(4)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn insert_skip(session: &mut Session, skip: &Skip) -> Result<(), SessionError> {
    let sql = "INSERT INTO skips (request_id, operator, reason, at_ms) VALUES ($1, $2, $3, $4)
               ON CONFLICT DO NOTHING";
    put_skip(session, sql, skip).await
}

pub(super) async fn append_skip(session: &mut Session, skip: &Skip) -> Result<(), SessionError> {
    let sql = "INSERT INTO skips (request_id, operator, reason, at_ms) VALUES ($1, $2, $3, $4)
               ON CONFLICT (request_id, operator)
               DO UPDATE SET reason = skips.reason || '; ' || excluded.reason
               WHERE position(excluded.reason IN skips.reason) = 0";
    put_skip(session, sql, skip).await
}

async fn put_skip(
    session: &mut Session,
    sql: &'static str,
    skip: &Skip,
) -> Result<(), SessionError> {
    let (id, reason) = (to_sql(skip.request_id)?, printable(&skip.reason));
    let operator = skip.operator.as_slice();
    session
        .execute(sql, &[&id, &operator, &reason, &now_ms()])
        .await?;
    Ok(())
}

pub(super) async fn skipped(
    session: &mut Session,
    request: RequestId,
    operator: &[u8; 32],
) -> Result<Option<String>, SessionError> {
    let sql = "SELECT reason FROM skips WHERE request_id = $1 AND operator = $2";
    let id = to_sql(request)?;
    session.value(sql, &[&id, &operator.as_slice()]).await
}

pub(super) fn from_row(row: &Row) -> Result<Job, SessionError> {
    let answer: Vec<u8> = row.try_get(3)?;
    let answer = Answer::decode(&mut &*answer);
    let state: String = row.try_get(11)?;
    let secret = u32::try_from(row.try_get::<_, i64>(6)?);
    let confidence = row.try_get::<_, Option<i16>>(15)?.map(u8::try_from);
    Ok(Job {
        answered: Answered {
            request_id: from_sql(row.try_get(0)?)?,
            operator: bytes32("operator", row.try_get(1)?)?,
            terms_digest: bytes32("terms digest", row.try_get(2)?)?,
            answer: answer.map_err(|error| StoreError::damaged("answer", error))?,
            confidence: confidence
                .transpose()
                .map_err(|error| StoreError::damaged("confidence", error))?,
            document: row.try_get(4)?,
            evidence: bytes32("evidence", row.try_get(5)?)?,
            salt_secret: secret.map_err(|error| StoreError::damaged("salt secret", error))?,
            commitment: bytes32("commitment", row.try_get(7)?)?,
            model: row.try_get(8)?,
            model_ms: row.try_get(9)?,
            seen_at_ms: row.try_get(10)?,
        },
        state: JobState::named(&state)?,
        reason: row.try_get(12)?,
        answered_at_ms: row.try_get(13)?,
        submitted_at_ms: row.try_get(14)?,
    })
}

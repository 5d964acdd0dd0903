//! Reads of many requests and writes of many jobs, each in one query.

use super::{
    jobs::from_row,
    printable,
    session::{Session, SessionError},
};
use crate::{
    bytes32, from_sql, jobs::JobUpdate, seat_records::SeatFailures, to_sql, Job, Purpose, SeatId,
    StoreError,
};
use llm_oracle_primitives::RequestId;
use tokio_postgres::Row;

pub(super) async fn jobs(
    session: &mut Session,
    requests: &[RequestId],
) -> Result<Vec<Job>, SessionError> {
    let sql = "SELECT request_id, operator, terms_digest, answer, ''::bytea, evidence, salt_secret,
               commitment, model, model_ms, seen_at_ms, state, reason, answered_at_ms,
               submitted_at_ms, confidence FROM jobs WHERE request_id = ANY($1)";
    let rows = session.rows(sql, &[&numbers(requests)?]).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn skips(
    session: &mut Session,
    requests: &[RequestId],
) -> Result<Vec<SeatId>, SessionError> {
    let sql = "SELECT request_id, operator FROM skips WHERE request_id = ANY($1)";
    let rows = session.rows(sql, &[&numbers(requests)?]).await?;
    rows.iter().map(entry).collect()
}

pub(super) async fn failures(
    session: &mut Session,
    requests: &[RequestId],
) -> Result<Vec<SeatFailures>, SessionError> {
    let sql = "SELECT request_id, operator, purpose, count, at_ms FROM failures
               WHERE request_id = ANY($1)";
    let rows = session.rows(sql, &[&numbers(requests)?]).await?;
    let read = |row: &Row| {
        let purpose: String = row.try_get(2)?;
        let count: i64 = row.try_get(3)?;
        Ok(SeatFailures {
            entry: entry(row)?,
            purpose: Purpose::named(&purpose)?,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            at_ms: row.try_get(4)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn unrevealed(session: &mut Session) -> Result<Vec<RequestId>, SessionError> {
    let sql = "SELECT DISTINCT request_id FROM jobs WHERE state IN ('answered', 'committed')";
    let rows = session.rows(sql, &[]).await?;
    let read = |row: &Row| Ok(from_sql(row.try_get(0)?)?);
    rows.iter().map(read).collect()
}

pub(super) async fn set_states(
    session: &mut Session,
    notes: &[JobUpdate],
) -> Result<(), SessionError> {
    let sql = "UPDATE jobs j SET state = n.state, reason = n.reason
               FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[])
               AS n (request_id, operator, state, reason)
               WHERE j.request_id = n.request_id AND j.operator = n.operator";
    let entries: Vec<SeatId> = notes.iter().map(|note| note.entry).collect();
    let (requests, operators) = columns(&entries)?;
    let states: Vec<&str> = notes.iter().map(|note| note.state.name()).collect();
    let reasons = notes
        .iter()
        .map(|note| note.reason.as_deref().map(printable));
    let reasons: Vec<_> = reasons.collect();
    session
        .execute(sql, &[&requests, &operators, &states, &reasons])
        .await?;
    Ok(())
}

pub(super) async fn set_submitted(
    session: &mut Session,
    entries: &[SeatId],
    at_ms: i64,
) -> Result<(), SessionError> {
    let sql = "UPDATE jobs j SET submitted_at_ms = $3
               FROM unnest($1::bigint[], $2::bytea[]) AS e (request_id, operator)
               WHERE j.request_id = e.request_id AND j.operator = e.operator
               AND j.submitted_at_ms IS NULL";
    let (requests, operators) = columns(entries)?;
    session
        .execute(sql, &[&requests, &operators, &at_ms])
        .await?;
    Ok(())
}

fn numbers(requests: &[RequestId]) -> Result<Vec<i64>, StoreError> {
    requests.iter().map(|id| to_sql(*id)).collect()
}

/// Seats as two parameters.
pub(super) fn columns(entries: &[SeatId]) -> Result<(Vec<i64>, Vec<&[u8]>), StoreError> {
    let requests: Result<_, _> = entries.iter().map(|one| to_sql(one.request_id)).collect();
    let operators = entries.iter().map(|one| one.operator.as_slice());
    Ok((requests?, operators.collect()))
}

/// The first two columns.
pub(super) fn entry(row: &Row) -> Result<SeatId, SessionError> {
    Ok(SeatId {
        request_id: from_sql(row.try_get(0)?)?,
        operator: bytes32("operator", row.try_get(1)?)?,
    })
}

//! Transactions and failures in PostgreSQL.

use super::{
    many::columns,
    printable,
    session::{Session, SessionError},
    Mark,
};
use crate::{
    attempts::{Attempt, AttemptState, NewAttempt, Purpose, SeatId},
    bytes32,
    database::FailureRecord,
    from_sql, now_ms, to_sql, StoreError,
};
use tokio_postgres::{error::SqlState, Row};

/// The index that keeps two live transactions from one nonce …
const ONE_PER_NONCE: &str = "attempts_one_live_per_nonce";
/// … and the one that keeps them from doing one thing twice.
const ONE_PER_ENTRY: &str = "attempt_entries_one_live";

/// Inserts a transaction. By its hash a second run finds out whether the first one inserted it.
pub(super) async fn insert(
    session: &mut Session,
    attempt: &NewAttempt,
    replica: &Mark,
    again: bool,
) -> Result<i64, SessionError> {
    if again {
        if let Some(id) = find(session, attempt).await? {
            return Ok(id);
        }
    }
    session.batch("BEGIN").await?;
    let fault = match write(session, attempt, replica).await {
        Ok(id) => {
            session.batch("COMMIT").await?;
            return Ok(id);
        }
        Err(fault) => fault,
    };
    session.batch("ROLLBACK").await?;
    let SessionError::Refused(error) = &fault else {
        return Err(fault);
    };
    let refused_by = error.as_db_error().and_then(|error| error.constraint());
    if error.code() != Some(&SqlState::UNIQUE_VIOLATION) {
        return Err(fault);
    }
    // An earlier run of this call may have succeeded late.
    if again {
        if let Some(id) = find(session, attempt).await? {
            return Ok(id);
        }
    }
    let nonce = attempt.nonce;
    match refused_by {
        Some(ONE_PER_NONCE) => Err(StoreError::NonceTaken { nonce }.into()),
        Some(ONE_PER_ENTRY) => Err(StoreError::Underway.into()),
        _ => Err(fault),
    }
}

async fn find(session: &mut Session, attempt: &NewAttempt) -> Result<Option<i64>, SessionError> {
    let sql = "SELECT id FROM attempts WHERE hash = $1";
    session.value(sql, &[&attempt.hash.as_slice()]).await
}

async fn write(
    session: &mut Session,
    attempt: &NewAttempt,
    replica: &Mark,
) -> Result<i64, SessionError> {
    let sql = "INSERT INTO attempts
               (hash, bytes, carrier, nonce, valid_until, purpose, signed_at_ms, replica)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    let id: Option<i64> = session
        .value(
            sql,
            &[
                &attempt.hash.as_slice(),
                &attempt.bytes,
                &attempt.sender.as_slice(),
                &to_sql(attempt.nonce)?,
                &i64::from(attempt.valid_until),
                &attempt.purpose.name(),
                &now_ms(),
                &replica.as_slice(),
            ],
        )
        .await?;
    let id = id.ok_or_else(|| StoreError::damaged("attempts", "a written row is gone"))?;
    let (requests, operators) = columns(&attempt.entries)?;
    // Always in the same order, so that two replicas cannot deadlock.
    let sql = "INSERT INTO attempt_entries (attempt, purpose, request_id, operator)
               SELECT $1::bigint, $2::text, e.request_id, e.operator
               FROM unnest($3::bigint[], $4::bytea[]) AS e (request_id, operator) ORDER BY 3, 4";
    let purpose = attempt.purpose.name();
    session
        .execute(sql, &[&id, &purpose, &requests, &operators])
        .await?;
    Ok(id)
}

pub(super) async fn mark_sent(session: &mut Session, id: i64) -> Result<(), SessionError> {
    let sql = "UPDATE attempts SET sent_at_ms = $2,
               state = CASE state WHEN 'signed' THEN 'broadcast' ELSE state END
               WHERE id = $1";
    session.execute(sql, &[&id, &now_ms()]).await?;
    Ok(())
}

/// True when this call changed the state, in this run or in one whose commit was not confirmed.
pub(super) async fn set_state(
    session: &mut Session,
    id: i64,
    state: AttemptState,
    reason: Option<&str>,
    closer: &Mark,
) -> Result<bool, SessionError> {
    let ends = matches!(state, AttemptState::Final | AttemptState::Expired);
    let closed = ends.then(now_ms);
    let sql = "WITH changed AS (
                   UPDATE attempts SET state = $2, reason = $3, closed_at_ms = $4, closer = $5
                   WHERE id = $1 AND (state NOT IN ('final', 'dead') OR closer = $5)
                   RETURNING id
               ), let_go AS (
                   UPDATE attempt_entries SET live = false FROM changed
                   WHERE attempt = changed.id AND $6
               ) SELECT count(*) FROM changed";
    let reason = reason.map(printable);
    let (name, closer) = (state.name(), closer.as_slice());
    let changed: Option<i64> = session
        .value(sql, &[&id, &name, &reason, &closed, &closer, &ends])
        .await?;
    Ok(changed > Some(0))
}

pub(super) async fn live(session: &mut Session) -> Result<Vec<Attempt>, SessionError> {
    let sql = "SELECT id, hash, bytes, carrier, nonce, valid_until, purpose, state, sent_at_ms,
               ARRAY(SELECT request_id FROM attempt_entries e WHERE e.attempt = a.id
                     ORDER BY request_id, operator),
               ARRAY(SELECT operator FROM attempt_entries e WHERE e.attempt = a.id
                     ORDER BY request_id, operator)
               FROM attempts a WHERE state IN ('signed', 'broadcast', 'in_block') ORDER BY id";
    let rows = session.rows(sql, &[]).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn live_nonces(
    session: &mut Session,
    signer: &[u8; 32],
) -> Result<Vec<u64>, SessionError> {
    let sql = "SELECT nonce FROM attempts
               WHERE carrier = $1 AND state IN ('signed', 'broadcast', 'in_block') ORDER BY nonce";
    let rows = session.rows(sql, &[&signer.as_slice()]).await?;
    let read = |row: &Row| Ok(from_sql(row.try_get(0)?)?);
    rows.iter().map(read).collect()
}

/// Live transactions of replicas that still hold leases.
pub(super) async fn held_elsewhere(
    session: &mut Session,
    replica: &Mark,
) -> Result<Vec<i64>, SessionError> {
    let sql = "SELECT id FROM attempts JOIN replicas USING (replica)
               WHERE state IN ('signed', 'broadcast', 'in_block') AND replica <> $1
               AND until_ms > (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let rows = session.rows(sql, &[&replica.as_slice()]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(super) async fn add_failure(
    session: &mut Session,
    entry: &SeatId,
    purpose: Purpose,
    reason: &str,
    writer: &Mark,
) -> Result<u32, SessionError> {
    let sql =
        "INSERT INTO failures AS f (request_id, operator, purpose, count, reason, at_ms, writer)
               VALUES ($1, $2, $3, 1, $4, $5, $6)
               ON CONFLICT (request_id, operator, purpose) DO UPDATE SET
               count = f.count + CASE WHEN f.writer = excluded.writer THEN 0 ELSE 1 END,
               reason = excluded.reason, at_ms = excluded.at_ms, writer = excluded.writer
               RETURNING count";
    let (id, operator) = (to_sql(entry.request_id)?, entry.operator.as_slice());
    let (name, reason, writer) = (purpose.name(), printable(reason), writer.as_slice());
    let count: Option<i64> = session
        .value(sql, &[&id, &operator, &name, &reason, &now_ms(), &writer])
        .await?;
    Ok(whole(count.unwrap_or_default()))
}

pub(super) async fn failure(
    session: &mut Session,
    entry: &SeatId,
    purpose: Purpose,
) -> Result<Option<FailureRecord>, SessionError> {
    let sql = "SELECT count, at_ms, reason FROM failures
               WHERE request_id = $1 AND operator = $2 AND purpose = $3";
    let (id, operator) = (to_sql(entry.request_id)?, entry.operator.as_slice());
    let row = session.row(sql, &[&id, &operator, &purpose.name()]).await?;
    let read = |row: Row| {
        Ok(FailureRecord {
            count: whole(row.try_get(0)?),
            at_ms: row.try_get(1)?,
            reason: row.try_get(2)?,
        })
    };
    row.map(read).transpose()
}

fn whole(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn from_row(row: &Row) -> Result<Attempt, SessionError> {
    let (purpose, state): (String, String) = (row.try_get(6)?, row.try_get(7)?);
    let valid_until = u32::try_from(row.try_get::<_, i64>(5)?);
    let (requests, operators): (Vec<i64>, Vec<Vec<u8>>) = (row.try_get(9)?, row.try_get(10)?);
    let entry = |(request_id, operator)| {
        Ok(SeatId {
            request_id: from_sql(request_id)?,
            operator: bytes32("operator", operator)?,
        })
    };
    let entries: Result<_, StoreError> = requests.into_iter().zip(operators).map(entry).collect();
    Ok(Attempt {
        id: row.try_get(0)?,
        tx: NewAttempt {
            hash: bytes32("transaction hash", row.try_get(1)?)?,
            bytes: row.try_get(2)?,
            sender: bytes32("carrier", row.try_get(3)?)?,
            nonce: from_sql(row.try_get(4)?)?,
            valid_until: valid_until.map_err(|error| StoreError::damaged("era", error))?,
            purpose: Purpose::named(&purpose)?,
            entries: entries?,
        },
        state: AttemptState::named(&state)?,
        sent_at_ms: row.try_get(8)?,
    })
}

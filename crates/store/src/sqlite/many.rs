//! Reads of many requests, each in one query.

use super::jobs;
use crate::{
    bytes32, from_sql, seat_records::SeatFailures, to_sql, Job, Purpose, SeatId, StoreError,
};
use llm_oracle_primitives::RequestId;
use rusqlite::{Connection, Row};

pub(super) fn jobs(database: &Connection, requests: &[RequestId]) -> Result<Vec<Job>, StoreError> {
    let sql = format!(
        "SELECT {} FROM jobs WHERE request_id IN (SELECT value FROM json_each(?1))",
        jobs::COLUMNS.replace(" document,", " x'' AS document,")
    );
    rows(database, &sql, requests, jobs::from_row)
}

pub(super) fn skips(
    database: &Connection,
    requests: &[RequestId],
) -> Result<Vec<SeatId>, StoreError> {
    let sql = "SELECT request_id, operator FROM skips
               WHERE request_id IN (SELECT value FROM json_each(?1))";
    rows(database, sql, requests, entry)
}

pub(super) fn failures(
    database: &Connection,
    requests: &[RequestId],
) -> Result<Vec<SeatFailures>, StoreError> {
    let sql = "SELECT request_id, operator, purpose, count, at_ms FROM failures
               WHERE request_id IN (SELECT value FROM json_each(?1))";
    rows(database, sql, requests, |row| {
        let purpose: String = row.get(2)?;
        Ok(SeatFailures {
            entry: entry(row)?,
            purpose: Purpose::named(&purpose)?,
            count: row.get(3)?,
            at_ms: row.get(4)?,
        })
    })
}

pub(super) fn unrevealed(database: &Connection) -> Result<Vec<RequestId>, StoreError> {
    let sql = "SELECT DISTINCT request_id FROM jobs WHERE state IN ('answered', 'committed')";
    let mut query = database.prepare_cached(sql)?;
    let mut rows = query.query([])?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        requests.push(from_sql(row.get(0)?)?);
    }
    Ok(requests)
}

fn rows<T>(
    database: &Connection,
    sql: &str,
    requests: &[RequestId],
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    // The numbers as one parameter: SQLite limits how many there are.
    let numbers: Result<Vec<i64>, _> = requests.iter().map(|id| to_sql(*id)).collect();
    let list = serde_json::json!(numbers?).to_string();
    let mut query = database.prepare_cached(sql)?;
    let mut rows = query.query([list])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// The first two columns.
fn entry(row: &Row<'_>) -> Result<SeatId, StoreError> {
    Ok(SeatId {
        request_id: from_sql(row.get(0)?)?,
        operator: bytes32("operator", row.get(1)?)?,
    })
}

//! Retention in SQLite.

use crate::{
    bytes32, from_sql,
    retention::{PruneResult, PruneRule},
    to_sql, SeatId, StoreError,
};
use rusqlite::{Connection, Transaction};

/// From version 4 on the document of an answer whose request has ended may be removed, and nothing else of it.
pub(super) const MIGRATION: &str = "
DROP TRIGGER jobs_answer_is_final;

CREATE TRIGGER jobs_answer_is_final
BEFORE UPDATE OF request_id, operator, terms_digest, answer, confidence, evidence, salt_secret, commitment ON jobs
BEGIN SELECT RAISE(ABORT, 'an answer never changes once it is recorded'); END;

CREATE TRIGGER jobs_document_is_final
BEFORE UPDATE OF document ON jobs
WHEN NOT (NEW.document = x'' AND OLD.state IN ('ended', 'dead'))
BEGIN SELECT RAISE(ABORT, 'evidence never changes, and stays until its request has ended'); END;

CREATE INDEX jobs_with_document ON jobs (answered_at_ms) WHERE length(document) > 0;
CREATE INDEX attempts_closed ON attempts (closed_at_ms) WHERE closed_at_ms IS NOT NULL;
CREATE INDEX failures_by_time ON failures (at_ms);
CREATE INDEX skips_by_time ON skips (at_ms);
";

pub(super) fn prune(
    database: &mut Connection,
    rule: &PruneRule,
) -> Result<PruneResult, StoreError> {
    let write = database.transaction()?;
    let mut pruned = PruneResult::default();
    if let Some(before_ms) = rule.documents_before_ms {
        pruned.documents = documents(&write, rule, before_ms)?;
    }
    if let Some(before_ms) = rule.records_before_ms {
        pruned.transactions = transactions(&write, rule, before_ms)?;
        for sql in [
            "DELETE FROM failures WHERE (request_id, operator, purpose) IN (
             SELECT request_id, operator, purpose FROM failures
             WHERE at_ms < ?1 AND request_id < ?2 LIMIT ?3)",
            "DELETE FROM skips WHERE (request_id, operator) IN (
             SELECT request_id, operator FROM skips
             WHERE at_ms < ?1 AND request_id < ?2 LIMIT ?3)",
        ] {
            let rows = write.execute(sql, (before_ms, to_sql(rule.below)?, rule.rows_max))?;
            pruned.notes = pruned.notes.saturating_add(count(rows));
        }
    }
    write.commit()?;
    Ok(pruned)
}

fn documents(
    write: &Transaction<'_>,
    rule: &PruneRule,
    before_ms: i64,
) -> Result<Vec<SeatId>, StoreError> {
    let sql = "UPDATE jobs SET document = x'' WHERE rowid IN (
               SELECT rowid FROM jobs WHERE answered_at_ms < ?1 AND length(document) > 0
               AND request_id < ?2 AND state IN ('ended', 'dead') LIMIT ?3)
               RETURNING request_id, operator";
    let mut update = write.prepare_cached(sql)?;
    let mut rows = update.query((before_ms, to_sql(rule.below)?, rule.rows_max))?;
    let mut removed = Vec::new();
    while let Some(row) = rows.next()? {
        removed.push(SeatId {
            request_id: from_sql(row.get(0)?)?,
            operator: bytes32("operator", row.get(1)?)?,
        });
    }
    Ok(removed)
}

fn transactions(
    write: &Transaction<'_>,
    rule: &PruneRule,
    before_ms: i64,
) -> Result<u64, StoreError> {
    let sql = "SELECT id FROM attempts
               WHERE closed_at_ms < ?1 AND state IN ('final', 'dead') LIMIT ?2";
    let mut query = write.prepare_cached(sql)?;
    let ids = query.query_map((before_ms, rule.rows_max), |row| row.get(0))?;
    // Read to the end first: what is deleted is what the query looks at.
    let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
    let mut removed = 0_u64;
    for id in ids {
        write.execute("DELETE FROM attempt_entries WHERE attempt = ?1", [id])?;
        let gone = write.execute("DELETE FROM attempts WHERE id = ?1", [id])?;
        removed = removed.saturating_add(count(gone));
    }
    Ok(removed)
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

//! Retention in PostgreSQL.

use super::{
    many::entry,
    session::{Session, SessionError},
};
use crate::{
    retention::{PruneResult, PruneRule},
    to_sql,
};

/// From version 3 on the document of an answer whose request has ended may be removed, and nothing else of it.
pub(super) const MIGRATION: &str = "
DROP TRIGGER jobs_answer_is_final ON jobs;

CREATE TRIGGER jobs_answer_is_final BEFORE UPDATE ON jobs FOR EACH ROW
WHEN ((OLD.request_id, OLD.operator, OLD.terms_digest, OLD.answer, OLD.confidence, OLD.evidence,
       OLD.salt_secret, OLD.commitment)
      IS DISTINCT FROM
      (NEW.request_id, NEW.operator, NEW.terms_digest, NEW.answer, NEW.confidence, NEW.evidence,
       NEW.salt_secret, NEW.commitment))
EXECUTE FUNCTION refuse('an answer never changes once it is recorded');

CREATE TRIGGER jobs_document_is_final BEFORE UPDATE ON jobs FOR EACH ROW
WHEN (OLD.document IS DISTINCT FROM NEW.document
      AND NOT (octet_length(NEW.document) = 0 AND OLD.state IN ('ended', 'dead')))
EXECUTE FUNCTION refuse('evidence never changes, and stays until its request has ended');

CREATE INDEX jobs_with_document ON jobs (answered_at_ms) WHERE octet_length(document) > 0;
CREATE INDEX attempts_closed ON attempts (closed_at_ms) WHERE closed_at_ms IS NOT NULL;
CREATE INDEX failures_by_time ON failures (at_ms);
CREATE INDEX skips_by_time ON skips (at_ms);
";

pub(super) async fn prune(
    session: &mut Session,
    rule: &PruneRule,
) -> Result<PruneResult, SessionError> {
    session.batch("BEGIN").await?;
    match prune_all(session, rule).await {
        Ok(pruned) => {
            session.batch("COMMIT").await?;
            Ok(pruned)
        }
        Err(fault) => {
            session.batch("ROLLBACK").await?;
            Err(fault)
        }
    }
}

/// Rows that another replica works on are left to it.
async fn prune_all(session: &mut Session, rule: &PruneRule) -> Result<PruneResult, SessionError> {
    let (below, most) = (to_sql(rule.below)?, i64::from(rule.rows_max));
    let mut pruned = PruneResult::default();
    if let Some(before_ms) = rule.documents_before_ms {
        let sql = "UPDATE jobs SET document = '' WHERE (request_id, operator) IN (
                   SELECT request_id, operator FROM jobs
                   WHERE answered_at_ms < $1 AND octet_length(document) > 0
                   AND request_id < $2 AND state IN ('ended', 'dead')
                   LIMIT $3 FOR UPDATE SKIP LOCKED)
                   RETURNING request_id, operator";
        let rows = session.rows(sql, &[&before_ms, &below, &most]).await?;
        pruned.documents = rows.iter().map(entry).collect::<Result<_, _>>()?;
    }
    if let Some(before_ms) = rule.records_before_ms {
        let sql = "SELECT id FROM attempts
                   WHERE closed_at_ms < $1 AND state IN ('final', 'dead')
                   LIMIT $2 FOR UPDATE SKIP LOCKED";
        let rows = session.rows(sql, &[&before_ms, &most]).await?;
        let ids = rows.iter().map(|row| row.try_get(0));
        let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
        let sql = "DELETE FROM attempt_entries WHERE attempt = ANY($1)";
        session.execute(sql, &[&ids]).await?;
        let sql = "DELETE FROM attempts WHERE id = ANY($1)";
        pruned.transactions = session.execute(sql, &[&ids]).await?;
        for sql in [
            "DELETE FROM failures WHERE (request_id, operator, purpose) IN (
             SELECT request_id, operator, purpose FROM failures
             WHERE at_ms < $1 AND request_id < $2 LIMIT $3 FOR UPDATE SKIP LOCKED)",
            "DELETE FROM skips WHERE (request_id, operator) IN (
             SELECT request_id, operator FROM skips
             WHERE at_ms < $1 AND request_id < $2 LIMIT $3 FOR UPDATE SKIP LOCKED)",
        ] {
            let gone = session.execute(sql, &[&before_ms, &below, &most]).await?;
            pruned.notes = pruned.notes.saturating_add(gone);
        }
    }
    Ok(pruned)
}

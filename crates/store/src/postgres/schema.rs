//! The tables in PostgreSQL, with the same rules as in SQLite, and what they are bound to.

use super::retention;
use super::session::{Session, SessionError};
use crate::{StoreError, StoreIdentity};

/// Advisory lock that serializes migrations of several replicas; an arbitrary unused number.
const SET_UP_LOCK: i64 = 0x6c6c_6d5f_6f72_6163;

/// Migrations, one version each. Never changed once released. A transmitter may report several operators
/// for one request, so reports are not limited to one at a time.
const MIGRATIONS: [&str; 3] = [VERSION_1, CONFIDENCE, retention::MIGRATION];

const VERSION_1: &str = "
CREATE TABLE meta (
    key   text PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE jobs (
    request_id      bigint NOT NULL,
    operator        bytea NOT NULL CHECK (length(operator) = 32),
    terms_digest    bytea NOT NULL CHECK (length(terms_digest) = 32),
    answer          bytea NOT NULL,
    document        bytea NOT NULL,
    evidence        bytea NOT NULL CHECK (length(evidence) = 32),
    salt_secret     bigint NOT NULL,
    commitment      bytea NOT NULL CHECK (length(commitment) = 32),
    model           text NOT NULL,
    model_ms        bigint NOT NULL,
    seen_at_ms      bigint NOT NULL,
    answered_at_ms  bigint NOT NULL,
    submitted_at_ms bigint,
    state           text NOT NULL DEFAULT 'answered',
    reason          text,
    writer          bytea NOT NULL,
    PRIMARY KEY (request_id, operator)
);

CREATE INDEX jobs_by_evidence ON jobs (evidence);
CREATE INDEX jobs_by_state ON jobs (state);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jobs_answer_is_final BEFORE UPDATE ON jobs FOR EACH ROW
WHEN ((OLD.request_id, OLD.operator, OLD.terms_digest, OLD.answer, OLD.document, OLD.evidence,
       OLD.salt_secret, OLD.commitment)
      IS DISTINCT FROM
      (NEW.request_id, NEW.operator, NEW.terms_digest, NEW.answer, NEW.document, NEW.evidence,
       NEW.salt_secret, NEW.commitment))
EXECUTE FUNCTION refuse('an answer never changes once it is recorded');

CREATE TRIGGER jobs_are_kept BEFORE DELETE ON jobs FOR EACH ROW
EXECUTE FUNCTION refuse('an answer is never forgotten');

CREATE TRIGGER jobs_are_all_kept BEFORE TRUNCATE ON jobs FOR EACH STATEMENT
EXECUTE FUNCTION refuse('an answer is never forgotten');

CREATE TABLE attempts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    bytes        bytea NOT NULL,
    carrier      bytea NOT NULL CHECK (length(carrier) = 32),
    nonce        bigint NOT NULL,
    valid_until  bigint NOT NULL,
    purpose      text NOT NULL,
    state        text NOT NULL DEFAULT 'signed',
    reason       text,
    signed_at_ms bigint NOT NULL,
    sent_at_ms   bigint,
    closed_at_ms bigint,
    replica      bytea NOT NULL,
    closer       bytea
);

CREATE INDEX attempts_open ON attempts (state);
CREATE INDEX attempts_by_purpose ON attempts (purpose, state);

CREATE UNIQUE INDEX attempts_one_live_per_nonce ON attempts (carrier, nonce)
WHERE state IN ('signed', 'broadcast', 'in_block');

CREATE TABLE attempt_entries (
    attempt    bigint NOT NULL REFERENCES attempts (id),
    request_id bigint NOT NULL,
    operator   bytea NOT NULL CHECK (length(operator) = 32),
    purpose    text NOT NULL,
    live       boolean NOT NULL DEFAULT true,
    PRIMARY KEY (attempt, request_id, operator)
);

CREATE UNIQUE INDEX attempt_entries_one_live ON attempt_entries (request_id, operator, purpose)
WHERE live AND purpose <> 'report';

CREATE TABLE failures (
    request_id bigint NOT NULL,
    operator   bytea NOT NULL CHECK (length(operator) = 32),
    purpose    text NOT NULL,
    count      bigint NOT NULL,
    reason     text NOT NULL,
    at_ms      bigint NOT NULL,
    writer     bytea NOT NULL,
    PRIMARY KEY (request_id, operator, purpose)
);

CREATE TABLE skips (
    request_id bigint NOT NULL,
    operator   bytea NOT NULL CHECK (length(operator) = 32),
    reason     text NOT NULL,
    at_ms      bigint NOT NULL,
    PRIMARY KEY (request_id, operator)
);

CREATE TABLE leases (
    request_id bigint PRIMARY KEY,
    replica    bytea NOT NULL,
    until_ms   bigint NOT NULL
);

CREATE INDEX leases_by_time ON leases (until_ms);

CREATE TABLE replicas (
    replica  bytea PRIMARY KEY,
    until_ms bigint NOT NULL
);
";

/// An answer has a confidence from version 3 of the interface on; those recorded before have none.
const CONFIDENCE: &str = "
ALTER TABLE jobs ADD COLUMN confidence smallint CHECK (confidence BETWEEN 0 AND 100);

DROP TRIGGER jobs_answer_is_final ON jobs;

CREATE TRIGGER jobs_answer_is_final BEFORE UPDATE ON jobs FOR EACH ROW
WHEN ((OLD.request_id, OLD.operator, OLD.terms_digest, OLD.answer, OLD.confidence, OLD.document,
       OLD.evidence, OLD.salt_secret, OLD.commitment)
      IS DISTINCT FROM
      (NEW.request_id, NEW.operator, NEW.terms_digest, NEW.answer, NEW.confidence, NEW.document,
       NEW.evidence, NEW.salt_secret, NEW.commitment))
EXECUTE FUNCTION refuse('an answer never changes once it is recorded');
";

/// Without one of these an answer could change.
const GUARDS: &str = "
SELECT count(*) FROM pg_trigger
WHERE tgrelid = 'llm_oracle.jobs'::regclass AND tgenabled IN ('O', 'A')
AND tgname IN ('jobs_answer_is_final', 'jobs_document_is_final', 'jobs_are_kept', 'jobs_are_all_kept')";

/// Whether our tables exist.
pub(super) async fn exists(session: &mut Session) -> Result<bool, SessionError> {
    let sql = "SELECT to_regclass('llm_oracle.meta') IS NOT NULL";
    Ok(session.value(sql, &[]).await?.unwrap_or(false))
}

/// Migrates the tables; replicas take turns.
pub(super) async fn migrate(session: &mut Session, place: &str) -> Result<(), SessionError> {
    let begin = format!("BEGIN; SELECT pg_advisory_xact_lock({SET_UP_LOCK});");
    session.batch(&begin).await?;
    match migrate_locked(session, place).await {
        Ok(()) => session.batch("COMMIT").await,
        Err(fault) => {
            session.batch("ROLLBACK").await?;
            Err(fault)
        }
    }
}

async fn migrate_locked(session: &mut Session, place: &str) -> Result<(), SessionError> {
    session
        .batch(
            "CREATE SCHEMA IF NOT EXISTS llm_oracle;
             CREATE TABLE IF NOT EXISTS llm_oracle.schema_version (version bigint NOT NULL);",
        )
        .await?;
    let sql = "SELECT coalesce(max(version), 0) FROM llm_oracle.schema_version";
    let found: i64 = session.value(sql, &[]).await?.unwrap_or(0);
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(SessionError::Store(StoreError::TooNew {
            path: place.into(),
        }));
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS).skip(found) {
        session.batch(migration).await?;
        let sql = "INSERT INTO llm_oracle.schema_version (version) VALUES ($1)";
        session.execute(sql, &[&version]).await?;
    }
    Ok(())
}

/// Records the store's deployment on first use, and compares it on every later use.
pub(super) async fn bind(
    session: &mut Session,
    identity: &StoreIdentity,
) -> Result<(), SessionError> {
    let parts: [(&'static str, [u8; 32]); 3] = [
        ("chain", identity.genesis),
        ("contract", identity.contract),
        ("deployment", identity.domain),
    ];
    for (what, wanted) in parts {
        let found = keep_first(session, what, &wanted).await?;
        if found != wanted {
            return Err(SessionError::Store(StoreError::Foreign {
                what,
                found: format!("0x{}", hex::encode(found)),
                wanted: format!("0x{}", hex::encode(wanted)),
            }));
        }
    }
    Ok(())
}

/// Sets a key unless it is set, and returns its value.
pub(super) async fn keep_first(
    session: &mut Session,
    key: &str,
    value: &[u8],
) -> Result<Vec<u8>, SessionError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    session.execute(sql, &[&key, &value]).await?;
    let sql = "SELECT value FROM meta WHERE key = $1";
    let found = session.value(sql, &[&key]).await?;
    found.ok_or_else(|| SessionError::Store(StoreError::damaged("meta", "a written row is gone")))
}

/// Whether the database still refuses what it must refuse.
pub(super) async fn check_guards(session: &mut Session) -> Result<(), SessionError> {
    let found: i64 = session.value(GUARDS, &[]).await?.unwrap_or(0);
    if found == 4 {
        return Ok(());
    }
    let reason = "triggers that keep answers from changing are gone or disabled";
    Err(SessionError::Store(StoreError::damaged("database", reason)))
}

#![allow(clippy::unwrap_used)]

use super::*;
use llm_oracle_primitives::Answer;

const IDENTITY: Identity = Identity {
    genesis: [1; 32],
    contract: [2; 32],
    domain: [3; 32],
};

fn answered() -> Answered {
    Answered {
        request_id: 7,
        operator: [9; 32],
        terms_digest: [4; 32],
        answer: Answer::Bool(true),
        document: b"{}".to_vec(),
        evidence: [5; 32],
        salt_secret: 1,
        commitment: [1; 32],
        model: "scripted".into(),
        model_ms: 12,
        seen_at_ms: 1,
    }
}

fn open(folder: &tempfile::TempDir) -> Result<Sqlite, StoreError> {
    Sqlite::open(&folder.path().join(FILE), &IDENTITY)
}

#[test]
fn no_statement_can_change_or_remove_an_answer() {
    let folder = crate::store::private_folder();
    for database in [
        open(&folder).unwrap(),
        Sqlite::in_memory(&IDENTITY).unwrap(),
    ] {
        assert_eq!(database.insert_answers(&[answered()]).unwrap(), [true]);
        for sql in [
            "UPDATE jobs SET answer = x'0000'",
            "UPDATE jobs SET commitment = zeroblob(32)",
            "UPDATE jobs SET request_id = 8",
            "DELETE FROM jobs",
            "INSERT OR REPLACE INTO jobs SELECT * FROM jobs",
        ] {
            assert!(database.connection().execute(sql, []).is_err(), "{sql}");
        }
        let job = database.job(7, &[9; 32]).unwrap().unwrap();
        assert_eq!(job.answered, answered());
        let note = JobNote {
            entry: answered().entry(),
            state: JobState::Dead,
            reason: Some("why".to_owned()),
        };
        database.set_job_states(&[note]).unwrap();
        let job = database.job(7, &[9; 32]).unwrap().unwrap();
        assert_eq!(job.state, JobState::Dead);
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = crate::store::private_folder();
    let database = open(&folder).unwrap();
    database
        .connection()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    drop(database);
    assert!(matches!(open(&folder), Err(StoreError::TooNew { .. })));
}

#[test]
fn writes_are_synced() {
    let folder = crate::store::private_folder();
    let database = open(&folder).unwrap();
    let read = |pragma: &str| -> String {
        let sql = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let connection = database.connection();
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(read("synchronous"), "2");
    assert_eq!(read("journal_mode"), "wal");
}

#[test]
fn evidence_is_found_through_an_index() {
    let database = Sqlite::in_memory(&IDENTITY).unwrap();
    let sql = "EXPLAIN QUERY PLAN SELECT document FROM jobs
               WHERE evidence = x'00' AND state IN ('revealed', 'ended')";
    let connection = database.connection();
    let plan: String = connection.query_row(sql, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("jobs_by_evidence"), "{plan}");
}

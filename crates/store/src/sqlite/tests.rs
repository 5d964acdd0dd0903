#![allow(clippy::unwrap_used)]

use super::*;
use crate::sample::{answered, IDENTITY};

fn open(folder: &tempfile::TempDir) -> Result<Sqlite, StoreError> {
    Sqlite::open(&folder.path().join(FILE), &IDENTITY)
}

#[test]
fn no_statement_can_change_or_remove_an_answer() {
    let folder = llm_oracle_fixtures::private_folder();
    for database in [
        open(&folder).unwrap(),
        Sqlite::open_in_memory(&IDENTITY).unwrap(),
    ] {
        assert_eq!(
            database.insert_answers(&[answered(7, true)]).unwrap(),
            [true]
        );
        for sql in [
            "UPDATE jobs SET answer = x'0000'",
            "UPDATE jobs SET commitment = zeroblob(32)",
            "UPDATE jobs SET confidence = 81",
            "UPDATE jobs SET request_id = 8",
            "UPDATE jobs SET document = x'00'",
            // Its request has not ended.
            "UPDATE jobs SET document = x''",
            "DELETE FROM jobs",
            "INSERT OR REPLACE INTO jobs SELECT * FROM jobs",
        ] {
            assert!(database.connection().execute(sql, []).is_err(), "{sql}");
        }
        let job = database.job(7, &[9; 32]).unwrap().unwrap();
        assert_eq!(job.answered, answered(7, true));
        let note = JobUpdate {
            entry: answered(7, true).seat_id(),
            state: JobState::Abandoned,
            reason: Some("why".to_owned()),
        };
        database.set_job_states(&[note]).unwrap();
        let job = database.job(7, &[9; 32]).unwrap().unwrap();
        assert_eq!(job.state, JobState::Abandoned);
        let connection = database.connection();
        assert!(connection
            .execute("UPDATE jobs SET document = x'00'", [])
            .is_err());
        let removed = "UPDATE jobs SET document = x''";
        assert_eq!(connection.execute(removed, []).unwrap(), 1);
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = llm_oracle_fixtures::private_folder();
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
    let folder = llm_oracle_fixtures::private_folder();
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
    let database = Sqlite::open_in_memory(&IDENTITY).unwrap();
    let sql = "EXPLAIN QUERY PLAN SELECT document FROM jobs
               WHERE evidence = x'00' AND state IN ('revealed', 'ended')";
    let connection = database.connection();
    let plan: String = connection.query_row(sql, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("jobs_by_evidence"), "{plan}");
}

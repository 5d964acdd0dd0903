#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use crate::{
    error::SigningDaemonError,
    interchange::{Interchange, InterchangeError},
    record::MergeCounts,
    sample::*,
    transfer::{export, export_to, import},
    SigningDaemon, SigningDaemonConfig,
};
use llm_oracle_primitives::Answer;
use llm_oracle_signing::wire::{SignRequest, SignResponse};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};
use tempfile::TempDir;

/// A machine with settings of its own, and its daemon when it runs.
struct Machine {
    folder: TempDir,
    config: SigningDaemonConfig,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        Self { folder, config }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the daemon and signs one answer: the name of the refusal, or "signed".
    fn sign(&self, request: u64, says: bool) -> String {
        let daemon = SigningDaemon::open(&self.config).unwrap();
        refused(daemon.handle(&SignRequest::Answer(answer(request, Answer::Bool(says)))))
    }

    fn commit(&self, request: u64, says: bool) -> String {
        let daemon = SigningDaemon::open(&self.config).unwrap();
        let seat = seat_of(&answer(request, Answer::Bool(says)));
        refused(daemon.handle(&SignRequest::Seat(seat)))
    }
}

fn counts(written: usize, known: usize) -> MergeCounts {
    MergeCounts { written, known }
}

#[test]
fn a_key_that_moved_signs_the_same_again_and_refuses_a_second_answer() {
    let (old, new) = (Machine::new(), Machine::new());
    assert_eq!(old.sign(7, true), "signed");
    assert_eq!(old.commit(8, true), "signed");
    let file = old.file("record.json");
    export_to(&old.config, &file, true).unwrap();
    let (imported, counted) = import(&new.config, &file).unwrap();
    assert_eq!((imported.retired, counted), (true, counts(2, 0)));
    // The same content again. sr25519 signatures are random, so the bytes differ.
    let daemon = SigningDaemon::open(&new.config).unwrap();
    let yes = answer(7, Answer::Bool(true));
    let SignResponse::Signed(signature) = daemon.handle(&SignRequest::Answer(yes.clone())) else {
        panic!("what the old machine signed is signed again");
    };
    assert!(llm_oracle_signing::verifies(
        &signature,
        &yes.message(),
        &yes.context.operator
    ));
    drop(daemon);
    assert_eq!(new.sign(7, false), "conflicting_answer");
    assert_eq!(new.commit(8, false), "conflicting_commitment");
    // What only a commitment was signed for can be answered by what was committed to.
    assert_eq!(new.sign(8, true), "signed");
    // The same file again changes nothing, though the record knows more by now.
    let (_, counted) = import(&new.config, &file).unwrap();
    assert_eq!(counted, counts(0, 2));
    assert_eq!(new.sign(8, false), "conflicting_answer");
}

#[test]
fn a_commitment_of_the_record_gets_the_answer_of_the_file() {
    let (old, new) = (Machine::new(), Machine::new());
    assert_eq!(new.commit(7, true), "signed");
    assert_eq!(old.sign(7, true), "signed");
    let file = old.file("record.json");
    export_to(&old.config, &file, false).unwrap();
    assert_eq!(import(&new.config, &file).unwrap().1, counts(1, 0));
    assert_eq!(new.sign(7, false), "conflicting_answer");
}

#[test]
fn a_contradicting_row_is_named_and_nothing_is_written() {
    let (old, new) = (Machine::new(), Machine::new());
    for request in [6, 7, 8] {
        assert_eq!(old.sign(request, true), "signed");
    }
    assert_eq!(new.sign(7, false), "signed");
    let file = old.file("record.json");
    export_to(&old.config, &file, false).unwrap();
    let before = export(&new.config).unwrap();
    let found = import(&new.config, &file).unwrap_err();
    let text = found.to_string();
    assert!(
        matches!(found, SigningDaemonError::Conflict { request_id: 7, .. }),
        "{text}"
    );
    assert!(
        text.contains("5Grwva") && text.contains("nothing was imported"),
        "{text}"
    );
    assert_eq!(export(&new.config).unwrap(), before);
    // So the requests before and behind it are free.
    assert_eq!(new.sign(6, false), "signed");
}

#[test]
fn a_retired_record_signs_nothing_again() {
    let old = Machine::new();
    assert_eq!(old.sign(7, true), "signed");
    let first = old.file("first.json");
    let exported = export_to(&old.config, &first, true).unwrap();
    assert!(exported.retired);
    let found = SigningDaemon::open(&old.config).err().unwrap();
    assert!(
        matches!(found, SigningDaemonError::Retired { .. }),
        "{found}"
    );
    // The database itself refuses, and a program that does not know the mark refuses the version.
    let database = rusqlite::Connection::open(old.config.store.join("signed.sqlite")).unwrap();
    for sql in [
        "INSERT INTO signed SELECT domain, contract, 9, operator, commitment, evidence, answer FROM signed",
        "UPDATE signed SET answer = answer",
        "DELETE FROM retired",
        "UPDATE retired SET domain = zeroblob(32)",
    ] {
        assert!(database.execute(sql, []).is_err(), "{sql}");
    }
    let version = database.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert_eq!(version.unwrap(), 2);
    drop(database);
    // It can be exported again, should the file be lost, and says that it is retired.
    let second = old.file("second.json");
    assert_eq!(export_to(&old.config, &second, false).unwrap(), exported);
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    assert_eq!(export(&old.config).unwrap(), exported);
    // Nothing wakes it: not even its own file.
    let found = import(&old.config, &first).unwrap_err();
    assert!(
        matches!(found, SigningDaemonError::Retired { .. }),
        "{found}"
    );
    // The way back is another folder.
    let back = SigningDaemonConfig {
        store: old.file("store2"),
        ..old.config.clone()
    };
    import(&back, &first).unwrap();
    SigningDaemon::open(&back).unwrap();
}

#[test]
fn a_retired_deployment_leaves_the_others_of_its_record_alone() {
    let old = Machine::new();
    assert_eq!(old.sign(7, true), "signed");
    export_to(&old.config, &old.file("record.json"), true).unwrap();
    let other = SigningDaemonConfig {
        domain: format!("0x{}", "09".repeat(32)),
        ..old.config.clone()
    };
    let daemon = SigningDaemon::open(&other).unwrap();
    let mut seat = seat_of(&answer(7, Answer::Bool(false)));
    seat.context.domain = [9; 32];
    assert_eq!(refused(daemon.handle(&SignRequest::Seat(seat))), "signed");
}

#[test]
fn a_running_daemon_is_neither_exported_nor_imported_into() {
    let (old, new) = (Machine::new(), Machine::new());
    assert_eq!(old.sign(7, true), "signed");
    let file = old.file("record.json");
    export_to(&old.config, &file, false).unwrap();
    import(&new.config, &file).unwrap();
    let _daemon = SigningDaemon::open(&new.config).unwrap();
    let out = new.file("out.json");
    for found in [
        export(&new.config).unwrap_err(),
        export_to(&new.config, &out, true).unwrap_err(),
        import(&new.config, &file).unwrap_err(),
    ] {
        assert!(
            matches!(found, SigningDaemonError::Locked { .. }),
            "{found}"
        );
    }
    assert!(!out.exists());
}

#[test]
fn an_export_is_a_new_private_file_or_the_record_stays_as_it_is() {
    let old = Machine::new();
    let nothing = export(&old.config).unwrap_err();
    assert!(
        matches!(nothing, SigningDaemonError::NoRecord { .. }),
        "{nothing}"
    );
    assert!(!old.config.store.exists());
    assert_eq!(old.sign(7, true), "signed");
    let file = old.file("record.json");
    export_to(&old.config, &file, false).unwrap();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // Neither an existing file nor a missing folder retires the record.
    for path in [file, old.file("missing/record.json")] {
        let found = export_to(&old.config, &path, true).unwrap_err();
        assert!(matches!(found, SigningDaemonError::Io { .. }), "{found}");
    }
    assert_eq!(old.sign(7, true), "signed");
}

#[test]
fn the_mark_is_durable_before_the_file_is_written() {
    let old = Machine::new();
    assert_eq!(old.sign(7, true), "signed");
    let file = old.file("record.json");
    let stuck = crate::transfer::export_with(&old.config, &file, true, |_, _, _| {
        let database = rusqlite::Connection::open(old.config.store.join("signed.sqlite")).unwrap();
        let sql = "SELECT count(*) FROM retired";
        let marks: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(marks, 1);
        Err(std::io::Error::other("no space"))
    });
    let found = stuck.unwrap_err();
    assert!(
        matches!(found, SigningDaemonError::RetiredWithoutFile { .. }),
        "{found}"
    );
    assert!(!file.exists());
    assert!(export_to(&old.config, &file, false).unwrap().retired);
}

#[test]
fn another_deployment_and_a_damaged_file_leave_no_trace() {
    let (old, new) = (Machine::new(), Machine::new());
    assert_eq!(old.sign(7, true), "signed");
    let file = old.file("record.json");
    export_to(&old.config, &file, false).unwrap();
    let other = |change: &dyn Fn(&mut SigningDaemonConfig)| {
        let mut config = new.config.clone();
        change(&mut config);
        import(&config, &file).unwrap_err()
    };
    for found in [
        other(&|config| config.domain = format!("0x{}", "09".repeat(32))),
        other(&|config| config.contract = format!("0x{}", "09".repeat(32))),
    ] {
        assert!(
            matches!(found, SigningDaemonError::OtherDeployment { .. }),
            "{found}"
        );
    }
    let text = fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once("\"request_id\": \"7\"").unwrap();
    fs::write(&file, format!("{before}\"request_id\": \"6\"{after}")).unwrap();
    let found = import(&new.config, &file).unwrap_err();
    let digest = InterchangeError::Digest;
    assert!(
        matches!(&found, SigningDaemonError::Interchange { error, .. } if *error == digest),
        "{found}"
    );
    fs::write(&file, before).unwrap();
    let found = import(&new.config, &file).unwrap_err().to_string();
    assert!(found.contains("record.json line 14"), "{found}");
    // Nothing was even made.
    assert!(!new.config.store.exists());
    assert!(Interchange::parse(text.as_bytes()).is_ok());
}

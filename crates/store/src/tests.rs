#![allow(clippy::unwrap_used)]

use super::{
    sample::{answered, IDENTITY, OPERATOR},
    *,
};
use llm_oracle_primitives::Answer;

fn attempt(nonce: u64) -> NewAttempt {
    NewAttempt {
        hash: [u8::try_from(nonce).unwrap(); 32],
        bytes: vec![1, 2, 3],
        sender: [9; 32],
        nonce,
        valid_until: 100,
        purpose: Purpose::Commit,
        entries: vec![SeatId {
            request_id: 7,
            operator: [9; 32],
        }],
    }
}

#[test]
fn a_second_different_answer_is_refused_and_the_first_stands() {
    let folder = llm_oracle_fixtures::private_folder();
    let store = Store::open(folder.path(), &IDENTITY).unwrap();
    assert_eq!(
        store.record_answer(&answered(7, true)).unwrap(),
        Recorded::New
    );
    assert_eq!(
        store.record_answer(&answered(7, true)).unwrap(),
        Recorded::Same
    );
    let Recorded::Conflict(stands) = store.record_answer(&answered(7, false)).unwrap() else {
        panic!("a second answer was taken");
    };
    assert_eq!(stands.answer, Answer::Bool(true));
    drop(store);
    let store = Store::open(folder.path(), &IDENTITY).unwrap();
    assert_eq!(
        store.job(7, &[9; 32]).unwrap().unwrap().answered,
        answered(7, true)
    );
}

#[test]
fn a_second_process_is_refused_at_the_lock() {
    let folder = llm_oracle_fixtures::private_folder();
    let first = Store::open(folder.path(), &IDENTITY).unwrap();
    assert!(matches!(
        Store::open(folder.path(), &IDENTITY),
        Err(StoreError::Locked { path }) if path == folder.path()
    ));
    drop(first);
    assert!(Store::open(folder.path(), &IDENTITY).is_ok());
}

#[test]
fn another_chain_contract_or_deployment_is_refused_with_both_values() {
    let folder = llm_oracle_fixtures::private_folder();
    drop(Store::open(folder.path(), &IDENTITY).unwrap());
    for (other, name) in [
        (
            StoreIdentity {
                genesis: [8; 32],
                ..IDENTITY
            },
            "chain",
        ),
        (
            StoreIdentity {
                contract: [8; 32],
                ..IDENTITY
            },
            "contract",
        ),
        (
            StoreIdentity {
                domain: [8; 32],
                ..IDENTITY
            },
            "deployment",
        ),
    ] {
        let error = Store::open(folder.path(), &other).err().unwrap();
        let StoreError::Foreign {
            what,
            found,
            wanted,
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(what, name);
        assert_eq!(wanted, format!("0x{}", "08".repeat(32)));
        assert_ne!(found, wanted);
    }
    assert!(Store::open(folder.path(), &IDENTITY).is_ok());
}

#[test]
fn the_salt_secret_is_made_once_and_kept_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = llm_oracle_fixtures::private_folder();
    let store = Store::open(folder.path(), &IDENTITY).unwrap();
    assert_eq!(store.secrets().current(), 1);
    let secret = *store.secrets().get(1).unwrap();
    assert_ne!(secret, [0; 32]);
    assert!(matches!(
        store.secrets().get(2),
        Err(StoreError::MissingSecret { number: 2 })
    ));
    assert!(!format!("{:?}", store.secrets()).contains(&hex::encode(secret)));
    drop(store);
    let path = folder.path().join("salt-secret-1");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let store = Store::open(folder.path(), &IDENTITY).unwrap();
    assert_eq!(*store.secrets().get(1).unwrap(), secret);
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(
        Store::open(folder.path(), &IDENTITY),
        Err(StoreError::Exposed { mode: 0o644, .. })
    ));
}

#[test]
fn a_folder_that_others_can_enter_is_refused_with_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folder = llm_oracle_fixtures::private_folder();
    let path = folder.path().join("made/by us");
    drop(Store::open(&path, &IDENTITY).unwrap());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o700
    );
    for mode in [0o750, 0o705, 0o720, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Store::open(&path, &IDENTITY).err().unwrap();
        assert!(matches!(error, StoreError::OpenFolder { mode: found, .. } if found == mode));
        let text = error.to_string();
        assert!(
            text.contains(&format!("{mode:03o}")) && text.contains("chmod 700"),
            "{text}"
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Store::open(&path, &IDENTITY).is_ok());
}

#[test]
fn attempts_go_through_their_states_and_ended_ones_stay() {
    let folder = llm_oracle_fixtures::private_folder();
    let store = Store::open(folder.path(), &IDENTITY).unwrap();
    let first = store.add_attempt(&attempt(0)).unwrap();
    assert!(store
        .add_attempt(&NewAttempt {
            hash: [77; 32],
            ..attempt(0)
        })
        .is_err());
    let second = store.add_attempt(&attempt(1)).unwrap();
    store.mark_sent(first).unwrap();
    let live = store.live_attempts().unwrap();
    assert_eq!(live.len(), 2);
    assert_eq!(live[0].state, AttemptState::Broadcast);
    assert_eq!(live[1].state, AttemptState::Signed);
    assert_eq!(live[1].tx, attempt(1));
    store
        .set_attempt_state(first, AttemptState::Expired, Some("expired"))
        .unwrap();
    store
        .set_attempt_state(first, AttemptState::Final, None)
        .unwrap();
    store
        .set_attempt_state(second, AttemptState::Final, None)
        .unwrap();
    assert_eq!(
        store
            .count_attempts(Purpose::Commit, AttemptState::Expired)
            .unwrap(),
        1
    );
    assert_eq!(
        store
            .count_attempts(Purpose::Commit, AttemptState::Final)
            .unwrap(),
        1
    );
    assert!(store.live_attempts().unwrap().is_empty());
    // The nonce is free again.
    assert!(store
        .add_attempt(&NewAttempt {
            hash: [78; 32],
            ..attempt(0)
        })
        .is_ok());
}

#[test]
fn failures_are_counted_and_skips_keep_their_first_reason() {
    let folder = llm_oracle_fixtures::private_folder();
    let store = Store::open(folder.path(), &IDENTITY).unwrap();
    let entry = SeatId {
        request_id: 7,
        operator: [9; 32],
    };
    assert_eq!(store.add_failure(&entry, Purpose::Ask, "a").unwrap(), 1);
    assert_eq!(store.add_failure(&entry, Purpose::Ask, "b").unwrap(), 2);
    assert_eq!(store.failures(&entry, Purpose::Ask).unwrap().0, 2);
    assert_eq!(store.failures(&entry, Purpose::Commit).unwrap().0, 0);
    for reason in ["first", "second"] {
        let skip = Skip {
            request_id: 7,
            operator: [9; 32],
            reason: reason.into(),
        };
        store.skip(&skip).unwrap();
    }
    assert_eq!(
        store.skipped(7, &[9; 32]).unwrap().as_deref(),
        Some("first")
    );
    assert_eq!(
        store
            .failure_reason(&entry, Purpose::Ask)
            .unwrap()
            .as_deref(),
        Some("b")
    );
    assert_eq!(store.failure_reason(&entry, Purpose::Commit).unwrap(), None);
    for _ in 0..2 {
        let skip = Skip {
            request_id: 7,
            operator: [9; 32],
            reason: "third".into(),
        };
        store.skip_also(&skip).unwrap();
    }
    assert_eq!(
        store.skipped(7, &[9; 32]).unwrap().as_deref(),
        Some("first; third")
    );
    store.set_cursor(5).unwrap();
    assert_eq!(store.cursor().unwrap(), 5);
}

#[test]
fn a_database_in_memory_outlives_the_store_over_it() {
    let database: Arc<dyn Database> = Arc::new(sqlite::Sqlite::open_in_memory(&IDENTITY).unwrap());
    let secrets = || SaltSecrets::from_pairs([(1, [7; 32])]);
    let store = Store::with_database(database.clone(), secrets());
    assert_eq!(
        store.record_answer(&answered(7, true)).unwrap(),
        Recorded::New
    );
    drop(store);
    let store = Store::with_database(database, secrets());
    assert!(!store.is_fresh().unwrap());
    assert_eq!(
        store.record_answer(&answered(7, true)).unwrap(),
        Recorded::Same
    );
    assert_eq!(store.secrets().get(1).unwrap(), &[7; 32]);
}

#[test]
fn a_second_live_transaction_with_a_nonce_is_refused_by_name() {
    let database: Arc<dyn Database> = Arc::new(sqlite::Sqlite::open_in_memory(&IDENTITY).unwrap());
    let store = Store::with_database(database, SaltSecrets::from_pairs([(1, [7; 32])]));
    store.add_attempt(&attempt(5)).unwrap();
    let rival = NewAttempt {
        hash: [77; 32],
        ..attempt(5)
    };
    assert!(matches!(
        store.add_attempt(&rival),
        Err(StoreError::NonceTaken { nonce: 5 })
    ));
}

#[test]
fn a_copy_that_version_2_wrote_is_read_without_a_confidence() {
    let (folder, copies) = (
        llm_oracle_fixtures::private_folder(),
        llm_oracle_fixtures::private_folder(),
    );
    let store = Store::open_with_backup(folder.path(), Some(copies.path()), &IDENTITY).unwrap();
    let answer = answered(7, true);
    store.record_answer(&answer).unwrap();
    let found = store.backed_up(7, &OPERATOR).unwrap();
    assert_eq!(found, Some(answer.clone()));
    let name = format!("answer-7-{}.json", hex::encode(OPERATOR));
    let path = copies.path().join(name);
    let mut copy: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    copy.as_object_mut().unwrap().remove("confidence").unwrap();
    std::fs::write(&path, copy.to_string()).unwrap();
    let old = Answered {
        confidence: None,
        ..answer
    };
    assert_eq!(store.backed_up(7, &OPERATOR).unwrap(), Some(old));
}

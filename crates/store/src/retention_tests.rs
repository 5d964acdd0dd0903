#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    now_ms,
    sample::{answered, IDENTITY, OPERATOR},
    AttemptState, JobState, NewAttempt, Purpose, Recorded, Skip,
};

/// Later than anything that was written.
fn later() -> Option<i64> {
    now_ms().checked_add(1_000)
}

fn seat(request_id: RequestId) -> SeatId {
    answered(request_id, true).seat_id()
}

/// Requests 1 (ended), 2 (revealed), 3 (ended, at the cursor); each with a failure, a skip and a transaction, of
/// which that of request 2 lives.
fn filled(store: &Store) {
    for (id, state) in [
        (1, JobState::Ended),
        (2, JobState::Revealed),
        (3, JobState::Ended),
    ] {
        store.record_answer(&answered(id, true)).unwrap();
        store.set_job_state(id, &OPERATOR, state, None).unwrap();
        store
            .add_failure(&seat(id), Purpose::Commit, "why")
            .unwrap();
        store
            .skip(&Skip {
                request_id: id,
                operator: OPERATOR,
                reason: "why".to_owned(),
            })
            .unwrap();
        let attempt = NewAttempt {
            hash: [u8::try_from(id).unwrap(); 32],
            bytes: vec![1, 2, 3],
            sender: OPERATOR,
            nonce: id,
            valid_until: 100,
            purpose: Purpose::Commit,
            entries: vec![seat(id)],
        };
        let row = store.add_attempt(&attempt).unwrap();
        if id != 2 {
            let ended = AttemptState::Final;
            assert!(store.set_attempt_state(row, ended, None).unwrap());
        }
    }
    store.set_cursor(3).unwrap();
}

#[test]
fn what_an_open_request_or_a_live_transaction_needs_stays() {
    let (folder, copy) = (
        llm_oracle_fixtures::private_folder(),
        llm_oracle_fixtures::private_folder(),
    );
    let store = Store::open_with_backup(folder.path(), Some(copy.path()), &IDENTITY).unwrap();
    filled(&store);
    let copies = || {
        let files = std::fs::read_dir(copy.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("answer-")).count()
    };
    assert_eq!(copies(), 3);
    let nothing = prune(&store, None, None).unwrap();
    assert_eq!(nothing, PruneResult::default());
    let young = prune(&store, Some(1), Some(1)).unwrap();
    assert_eq!(young, PruneResult::default());

    let pruned = prune(&store, later(), later()).unwrap();
    assert_eq!(pruned.documents, [seat(1)]);
    assert_eq!((pruned.transactions, pruned.notes), (2, 4));
    assert!(!pruned.is_full());
    assert_eq!(copies(), 2);
    let document = |id: RequestId| {
        let job = store.job(id, &OPERATOR).unwrap().unwrap();
        job.answered.document
    };
    assert!(document(1).is_empty());
    assert!(!document(2).is_empty(), "its request has not ended");
    assert!(!document(3).is_empty(), "it is not below the cursor");
    assert_eq!(store.live_attempts().unwrap().len(), 1);
    assert_eq!(store.failures(&seat(3), Purpose::Commit).unwrap().0, 1);
    assert_eq!(store.failures(&seat(1), Purpose::Commit).unwrap().0, 0);
    assert_eq!(store.stats().unwrap().skipped, 1);
    assert_eq!(
        prune(&store, later(), later()).unwrap(),
        PruneResult::default()
    );
}

#[test]
fn an_answer_without_its_evidence_is_final_all_the_same() {
    let folder = llm_oracle_fixtures::private_folder();
    let store = Store::open(folder.path(), &IDENTITY).unwrap();
    filled(&store);
    let digest = answered(1, true).evidence;
    assert!(store.published(&digest).unwrap().is_some());
    prune(&store, later(), None).unwrap();
    assert_eq!(store.published(&digest).unwrap(), None);
    let again = store.record_answer(&answered(1, false)).unwrap();
    let Recorded::Conflict(stands) = again else {
        panic!("a second answer was taken: {again:?}");
    };
    assert_eq!(stands.commitment, answered(1, true).commitment);
    let listed = store.database.evidence(None).unwrap();
    let listed: Vec<_> = listed.iter().map(|one| one.request_id).collect();
    assert_eq!(listed, [2, 3], "nothing is exported that is not there");
}

#![allow(clippy::unwrap_used)]

use super::*;
use llm_oracle_store::{Recorded, Store};

const IDENTITY: llm_oracle_store::StoreIdentity = llm_oracle_store::StoreIdentity {
    genesis: [1; 32],
    contract: [2; 32],
    domain: [3; 32],
};

const DEPLOYMENT: DeploymentId = DeploymentId {
    domain: IDENTITY.domain,
    contract: IDENTITY.contract,
};

/// A seat that was taken with `answer`, and the answer's record.
fn seat(store: &Store, confidence: Option<u8>, answer: Answer) -> (UnknownSeat, Answered) {
    let context = DEPLOYMENT.context(7, [4; 32], [9; 32]);
    let number = store.secrets().current();
    let salt = digest::salt(store.secrets().get(number).unwrap(), &context);
    let document = b"{\"how\":1}".to_vec();
    let evidence = digest::evidence(&salt, &document);
    let commitment = digest::commitment(&context, &answer, confidence, &evidence, &salt);
    let answered = Answered {
        request_id: 7,
        operator: [9; 32],
        terms_digest: [4; 32],
        answer,
        confidence,
        document,
        evidence,
        salt_secret: number,
        commitment,
        model: "m".into(),
        model_ms: 1,
        seen_at_ms: 2,
    };
    let unknown = UnknownSeat {
        request_id: 7,
        operator: [9; 32],
        terms_digest: [4; 32],
        with_confidence: confidence.is_some(),
        commitment,
        evidence,
    };
    (unknown, answered)
}

#[test]
fn closed_answers_are_found_by_trying() {
    let folder = llm_oracle_fixtures::private_folder();
    let store = Store::open(folder.path(), &IDENTITY).unwrap();
    for (confidence, answer, found) in [
        (Some(0), Answer::Bool(true), true),
        (Some(100), Answer::Bool(false), true),
        (Some(57), Answer::Choice(31), true),
        (Some(57), Answer::Choice(32), false),
        (Some(101), Answer::Bool(true), false),
        (Some(0), Answer::Abstain(Reason::BadInput), true),
        (None, Answer::Abstain(Reason::TooSoon), true),
        (None, Answer::Number(5), false),
    ] {
        let (unknown, answered) = seat(&store, confidence, answer);
        let again = unknown.try_all(&DEPLOYMENT, store.secrets());
        assert_eq!(again.is_some(), found, "{:?}", answered.answer);
        if let Some(again) = again {
            assert_eq!(again.answer, answered.answer);
            assert_eq!(again.confidence, answered.confidence);
            assert_eq!(again.commitment, answered.commitment);
            assert_eq!(again.evidence, answered.evidence);
        }
    }
    // Another secret opens nothing.
    let folder = llm_oracle_fixtures::private_folder();
    let other = Store::open(folder.path(), &IDENTITY).unwrap();
    let (unknown, _) = seat(&store, Some(3), Answer::Bool(true));
    assert!(unknown.try_all(&DEPLOYMENT, other.secrets()).is_none());
}

#[test]
fn open_answers_come_from_the_copy_if_it_opens_the_seat() {
    let (folder, copies) = (
        llm_oracle_fixtures::private_folder(),
        llm_oracle_fixtures::private_folder(),
    );
    let open = |folder: &std::path::Path| {
        Store::open_with_backup(folder, Some(copies.path()), &IDENTITY).unwrap()
    };
    let store = open(folder.path());
    let (unknown, answered) = seat(&store, Some(9), Answer::Text(b"blue".to_vec()));
    assert_eq!(store.record_answer(&answered).unwrap(), Recorded::New);
    // A second, different answer is refused and leaves the copy as it is.
    let other = Answered {
        answer: Answer::Text(b"red".to_vec()),
        ..answered.clone()
    };
    assert!(matches!(
        store.record_answer(&other).unwrap(),
        Recorded::Conflict(_)
    ));
    drop(store);
    // The whole store is gone, secret included.
    let new = llm_oracle_fixtures::private_folder();
    let store = open(new.path());
    assert!(store.is_fresh().unwrap());
    let copy = store.backed_up(7, &[9; 32]).unwrap().unwrap();
    assert_eq!(copy, answered);
    assert!(unknown.is_opened_by(&DEPLOYMENT, store.secrets(), &copy));
    for wrong in [
        Answered {
            answer: Answer::Text(b"red".to_vec()),
            ..copy.clone()
        },
        Answered {
            confidence: Some(8),
            ..copy.clone()
        },
        Answered {
            document: b"{}".to_vec(),
            ..copy.clone()
        },
        Answered {
            salt_secret: 2,
            ..copy.clone()
        },
    ] {
        assert!(!unknown.is_opened_by(&DEPLOYMENT, store.secrets(), &wrong));
    }
    assert_eq!(store.backed_up(8, &[9; 32]).unwrap(), None);
    // Another store's secrets under the same numbers are not mixed in.
    let third = llm_oracle_fixtures::private_folder();
    drop(Store::open(third.path(), &IDENTITY).unwrap());
    assert!(matches!(
        Store::open_with_backup(third.path(), Some(copies.path()), &IDENTITY),
        Err(llm_oracle_store::StoreError::OtherBackup { .. })
    ));
}

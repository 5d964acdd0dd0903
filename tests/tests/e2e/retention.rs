//! What a shared store lets go of.

use crate::shared_store::{answered, attempt, entry, open, OPERATOR};
use llm_oracle_store::{now_ms, prune, AttemptState, JobState, Purpose, Recorded, Skip};
use llm_oracle_tests::Postgres;

#[test]
fn a_shared_store_lets_go_of_what_is_over_and_never_of_an_answer() {
    let own = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    let [store, other] = ["one", "two"].map(|name| open(&own, name, postgres.url()));
    for (id, mark, state) in [
        (1, 1, JobState::Ended),
        (2, 2, JobState::Revealed),
        (3, 3, JobState::Abandoned),
    ] {
        store.record_answer(&answered(id, mark)).unwrap();
        store.set_job_state(id, &OPERATOR, state, None).unwrap();
        store.add_failure(&entry(id), Purpose::Ask, "why").unwrap();
        let skip = Skip {
            request_id: id,
            operator: OPERATOR,
            reason: "why".to_owned(),
        };
        store.skip(&skip).unwrap();
        let row = store.add_attempt(&attempt(id, id, mark)).unwrap();
        if id != 2 {
            assert!(store
                .set_attempt_state(row, AttemptState::Final, None)
                .unwrap());
        }
    }
    store.set_cursor(3).unwrap();
    let later = Some(now_ms() + 1_000);
    assert!(prune(&store, Some(1), Some(1))
        .unwrap()
        .documents
        .is_empty());
    let pruned = prune(&store, later, later).unwrap();
    assert_eq!(pruned.documents, [entry(1)]);
    assert_eq!((pruned.transactions, pruned.notes), (2, 4));
    // The other replica finds nothing left, and the answer all the same.
    assert!(prune(&other, later, later).unwrap().documents.is_empty());
    let kept = other.job(1, &OPERATOR).unwrap().unwrap().answered;
    assert!(kept.document.is_empty());
    assert_eq!(kept.commitment, answered(1, 1).commitment);
    assert!(matches!(
        other.record_answer(&answered(1, 9)).unwrap(),
        Recorded::Conflict(_)
    ));
    for id in [2, 3] {
        let kept = other.job(id, &OPERATOR).unwrap().unwrap().answered;
        assert!(!kept.document.is_empty(), "request {id}");
    }
    assert_eq!(other.live_attempts().unwrap().len(), 1);
    assert_eq!(other.published(&[1; 32]).unwrap(), None);
}

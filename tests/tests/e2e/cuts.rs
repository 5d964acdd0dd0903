//! Connections to PostgreSQL that are cut at every message, inside COMMIT above all.

use crate::shared_store::{answered, attempt, entry, folder, open, open_at, shared, OPERATOR};
use llm_oracle_store::{AttemptState, Purpose, Recorded, Store};
use llm_oracle_tests::{
    pg_proxy::{At, Proxy, Side},
    postgres::url_at,
    report, Postgres,
};

/// One request's life in the store, in the order of the relayer's writes. Gives the row.
fn live_through(store: &Store, request_id: u64) -> i64 {
    let nonce = request_id;
    assert_eq!(store.lease(&[request_id]).unwrap(), [request_id]);
    assert_eq!(
        store.record_answer(&answered(request_id, 1)).unwrap(),
        Recorded::New
    );
    let id = store.add_attempt(&attempt(request_id, nonce, 1)).unwrap();
    store.mark_sent(id).unwrap();
    let failed = store.add_failure(&entry(request_id), Purpose::Reveal, "why");
    assert_eq!(failed.unwrap(), 1);
    assert!(store
        .set_attempt_state(id, AttemptState::Final, None)
        .unwrap());
    id
}

/// Exactly what `live_through` does, and nothing twice, seen past the proxy.
fn assert_lived(store: &Store, request_id: u64, id: i64, what: &str) {
    let job = store.job(request_id, &OPERATOR).unwrap().unwrap();
    assert_eq!(job.answered.commitment, [1; 32], "{what}");
    assert!(store.live_attempts().unwrap().is_empty(), "{what}");
    let (failures, _) = store.failures(&entry(request_id), Purpose::Reveal).unwrap();
    assert_eq!(failures, 1, "{what}: failures");
    // Its row has ended and stays ended.
    let moved = store.set_attempt_state(id, AttemptState::Expired, None);
    assert!(!moved.unwrap(), "{what}");
}

/// The connection is cut inside COMMIT, and at every other message of a request's life: before the
/// server has it, while it works on it, and after it has answered.
#[test]
fn pg_commit_unknown_result() {
    let own = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    let proxy = Proxy::to(postgres.port());
    let direct = open(&own, "direct", postgres.url());
    // Its own work would make it a replica with a share.
    let through = || open_at(&own.path().join("through"), &shared(url_at(proxy.port()))).unwrap();
    drop(folder(own.path(), "through"));
    let mut store = through();
    let mut request_id = 0;
    for side in Side::ALL {
        for write in ["answer", "transaction"] {
            let what = format!("{side:?} the COMMIT of the {write}");
            request_id += 1;
            if write == "answer" {
                proxy.cut(At::Commit, side);
                let recorded = store.record_answer(&answered(request_id, 1));
                assert_eq!(recorded.unwrap(), Recorded::New, "{what}");
            } else {
                proxy.cut(At::Commit, side);
                let new = attempt(request_id, request_id, 1);
                let id = store.add_attempt(&new).unwrap();
                let live = direct.live_attempts().unwrap();
                assert_eq!(live.len(), 1, "{what}");
                assert_eq!((live[0].id, &live[0].tx), (id, &new), "{what}");
                assert!(store
                    .set_attempt_state(id, AttemptState::Final, None)
                    .unwrap());
            }
            assert!(!proxy.forget(), "{what}: nothing was cut");
        }
    }
    let (mut cuts, mut message) = (proxy.cuts(), 0);
    // Until a life is through before its message comes.
    loop {
        let mut met = false;
        for side in Side::ALL {
            request_id += 1;
            let what = format!("{side:?} message {message}");
            // A new connection, with its set-up.
            drop(store);
            proxy.cut(At::Message(message), side);
            store = through();
            let id = live_through(&store, request_id);
            met |= !proxy.forget();
            assert_lived(&direct, request_id, id, &what);
        }
        if !met {
            break;
        }
        message += 1;
    }
    cuts = proxy.cuts() - cuts;
    report(
        "pg_commit_unknown_result",
        &format!("{cuts} connections cut, at each of {message} messages on every side"),
    );
    assert!(message > 50, "{message} messages are no request's life");
    assert_eq!(cuts, message * 3);
}

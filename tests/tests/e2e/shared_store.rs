//! The store on a PostgreSQL server: the same rules as in SQLite, and replicas beside each other.

use llm_oracle_primitives::Answer;
use llm_oracle_store::{
    Answered, Archive, Attempt, AttemptState, DatabaseUrl, JobState, NewAttempt, Purpose, Recorded,
    SeatId, SharedDatabase, Skip, Store, StoreError, StoreIdentity, UrlSource,
};
use llm_oracle_tests::Postgres;
use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub(crate) const IDENTITY: StoreIdentity = StoreIdentity {
    genesis: [1; 32],
    contract: [2; 32],
    domain: [3; 32],
};
pub(crate) const OPERATOR: [u8; 32] = [9; 32];

pub(crate) fn shared(url: String) -> SharedDatabase {
    SharedDatabase {
        url: UrlSource::Text(DatabaseUrl::new(url)),
        ca_file: None,
        lease_ms: SharedDatabase::LEASE_MS,
    }
}

/// A replica's own folder under another one, with the secret that all have.
pub(crate) fn folder(under: &Path, name: &str) -> PathBuf {
    let path = under.join(name);
    let made = fs::DirBuilder::new().mode(0o700).create(&path);
    made.unwrap();
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path.join("salt-secret-1")).unwrap();
    file.write_all(&[7; 32]).unwrap();
    path
}

pub(crate) fn open_at(folder: &Path, shared: &SharedDatabase) -> Result<Store, StoreError> {
    unlocked(|| Store::open_shared(folder, None, shared, &IDENTITY))
}

/// Opens a store that may have been closed a moment ago. A program that another test starts just then holds
/// a copy of the lock until it has begun to run.
fn unlocked(open: impl Fn() -> Result<Store, StoreError>) -> Result<Store, StoreError> {
    let started = Instant::now();
    loop {
        match open() {
            Err(StoreError::Locked { .. }) if started.elapsed() < llm_oracle_tests::PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            opened => return opened,
        }
    }
}

pub(crate) fn open(under: &TempDir, name: &str, url: String) -> Store {
    open_at(&folder(under.path(), name), &shared(url)).unwrap()
}

pub(crate) fn answered(request_id: u64, mark: u8) -> Answered {
    Answered {
        request_id,
        operator: OPERATOR,
        terms_digest: [4; 32],
        answer: Answer::Number(mark.into()),
        confidence: Some(mark),
        document: format!("{{\"mark\":{mark}}}").into_bytes(),
        evidence: [mark; 32],
        salt_secret: 1,
        commitment: [mark; 32],
        model: "scripted\0".into(),
        model_ms: 12,
        seen_at_ms: 1,
    }
}

pub(crate) fn entry(request_id: u64) -> SeatId {
    SeatId {
        request_id,
        operator: OPERATOR,
    }
}

pub(crate) fn attempt(request_id: u64, nonce: u64, mark: u8) -> NewAttempt {
    let mut hash = [mark; 32];
    hash[..8].copy_from_slice(&request_id.to_le_bytes());
    NewAttempt {
        hash,
        bytes: vec![1, 2, mark],
        sender: OPERATOR,
        nonce,
        valid_until: 100,
        purpose: Purpose::Commit,
        entries: vec![entry(request_id)],
    }
}

fn is_taken(outcome: &Result<i64, StoreError>, wanted: u64) -> bool {
    matches!(outcome, Err(StoreError::NonceTaken { nonce }) if *nonce == wanted)
}

/// What every store does, whichever database it has.
fn conforms(open: &dyn Fn() -> Store) {
    let store = open();
    assert!(store.is_fresh().unwrap());
    answers_stand(&store);
    transactions_end_once(&store);
    reasons_and_counts(&store);
    drop(store);
    let store = open();
    assert!(!store.is_fresh().unwrap());
    let job = store.job(7, &OPERATOR).unwrap().unwrap();
    assert_eq!(job.answered.commitment, [1; 32]);
    assert_eq!(store.cursor().unwrap(), 5);
    assert_eq!(store.usage().unwrap().as_deref(), Some(&b"some"[..]));
}

fn answers_stand(store: &Store) {
    assert_eq!(store.record_answer(&answered(7, 1)).unwrap(), Recorded::New);
    assert_eq!(
        store.record_answer(&answered(7, 1)).unwrap(),
        Recorded::Same
    );
    let Recorded::Conflict(stands) = store.record_answer(&answered(7, 2)).unwrap() else {
        panic!("a second answer was taken");
    };
    assert_eq!(stands.answer, Answer::Number(1));
    assert_eq!(store.record_answer(&answered(8, 3)).unwrap(), Recorded::New);
    let newest: Vec<u64> = store
        .jobs(1)
        .unwrap()
        .iter()
        .map(|job| job.answered.request_id)
        .collect();
    assert_eq!(newest, [8]);
    assert_eq!(store.published(&[1; 32]).unwrap(), None);
    let set = |state| store.set_job_state(7, &OPERATOR, state, Some("why\0"));
    set(JobState::Committed).unwrap();
    assert_eq!(store.published(&[1; 32]).unwrap(), None);
    set(JobState::Revealed).unwrap();
    assert_eq!(
        store.published(&[1; 32]).unwrap(),
        Some(answered(7, 1).document)
    );
    for at in [5, 6] {
        store
            .set_submitted(&[answered(7, 1).seat_id()], at)
            .unwrap();
    }
    let job = store.job(7, &OPERATOR).unwrap().unwrap();
    assert_eq!(job.submitted_at_ms, Some(5));
    assert_eq!(job.state, JobState::Revealed);
    assert_eq!(job.answered.document, answered(7, 1).document);
}

fn transactions_end_once(store: &Store) {
    let first = store.add_attempt(&attempt(1, 0, 1)).unwrap();
    assert!(is_taken(&store.add_attempt(&attempt(2, 0, 2)), 0));
    let second = store.add_attempt(&attempt(2, 1, 3)).unwrap();
    store.mark_sent(first).unwrap();
    let live: Vec<Attempt> = store.live_attempts().unwrap();
    assert_eq!(live.len(), 2);
    assert_eq!(live[0].state, AttemptState::Broadcast);
    assert!(live[0].sent_at_ms.is_some());
    assert_eq!(live[1].state, AttemptState::Signed);
    assert_eq!(live[1].tx, attempt(2, 1, 3));
    let end = |id, state| store.set_attempt_state(id, state, Some("why"));
    assert!(end(first, AttemptState::InBlock).unwrap());
    assert!(end(first, AttemptState::Expired).unwrap());
    assert!(!end(first, AttemptState::Final).unwrap());
    assert!(end(second, AttemptState::Final).unwrap());
    assert!(store.live_attempts().unwrap().is_empty());
    for state in [AttemptState::Expired, AttemptState::Final] {
        let count = store.count_attempts(Purpose::Commit, state).unwrap();
        assert_eq!(count, 1, "{state:?}");
    }
    // Nonce and seat are free again.
    let third = store.add_attempt(&attempt(1, 0, 4)).unwrap();
    assert!(end(third, AttemptState::Final).unwrap());
}

fn reasons_and_counts(store: &Store) {
    let entry = entry(7);
    assert_eq!(store.add_failure(&entry, Purpose::Ask, "a").unwrap(), 1);
    assert_eq!(store.add_failure(&entry, Purpose::Ask, "b\0").unwrap(), 2);
    assert_eq!(store.failures(&entry, Purpose::Ask).unwrap().0, 2);
    assert_eq!(store.failures(&entry, Purpose::Commit).unwrap(), (0, 0));
    let skip = |reason: &str| Skip {
        request_id: 7,
        operator: OPERATOR,
        reason: reason.into(),
    };
    store.skip(&skip("first")).unwrap();
    store.skip(&skip("second")).unwrap();
    store.skip_also(&skip("third")).unwrap();
    store.skip_also(&skip("third")).unwrap();
    let reason = store.skipped(7, &OPERATOR).unwrap();
    assert_eq!(reason.as_deref(), Some("first; third"));
    assert_eq!(store.skipped(8, &OPERATOR).unwrap(), None);
    store.set_cursor(5).unwrap();
    store.set_usage(b"some").unwrap();
    assert_eq!(store.finalized_seen().unwrap(), None);
    store.set_finalized_seen(3, &[3; 32]).unwrap();
    assert_eq!(store.finalized_seen().unwrap(), Some((3, [3; 32])));
    store.forget_finalized_seen().unwrap();
    assert_eq!(store.finalized_seen().unwrap(), None);
    let stats = store.stats().unwrap();
    assert!(stats.jobs.contains(&(JobState::Revealed, 1)));
    assert!(stats.jobs.contains(&(JobState::Answered, 1)));
    assert_eq!((stats.skipped, stats.cursor), (1, 5));
}

#[test]
fn the_same_rules_hold_in_both_databases() {
    let own = tempfile::tempdir().unwrap();
    let file = folder(own.path(), "sqlite");
    conforms(&|| unlocked(|| Store::open(&file, &IDENTITY)).unwrap());
    let postgres = Postgres::start();
    let place = folder(own.path(), "postgres");
    let shared = shared(postgres.url());
    conforms(&|| open_at(&place, &shared).unwrap());
    let archive = Archive::open_shared(&shared).unwrap();
    archive.check().unwrap();
    assert_eq!(archive.identity().unwrap(), Some(IDENTITY));
    let public: Vec<bool> = archive
        .evidence(None)
        .unwrap()
        .iter()
        .map(|one| one.public)
        .collect();
    assert_eq!(public, [true, false]);
    assert_eq!(archive.evidence(Some(8)).unwrap().len(), 1);
}

#[test]
fn what_does_not_belong_to_a_shared_database_is_refused() {
    let own = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    let shared = shared(postgres.url());
    let unused = Archive::open_shared(&shared).err();
    assert!(matches!(unused, Some(StoreError::Io { .. })), "{unused:?}");
    let first = folder(own.path(), "first");
    let store = open_at(&first, &shared).unwrap();
    assert!(store.place().contains("127.0.0.1") && !store.place().contains("secret"));
    // One process in each folder, many on the database.
    let twice = Store::open_shared(&first, None, &shared, &IDENTITY).err();
    assert!(
        matches!(twice, Some(StoreError::Locked { .. })),
        "{twice:?}"
    );
    let other = StoreIdentity {
        domain: [8; 32],
        ..IDENTITY
    };
    let second = folder(own.path(), "second");
    let foreign = unlocked(|| Store::open_shared(&second, None, &shared, &other)).err();
    let expected = matches!(
        foreign,
        Some(StoreError::Foreign {
            what: "deployment",
            ..
        })
    );
    assert!(expected, "{foreign:?}");
    fs::write(second.join("salt-secret-1"), [8; 32]).unwrap();
    let strange = open_at(&second, &shared).err();
    let expected = matches!(strange, Some(StoreError::OtherSecret { number: 1, .. }));
    assert!(expected, "{strange:?}");
    fs::remove_file(second.join("salt-secret-1")).unwrap();
    let lacking = open_at(&second, &shared).err();
    let expected = matches!(lacking, Some(StoreError::LacksSecret { number: 1, .. }));
    assert!(expected, "{lacking:?}");
    // None of its own was made meanwhile.
    assert!(!second.join("salt-secret-1").exists());
}

#[test]
fn a_server_that_can_forget_is_refused() {
    let own = tempfile::tempdir().unwrap();
    for (line, name) in [
        ("fsync = off", "fsync"),
        ("full_page_writes = off", "full_page_writes"),
        ("synchronous_commit = off", "synchronous_commit"),
    ] {
        let postgres = Postgres::start_with(&[line]);
        let refused = open_at(&folder(own.path(), name), &shared(postgres.url())).err();
        let Some(StoreError::NotDurableServer { setting, found, .. }) = refused else {
            panic!("{line}: {refused:?}");
        };
        assert_eq!((setting, found.as_str()), (name, "off"));
    }
}

#[test]
fn a_way_over_a_network_is_encrypted_and_the_server_proves_its_name() {
    let own = tempfile::tempdir().unwrap();
    let (postgres, other) = (Postgres::start_encrypted(), Postgres::start_encrypted());
    let place = folder(own.path(), "replica");
    let mut shared = shared(postgres.url());
    // The server lets in nobody who is not encrypted.
    let open_text = open_at(&place, &shared).err();
    assert!(
        matches!(open_text, Some(StoreError::Database(_))),
        "{open_text:?}"
    );
    shared.ca_file = Some(postgres.authority());
    conforms(&|| open_at(&place, &shared).unwrap());
    shared.ca_file = Some(other.authority());
    let strange = open_at(&place, &shared).err().unwrap();
    assert!(strange.to_string().contains("certificate"), "{strange}");
    // Its certificate is for another name.
    shared.ca_file = Some(postgres.authority());
    shared.url = UrlSource::Text(DatabaseUrl::new(
        postgres.url().replace("127.0.0.1", "localhost"),
    ));
    let misnamed = open_at(&place, &shared).err().unwrap();
    assert!(misnamed.to_string().contains("certificate"), "{misnamed}");
    fs::write(own.path().join("empty.pem"), "").unwrap();
    shared.ca_file = Some(own.path().join("empty.pem"));
    let empty = open_at(&place, &shared).err();
    assert!(
        matches!(empty, Some(StoreError::BadAuthority { .. })),
        "{empty:?}"
    );
}

#[test]
fn replicas_share_requests_by_leases_and_take_over_what_is_given_back() {
    let own = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    let [one, two] = ["one", "two"].map(|name| open(&own, name, postgres.url()));
    let all: Vec<u64> = (0..10).collect();
    let sorted = |mut ids: Vec<u64>| {
        ids.sort_unstable();
        ids
    };
    // Alone, it takes all; that somebody else is there shows with that one's first look.
    assert_eq!(sorted(one.lease(&all).unwrap()), all);
    assert!(two.lease(&all).unwrap().is_empty());
    let more: Vec<u64> = (0..20).collect();
    // Ten of twenty each from now on.
    assert_eq!(two.lease(&more).unwrap().len(), 10);
    assert_eq!(
        sorted(two.lease(&more).unwrap()),
        (10..20).collect::<Vec<_>>()
    );
    assert_eq!(sorted(one.lease(&more).unwrap()), all);
    // A transaction of a living replica is followed by nobody else.
    let id = one.add_attempt(&attempt(3, 0, 1)).unwrap();
    assert_eq!(two.held_elsewhere().unwrap(), [id]);
    assert!(one.held_elsewhere().unwrap().is_empty());
    one.release_leases().unwrap();
    assert!(two.held_elsewhere().unwrap().is_empty());
    assert_eq!(sorted(two.lease(&more).unwrap()), more);
}

#[test]
fn a_dead_replicas_leases_end_by_themselves() {
    let own = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    let mut short = shared(postgres.url());
    // Long enough for what comes before it ends, on a busy machine.
    short.lease_ms = 5_000;
    let [one, two] = ["one", "two"].map(|name| open_at(&folder(own.path(), name), &short).unwrap());
    assert_eq!(one.lease(&[1, 2]).unwrap().len(), 2);
    let id = one.add_attempt(&attempt(1, 0, 1)).unwrap();
    assert!(two.lease(&[1, 2]).unwrap().is_empty());
    assert_eq!(two.held_elsewhere().unwrap(), [id]);
    // Without a word: as a process ends that is killed.
    drop(one);
    let started = Instant::now();
    while two.lease(&[1, 2]).unwrap().len() < 2 {
        assert!(started.elapsed() < llm_oracle_tests::PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(two.held_elsewhere().unwrap().is_empty());
    // What it had under way still holds its nonce and its seat.
    assert!(is_taken(&two.add_attempt(&attempt(2, 0, 2)), 0));
    let again = two.add_attempt(&attempt(1, 1, 2));
    assert!(matches!(again, Err(StoreError::Underway)), "{again:?}");
    assert!(two
        .set_attempt_state(id, AttemptState::Expired, Some("expired"))
        .unwrap());
    two.add_attempt(&attempt(1, 0, 2)).unwrap();
}

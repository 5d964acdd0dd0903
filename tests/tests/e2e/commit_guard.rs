//! Many attempts at once at one answer and one nonce, from several processes.

use crate::shared_store::{answered, attempt, folder, open, open_at, shared, IDENTITY};
use llm_oracle_store::{Recorded, Store, StoreError};
use llm_oracle_tests::Postgres;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Barrier,
};

/// Variables of the second process of `double_commit_guard`.
const WHERE: &str = "LLM_ORACLE_TEST_DATABASE";
const REPORT: &str = "LLM_ORACLE_TEST_REPORT";
const STORES: usize = 32;
const ATTEMPTS: usize = 500;

/// Half of the attempts, over half of the connections. Gives how often an answer, and how often a
/// transaction, was taken.
fn attack(url: &str, under: &Path, process: u8, go: impl FnOnce()) -> (usize, usize) {
    let shared = shared(url.to_owned());
    let stores: Vec<Store> = (0..STORES)
        .map(|n| open_at(&folder(under, &format!("{process}-{n}")), &shared).unwrap())
        .collect();
    let start = Barrier::new(STORES + 1);
    let attack = |n: usize, store: &Store| {
        start.wait();
        let mut taken = (0, 0);
        for k in (n..ATTEMPTS).step_by(STORES) {
            let mut new = answered(7, process);
            new.commitment[..8].copy_from_slice(&(k as u64).to_le_bytes());
            taken.0 += usize::from(store.record_answer(&new).unwrap() == Recorded::New);
            let mut tx = attempt(7, 7, process);
            tx.hash[8..16].copy_from_slice(&(k as u64).to_le_bytes());
            match store.add_attempt(&tx) {
                Ok(_) => taken.1 += 1,
                Err(StoreError::NonceTaken { .. } | StoreError::Underway) => {}
                Err(error) => panic!("{error}"),
            }
        }
        taken
    };
    let attack = &attack;
    std::thread::scope(|scope| {
        let threads: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(n, store)| scope.spawn(move || attack(n, store)))
            .collect();
        go();
        start.wait();
        let taken = threads.into_iter().map(|thread| thread.join().unwrap());
        taken.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    })
}

/// Starts this test once more as another process, which waits for a line.
fn second_process(place: &str, under: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "commit_guard::double_commit_guard",
            "--nocapture",
        ])
        .env(WHERE, place)
        .env(REPORT, under)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_for(path: &Path) {
    let started = std::time::Instant::now();
    while !path.exists() {
        assert!(
            started.elapsed() < llm_oracle_tests::PATIENCE,
            "{}",
            path.display()
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// What the second process does.
fn be_second(place: &str, under: &Path) {
    let report = under.join("report");
    let text = if place.starts_with("postgresql") {
        let (answers, transactions) = attack(place, under, 2, || {
            fs::write(under.join("ready"), "").unwrap();
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
        });
        format!("{answers} {transactions}")
    } else {
        match Store::open(Path::new(place), &IDENTITY) {
            Err(StoreError::Locked { .. }) => "locked".to_owned(),
            other => format!("{:?}", other.err()),
        }
    };
    fs::write(report, text).unwrap();
}

/// 1,000 attempts at once, from two processes over 64 connections: one answer and one transaction.
/// On SQLite 1,000 from the one process that has the lock.
#[test]
fn double_commit_guard() {
    if let (Ok(place), Ok(under)) = (std::env::var(WHERE), std::env::var(REPORT)) {
        return be_second(&place, Path::new(&under));
    }
    let own = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    // The tables are made once, not in a race: that is another test's.
    drop(open(&own, "first", postgres.url()));
    let mut second = second_process(&postgres.url(), own.path());
    let ours = attack(&postgres.url(), own.path(), 1, || {
        wait_for(&own.path().join("ready"));
        second.stdin.take().unwrap().write_all(b"go\n").unwrap();
    });
    assert!(second.wait().unwrap().success());
    let report = fs::read_to_string(own.path().join("report")).unwrap();
    let theirs: Vec<usize> = report
        .split(' ')
        .map(|count| count.parse().unwrap())
        .collect();
    let (answers, transactions) = (ours.0 + theirs[0], ours.1 + theirs[1]);
    eprintln!(
        "PostgreSQL: {answers} answer, {transactions} transaction of {}",
        2 * ATTEMPTS
    );
    assert_eq!((answers, transactions), (1, 1));

    let place = folder(own.path(), "sqlite");
    let store = Store::open(&place, &IDENTITY).unwrap();
    let mut second = second_process(place.to_str().unwrap(), own.path());
    assert!(second.wait().unwrap().success());
    let report = fs::read_to_string(own.path().join("report")).unwrap();
    assert_eq!(report, "locked");
    let start = Barrier::new(10);
    let attack = |n: u8| {
        start.wait();
        let new = |k: u8| {
            let mut new = answered(7, n);
            new.commitment[0] = k;
            store.record_answer(&new).unwrap() == Recorded::New
        };
        (0..100).filter(|k| new(*k)).count()
    };
    let attack = &attack;
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10).map(|n| scope.spawn(move || attack(n))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(taken, 1);
}

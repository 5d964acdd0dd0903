//! How long a relayer takes from its start to its first turn, and to knowing all open requests.

use crate::{
    askers::Askers,
    fleet::{Fleet, Mode},
    run::until,
    usage,
};
use llm_oracle_tests::World;
use serde_json::{json, Value};
use std::{
    sync::{atomic::Ordering, Arc},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Requests a second while the backlog is made, at most.
const ASKED_A_SECOND: u32 = 160;
/// Seats of each request.
const SEATS: u8 = 3;
/// Longest time for everything that is measured here.
const PATIENCE: Duration = Duration::from_secs(180);
/// Time between two looks at a relayer: half of it is the error.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Starts a relayer with nothing to do, stops it, makes `backlog` open requests, starts it again.
pub async fn run(world: &World, backlog: u64) -> Value {
    let fleet = Fleet::prepare(world, Mode::Batched);
    let ready_ms = {
        let started = Instant::now();
        let mut relayers = fleet.start();
        wait_for(&fleet, "/readyz", |_| true).await;
        let ready_ms = millis(started.elapsed());
        relayers[0].terminate();
        relayers[0].end().await;
        ready_ms
    };
    make_backlog(world, backlog).await;
    let started = Instant::now();
    let relayers = fleet.start();
    wait_for(&fleet, "/metrics", |text| open_requests(text) >= backlog).await;
    let found_ms = millis(started.elapsed());
    let calls_a_minute = calls_in_a_minute(&fleet).await;
    let memory = usage::peak_kib(relayers[0].id());
    eprintln!("  ready after {ready_ms} ms, {backlog} open requests found after {found_ms} ms");
    json!({
        "ready_ms": ready_ms,
        "open_requests": backlog,
        "found_ms": found_ms,
        "node_requests_a_minute": calls_a_minute,
        "relayer_peak_memory_kib": memory,
    })
}

async fn make_backlog(world: &World, backlog: u64) {
    let askers = Askers::new(world, SEATS, backlog).await;
    let sent = askers.sent();
    let watch = crate::watch::Watch::new(world).await;
    askers
        .run(&watch, ASKED_A_SECOND, u64::MAX, Arc::default())
        .await;
    assert_eq!(sent.load(Ordering::Relaxed), backlog);
    until("last request in a finalized block", || {
        u64::try_from(watch.asked()).unwrap() >= backlog
    })
    .await;
}

/// Requests to the node in a minute in which nothing is asked and all of the backlog is open.
async fn calls_in_a_minute(fleet: &Fleet) -> u64 {
    let before = requests(&wait_for(fleet, "/metrics", |_| true).await);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let after = requests(&wait_for(fleet, "/metrics", |_| true).await);
    eprintln!("  {} requests to the node in a minute", after - before);
    after - before
}

fn requests(metrics: &str) -> u64 {
    let lines = metrics.lines();
    let lines = lines.filter(|line| line.starts_with("llm_oracle_node_requests_total{"));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}

/// Waits until the relayer answers with 200 at a path, and with what is wanted; returns that.
async fn wait_for(fleet: &Fleet, path: &str, is_it: impl Fn(&str) -> bool) -> String {
    let started = Instant::now();
    loop {
        let found = match fleet.listens_at() {
            Some(address) => get(&address, path).await,
            None => None,
        };
        if let Some(text) = found.filter(|text| is_it(text)) {
            return text;
        }
        assert!(started.elapsed() < PATIENCE, "no {path} in time");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The body of an answer with 200.
async fn get(address: &str, path: &str) -> Option<String> {
    let address = address.trim().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: relayer\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| body.to_owned())
}

fn open_requests(metrics: &str) -> u64 {
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix("llm_oracle_open_requests "));
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

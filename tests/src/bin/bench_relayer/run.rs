//! One run: relayers work, accounts ask, and for a while everything is measured.

use crate::{
    askers::Askers,
    book::Book,
    fleet::{Fleet, Mode},
    usage,
    watch::{Seen, Watch},
};
use llm_oracle_store::now_ms;
use llm_oracle_tests::{Node, Relayer, World, UNIT};
use serde_json::{json, Value};
use std::{
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};

/// Bond on top of the least, planck: each open seat locks one UNIT of it.
pub const MORE_BOND: u128 = 1_000 * UNIT;
/// Time from the first settled request to the beginning of the measurement.
const WARM_UP: Duration = Duration::from_secs(5);
/// Longest time for the first request, and for the last ones after the measurement.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Jobs between two looks at the memory of a long run.
const JOBS_BETWEEN: u64 = 10_000;

/// What is asked of a fleet.
pub struct Load {
    /// Requests a second, at most.
    pub a_second: u32,
    /// Requests that are asked and not settled, at most.
    pub open_max: u64,
    /// How long it is measured.
    pub measured: Duration,
    /// Seats after which it ends before its time.
    pub jobs: Option<u64>,
}

/// Where everything stands at one moment.
struct Moment {
    at: Instant,
    at_ms: i64,
    relayers_cpu: f64,
    node_cpu: f64,
    own_cpu: f64,
}

impl Moment {
    fn now(node: &Node, relayers: &[Relayer]) -> Self {
        let cpu = relayers.iter().map(|one| usage::cpu_seconds(one.id()));
        Self {
            at: Instant::now(),
            at_ms: now_ms(),
            relayers_cpu: cpu.sum(),
            node_cpu: usage::cpu_seconds(node.id()),
            own_cpu: usage::cpu_seconds(std::process::id()),
        }
    }
}

/// Runs a fleet under a load, and says how it did.
pub async fn run(node: &Node, world: &World, fleet: Fleet, load: &Load) -> Value {
    let seats = u8::try_from(world.operators.len()).unwrap();
    world.bond_more(MORE_BOND).await;
    let watch = Arc::new(Watch::new(world).await);
    let asks = load
        .jobs
        .map_or(u64::MAX, |jobs| jobs.div_ceil(seats.into()));
    let askers = Askers::new(world, seats, asks).await;
    askers.ready().await;
    let sent = askers.sent();
    let mut relayers = fleet.start();
    let (a_second, open_max, follows) = (load.a_second, load.open_max, watch.clone());
    let stopping = Arc::new(AtomicBool::new(false));
    let stopped = stopping.clone();
    let asking =
        tokio::spawn(async move { askers.run(&follows, a_second, open_max, stopped).await });
    until("first settled request", || watch.settled() > 0).await;
    tokio::time::sleep(WARM_UP).await;

    let begin = Moment::now(node, &relayers);
    let mut memory = Vec::new();
    while begin.at.elapsed() < load.measured && !asking.is_finished() {
        note_memory(&mut memory, &watch, seats, &relayers);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let end = Moment::now(node, &relayers);
    let open = sent.load(Ordering::Relaxed).saturating_sub(watch.settled());
    stopping.store(true, Ordering::Relaxed);
    asking.await.unwrap();
    drain(&watch, &sent).await;
    let peaks: Vec<u64> = relayers
        .iter()
        .map(|one| usage::peak_kib(one.id()))
        .collect();
    let resident: Vec<u64> = relayers
        .iter()
        .map(|one| usage::resident_kib(one.id()))
        .collect();
    relayers.iter_mut().for_each(Relayer::kill);
    let mut book = Book::default();
    fleet.stores().iter().for_each(|store| book.read(store));
    let mut result = report(seats, fleet.mode, &watch, &book, (&begin, &end));
    let fields = result.as_object_mut().unwrap();
    fields.insert("asked_a_second_at_most".into(), json!(a_second));
    fields.insert("open_at_the_end".into(), json!(open));
    fields.insert("relayer_peak_memory_kib".into(), json!(peaks));
    fields.insert("relayer_memory_kib".into(), json!(resident));
    fields.insert(
        "node_peak_memory_kib".into(),
        json!(usage::peak_kib(node.id())),
    );
    if load.jobs.is_some() {
        fields.insert("memory_after_jobs_kib".into(), json!(memory));
    }
    eprintln!("  {}", summary(&result));
    result
}

fn note_memory(memory: &mut Vec<(u64, u64)>, watch: &Watch, seats: u8, relayers: &[Relayer]) {
    let jobs = watch.settled() * u64::from(seats);
    let due = memory.last().map_or(0, |(jobs, _)| jobs + JOBS_BETWEEN);
    if jobs >= due {
        let now = usage::resident_kib(relayers[0].id());
        memory.push((jobs, now));
    }
}

async fn drain(watch: &Watch, sent: &AtomicU64) {
    let started = Instant::now();
    let sent = sent.load(Ordering::Relaxed);
    while watch.settled() < sent {
        let (asked, settled) = (watch.asked(), watch.settled());
        let late = started.elapsed() > PATIENCE;
        assert!(!late, "{sent} sent, {asked} asked, {settled} settled");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits for something that other tasks bring about.
///
/// # Panics
/// After [`PATIENCE`].
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "no {what} in time");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn report(
    seats: u8,
    mode: Mode,
    watch: &Watch,
    book: &Book,
    (begin, end): (&Moment, &Moment),
) -> Value {
    let blocks = watch.blocks();
    let measured: Vec<&Seen> = blocks
        .values()
        .filter(|seen| (begin.at_ms..end.at_ms).contains(&seen.final_at_ms))
        .collect();
    let settled: usize = measured.iter().map(|seen| seen.settled.len()).sum();
    let asked: usize = measured.iter().map(|seen| seen.asked.len()).sum();
    let seconds = (end.at - begin.at).as_secs_f64();
    let thousands = settled as f64 / 1_000.0;
    let times = measured.windows(2);
    let between = times.map(|two| two[1].final_at_ms - two[0].final_at_ms);
    json!({
        "operators": seats,
        "mode": mode.name(),
        "seconds": seconds,
        "asked_a_second": asked as f64 / seconds,
        "settled_a_second": settled as f64 / seconds,
        "finalized_to_submitted_ms": statistics(waits(&measured, book).collect()),
        "relayer_cpu_seconds_per_1000": (end.relayers_cpu - begin.relayers_cpu) / thousands,
        "node_cpu_seconds_per_1000": (end.node_cpu - begin.node_cpu) / thousands,
        "bench_cpu_seconds_per_1000": (end.own_cpu - begin.own_cpu) / thousands,
        "block_ms": statistics(between.collect()),
        "jobs": book.jobs,
        "transactions": book.transactions,
        "entries_in_a_transaction": book.entries as f64 / book.transactions as f64,
        "nonce_rejections": book.nonce_rejections,
        "dead_transactions": book.dead,
        "failures": book.failures,
    })
}

/// For each seat of the requests that became final meanwhile: milliseconds to its submitted commit.
fn waits<'a>(measured: &'a [&'a Seen], book: &'a Book) -> impl Iterator<Item = i64> + 'a {
    let asked = measured
        .iter()
        .flat_map(|seen| seen.asked.iter().map(|id| (*id, seen.final_at_ms)));
    asked.flat_map(|(id, final_at_ms)| {
        let submitted = book.submitted.get(&id).into_iter().flatten();
        submitted.map(move |at_ms| at_ms - final_at_ms)
    })
}

fn statistics(mut values: Vec<i64>) -> Value {
    values.sort_unstable();
    // Nearest rank.
    let rank = |percent: usize| {
        let rank = (values.len() * percent).div_ceil(100);
        values.get(rank.saturating_sub(1)).copied()
    };
    json!({
        "median": rank(50),
        "p99": rank(99),
        "most": values.last(),
    })
}

fn summary(result: &Value) -> String {
    let number = |name: &str| result[name].as_f64().unwrap_or(f64::NAN);
    let wait = &result["finalized_to_submitted_ms"];
    format!(
        "{:.1} settled a second, commit after {} ms (99 %: {}), {:.2} CPU s and node {:.2} for 1,000, {} nonce rejections",
        number("settled_a_second"),
        wait["median"],
        wait["p99"],
        number("relayer_cpu_seconds_per_1000"),
        number("node_cpu_seconds_per_1000"),
        result["nonce_rejections"],
    )
}

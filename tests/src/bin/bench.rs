//! How long it takes: from `ask` to settled on the instant-seal node, with the local model and with
//! a scripted one that takes no time, and the relayer's own share of it. Prints one JSON object.
// A bench that cannot run says why by panicking.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use llm_oracle_primitives::{AnswerKind, Outcome};
use llm_oracle_store::Job;
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::question,
    Node, World,
};
use serde_json::{json, Value};
use std::{
    fs,
    time::{Duration, Instant},
};

/// Requests of one run, one after the other.
const REQUESTS: usize = 7;
const OPERATORS: u8 = 3;
/// How long the node waits before a block is final, milliseconds.
const FINALITY_MS: u64 = 1_000;

#[tokio::main]
async fn main() {
    let node = Node::start();
    let scripted = run(&node, "scripted", Model::Says("yes")).await;
    let local = run(&node, "local", Model::Local).await;
    let result = json!({
        "operators": OPERATORS,
        "requests": REQUESTS,
        "finality_ms": FINALITY_MS,
        "scripted": scripted,
        "local": local,
        "node_peak_memory_kib": peak_memory(node.id()),
    });
    println!("{}", serde_json::to_string_pretty(&result).unwrap());
}

async fn run(node: &Node, name: &str, model: Model) -> Value {
    let world = World::on(node.url(), None, OPERATORS).await;
    let setup = Setup::new(&world, name, &world.keys(), &model);
    let mut relayer = setup.run();
    // The first request also waits for the relayer to start: it is not counted.
    settle(&world, REQUESTS).await;
    let mut settled_ms = Vec::new();
    for number in 0..REQUESTS {
        eprintln!("{name}: request {} of {REQUESTS}", number.saturating_add(1));
        settled_ms.push(millis(settle(&world, number).await));
    }
    let memory = peak_memory(relayer.id());
    relayer.kill();
    let jobs = setup.store().jobs(u32::MAX).unwrap();
    let (own_ms, model_ms) = shares(&jobs);
    json!({
        "ask_to_settled_ms": statistics(settled_ms),
        "relayer_own_ms": statistics(own_ms),
        "model_ms": statistics(model_ms),
        "relayer_peak_memory_kib": memory,
    })
}

/// From handing the transaction over to seeing the settled request at the best block.
/// Each question is another one, because operators of a process share a model's answer.
async fn settle(world: &World, number: usize) -> Duration {
    let prompt = format!("Is {number} an even number?");
    let started = Instant::now();
    let id = world
        .ask(&question(&prompt, AnswerKind::Bool, OPERATORS))
        .await;
    loop {
        let view = world.view(id).await;
        if view.summary.settled {
            assert!(
                !matches!(view.outcome, Some(Outcome::Expired)),
                "{:?}",
                view.outcome
            );
            return started.elapsed();
        }
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "request {id} does not end"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// For each request but the first: the time from its first sight at a finalized block to the
/// handed-over commit without the model's, and the model's. One model call at a time, so the calls
/// of a request's operators add up.
fn shares(jobs: &[Job]) -> (Vec<u64>, Vec<u64>) {
    let (mut own, mut model) = (Vec::new(), Vec::new());
    let last = jobs
        .iter()
        .map(|job| job.answered.request_id)
        .max()
        .unwrap_or_default();
    for id in 1..=last {
        let of_request = || jobs.iter().filter(move |job| job.answered.request_id == id);
        let model_ms: i64 = of_request().map(|job| job.answered.model_ms).sum();
        let times = of_request()
            .filter_map(|job| job.submitted_at_ms?.checked_sub(job.answered.seen_at_ms));
        let total = times.max().unwrap();
        own.push(u64::try_from(total.saturating_sub(model_ms)).unwrap_or(0));
        model.push(u64::try_from(model_ms).unwrap_or(0));
    }
    (own, model)
}

fn statistics(mut values: Vec<u64>) -> Value {
    values.sort_unstable();
    let median = values.get(values.len() / 2);
    json!({ "least": values.first(), "median": median, "most": values.last() })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Greatest resident memory so far, KiB; nothing on a system without /proc.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

//! What a relayer bears: requests settled a second, the time from a finalized request to its submitted
//! commit, processor time and memory, and how fast it is back at work after a start. The model answers
//! at once, and the node makes a block by the clock. Prints one JSON object.
//!
//! Everything is measured from outside: by a client of its own at the node, in `/proc`, and in the
//! relayers' stores once they have stopped.
// A bench that cannot run says why by panicking.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects
)]

mod askers;
mod book;
mod fleet;
mod options;
mod run;
mod start;
mod usage;
mod watch;

use fleet::{Fleet, Mode};
use llm_oracle_tests::{Node, World};
use options::Options;
use run::Load;
use serde_json::{json, Value};
use std::time::Duration;

/// Time between two blocks, milliseconds. A block is final at once.
const BLOCK_MS: u64 = 200;
/// Requests a second that are to be settled, and of which half is the load for the latency.
const GOAL_A_SECOND: u32 = 100;
/// Requests a second that are asked at most where the most is looked for.
const MOST_A_SECOND: u32 = 160;
/// Requests that are asked and not settled, at most: a second or two of work. Beyond it askers wait.
const OPEN_MAX: u64 = 320;
/// The same at the load for the latency, which must not be held up by it.
const OPEN_MAX_AT_HALF: u64 = 2_000;
/// Open requests that are to be found after a restart.
const OPEN_AT_START: u64 = 10_000;
/// Seats that a long run fills.
const LONG_JOBS: u64 = 100_000;

#[tokio::main]
async fn main() {
    let options = Options::read(std::env::args().skip(1));
    let before = usage::machine_load();
    eprintln!("{} cores, load {before:?}", usage::cores());
    let node = Node::every(BLOCK_MS);
    let mut throughput = Vec::new();
    for (operators, mode) in [
        (1, Mode::Batched),
        (3, Mode::Batched),
        (7, Mode::Batched),
        (3, Mode::Itself),
        (7, Mode::Itself),
        (3, Mode::OneCarrier),
        (7, Mode::OneCarrier),
    ] {
        if options.wants_run(operators, mode) {
            throughput.push(settled(&node, operators, mode, &options).await);
        }
    }
    let result = json!({
        "block_ms": BLOCK_MS,
        "finality_ms": 0,
        "cores": usage::cores(),
        "load_before": before,
        "throughput": throughput,
        "latency": latency(&node, &options).await,
        "start": start(&node, &options).await,
        "long": long(&node, &options).await,
        "load_after": usage::machine_load(),
    });
    println!("{}", serde_json::to_string_pretty(&result).unwrap());
}

/// As many as go through.
async fn settled(node: &Node, operators: u8, mode: Mode, options: &Options) -> Value {
    eprintln!("throughput: {operators} operators, {}", mode.name());
    let world = World::on(node.url(), None, operators).await;
    let fleet = Fleet::prepare(&world, mode);
    let load = Load {
        a_second: MOST_A_SECOND,
        open_max: OPEN_MAX,
        measured: options.seconds,
        jobs: None,
    };
    run::run(node, &world, fleet, &load).await
}

/// Half of what is to be settled a second, evenly.
async fn latency(node: &Node, options: &Options) -> Value {
    if !options.wants("latency") {
        return Value::Null;
    }
    eprintln!("latency: 3 operators, batched");
    let world = World::on(node.url(), None, 3).await;
    let fleet = Fleet::prepare(&world, Mode::Batched);
    let load = Load {
        a_second: GOAL_A_SECOND / 2,
        open_max: OPEN_MAX_AT_HALF,
        measured: options.seconds,
        jobs: None,
    };
    run::run(node, &world, fleet, &load).await
}

async fn start(node: &Node, options: &Options) -> Value {
    if !options.wants("start") {
        return Value::Null;
    }
    eprintln!("start: {OPEN_AT_START} open requests");
    let world = World::on(node.url(), None, 3).await;
    start::run(&world, OPEN_AT_START).await
}

async fn long(node: &Node, options: &Options) -> Value {
    if !options.long {
        return Value::Null;
    }
    eprintln!("long: {LONG_JOBS} jobs");
    let world = World::on(node.url(), None, 3).await;
    let fleet = Fleet::prepare(&world, Mode::Batched);
    let load = Load {
        a_second: MOST_A_SECOND,
        open_max: OPEN_MAX,
        measured: Duration::from_secs(7_200),
        jobs: Some(LONG_JOBS),
    };
    run::run(node, &world, fleet, &load).await
}

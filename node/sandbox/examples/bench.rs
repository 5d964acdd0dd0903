//! What the oracle's messages cost on the pallet: a table, and JSON in the file that is named.
//!
//! `cargo run --example bench [FILE]`. Everything is measured in the run: execution time and storage
//! proof are `gas_consumed` of `bare_call`, which is what the meter charged; each transaction pays
//! the fixed weights that are printed below the table on top. Deposits are in planck, events in
//! bytes with their topics.

#![allow(clippy::unwrap_used)] // A bench that can't go on has nothing to tell.

#[allow(dead_code)] // The tests use the rest.
#[path = "../tests/pallet/keys.rs"]
mod keys;
#[allow(dead_code)]
#[path = "../tests/pallet/world.rs"]
mod world;
#[allow(dead_code)]
#[path = "../tests/pallet/zoo.rs"]
mod zoo;

use codec::Encode;
use llm_oracle_primitives::{AccountId, AnswerKind, RequestId, digest};
use llm_oracle_sandbox::{CallOutcome, runtime::Runtime};
use pallet_contracts::{Config, WeightInfo};
use serde_json::{Value, json};

use keys::{Operator, answer_entry};
use world::{ASKER, CARRIER, REWARD, UNIT, World, YES, input, on_chain, terms};
use zoo::{Zoo, mode};

/// Picoseconds in a microsecond.
const MICROSECOND: u64 = 1_000_000;
/// What a further seat may cost by one carrier, microseconds.
const SEAT_MOST_US: f64 = 300.0;
/// Seats of the whole requests.
const SEATS: [u8; 4] = [1, 3, 7, 32];

/// What one or several calls took.
#[derive(Clone, Copy, Default)]
struct Cost {
    calls: u32,
    ref_time: u64,
    proof_size: u64,
    deposit: i128,
    event_bytes: usize,
}

impl Cost {
    fn of(outcome: &CallOutcome) -> Self {
        assert!(outcome.succeeded(), "{outcome:?}");
        Self {
            calls: 1,
            ref_time: outcome.gas_consumed.ref_time(),
            proof_size: outcome.gas_consumed.proof_size(),
            deposit: outcome.deposit_signed(),
            event_bytes: outcome
                .events
                .iter()
                .map(|one| one.data.len() + 32 * one.topics.len())
                .sum(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            ref_time: self.ref_time + other.ref_time,
            proof_size: self.proof_size + other.proof_size,
            deposit: self.deposit + other.deposit,
            event_bytes: self.event_bytes + other.event_bytes,
        }
    }

    fn micros(self) -> f64 {
        self.ref_time as f64 / MICROSECOND as f64
    }

    fn json(self) -> Value {
        json!({
            "calls": self.calls,
            "ref_time_ps": self.ref_time,
            "proof_size_bytes": self.proof_size,
            "storage_deposit_planck": self.deposit.to_string(),
            "event_bytes": self.event_bytes,
        })
    }
}

/// Rows of the table.
struct Table(Vec<(String, Cost)>);

impl Table {
    fn head(title: &str) -> Self {
        println!(
            "\n{title:<34}{:>6}{:>12}{:>12}{:>18}{:>8}",
            "calls", "time us", "proof B", "deposit planck", "events"
        );
        Self(Vec::new())
    }

    fn row(&mut self, name: &str, cost: Cost) {
        println!(
            "{name:<34}{:>6}{:>12.1}{:>12}{:>18}{:>8}",
            cost.calls,
            cost.micros(),
            cost.proof_size,
            cost.deposit,
            cost.event_bytes
        );
        self.0.push((name.to_owned(), cost));
    }

    fn json(&self) -> Value {
        let rows = self.0.iter();
        rows.map(|(name, cost)| (name.clone(), cost.json()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// Calls that change something, each in the state that makes it do its work.
fn messages(table: &mut Table) {
    let mut world = World::new(0);
    let cost = |world: &mut World, caller, value, message, arguments: &dyn Bytes| {
        let input = input_of(message, arguments);
        let oracle = on_chain(world.oracle);
        Cost::of(&world.sandbox.call(on_chain(caller), oracle, input, value))
    };
    for name in ["register (first)", "register"] {
        let operator = Operator::new(if name == "register" { 2 } else { 1 });
        let message = digest::register_message(&world.config.domain, &world.oracle, &operator.id);
        let arguments = (operator.id, operator.sign(&message));
        let slot = world.operators.len() as u32;
        table.row(
            name,
            cost(&mut world, CARRIER, 100 * UNIT, "register", &arguments),
        );
        world.operators.push(Operator { slot, ..operator });
    }
    for seed in 3..=5 {
        world.register(Operator::new(seed), 100 * UNIT).unwrap();
    }
    let first = world.operators[0].id;
    world.fund(first, 10 * UNIT);
    table.row("bond", cost(&mut world, CARRIER, UNIT, "bond", &0u32));
    table.row(
        "unbond",
        cost(&mut world, first, 0, "unbond", &(0u32, UNIT)),
    );
    let block = world.block();
    world.jump_to(block + world.config.params.unbonding_blocks);
    table.row("release", cost(&mut world, CARRIER, 0, "release", &0u32));

    let asked = terms(AnswerKind::Bool, 3, 2);
    let value = 3 * (REWARD + world.config.params.commit_fee);
    table.row(
        "ask (3 seats)",
        cost(&mut world, ASKER, value, "ask", &(&asked, REWARD)),
    );
    let own = llm_oracle_primitives::CommitEntry {
        signature: None,
        ..world.commit_entry(0, 0, &YES)
    };
    table.row(
        "commit (by the operator)",
        cost(&mut world, first, 0, "commit", &own),
    );
    let entry = world.commit_entry(0, 1, &YES);
    table.row(
        "commit (carried)",
        cost(&mut world, CARRIER, 0, "commit", &entry),
    );
    world.commit(0, 2, &YES).unwrap();
    for (index, name) in ["reveal", "reveal (second)", "reveal (last, settles 3)"]
        .iter()
        .enumerate()
    {
        let entry = world.reveal_entry(0, index, &YES);
        table.row(name, cost(&mut world, CARRIER, 0, "reveal", &entry));
    }
    views(&mut world, table);
    table.row(
        "withdraw (operator)",
        cost(&mut world, CARRIER, 0, "withdraw", &first),
    );
    table.row(
        "prune (pays the deposit back)",
        cost(&mut world, ASKER, 0, "prune", &0u64),
    );

    let one = llm_oracle_primitives::Terms {
        one_step: true,
        ..terms(AnswerKind::Bool, 1, 1)
    };
    let id = world.ask(&one).unwrap();
    let context = world.context(id, 1);
    let entry = answer_entry(&world.operators[1], &context, &YES);
    table.row(
        "answer (one step, settles)",
        cost(&mut world, CARRIER, 0, "answer", &entry),
    );
    let ids = [(); 3].map(|()| world.ask(&one).unwrap());
    let entries = ids.map(|id| {
        let context = world.context(id, 1);
        answer_entry(&world.operators[1], &context, &YES)
    });
    let entries = entries.to_vec();
    table.row(
        "answer_batch (3 requests)",
        cost(&mut world, CARRIER, 0, "answer_batch", &entries),
    );
    let id = world.ask(&asked).unwrap();
    world.pass(11);
    table.row(
        "advance (expires)",
        cost(&mut world, CARRIER, 0, "advance", &id),
    );

    let mut zoo = Zoo::new(1);
    let id = zoo.answered(mode::FINE);
    table.row(
        "deliver (consumer included)",
        cost(&mut zoo.world, CARRIER, 0, "deliver", &id),
    );
}

fn views(world: &mut World, table: &mut Table) {
    let first = world.operators[0].id;
    let asked = (terms(AnswerKind::Bool, 3, 2), REWARD);
    let calls: [(&str, &dyn Bytes); 11] = [
        ("interface_version", &()),
        ("config", &()),
        ("quote", &asked),
        ("next_id", &()),
        ("request", &0u64),
        ("terms", &0u64),
        ("summaries", &(0u64, 50u32)),
        ("answer_of", &0u64),
        ("operator", &first),
        ("operators", &(0u32, 50u32)),
        ("ledger", &()),
    ];
    for (message, arguments) in calls {
        let input = input_of(message, arguments);
        let outcome = world
            .sandbox
            .dry_run(on_chain(ASKER), on_chain(world.oracle), input, 0);
        table.row(message, Cost::of(&outcome));
    }
    let input = input("credit_of", &AccountId([1; 32]));
    let outcome = world
        .sandbox
        .dry_run(on_chain(ASKER), on_chain(world.oracle), input, 0);
    table.row("credit_of", Cost::of(&outcome));
}

/// Encoded arguments of any type.
trait Bytes {
    fn bytes(&self) -> Vec<u8>;
}

impl<T: Encode> Bytes for T {
    fn bytes(&self) -> Vec<u8> {
        self.encode()
    }
}

fn input_of(message: &str, arguments: &dyn Bytes) -> Vec<u8> {
    let mut input = world::selector(message).to_vec();
    input.extend(arguments.bytes());
    input
}

/// One whole request: the ask, all commits, and all reveals with the settlement.
fn whole(world: &mut World, seats: u8, one_carrier: bool) -> [Cost; 3] {
    let asked = terms(AnswerKind::Bool, seats, seats / 2 + 1);
    let value = u128::from(seats) * (REWARD + world.config.params.commit_fee);
    let ask = Cost::of(&world.send(ASKER, value, "ask", &(&asked, REWARD)));
    let id = world.view::<RequestId>("next_id", ()) - 1;
    let indices = || 0..usize::from(seats);
    let commits: Vec<_> = indices()
        .map(|index| world.commit_entry(id, index, &YES))
        .collect();
    let reveals: Vec<_> = indices()
        .map(|index| world.reveal_entry(id, index, &YES))
        .collect();
    let mut sum = [ask, Cost::default(), Cost::default()];
    if one_carrier {
        sum[1] = Cost::of(&world.send(CARRIER, 0, "commit_batch", &commits));
        sum[2] = Cost::of(&world.send(CARRIER, 0, "reveal_batch", &reveals));
    } else {
        for entry in &commits {
            sum[1] = sum[1].and(Cost::of(&world.send(CARRIER, 0, "commit", entry)));
        }
        for entry in &reveals {
            sum[2] = sum[2].and(Cost::of(&world.send(CARRIER, 0, "reveal", entry)));
        }
    }
    assert!(world.request(id).summary.settled);
    world.call::<()>(ASKER, 0, "prune", id).unwrap();
    sum
}

/// Whole requests; gives what a further seat costs by one carrier, microseconds: its commit, and its
/// reveal with its part of the settlement.
fn requests(table: &mut Table) -> [f64; 2] {
    let mut world = World::new(32);
    let mut by_one_carrier = Vec::new();
    for seats in SEATS {
        for (name, one_carrier) in [("one by one", false), ("by one carrier", true)] {
            let [ask, commits, reveals] = whole(&mut world, seats, one_carrier);
            if one_carrier {
                by_one_carrier.push((seats, commits, reveals));
            } else {
                table.row(&format!("{seats} seats: ask"), ask);
            }
            table.row(&format!("{seats} seats {name}"), commits.and(reveals));
        }
    }
    let (fewest, commits, reveals) = by_one_carrier[1];
    let (most, more_commits, more_reveals) = by_one_carrier[3];
    [(commits, more_commits), (reveals, more_reveals)]
        .map(|(few, many)| (many.micros() - few.micros()) / f64::from(most - fewest))
}

fn main() -> Result<(), std::io::Error> {
    let mut single = Table::head("message");
    messages(&mut single);
    let mut whole = Table::head("whole request, commit to settled");
    let [commit, reveal] = requests(&mut whole);
    let further = commit + reveal;
    let fixed = <<Runtime as Config>::WeightInfo as WeightInfo>::call();
    println!(
        "\na further seat costs {further:.1} us by one carrier: commit {commit:.1}, reveal and \
         settlement {reveal:.1} (3 to 32 seats; to reach: under {SEAT_MOST_US} us)"
    );
    println!(
        "measured: gas_consumed of bare_call; each transaction adds {:.1} us and {} B of proof for \
         the pallet's call itself",
        fixed.ref_time() as f64 / MICROSECOND as f64,
        fixed.proof_size()
    );
    let code = world::wasm("llm_oracle").len();
    println!("the oracle's code has {code} bytes");
    if let Some(path) = std::env::args_os().nth(1) {
        let report = json!({
            "measure": "gas_consumed of bare_call, without the fixed weight of each transaction",
            "code_bytes": code,
            "fixed_per_call": {
                "ref_time_ps": fixed.ref_time(),
                "proof_size_bytes": fixed.proof_size(),
            },
            "messages": single.json(),
            "requests": whole.json(),
            "further_seat_us": further,
            "further_seat_most_us": SEAT_MOST_US,
        });
        std::fs::write(path, format!("{report:#}\n"))?;
    }
    Ok(())
}

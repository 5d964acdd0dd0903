//! What the oracle's messages cost on the pallet: a table, and JSON in the file that is named.
//!
//! `bench [FILE] [--check STORED]`: with `--check` it fails when a row costs more than 5 % above the
//! stored table, which `scripts/bench.sh contract --renew` writes. Everything is measured in the run: execution time and storage
//! proof are `gas_consumed` of `bare_call`, which is what the meter charged; each transaction pays
//! the fixed weights that are printed below the table on top. Deposits are in planck, events in
//! bytes with their topics.

#![allow(clippy::unwrap_used)] // A bench that can't go on has nothing to tell.

#[allow(dead_code)] // The tests use the rest.
#[path = "../../tests/pallet/keys.rs"]
mod keys;
mod stored;
mod table;
#[allow(dead_code)]
#[path = "../../tests/pallet/world.rs"]
mod world;
#[allow(dead_code)]
#[path = "../../tests/pallet/zoo.rs"]
mod zoo;

use codec::Encode;
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, Equivocation, RequestId, SignedAnswer, digest,
};
use llm_oracle_sandbox::runtime::Runtime;
use pallet_contracts::{Config, WeightInfo};
use serde_json::json;

use keys::{Operator, answer_entry};
use table::{Cost, MICROSECOND, Table};
use world::{ASKER, CARRIER, DEPLOYER, NO, REWARD, UNIT, World, YES, input, on_chain, terms};
use zoo::{Zoo, mode};

/// What a further seat may cost by one carrier, microseconds.
const SEAT_MOST_US: f64 = 200.0;
/// Execution time of a block that transactions may take, picoseconds.
const BLOCK: u64 = 1_500_000 * MICROSECOND;
/// Requests of one batch of one carrier.
const TOGETHER: usize = 16;
/// Seats of the whole requests.
const SEATS: [u8; 4] = [1, 3, 7, 32];

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

/// The owner's messages, and the report of an equivocation.
fn rare_messages(table: &mut Table) {
    let mut world = World::new(1);
    let report = equivocation(&mut world);
    let params = world.config.params;
    let code = world.code_hash();
    let calls: [(&str, AccountId, &dyn Bytes); 6] = [
        ("report_equivocation", CARRIER, &report),
        ("set_paused", DEPLOYER, &false),
        ("announce_params", DEPLOYER, &params),
        ("announce_upgrade", DEPLOYER, &code),
        ("offer_ownership", DEPLOYER, &ASKER),
        ("take_ownership", ASKER, &()),
    ];
    let oracle = on_chain(world.oracle);
    for (message, caller, arguments) in calls {
        let input = input_of(message, arguments);
        let outcome = world
            .sandbox
            .call(on_chain(caller), oracle.clone(), input, 0);
        table.row(message, Cost::of(&outcome));
    }
    let block = world.block();
    world.jump_to(block + params.upgrade_delay_blocks);
    let upgrade = world.send(ASKER, 0, "upgrade", &());
    table.row("upgrade", Cost::of(&upgrade));
}

/// Two answers of the first operator to one question.
fn equivocation(world: &mut World) -> Equivocation {
    let id = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
    let context = world.context(id, 0);
    let signed = |answer: &Answer| {
        let message = digest::answer_message(&context, answer, &[2; 32]);
        SignedAnswer {
            answer: digest::answer_digest(answer),
            evidence: [2; 32],
            signature: world.operators[0].sign(&message),
        }
    };
    Equivocation {
        request_id: id,
        terms_digest: context.terms_digest,
        slot: 0,
        model: 0,
        first: signed(&YES),
        second: signed(&NO),
    }
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

/// Many requests of three seats by one carrier, in as few batches as their entries fit.
fn together(world: &mut World) -> [Cost; 2] {
    let asked = terms(AnswerKind::Bool, 3, 2);
    let ids = [(); TOGETHER].map(|()| world.ask(&asked).unwrap());
    let seats = || {
        ids.into_iter()
            .flat_map(|id| (0..3).map(move |index| (id, index)))
    };
    let commits: Vec<_> = seats()
        .map(|(id, index)| world.commit_entry(id, index, &YES))
        .collect();
    let commits = Cost::of(&world.send(CARRIER, 0, "commit_batch", &commits));
    let reveals: Vec<_> = seats()
        .map(|(id, index)| world.reveal_entry(id, index, &YES))
        .collect();
    let reveals = Cost::of(&world.send(CARRIER, 0, "reveal_batch", &reveals));
    for id in ids {
        assert!(world.request(id).summary.settled);
        world.call::<()>(ASKER, 0, "prune", id).unwrap();
    }
    [commits, reveals]
}

/// Requests of three seats with 10 and 1,000 registered operators; prints how many fit a block.
fn crowds(table: &mut Table, fixed: u64) {
    let mut world = World::new(0);
    for registered in [10, 1_000] {
        while world.operators.len() < registered {
            let number = world.operators.len() as u16;
            let operator = Operator::numbered(number);
            world.register(operator, 100 * UNIT).unwrap();
        }
        let name = |how: &str| format!("{registered} operators: {how}");
        let [_, commits, reveals] = whole(&mut world, 3, true);
        let alone = commits.and(reveals);
        table.row(&name("1 request by one carrier"), alone);
        let [commits, reveals] = together(&mut world);
        let many = commits.and(reveals);
        table.row(&name("16 requests by one carrier"), many);
        let fit = |cost: Cost, requests: u64| {
            let whole = cost.ref_time + fixed * u64::from(cost.calls);
            BLOCK * requests / whole
        };
        println!(
            "    in a block of 1.5 s fit {} requests, each with its carrier, or {} by carriers of \
             {TOGETHER}",
            fit(alone, 1),
            fit(many, TOGETHER as u64)
        );
    }
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
    let mut arguments = std::env::args_os().skip(1);
    let (mut out, mut stored) = (None, None);
    while let Some(argument) = arguments.next() {
        if argument == "--check" {
            stored = arguments.next();
        } else {
            out = Some(argument);
        }
    }
    let mut single = Table::head("message");
    messages(&mut single);
    rare_messages(&mut single);
    let mut whole = Table::head("whole request, commit to settled");
    let [commit, reveal] = requests(&mut whole);
    let further = commit + reveal;
    let fixed = <<Runtime as Config>::WeightInfo as WeightInfo>::call();
    let mut crowd = Table::head("3 seats, commit to settled");
    crowds(&mut crowd, fixed.ref_time());
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
    let report = json!({
        "measure": "gas_consumed of bare_call, without the fixed weight of each transaction",
        "code_bytes": code,
        "fixed_per_call": {
            "ref_time_ps": fixed.ref_time(),
            "proof_size_bytes": fixed.proof_size(),
        },
        "messages": single.json(),
        "requests": whole.json(),
        "crowds": crowd.json(),
        "further_seat_us": further,
        "further_seat_most_us": SEAT_MOST_US,
    });
    if let Some(path) = out {
        std::fs::write(path, format!("{report:#}\n"))?;
    }
    if let Some(Err(worse)) = stored.map(|path| stored::check(&report, path.as_ref())) {
        eprintln!("{worse}");
        std::process::exit(1);
    }
    Ok(())
}

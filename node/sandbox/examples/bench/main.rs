//! What the oracle's messages cost on the pallet: a table, and JSON in the file that is named.
//!
//! `bench [FILE] [--check STORED]`: with `--check` it fails when a row costs more than 5 % above the
//! stored table, which `scripts/bench.sh contract --renew` writes; with or without when a target of
//! `targets.rs` is missed. Everything is measured in the run: execution time and storage
//! proof are `gas_consumed` of `bare_call`, which is what the meter charged; each transaction pays
//! the fixed weights that are printed below the table on top. Deposits are in planck, events in
//! bytes with their topics.

#![allow(clippy::unwrap_used)] // A bench that can't go on has nothing to tell.

mod crowds;
#[allow(dead_code)] // The tests use the rest.
#[path = "../../tests/pallet/keys.rs"]
mod keys;
mod stored;
mod table;
mod targets;
#[allow(dead_code)]
#[path = "../../tests/pallet/world.rs"]
mod world;
#[allow(dead_code)]
#[path = "../../tests/pallet/zoo.rs"]
mod zoo;

use codec::Encode;
use frame_support::{dispatch::DispatchClass, weights::Weight};
use llm_oracle_primitives::{AccountId, Answer, AnswerKind, Equivocation, SignedAnswer, digest};
use llm_oracle_runtime::{Runtime, RuntimeCall, config::RuntimeBlockWeights};
use llm_oracle_sandbox::extension;
use pallet_contracts::WeightInfo;
use serde_json::json;
use sp_runtime::traits::TransactionExtension;

use crowds::{Carried, PerTransaction, crowds, whole};
use keys::{Operator, SURE, answer_entry};
use table::{Cost, MICROSECOND, Table};
use world::{ASKER, CARRIER, DEPLOYER, NO, REWARD, UNIT, World, YES, input, on_chain, terms};
use zoo::{Zoo, mode};

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
        let (domain, id) = (world.config.domain, operator.id);
        let message = digest::register_message(&domain, &world.oracle, &id, &id, b"");
        let arguments = (id, id, Vec::<u8>::new(), operator.sign(&message));
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
    table.row("bond", cost(&mut world, CARRIER, 7 * UNIT, "bond", &0u32));
    table.row(
        "unbond",
        cost(&mut world, first, 0, "unbond", &(0u32, UNIT)),
    );
    let block = world.block();
    world.jump_to(block + world.config.params.unbonding_blocks);
    table.row("release", cost(&mut world, CARRIER, 0, "release", &0u32));

    let asked = terms(AnswerKind::Bool, 3, 2);
    let value = 3 * (REWARD + world.seat_fee());
    table.row(
        "ask (3 seats)",
        cost(&mut world, ASKER, value, "ask", &(&asked, REWARD, false)),
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
        "commit (by a transmitter)",
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
    world.pass(world.config.params.delivery_blocks);
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
    let indices = [0, 1, 2];
    let commits = indices.map(|index| world.commit_entry(id, index, &YES));
    let reveals = indices.map(|index| world.reveal_entry(id, index, &YES));
    let (commits, reveals) = (commits.to_vec(), reveals.to_vec());
    table.row(
        "commit_batch (3 seats)",
        cost(&mut world, CARRIER, 0, "commit_batch", &commits),
    );
    table.row(
        "reveal_batch (3 seats, settles)",
        cost(&mut world, CARRIER, 0, "reveal_batch", &reveals),
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
        let message = digest::answer_message(&context, answer, SURE, &[2; 32]);
        SignedAnswer {
            answer: digest::answer_digest(answer),
            confidence: SURE,
            evidence: [2; 32],
            signature: world.operators[0].sign(&message),
        }
    };
    Equivocation {
        request_id: id,
        terms_digest: context.terms_digest,
        slot: 0,
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

/// What a further seat costs by one carrier, microseconds.
struct FurtherSeat {
    commit: f64,
    /// With its part of the settlement.
    reveal: f64,
    /// The same between 3 and 7 seats, and between 7 and 32.
    reveal_few_and_many: [f64; 2],
}

/// Whole requests of 32 operators, whose accounts share a cell.
fn requests(table: &mut Table) -> FurtherSeat {
    let mut world = World::new(32);
    let mut costs = Vec::new();
    for seats in SEATS {
        let members: Vec<usize> = (0..usize::from(seats)).collect();
        let [ask, commits, reveals] = whole(&mut world, &members, 1, Carried::Alone);
        table.row(&format!("{seats} seats: ask"), ask);
        table.row(&format!("{seats} seats one by one"), commits.and(reveals));
        let [_, commits, reveals] = whole(&mut world, &members, 1, Carried::Together);
        table.row(
            &format!("{seats} seats by one carrier"),
            commits.and(reveals),
        );
        costs.push((f64::from(seats), commits.micros(), reveals.micros()));
    }
    let (few, more, most) = (costs[1], costs[2], costs[3]);
    let reveal = |from: (f64, f64, f64), to: (f64, f64, f64)| (to.2 - from.2) / (to.0 - from.0);
    FurtherSeat {
        commit: (most.1 - few.1) / (most.0 - few.0),
        reveal: reveal(few, most),
        reveal_few_and_many: [reveal(few, more), reveal(more, most)],
    }
}

/// What a transaction takes before the contract does anything: its base, its extensions, the pallet's
/// `call`.
fn overhead() -> [Weight; 3] {
    let weights = RuntimeBlockWeights::get();
    let call = RuntimeCall::System(frame_system::Call::remark { remark: Vec::new() });
    [
        weights.get(DispatchClass::Normal).base_extrinsic,
        extension().weight(&call),
        <<Runtime as pallet_contracts::Config>::WeightInfo as WeightInfo>::call(),
    ]
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
    let further = requests(&mut whole);
    let overhead = overhead();
    let [base, extensions, call] = overhead.map(|weight| weight.ref_time());
    let mut crowd = Table::head("commit to settled");
    let per_transaction = PerTransaction {
        plain: base + call,
        extended: base + extensions + call,
    };
    let fit = crowds(&mut crowd, &per_transaction);
    let FurtherSeat {
        commit,
        reveal,
        reveal_few_and_many: [few, many],
    } = further;
    println!(
        "\na further seat costs {:.1} us by one carrier: commit {commit:.1}, reveal and settlement \
         {reveal:.1} (3 to 32 seats); its reveal costs {few:.1} from 3 to 7 seats and {many:.1} from \
         7 to 32",
        commit + reveal,
    );
    let micros = |time: u64| time as f64 / MICROSECOND as f64;
    println!(
        "measured: gas_consumed of bare_call; each transaction adds {:.1} us: {:.1} its base, {:.1} \
         its extensions, {:.1} the pallet's call; this call adds {} B of proof",
        micros(base + extensions + call),
        micros(base),
        micros(extensions),
        micros(call),
        overhead[2].proof_size()
    );
    let code = world::wasm("llm_oracle").len();
    println!("the oracle's code has {code} bytes");
    let report = json!({
        "measure": "gas_consumed of bare_call, without what each transaction takes besides",
        "code_bytes": code,
        "fixed_per_call": {
            "ref_time_ps": base + extensions + call,
            "base_ps": base,
            "extensions_ps": extensions,
            "call_ps": call,
            "proof_size_bytes": overhead[2].proof_size(),
        },
        "messages": single.json(),
        "requests": whole.json(),
        "crowds": crowd.json(),
        "further_seat_us": commit + reveal,
        "further_reveal_us": { "3_to_7_seats": few, "7_to_32_seats": many },
        "fit_a_block": { "one_carrier": fit.plain[0], "one_carrier_for_16": fit.plain[1] },
        "fit_a_block_with_extensions": {
            "one_carrier": fit.extended[0],
            "one_carrier_for_16": fit.extended[1],
        },
    });
    if let Some(path) = out {
        std::fs::write(path, format!("{report:#}\n"))?;
    }
    let checked = match stored {
        Some(path) => stored::check(&report, path.as_ref()),
        None => targets::check(&report),
    };
    if let Err(worse) = checked {
        eprintln!("{worse}");
        std::process::exit(1);
    }
    Ok(())
}

//! The chain's runtime, upgraded under running relayers.

use llm_oracle_chain::{messages, ChainApi as _, Event, LocatedEvent};
use llm_oracle_primitives::{SeatState, SeatView};
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::yes_or_no,
    report,
    runtime::{upgrade, Beside, Runtime},
    History, Key, World,
};

const NAME: &str = "runtime_upgrade_mid_request";
/// The version that the chain starts with.
const FIRST: u32 = 100;
/// The event by which contracts speak, and what it is called for one version.
const EMITTED: (&str, &str) = ("ContractEmitted", "ContractUttered");

/// A question by Alice, who holds the sudo key, to stand in the block of an upgrade.
async fn question(world: &World) -> Beside {
    let terms = yes_or_no(2);
    let reward = world.config.params.min_reward;
    let quote = world.oracle.quote(&terms, reward, None).await.unwrap();
    let call = messages::ask(&terms, reward, false);
    let (alice, contract) = (Key::new("//Alice").account, world.oracle.address);
    let dry = world
        .chain()
        .as_ref()
        .dry_run(&alice, &contract, quote.total, &call, None);
    Beside {
        contract,
        value: quote.total,
        gas: dry.await.unwrap().gas_required.with_margin(20),
        input: call.input().to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runtime_upgrade_mid_request() {
    let world = World::alone(2).await;
    let setup =
        |name: &str, operator: &Key| Setup::new(&world, name, &[operator], &Model::Says("yes"));
    let first = setup("first", &world.operators[0]);
    let second = setup("second", &world.operators[1]);
    let mut running = vec![first.run()];
    let before = world.ask(&yes_or_no(2)).await;
    world.committed(before, 1).await;

    let runtime = Runtime::of(&world.url).await;
    let renamed = runtime.clone().with_version(FIRST, FIRST + 1);
    let renamed = renamed.renamed(EMITTED.0, EMITTED.1);
    let block = upgrade(&world, &renamed, Some(question(&world).await)).await;
    // The state after that block has the new names already; its events have the old ones.
    let events = world.chain().oracle_events(&world.oracle.address, block);
    let events = events.await.unwrap();
    let [LocatedEvent {
        event: Event::Asked(asked),
        ..
    }] = &events[..]
    else {
        panic!("{events:?}");
    };
    let beside = asked.request_id;
    let inputs = world.chain().contract_inputs(&world.oracle.address, block);
    assert_eq!(
        inputs.await.unwrap().len(),
        1,
        "the question is read in its block"
    );
    let back = runtime.with_version(FIRST, FIRST + 2);
    upgrade(&world, &back, None).await;

    running.push(second.run());
    let mut ended = Vec::new();
    for id in [before, beside] {
        ended.push(world.ended_for_good(id).await);
    }
    for relayer in &mut running {
        assert!(relayer.runs(), "a relayer ended");
    }
    assert_eq!(first.calls() + second.calls(), 4, "nothing is asked twice");
    for view in &ended {
        let mut agreed: Vec<_> = view.seats.iter().map(|seat| seat.operator).collect();
        agreed.sort();
        let mut operators = world.accounts();
        operators.sort();
        assert_eq!(agreed, operators);
        let is_agreed = |seat: &SeatView| seat.state == SeatState::Agreed;
        assert!(view.seats.iter().all(is_agreed), "{view:?}");
    }
    // Under the middle version contracts speak by a name that nobody knows, so only the first
    // request's history is told by events alone.
    let counts = History::once_each_in_all(&world, &[before], NAME).await;
    let seats: usize = ended.iter().map(|view| view.seats.len()).sum();
    report(
        NAME,
        &format!("2 upgrades between commit and reveal, 1 event of an upgrade's block decoded; {seats} of 4 seats agreed; {counts}"),
    );
}

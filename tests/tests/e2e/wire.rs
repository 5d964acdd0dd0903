//! The line between relayer and node, cut, held, half open and slow.

use llm_oracle_tests::{
    is_long,
    process::{Model, Setup},
    questions::yes_or_no,
    report, Dice, History, Node, Proxy, Wire, World,
};
use std::time::Duration;

const NAME: &str = "rpc_cut_and_slowed_loses_nothing";
/// What is done to the line, in turn.
const FAULTS: [&str; 4] = ["cut", "held", "half open", "slow"];

fn spoil(proxy: &Proxy, fault: &str) {
    match fault {
        "cut" => proxy.set(Wire::Cut),
        "held" => proxy.set(Wire::Held),
        "half open" => proxy.leave_half_open(),
        _ => proxy.set(Wire::Slow {
            latency: Duration::from_millis(20),
            bytes_a_second: 400_000,
        }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rpc_cut_and_slowed_loses_nothing() {
    let rounds = if is_long(NAME) { 400 } else { 8 };
    let mut dice = Dice::new(NAME);
    let node = tokio::task::spawn_blocking(|| Node::every_final_later(200));
    let node = node.await.unwrap();
    let world = World::on(node.url(), None, 3).await;
    let proxy = Proxy::to(&world.url).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"))
        .rewritten(&world.url, &proxy.ws())
        // A line without an answer for three of them is taken to be dead.
        .with("block_time_ms = 700");
    let mut relayer = setup.run();
    let mut ids = Vec::new();
    let mut faults = [0_u32; FAULTS.len()];
    for round in 0..rounds {
        ids.push(world.ask(&yes_or_no(3)).await);
        tokio::time::sleep(Duration::from_millis(dice.below(1_200))).await;
        let kind = round % FAULTS.len();
        spoil(&proxy, FAULTS[kind]);
        faults[kind] += 1;
        tokio::time::sleep(Duration::from_millis(300 + dice.below(2_200))).await;
        proxy.set(Wire::Open);
    }
    for id in &ids {
        world.ended(*id).await;
    }
    assert!(relayer.runs(), "the relayer ended");
    assert_eq!(setup.calls(), 3 * ids.len(), "nothing is asked twice");
    let counts = History::once_each_in_all(&world, &ids, NAME).await;
    let (made, cut, kib) = (proxy.connections(), proxy.cuts(), proxy.bytes() / 1024);
    assert!(made > 1, "no fault was felt");
    let faults: Vec<_> = FAULTS.iter().zip(faults).collect();
    report(
        NAME,
        &format!("faults {faults:?}; {made} connections, {cut} of them cut, {kib} KiB; {counts}"),
    );
}

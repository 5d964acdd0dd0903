//! Processes that are killed, at chosen and at random moments.

use llm_oracle_primitives::{Answer, RequestId, SeatAnswer};
use llm_oracle_relayer::store::fault::{self, CRASH_POINTS};
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::yes_or_no,
    Market, Node, World,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A market's question, which is answered by three seats and delivered to the market.
pub(crate) async fn ask_by_market(world: &World, market: &Market) -> RequestId {
    let number = market.open(&world.requester, "Is water wet?", 0).await;
    // Far above the quote; the rest comes back as credit.
    market
        .resolve(&world.requester, number, 10 * llm_oracle_tests::UNIT)
        .await
}

pub(crate) async fn assert_once(world: &World, id: RequestId, what: &str) {
    let history = world.history(id).await;
    history.assert_once_each(&world.accounts(), what);
    assert_eq!(history.delivered, 1, "{what}: deliveries");
}

/// Takes a relayer of three operators through its crash points, one request and store for each.
async fn die_at(points: &[&str]) {
    let world = World::alone(3).await;
    let market = world.market().await;
    for point in points {
        let setup = Setup::new(&world, point, &world.keys(), &Model::Says("yes"));
        let mut doomed = setup.run_until(point);
        let id = ask_by_market(&world, &market).await;
        doomed.killed().await;
        let calls_at_death = setup.calls();
        let _next = setup.run();
        // Final, so that the next one's empty store finds nothing half done.
        market.delivered_for_good(&world, id).await;
        assert_once(&world, id, point).await;
        if *point != fault::ANSWER_MADE && *point != fault::ANSWER_RECORDED {
            assert_eq!(calls_at_death, 3, "{point}: calls before");
            assert_eq!(setup.calls(), calls_at_death, "{point}: asked again");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_after_every_stored_step() {
    // Two worlds side by side: most of the time is waiting for finality.
    let (first, second) = CRASH_POINTS.split_at(CRASH_POINTS.len() / 2);
    tokio::join!(die_at(first), die_at(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_never_asks_again_after_commit() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut doomed = setup.run_until(fault::COMMIT_FINAL);
    let id = world.ask(&yes_or_no(1)).await;
    doomed.killed().await;
    assert_eq!(setup.calls(), 1);
    // A model that has changed its mind since, as models do.
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("no"));
    let _next = setup.run();
    let view = world.ended(id).await;
    assert_eq!(
        view.seats[0].answer,
        Some(SeatAnswer::Whole(Answer::Bool(true)))
    );
    world
        .history(id)
        .await
        .assert_once_each(&world.accounts(), "another model");
    assert_eq!(setup.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_moments_lose_and_repeat_nothing() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut seed = u64::from(now.subsec_nanos()) | 1;
    let world = World::alone(3).await;
    let market = world.market().await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let id = ask_by_market(&world, &market).await;
    let mut moments = Vec::new();
    for _ in 0..6 {
        // xorshift: the moments only have to differ from run to run.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let moment = Duration::from_millis(200 + seed % 1500);
        moments.push(moment);
        let mut doomed = setup.run();
        tokio::time::sleep(moment).await;
        doomed.kill();
    }
    let _last = setup.run();
    market.delivered(&world, id).await;
    assert_once(&world, id, &format!("killed after {moments:?}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_restarted_in_the_middle() {
    let mut node = tokio::task::spawn_blocking(Node::start).await.unwrap();
    let world = World::on(node.url(), None, 3).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut relayer = setup.run();
    let id = world.ask(&yes_or_no(3)).await;
    world.committed(id, 3).await;
    let mut node = tokio::task::spawn_blocking(move || {
        node.restart();
        node
    })
    .await
    .unwrap();
    let world = world.reconnected().await;
    // Blocks from before the restart become final with the next block.
    world.chain().create_block(false).await.unwrap();
    world.ended(id).await;
    world
        .history(id)
        .await
        .assert_once_each(&world.accounts(), "node restarted");
    assert!(relayer.runs());
    assert_eq!(setup.calls(), 3);
    node.kill();
}

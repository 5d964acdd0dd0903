//! Processes that are killed, at chosen and at random moments.

use llm_oracle_primitives::{Answer, RequestId, SeatAnswer};
use llm_oracle_store::crash_point::{self, CRASH_POINTS};
use llm_oracle_tests::{
    eventually, is_long,
    process::{Model, Setup},
    questions::yes_or_no,
    report, Dice, History, Market, Node, World,
};
use std::time::Duration;

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
        if *point != crash_point::ANSWER_MADE && *point != crash_point::ANSWER_RECORDED {
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
    let points = CRASH_POINTS.len();
    let what = format!("{points} points, a SIGKILL at each; each request with one commit and one reveal of 3 operators, and one delivery");
    report("kill_after_every_stored_step", &what);
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_never_asks_again_after_commit() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut doomed = setup.run_until(crash_point::COMMIT_FINAL);
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
    const NAME: &str = "kills_at_random_moments_lose_and_repeat_nothing";
    let kills = if is_long(NAME) { 1_000 } else { 20 };
    let mut dice = Dice::new(NAME);
    let world = World::alone(3).await;
    let market = world.market().await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut ids = Vec::new();
    for kill in 0..kills {
        if kill % 5 == 0 {
            ids.push(ask_by_market(&world, &market).await);
        }
        let mut doomed = setup.run();
        tokio::time::sleep(Duration::from_millis(100 + dice.below(1_000))).await;
        doomed.kill();
    }
    let _last = setup.run();
    for id in &ids {
        market.delivered(&world, *id).await;
    }
    for (id, history) in History::of_all(&world, &ids).await {
        assert_eq!(history.delivered, 1, "request {id}: deliveries");
    }
    let counts = History::once_each_in_all(&world, &ids, NAME).await;
    let asked = setup.calls();
    report(NAME, &format!("{kills} kills, {asked} questions; {counts}"));
}

/// The relayer stays; the node dies under it by SIGKILL and comes back with the same chain.
#[tokio::test(flavor = "multi_thread")]
async fn node_restarted_in_the_middle() {
    const NAME: &str = "node_restarted_in_the_middle";
    let kills = if is_long(NAME) { 50 } else { 3 };
    let mut dice = Dice::new(NAME);
    let node = tokio::task::spawn_blocking(|| Node::every_final_later(300));
    let mut node = node.await.unwrap();
    let mut world = World::on(node.url(), None, 3).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut relayer = setup.run();
    let mut ids = Vec::new();
    for _ in 0..kills {
        let id = world.ask(&yes_or_no(3)).await;
        ids.push(id);
        // What is not final yet, a node may forget.
        eventually("finality of the request", || async {
            world.view_for_good(id).await.map(drop)
        })
        .await;
        tokio::time::sleep(Duration::from_millis(dice.below(2_000))).await;
        let restarted = tokio::task::spawn_blocking(move || {
            node.restart();
            node
        });
        node = restarted.await.unwrap();
        world = world.reconnected().await;
    }
    for id in &ids {
        world.ended(*id).await;
    }
    assert!(relayer.runs(), "the relayer ended");
    assert_eq!(setup.calls(), 3 * ids.len(), "nothing is asked twice");
    let counts = History::once_each_in_all(&world, &ids, NAME).await;
    report(NAME, &format!("{kills} kills of the node; {counts}"));
    node.kill();
}

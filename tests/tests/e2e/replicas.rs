//! Several relayers of the same operators on one PostgreSQL database: any of them dies, the database
//! is restarted, connections are cut, and the chain sees each operator act once.

use crate::{
    crashes::{ask_by_market, assert_once},
    ops::get,
};
use llm_oracle_tests::{
    eventually, is_long,
    pg_proxy::{At, Proxy, Side},
    postgres::url_at,
    process::{Model, Setup},
    questions::yes_or_no,
    report, Dice, Postgres, Relayer, World,
};
use std::time::Duration;

/// A replica whose model says something of its own, so that a second answer would be another one.
fn replica(world: &World, name: &str, says: &'static str, url: &str) -> Setup {
    Setup::new(world, name, &world.keys(), &Model::Says(says)).sharing(url)
}

/// Waits until a relayer has looked at the chain, and so shows itself to the other replicas.
async fn ready(setup: &Setup) {
    eventually("ready relayer", || async {
        let address = setup.listens_at()?;
        (get(&address, "/readyz").0 == "HTTP/1.1 200 OK").then_some(())
    })
    .await;
}

async fn start_postgres() -> Postgres {
    tokio::task::spawn_blocking(Postgres::start).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_one_effect() {
    let (world, postgres) = tokio::join!(World::alone(3), start_postgres());
    let setups = [("one", "yes"), ("two", "no")]
        .map(|(name, says)| replica(&world, name, says, &postgres.url()));
    let mut running = setups.each_ref().map(Setup::run);
    futures::future::join_all(setups.iter().map(ready)).await;
    let requests = 6;
    let mut ids = Vec::new();
    for _ in 0..requests {
        ids.push(world.ask(&yes_or_no(3)).await);
    }
    for id in &ids {
        world.ended(*id).await;
    }
    for id in &ids {
        let history = world.history(*id).await;
        history.assert_once_each(&world.accounts(), "two replicas");
    }
    let calls = setups.each_ref().map(Setup::calls);
    report(
        "two_replicas_one_effect",
        &format!("{requests} requests of 3 seats: {calls:?} questions put by the replicas"),
    );
    // Each seat's question was put by one of them, once; neither did all the work.
    assert_eq!(calls.iter().sum::<usize>(), 3 * requests);
    assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");
    assert!(running.iter_mut().all(Relayer::runs));
}

#[tokio::test(flavor = "multi_thread")]
async fn pg_restart_mid_request() {
    let (world, mut postgres) = tokio::join!(World::alone(3), start_postgres());
    let setups = [("one", "yes"), ("two", "no")]
        .map(|(name, says)| replica(&world, name, says, &postgres.url()));
    let mut running = setups.each_ref().map(Setup::run);
    futures::future::join_all(setups.iter().map(ready)).await;
    for (moment, commits) in [("just asked", 0), ("committed", 3)] {
        let id = world.ask(&yes_or_no(3)).await;
        world.committed(id, commits).await;
        postgres = tokio::task::spawn_blocking(move || {
            postgres.restart();
            postgres
        })
        .await
        .unwrap();
        world.ended(id).await;
        let history = world.history(id).await;
        history.assert_once_each(&world.accounts(), moment);
    }
    // And a request that comes while the database is away.
    postgres.crash();
    let id = world.ask(&yes_or_no(3)).await;
    postgres = tokio::task::spawn_blocking(move || {
        postgres.begin();
        postgres
    })
    .await
    .unwrap();
    world.ended(id).await;
    let history = world.history(id).await;
    history.assert_once_each(&world.accounts(), "asked meanwhile");
    assert!(running.iter_mut().all(Relayer::runs));
    drop(running);
    drop(postgres);
}

/// Rounds of the test below in its long size.
const ROUNDS_LONG: u64 = 200;
const ROUNDS: u64 = 6;
/// How long a dead replica keeps its requests in it, milliseconds.
const LEASE_MS: u64 = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_lose_one_every_few_seconds() {
    const NAME: &str = "three_replicas_lose_one_every_few_seconds";
    let rounds = if is_long(NAME) { ROUNDS_LONG } else { ROUNDS };
    let mut dice = Dice::new(NAME);
    let mut roll = |sides| dice.below(sides);
    let (world, mut postgres) = tokio::join!(World::alone(3), start_postgres());
    let market = world.market().await;
    let proxies = [(); 3].map(|()| Proxy::to(postgres.port()));
    let setups: Vec<Setup> = [("one", "yes"), ("two", "no"), ("three", "abstain")]
        .iter()
        .zip(&proxies)
        .map(|((name, says), proxy)| {
            replica(&world, name, says, &url_at(proxy.port()))
                .with(&format!("store_lease_ttl_ms = {LEASE_MS}"))
        })
        .collect();
    let mut running: Vec<Relayer> = setups.iter().map(Setup::run).collect();
    let (mut ids, mut restarts, mut frozen) = (Vec::new(), 0, 0);
    for round in 0..rounds {
        ids.push(ask_by_market(&world, &market).await);
        let doomed = usize::try_from(roll(3)).unwrap();
        let other = (doomed + 1 + usize::try_from(roll(2)).unwrap()) % 3;
        let side = Side::ALL[usize::try_from(roll(3)).unwrap()];
        proxies[other].cut(At::Commit, side);
        tokio::time::sleep(Duration::from_millis(500 + roll(2_500))).await;
        if round % 3 == 2 {
            // For longer than its leases: the others take over, and it wakes up in the middle of a turn.
            running[other].freeze();
            frozen += 1;
        }
        running[doomed].kill();
        if round % 3 == 1 {
            postgres = tokio::task::spawn_blocking(move || {
                postgres.restart();
                postgres
            })
            .await
            .unwrap();
            restarts += 1;
        }
        ids.push(ask_by_market(&world, &market).await);
        if round % 3 == 2 {
            tokio::time::sleep(Duration::from_millis(LEASE_MS + 500)).await;
            running[other].thaw();
        }
        running[doomed] = setups[doomed].run();
    }
    for id in &ids {
        market.delivered_for_good(&world, *id).await;
        assert_once(&world, *id, NAME).await;
    }
    for (relayer, setup) in running.iter_mut().zip(&setups) {
        assert!(relayer.runs(), "{}", setup.config().display());
    }
    let cuts: u64 = proxies.iter().map(Proxy::cuts).sum();
    let calls: usize = setups.iter().map(Setup::calls).sum();
    assert!(cuts > 0, "no connection was cut inside COMMIT");
    report(
        NAME,
        &format!(
            "{} requests of 3 seats, {rounds} SIGKILLs, {frozen} frozen, {restarts} restarts of the \
             database, {cuts} connections cut inside COMMIT, {calls} questions put: each operator acted once",
            ids.len(),
        ),
    );
}

#[test]
fn a_full_replica_gives_up_what_is_due_last_for_what_is_due_first() {
    let own = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    let [one, two] =
        ["one", "two"].map(|name| crate::shared_store::open(&own, name, postgres.url()));
    // As many as a replica holds, in the order of their deadlines.
    let many: Vec<u64> = (10..2_010).collect();
    assert_eq!(one.lease(&many).unwrap().len(), 2_000);
    let more = [vec![3], many].concat();
    let held = one.lease(&more).unwrap();
    assert_eq!(held.len(), 2_000);
    assert!(held.contains(&3) && !held.contains(&2_009));
    assert_eq!(two.lease(&more).unwrap(), [2_009]);
}

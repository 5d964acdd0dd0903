//! What the owner of an oracle can do, and nobody else.

use llm_oracle_support::address::{hex0x, ss58};
use llm_oracle_tests::World;
use serde_json::Value;

/// Runs `owner` with these arguments and this key.
async fn owner(world: &World, suri: &str, arguments: &[&str]) -> llm_oracle_tests::Cli {
    let key = ["--suri", suri, "--json", "-y"];
    world.cli(&[&["owner"][..], arguments, &key].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_new_requests_until_it_is_taken_back() {
    let world = World::new(1).await;
    let (key, stranger) = (world.owner.suri.clone(), world.requester.suri.clone());
    let ask = [
        "ask",
        "Is it so?",
        "--bool",
        "--seats",
        "1",
        "--no-wait",
        "--json",
        "--suri",
        &stranger,
    ];
    owner(&world, &stranger, &["pause"])
        .await
        .refused(5, &["only the owner"]);
    let dry = owner(&world, &key, &["pause", "--dry-run"]).await.json(0);
    assert_eq!(dry["dry_run"], true);
    let paused = owner(&world, &key, &["pause"]).await.json(0);
    assert_eq!(paused["paused"], true);
    world.cli(&ask).await.refused(5, &["paused"]);
    let register = ["operator", "register", "--suri", &stranger, "-y"];
    world.cli(&register).await.refused(5, &["paused"]);
    let status = world.cli(&["owner", "status", "--json"]).await.json(0);
    assert_eq!(status["paused"], true, "{status}");

    owner(&world, &key, &["resume"]).await.json(0);
    assert_eq!(world.cli(&ask).await.json(0)["id"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ownership_moves_when_it_is_taken() {
    let world = World::new(0).await;
    let (old, new) = (&world.owner, &world.requester);
    let account = ss58(&new.account);
    owner(&world, &new.suri, &["take"])
        .await
        .refused(5, &["only the owner"]);
    let offered = owner(&world, &old.suri, &["offer", &account]).await;
    assert_eq!(offered.json(0)["offered_to"], *account);
    let taken = owner(&world, &new.suri, &["take"]).await.json(0);
    assert_eq!(taken["owner"], *account);
    let status = world.cli(&["owner", "status", "--json"]).await.json(0);
    assert_eq!(status["owner"], *account);
    assert_eq!(status["offered_to"], Value::Null);
    owner(&world, &old.suri, &["pause"])
        .await
        .refused(5, &["only the owner"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_and_code_are_announced_and_wait() {
    let world = World::new(0).await;
    let key = world.owner.suri.clone();
    let delay = u64::from(world.config.params.upgrade_delay_blocks);
    let set = [
        "params",
        "--set",
        "min_reward=0.5UNIT",
        "--set",
        "fee_ppm=0",
    ];
    let announced = owner(&world, &key, &set).await.json(0);
    let from = announced["from"].as_u64().unwrap();
    assert_eq!(
        Some(from),
        announced["block_number"]
            .as_u64()
            .map(|block| block + delay),
        "{announced}"
    );
    // In force is what was in force.
    let shown = world.cli(&["owner", "params", "--json"]).await.json(0);
    assert_eq!(shown["params"]["fee_ppm"], 20_000);
    assert_eq!(shown["announced"]["from"], from);
    assert_eq!(shown["announced"]["params"]["fee_ppm"], 0);
    assert_eq!(shown["announced"]["params"]["min_reward"], "500000000000");
    let text = world.cli(&["owner", "params"]).await;
    assert!(text.stdout.contains("0.5 UNIT"), "{text:?}");
    // What is out of bounds does not leave this machine.
    owner(&world, &key, &["params", "--set", "fee_ppm=200001"])
        .await
        .refused(2, &["fee_ppm = 200001"]);

    // Code that is not on the chain cannot be announced; the oracle's own is there.
    owner(&world, &key, &["announce-upgrade", &hex0x(&[7; 32])])
        .await
        .refused(5, &["no code with the announced hash"]);
    let own = llm_oracle_tests::setting::wasm("llm_oracle");
    let code = hex0x(&llm_oracle_primitives::digest::blake2(&own));
    owner(&world, &key, &["upgrade"])
        .await
        .refused(5, &["announced"]);
    let announced = owner(&world, &key, &["announce-upgrade", &code])
        .await
        .json(0);
    assert_eq!(announced["code_hash"], *code);
    owner(&world, &key, &["upgrade"]).await.refused(5, &["due"]);
    let status = world.cli(&["owner", "status", "--json"]).await.json(0);
    assert_eq!(status["announced_code"]["code_hash"], *code);
}

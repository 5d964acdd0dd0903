//! A running relayer reads its settings again.

use crate::ops::get;
use llm_oracle_tests::{
    eventually,
    process::{Model, Relayer, Setup},
    questions::yes_or_no,
    World,
};
use serde_json::Value;
use std::{fs, process::Command};

fn hang_up(relayer: &Relayer) {
    let id = relayer.id().to_string();
    let sent = Command::new("kill").args(["-HUP", &id]).status();
    assert!(sent.unwrap().success());
}

/// What the status says about the reload after this one, which may not be there.
async fn next_reload(address: &str, before: &Value) -> Value {
    eventually("a reload in the status", || async {
        let status: Value = serde_json::from_str(&get(address, "/status").1).unwrap();
        let reload = &status["last_reload"];
        (reload != before).then(|| reload.clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_makes_a_relayer_take_over_its_settings_and_a_wrong_file_changes_nothing() {
    let world = World::new(1).await;
    let too_much = "min_reward = \"1000000000000000000\"";
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let setup = setup.with_limit(too_much);
    let mut relayer = setup.run();
    let address = eventually("listening relayer", || async { setup.listens_at() }).await;
    let skipped = world.ask(&yes_or_no(1)).await;
    eventually("a skipped request", || async {
        let status: Value = serde_json::from_str(&get(&address, "/status").1).unwrap();
        (status["store"]["skipped"] == 1).then_some(())
    })
    .await;
    let good = fs::read_to_string(setup.config()).unwrap();

    fs::write(setup.config(), good.replace(too_much, "min_rewards = 0")).unwrap();
    hang_up(&relayer);
    let refused = next_reload(&address, &Value::Null).await;
    let told = refused["error"].as_str().unwrap();
    assert!(told.contains("min_rewards"), "{told}");
    let (_, metrics) = get(&address, "/metrics");
    assert!(metrics.contains("llm_oracle_config_last_reload_successful 0"));

    let fresh = good.replace(too_much, "min_reward = 0");
    let fresh = format!("backup_dir = \"elsewhere\"\n{fresh}");
    fs::write(setup.config(), fresh).unwrap();
    hang_up(&relayer);
    let reload = next_reload(&address, &refused).await;
    assert_eq!(reload["applied"], serde_json::json!(["limits.min_reward"]));
    assert_eq!(reload["needs_restart"], serde_json::json!(["backup_dir"]));
    let answered = world.ask(&yes_or_no(1)).await;
    assert_eq!(world.ended(answered).await.seats.len(), 1);
    assert!(world.view(skipped).await.seats.is_empty());
    let (_, metrics) = get(&address, "/metrics");
    assert!(metrics.contains("llm_oracle_config_last_reload_successful 1"));
    relayer.terminate();
    assert_eq!(relayer.end().await.code(), Some(0));
}

//! Stores that are lost, old, or come back after a while.

use llm_oracle_primitives::{Answer, SeatAnswer};
use llm_oracle_store::crash_point;
use llm_oracle_tests::{
    eventually,
    process::{Model, Setup},
    questions::yes_or_no,
    Cli, World,
};
use std::{fs, path::Path};

/// Runs a relayer that is expected to refuse.
async fn refused(world: &World, setup: &Setup) -> Cli {
    let config = setup.config();
    let arguments = ["relayer", "run", "--config", config.to_str().unwrap()];
    let refused = Cli::run(world.folder.path(), &arguments).await;
    assert_eq!(refused.code, 7, "{refused:?}");
    assert!(refused.stderr.contains("--recover"), "{refused:?}");
    refused
}

/// Removes the database and keeps the salt secret.
fn lose_database(store: &Path) {
    for entry in fs::read_dir(store).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains("relayer.sqlite") {
            fs::remove_file(path).unwrap();
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        fs::copy(&path, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// The one operator's first answer, kept although its store is gone and its model has changed its mind.
async fn ends_with_the_first_answer(world: &World, setup: &Setup, id: u64) {
    let _recovered = setup.run_recovering();
    let other = Setup::new(world, "other", &[&world.operators[1]], &Model::Says("yes"));
    let _other = other.run();
    let view = world.ended(id).await;
    assert_eq!(
        view.seats[0].answer,
        Some(SeatAnswer::Whole(Answer::Bool(true)))
    );
    world
        .history(id)
        .await
        .assert_once_each(&world.accounts(), "recovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_store_with_history_on_chain_refuses() {
    let world = World::new(2).await;
    let key = &[&world.operators[0]];
    let setup = Setup::new(&world, "relayer", key, &Model::Says("yes"));
    let mut first = setup.run();
    // The second seat stays empty, so that the first one stays open.
    let id = world.ask(&yes_or_no(2)).await;
    world.committed(id, 1).await;
    first.kill();
    fs::rename(
        setup.store_path(),
        setup.store_path().with_extension("lost"),
    )
    .unwrap();
    let refused = refused(&world, &setup).await;
    for part in ["is empty", &format!("request {id}"), "bring back the store"] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    assert_eq!(world.history(id).await.committed.len(), 1);
    assert_eq!(setup.calls(), 1);
    // The right store is taken as it was.
    fs::remove_dir_all(setup.store_path()).unwrap();
    fs::rename(
        setup.store_path().with_extension("lost"),
        setup.store_path(),
    )
    .unwrap();
    let mut again = setup.run();
    let database = setup.store_path().join("relayer.sqlite");
    assert!(database.exists() && again.runs());
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_store_can_still_reveal() {
    let world = World::new(2).await;
    let key = &[&world.operators[0]];
    let setup = Setup::new(&world, "relayer", key, &Model::Says("yes"));
    let mut doomed = setup.run_until(crash_point::COMMIT_FINAL);
    let id = world.ask(&yes_or_no(2)).await;
    doomed.killed().await;
    lose_database(&setup.store_path());
    refused(&world, &setup).await;
    let setup = Setup::new(&world, "relayer", key, &Model::Says("no"));
    ends_with_the_first_answer(&world, &setup, id).await;
    assert_eq!(setup.calls(), 1, "nothing was asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_comes_back_from_its_copy() {
    let world = World::new(2).await;
    let key = &[&world.operators[0]];
    let setup = Setup::new(&world, "relayer", key, &Model::Says("yes")).with_copy();
    let mut doomed = setup.run_until(crash_point::COMMIT_FINAL);
    let id = world.ask(&yes_or_no(2)).await;
    doomed.killed().await;
    // Secret and all.
    fs::remove_dir_all(setup.store_path()).unwrap();
    refused(&world, &setup).await;
    ends_with_the_first_answer(&world, &setup, id).await;
    assert_eq!(setup.calls(), 1, "nothing was asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_backup_is_detected() {
    let world = World::new(2).await;
    let key = &[&world.operators[0]];
    let setup = Setup::new(&world, "relayer", key, &Model::Says("yes"));
    let old = setup.store_path().with_extension("old");
    let mut relayer = setup.run();
    let first = world.ask(&yes_or_no(1)).await;
    world.ended(first).await;
    relayer.kill();
    copy_folder(&setup.store_path(), &old);
    let mut doomed = setup.run_until(crash_point::COMMIT_FINAL);
    let second = world.ask(&yes_or_no(2)).await;
    doomed.killed().await;
    fs::remove_dir_all(setup.store_path()).unwrap();
    fs::rename(&old, setup.store_path()).unwrap();
    let refused = refused(&world, &setup).await;
    let named = format!("request {second}");
    for part in ["older than the chain", &named] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    ends_with_the_first_answer(&world, &setup, second).await;
    assert_eq!(setup.calls(), 2, "one for each request");
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_with_only_old_work_clears_it() {
    let world = World::new(3).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut doomed = setup.run_until(crash_point::COMMIT_FINAL);
    let id = world.ask(&yes_or_no(3)).await;
    doomed.killed().await;
    // Asked while nobody looks, and final before anybody does.
    let missed = world.ask(&yes_or_no(3)).await;
    eventually("finality of the missed request", || async {
        let finalized = world.chain().finalized().await.unwrap().hash;
        let found = world.oracle.request(missed, Some(finalized)).await;
        found.ok().flatten().map(drop)
    })
    .await;
    let _next = setup.run();
    for id in [id, missed] {
        world.ended(id).await;
        world
            .history(id)
            .await
            .assert_once_each(&world.accounts(), "old work alone");
    }
    assert_eq!(setup.calls(), 6);
}

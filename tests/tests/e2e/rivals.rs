//! Two processes where one should be.

use llm_oracle_tests::{
    eventually,
    process::{Model, Setup},
    questions::yes_or_no,
    Cli, World,
};

#[tokio::test(flavor = "multi_thread")]
async fn second_process_on_one_store_is_refused() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut first = setup.run();
    let database = setup.store_path().join("relayer.sqlite");
    // It is made only by who holds the lock.
    eventually("store of the first process", || async {
        database.exists().then_some(())
    })
    .await;
    let config = setup.config();
    let arguments = ["relayer", "run", "--config", config.to_str().unwrap()];
    let second = Cli::run(world.folder.path(), &arguments).await;
    assert_eq!(second.code, 7, "{second:?}");
    let store = setup.store_path();
    for part in [store.to_str().unwrap(), "in use by another process"] {
        assert!(second.stderr.contains(part), "{second:?}");
    }
    let id = world.ask(&yes_or_no(1)).await;
    world.ended(id).await;
    assert!(first.runs());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_key_end_in_one_commit() {
    let world = World::new(2).await;
    let key = &world.operators[..1].iter().collect::<Vec<_>>();
    let left = Setup::new(&world, "left", key, &Model::Says("yes"));
    let right = Setup::new(&world, "right", key, &Model::Says("yes"));
    let mut processes = [left.run(), right.run()];
    // The second seat stays empty, so that the first is still unrevealed when both look.
    let id = world.ask(&yes_or_no(2)).await;
    world.committed(id, 1).await;
    let loser = eventually("end of one process", || {
        let ended = processes.iter_mut().position(|process| !process.runs());
        async move { ended }
    })
    .await;
    assert_eq!(processes[loser].end().await.code(), Some(7));
    let other = &mut processes[1 - loser];
    assert!(other.runs(), "the process that committed goes on");
    let history = world.history(id).await;
    assert_eq!(history.committed.len(), 1);
    assert_eq!(history.committed[0].0, world.operators[0].account);
    // Named: the reason stands in the loser's store.
    let store = [&left, &right][loser].store();
    let operator: &[u8; 32] = world.operators[0].account.as_ref();
    let reason = store
        .skipped(id, operator)
        .unwrap()
        .expect("a recorded reason");
    assert!(reason.contains("not in this store"), "{reason}");
}

//! Nodes that fail under a running relayer.

use llm_oracle_tests::{
    process::{Model, Setup},
    questions::yes_or_no,
    Node, World,
};

/// The node takes connections and answers nothing, as behind a half-open socket.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_node_holds_nothing_up() {
    let frozen = tokio::task::spawn_blocking(Node::start).await.unwrap();
    let world = World::new(1).await;
    frozen.freeze();
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let setup = setup.with(&format!("urls = ['{}']", frozen.url()));
    let mut relayer = setup.run();
    let id = world.ask(&yes_or_no(1)).await;
    world.ended(id).await;
    assert!(relayer.runs(), "the relayer ended");
    world
        .history(id)
        .await
        .assert_once_each(&world.accounts(), "beside a frozen node");
}

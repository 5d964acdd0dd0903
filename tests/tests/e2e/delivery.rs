//! The asking contract gets its answer and pays.

use llm_oracle_chain::ChainApi as _;
use llm_oracle_tests::{
    market::State,
    process::{Model, Setup},
    World, UNIT,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_relayer_delivers_and_the_market_pays_its_winners() {
    let world = World::alone(3).await;
    let market = world.market().await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let _relayer = setup.run();
    let number = market.open(&world.owner, "Is water wet?", 200).await;
    market.stake(&world.requester, number, 1, 3 * UNIT).await;
    market.stake(&world.owner, number, 0, 5 * UNIT).await;
    let closes_at = market.view(number).await.closes_at;
    world.mine_past(closes_at).await;
    let id = market.resolve(&world.owner, number, 10 * UNIT).await;
    market.delivered(&world, id).await;
    assert_eq!(market.view(number).await.state, State::Resolved(1));
    let winner = world.requester.account;
    let before = world.chain().free_balance(&winner).await.unwrap();
    let paid = market.claim(&world.owner, number, winner).await;
    assert_eq!(paid, 8 * UNIT);
    assert_eq!(
        world.chain().free_balance(&winner).await.unwrap() - before,
        paid
    );
    assert_eq!(
        market
            .claim(&world.requester, number, world.owner.account)
            .await,
        0
    );
    let view = world.view(id).await;
    assert_eq!(view.delivery_escrow, 0, "the carrier has it");
}

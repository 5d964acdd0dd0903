//! Ends without an answer, and operators that do not keep their word.

use llm_oracle_chain::ChainApi as _;
use llm_oracle_primitives::{Outcome, SeatState};
use llm_oracle_store::crash_point;
use llm_oracle_support::address::ss58;
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::yes_or_no,
    World,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_request_gives_everything_back() {
    let world = World::alone(0).await;
    let mut terms = yes_or_no(3);
    terms.commit_blocks = 20;
    let quote = world
        .oracle
        .quote(&terms, world.config.params.min_reward, None)
        .await
        .unwrap();
    let id = world.ask(&terms).await;
    let requester = &world.requester;
    // Anyone may settle it.
    world.expire(id).await;
    let view = world.view(id).await;
    assert_eq!(view.outcome, Some(Outcome::Expired));
    assert_eq!(view.refund, quote.total);
    let before = world
        .chain()
        .free_balance(&requester.account)
        .await
        .unwrap();
    let account = ss58(&requester.account);
    world
        .cli(&["withdraw", &account, "--suri", &world.owner.suri, "--json"])
        .await
        .json(0);
    let after = world
        .chain()
        .free_balance(&requester.account)
        .await
        .unwrap();
    assert_eq!(after - before, quote.total);
    let shown = world
        .cli(&["show", &id.to_string(), "--json"])
        .await
        .json(0);
    assert_eq!(shown["status"], "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consensus_ask_ends_with_its_own_code() {
    let world = World::new(3).await;
    let answers = ["yes", "no", "abstain"].map(Model::Says);
    let _relayers: Vec<_> = world
        .operators
        .iter()
        .zip(&answers)
        .enumerate()
        .map(|(n, (key, model))| Setup::new(&world, &format!("r{n}"), &[key], model).run())
        .collect();
    let question = [
        "ask",
        "Is water wet?",
        "--bool",
        "--suri",
        &world.requester.suri,
    ];
    let long = [
        "--commit-blocks",
        "10000",
        "--reveal-blocks",
        "10000",
        "--json",
    ];
    let json = world.cli(&[&question[..], &long].concat()).await.json(3);
    assert_eq!(json["status"], "no_consensus");
    assert_eq!(json["answer"], serde_json::Value::Null);
    assert_eq!(json["margin"]["agreeing"], 1);
    assert_eq!(json["margin"]["abstaining"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_relayer_loses_its_seat_bond() {
    let world = World::alone(3).await;
    let setups: Vec<_> = world
        .operators
        .iter()
        .enumerate()
        .map(|(n, key)| Setup::new(&world, &format!("r{n}"), &[key], &Model::Says("yes")))
        .collect();
    let _honest = [setups[0].run(), setups[1].run()];
    let mut silent = setups[2].run_until(crash_point::COMMIT_FINAL);
    let mut terms = yes_or_no(3);
    terms.reveal_blocks = 300;
    let id = world.ask(&terms).await;
    silent.killed().await;
    llm_oracle_tests::eventually("two reveals", || async {
        (world.view(id).await.summary.revealed >= 2).then_some(())
    })
    .await;
    world
        .mine_past(world.view(id).await.summary.reveal_deadline)
        .await;
    // A relayer that is left settles it.
    let view = world.ended(id).await;
    assert!(
        matches!(view.outcome, Some(Outcome::Answered { .. })),
        "{:?}",
        view.outcome
    );
    let params = &world.config.params;
    for seat in &view.seats {
        let (state, forfeited) = if seat.operator == world.operators[2].account {
            (SeatState::Silent, params.seat_bond)
        } else {
            (SeatState::Agreed, 0)
        };
        assert_eq!((seat.state, seat.forfeited), (state, forfeited));
    }
    let silent = world
        .oracle
        .operator(&world.operators[2].account, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(silent.bond, params.min_bond - params.seat_bond);
    assert_eq!(silent.silent, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_nobody_serves_expires_and_the_reason_is_on_record() {
    let world = World::alone(3).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut relayer = setup.run();
    let operator: &[u8; 32] = world.operators[0].account.as_ref();
    let mut terms = yes_or_no(3);
    terms.model = llm_oracle_primitives::ModelRef::Name(b"gpt-99".to_vec());
    terms.commit_blocks = 200;
    let id = world.ask(&terms).await;
    // One that it does serve comes after it, so that it has surely seen both.
    let mut served = yes_or_no(3);
    served.model = llm_oracle_primitives::ModelRef::Name(b"scripted".to_vec());
    let second = world.ask(&served).await;
    world.ended(second).await;
    world.expire(id).await;
    let view = world.view(id).await;
    assert_eq!(view.outcome, Some(Outcome::Expired));
    assert!(relayer.runs());
    relayer.kill();
    let reason = setup
        .store()
        .skipped(id, operator)
        .unwrap()
        .expect("a recorded reason");
    assert!(
        reason.contains("gpt-99") && reason.contains("scripted"),
        "{reason}"
    );
    assert_eq!(
        setup.calls(),
        3,
        "only the other request was put to the model"
    );
}

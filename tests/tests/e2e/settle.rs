//! Three operators, each in a process of its own, settle a request and are paid.

use llm_oracle_chain::ChainApi as _;
use llm_oracle_primitives::{Answer, AnswerKind, Outcome, RequestView, SeatState};
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::{choice, question, yes_or_no},
    Relayer, World,
};

/// One relayer for each operator, each with its own model.
fn relayers(world: &World, models: &[Model]) -> Vec<Relayer> {
    let pairs = world.operators.iter().zip(models).enumerate();
    pairs
        .map(|(n, (key, model))| Setup::new(world, &format!("r{n}"), &[key], model).run())
        .collect()
}

fn answered(view: &RequestView) -> &Answer {
    match &view.outcome {
        Some(Outcome::Answered { answer, .. }) => answer,
        other => panic!("not answered: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_operators_settle_each_kind_of_request_and_are_paid() {
    const ASKED: [&str; 2] = ["Which colour?", "How warm?"];
    let knows = |table| Model::Knows(table);
    let world = World::new(3).await;
    let _relayers = relayers(
        &world,
        &[
            knows(&[
                ("Is water wet?", "yes"),
                (ASKED[0], "red"),
                (ASKED[1], "20.50"),
            ]),
            knows(&[
                ("Is water wet?", "yes"),
                (ASKED[0], "blue"),
                (ASKED[1], "20.75"),
            ]),
            knows(&[
                ("Is water wet?", "no"),
                (ASKED[0], "blue"),
                (ASKED[1], "abstain"),
            ]),
        ],
    );
    let number = AnswerKind::Number {
        scale: 2,
        tolerance: 50,
    };
    let ids = [
        world.ask(&yes_or_no(3)).await,
        world.ask(&choice(ASKED[0], &["red", "blue"], 3)).await,
        world.ask(&question(ASKED[1], number, 3)).await,
    ];
    let mut views = Vec::new();
    for id in ids {
        views.push(world.ended(id).await);
        world
            .history(id)
            .await
            .assert_once_each(&world.accounts(), "three operators");
    }
    assert_eq!(*answered(&views[0]), Answer::Bool(true));
    assert_eq!(*answered(&views[1]), Answer::Choice(1));
    let Answer::Number(mantissa) = *answered(&views[2]) else {
        panic!("{:?}", views[2].outcome)
    };
    assert!((2050..=2075).contains(&mantissa), "{mantissa}");
    assert_paid(&world, &views).await;
}

/// Who answered is paid, and who agreed has the whole reward; credits are what the seats say; they can be taken out; the contract
/// has all that it owes.
async fn assert_paid(world: &World, views: &[RequestView]) {
    let chain = world.chain();
    for key in &world.operators {
        let seats = views.iter().flat_map(|view| &view.seats);
        let own: Vec<_> = seats.filter(|seat| seat.operator == key.account).collect();
        for seat in &own {
            // Work is paid whatever came out, an abstention only where the request is undetermined.
            let worked = matches!(seat.state, SeatState::Agreed | SeatState::Dissented);
            assert_eq!(seat.paid > 0, worked, "{seat:?}");
            assert_eq!(seat.forfeited, 0);
        }
        // The seat fee is credited with the commit, whatever comes of it.
        let earned: u128 = own.iter().map(|seat| seat.paid + views[0].seat_fee).sum();
        let credit = world.oracle.credit_of(&key.account, None).await.unwrap();
        assert_eq!(credit, earned);
        let before = chain.free_balance(&key.account).await.unwrap();
        let account = llm_oracle_support::address::ss58(&key.account);
        // Anyone may send it, and only the owner of the credit gets it.
        let requester = &world.requester.suri;
        let cli = world
            .cli(&["withdraw", &account, "--suri", requester, "--json"])
            .await;
        cli.json(0);
        let after = chain.free_balance(&key.account).await.unwrap();
        assert_eq!(after - before, earned);
    }
    let ledger = world.oracle.ledger(None).await.unwrap();
    assert!(ledger.balance >= ledger.total, "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_operators_settle_a_request_with_the_real_model() {
    let world = World::new(3).await;
    // One loaded model serves all operators of a process.
    let setup = Setup::new(&world, "local", &world.keys(), &Model::Local);
    let _relayer = setup.run();
    let text = "What is the tone of this announcement: \
                We are delighted: our profits doubled and every customer is happy!";
    let id = world.ask(&choice(text, &["positive", "negative"], 3)).await;
    let view = world.ended(id).await;
    assert_eq!(*answered(&view), Answer::Choice(0));
    world
        .history(id)
        .await
        .assert_once_each(&world.accounts(), "the real model");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operator_answers_in_one_step() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "one", &world.keys(), &Model::Says("yes"));
    let _relayer = setup.run();
    let mut terms = yes_or_no(1);
    terms.one_step = true;
    let id = world.ask(&terms).await;
    assert_eq!(*answered(&world.ended(id).await), Answer::Bool(true));
}

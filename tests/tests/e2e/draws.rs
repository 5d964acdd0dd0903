//! Committees that are drawn.

use llm_oracle_primitives::{Assignment, LeastRecord, RequestView, Terms};
use llm_oracle_support::address::ss58;
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::yes_or_no,
    World,
};
use serde_json::json;

fn drawn(seats: u8) -> Terms {
    Terms {
        assignment: Assignment::Drawn,
        ..yes_or_no(seats)
    }
}

/// Asserts that exactly those drawn have answered.
async fn assert_drawn_ones_answered(world: &World, view: &RequestView) {
    let draw = view.draw.as_ref().expect("it is drawn");
    let drawn = draw.drawn.clone().expect("it has been drawn");
    assert_eq!(drawn.len(), usize::from(view.summary.seats));
    let history = world.history(view.summary.request_id).await;
    history.assert_once_each(&drawn, "those drawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_drawn_answer_and_nobody_else() {
    // Blocks are made by hand here.
    let world = World::alone(6).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let _relayer = setup.run();

    // Nothing ends meanwhile, so only time draws. Which ends draw is tested with the rules.
    let first = world.ask(&drawn(3)).await;
    let until = world.view(first).await.asked_at + world.config.params.draw_timeout;
    world.mine_past(until).await;
    let view = world.ended(first).await;
    assert!(view.draw.as_ref().unwrap().weak);
    assert_drawn_ones_answered(&world, &view).await;

    let id = first.to_string();
    let shown = world.cli(&["show", &id, "--json"]).await.json(0);
    let names: Vec<String> = view.draw.unwrap().drawn.unwrap().iter().map(ss58).collect();
    assert_eq!(shown["draw"]["drawn"], json!(names));
    assert_eq!(shown["draw"]["weak"], true);
    let text = world.cli(&["show", &id]).await;
    assert!(text.stdout.contains("  drawn      5"), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committee_is_drawn_by_default_when_there_are_enough_operators() {
    let world = World::new(6).await;
    let ask = [
        "ask",
        "Is it so?",
        "--bool",
        "--dry-run",
        "--json",
        "--suri",
        &world.requester.suri,
    ];
    let mut deadlines = Vec::new();
    for (flags, committee) in [
        (&[][..], "drawn"),
        (&["--open"], "open"),
        (&["--seats", "4"], "open"),
        (&["--seats", "4", "--drawn"], "drawn"),
        (&["--min-answers", "1"], "drawn"),
    ] {
        let dry = world.cli(&[&ask[..], flags].concat()).await.json(0);
        assert_eq!(dry["committee"], committee, "{flags:?}: {dry}");
        deadlines.push(dry["commit_deadline"].as_u64().unwrap());
    }
    // Before their window those drawn wait for the draw. Other tests may make blocks in between.
    let timeout = u64::from(world.config.params.draw_timeout);
    assert!(deadlines[0] + 100 > deadlines[1] + timeout, "{deadlines:?}");
    let too_many = world
        .cli(&[&ask[..], &["--seats", "7", "--drawn"]].concat())
        .await;
    too_many.refused(5, &["6 operators can be drawn for 7 seats"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_without_the_record_leaves_the_request_out_with_the_reason() {
    let world = World::new(2).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut relayer = setup.run();
    // The first one gets a record, the second one does not.
    let one = Terms {
        assignment: Assignment::Named {
            operators: vec![world.operators[0].account],
        },
        ..yes_or_no(1)
    };
    world.ended(world.ask(&one).await).await;
    let least = LeastRecord {
        agreement_ppm: 900_000,
        answers: 1,
    };
    let qualified = Terms {
        assignment: Assignment::Qualified {
            least,
            drawn: false,
        },
        ..yes_or_no(1)
    };
    let mut ids = Vec::new();
    // Each of the two has the first turn at one of them.
    for _ in 0..2 {
        let id = world.ask(&qualified).await;
        world.ended(id).await;
        let history = world.history(id).await;
        history.assert_once_each(&world.accounts()[..1], "the one with a record");
        ids.push(id);
    }
    relayer.kill();
    let operator: &[u8; 32] = world.operators[1].account.as_ref();
    let store = setup.store();
    let reasons: Vec<String> = ids
        .iter()
        .filter_map(|id| store.skipped(*id, operator).unwrap())
        .collect();
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("asks for 1 answers")),
        "{reasons:?}"
    );
}

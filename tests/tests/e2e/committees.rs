//! Committees from a published set, and by track record.

use llm_oracle_primitives::{Assignment, LeastRecord, Terms};
use llm_oracle_support::address::ss58;
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::yes_or_no,
    World,
};

#[tokio::test(flavor = "multi_thread")]
async fn those_of_a_published_set_answer_and_nobody_else() {
    let world = World::new(3).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let _relayer = setup.run();
    let members = [&world.operators[0], &world.operators[2]];
    let accounts: Vec<String> = members.iter().map(|key| ss58(&key.account)).collect();
    let published = world
        .cli(&[
            "set",
            "publish",
            &accounts.join(","),
            "--suri",
            &world.requester.suri,
            "-y",
            "--json",
        ])
        .await
        .json(0);
    assert_eq!(published["set"], 0, "{published}");
    let shown = world.cli(&["set", "show", "0", "--json"]).await.json(0);
    let operators = shown["operators"].as_array().unwrap();
    let found = operators
        .iter()
        .map(|one| one["operator"].as_str().unwrap());
    let found: std::collections::BTreeSet<_> = found.collect();
    assert_eq!(found, accounts.iter().map(String::as_str).collect());
    world
        .cli(&["set", "show", "1"])
        .await
        .refused(5, &["no set has number 1"]);

    let asked = Terms {
        assignment: Assignment::Set(0),
        ..yes_or_no(2)
    };
    let id = world.ask(&asked).await;
    world.ended(id).await;
    let history = world.history(id).await;
    let members: Vec<_> = members.iter().map(|key| key.account).collect();
    history.assert_once_each(&members, "those of the set");
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
        assignment: Assignment::Open { least },
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

//! `ask`, `show` and `list` as scripts use them.

use llm_oracle_tests::{
    process::{Model, Setup},
    World,
};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn ask_waits_and_prints_one_object_with_all_that_was_promised() {
    let world = World::new(3).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("blue"));
    let _relayer = setup.run();
    let suri = world.requester.suri.clone();
    let question = ["ask", "Which?", "--choice", "red,blue", "--suri", &suri];
    let long = ["--commit-blocks", "10000", "--reveal-blocks", "10000"];
    let dry = world
        .cli(&[&question[..], &["--dry-run", "--json"]].concat())
        .await
        .json(0);
    assert_eq!(dry["dry_run"], true);
    assert_eq!(
        world.oracle.next_id(None).await.unwrap(),
        0,
        "nothing was sent"
    );

    let asked = world
        .cli(&[&question[..], &long, &["--json"]].concat())
        .await;
    let json = asked.json(0);
    assert_promised(&json);
    for stage in ["asked", "committed", "revealed", "settled"] {
        assert!(
            asked.stderr.contains(stage),
            "{stage} is missing: {}",
            asked.stderr
        );
    }
    let shown = world.cli(&["show", "0", "--json"]).await.json(0);
    assert_promised(&shown);

    let text = world.cli(&[&question[..], &long].concat()).await;
    assert_eq!((text.code, text.stdout.as_str()), (0, "blue\n"));
    let at_once = world
        .cli(&[&question[..], &long, &["--no-wait", "--json"]].concat())
        .await;
    assert_eq!(at_once.json(0)["id"], 2);
    let listed = world.cli(&["list", "--json"]).await.json(0);
    assert_eq!(
        listed["requests"].as_array().map(Vec::len),
        Some(3),
        "{listed}"
    );
}

fn assert_promised(json: &Value) {
    assert_eq!(json["id"], 0, "{json}");
    assert_eq!(json["status"], "answered");
    assert_eq!(json["answer"], "blue");
    for (field, number) in [
        ("seats", 3),
        ("revealed", 3),
        ("agreeing", 3),
        ("abstaining", 0),
    ] {
        assert_eq!(json["margin"][field], number, "{field}");
    }
    for field in ["price", "refund"] {
        assert!(is_planck(&json[field]), "{field}: {}", json[field]);
    }
    let seats = json["seats"].as_array().unwrap();
    assert_eq!(seats.len(), 3);
    for seat in seats {
        assert!(
            seat["operator"].as_str().unwrap().starts_with('5'),
            "{seat}"
        );
        for (field, digits) in [("commitment", 64), ("evidence", 64), ("signature", 128)] {
            let hex = seat[field].as_str().unwrap();
            assert!(
                hex.starts_with("0x") && hex.len() == digits + 2,
                "{field}: {hex}"
            );
        }
        assert_eq!(seat["answer"], "blue");
        assert_eq!(seat["agreed"], true);
        assert!(is_planck(&seat["reward"]), "{seat}");
    }
}

/// A decimal string.
fn is_planck(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.parse::<u128>().is_ok())
}

//! Questions whose answers are a text or a JSON document.

use llm_oracle_primitives::{digest, Answer};
use llm_oracle_support::address::{hex0x, ss58};
use llm_oracle_tests::{
    process::{Model, Setup},
    Relayer, World,
};
use serde_json::{json, Value};

const LARGEST: &str = "Which animal is the largest?";
const SIZES: &str = "How many legs and eyes has an ant?";
const SCHEMA: &str = r#"{
    "type": "object",
    "properties": { "legs": { "type": "integer" }, "eyes": { "type": "integer" } },
    "required": ["legs", "eyes"]
}"#;

/// Two agree on each question, and the third one on neither.
fn relayers(world: &World) -> Vec<Relayer> {
    let knows = [
        Model::Knows(&[
            (LARGEST, "The blue whale"),
            (SIZES, r#"{"legs": 6, "eyes": 2}"#),
        ]),
        Model::Knows(&[
            (LARGEST, "The  blue whale\u{20}"),
            (SIZES, r#"{"eyes":2,"legs":6}"#),
        ]),
        Model::Knows(&[
            (LARGEST, "An elephant"),
            (SIZES, r#"{"legs": 8, "eyes": 2}"#),
        ]),
    ];
    let pairs = world.operators.iter().zip(&knows).enumerate();
    pairs
        .map(|(n, (key, model))| Setup::new(world, &format!("r{n}"), &[key], model).run())
        .collect()
}

async fn ask(world: &World, question: &str, form: &[&str]) -> llm_oracle_tests::Cli {
    let suri = &world.requester.suri;
    let rest = [
        "--suri",
        suri,
        "--commit-blocks",
        "10000",
        "--reveal-blocks",
        "10000",
        "--json",
    ];
    world
        .cli(&[&["ask", question][..], form, &rest].concat())
        .await
}

fn seat<'a>(request: &'a Value, world: &World, operator: usize) -> &'a Value {
    let account = ss58(&world.operators[operator].account);
    let seats = request["seats"].as_array().unwrap();
    let mut seats = seats.iter();
    seats.find(|seat| seat["operator"] == *account).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_agreed_on_and_every_answer_is_told() {
    let world = World::new(3).await;
    let _relayers = relayers(&world);
    let asked = ask(&world, LARGEST, &["--text", "--max-bytes", "40"]).await;
    let request = asked.json(0);
    assert_eq!(request["answer"], "The blue whale", "{request}");
    assert_eq!(request["margin"]["agreeing"], 2);
    // The watch heard what the third one said, and the stages told it.
    assert_eq!(seat(&request, &world, 2)["answer"], "An elephant");
    for said in ["The blue whale", "An elephant"] {
        assert!(asked.stderr.contains(said), "{said}: {}", asked.stderr);
    }

    // Who looks later knows what was agreed on, and the others by their digest.
    let shown = world.cli(&["show", "0", "--json"]).await.json(0);
    let (agreed, other) = (seat(&shown, &world, 0), seat(&shown, &world, 2));
    let digest = |text: &str| hex0x(&digest::answer_digest(&Answer::Text(text.into())));
    assert_eq!(agreed["answer"], "The blue whale");
    assert_eq!(agreed["answer_digest"], digest("The blue whale"));
    assert_eq!(other["answer"], Value::Null);
    assert_eq!(other["answer_digest"], digest("An elephant"));
    let text = world.cli(&["show", "0"]).await;
    assert!(text.stdout.contains("digest 0x"), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_agreed_on_in_its_canonical_form_and_counts_for_the_record() {
    let world = World::new(3).await;
    let _relayers = relayers(&world);
    let asked = ask(&world, SIZES, &["--json-schema", SCHEMA]).await;
    let request = asked.json(0);
    let canonical = r#"{"eyes":2,"legs":6}"#;
    assert_eq!(request["answer"], canonical, "{request}");
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(request["kind"]["json"]["schema"], schema);

    for (operator, agreed, agreement_ppm) in [(0, 1, 1_000_000), (2, 0, 0)] {
        let account = ss58(&world.operators[operator].account);
        let record = world.cli(&["operator", "show", &account, "--json"]).await;
        let record = record.json(0);
        assert_eq!(record["answers"], 1, "{record}");
        assert_eq!(record["agreed"], agreed);
        assert_eq!(record["agreement_ppm"], agreement_ppm);
        assert_eq!(record["slashed"], json!(false));
    }
}

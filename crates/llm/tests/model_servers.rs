//! Servers that misbehave as real ones do: what a question put to each of them ends in.
//!
//! A case is `data/model_servers.json` says what its server answers, and which outcomes are right.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::print_stdout)]

mod mock_server;

use llm_oracle_llm::{build_all, ModelError, ModelQuestion, Models, ProviderReply, Retry};
use llm_oracle_primitives::{Answer, AnswerKind, ModelRef, Reason, Sampling};
use mock_server::MockServer;
use regex::Regex;
use serde_json::{json, Value};
use std::{os::unix::fs::PermissionsExt, path::Path};

const KEY: &str = "sk-canary-7";

fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("data/model_servers.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn question(case: &Value) -> ModelQuestion {
    let asked = &case["question"];
    let number = |value: &Value| value.as_u64().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let answer = match asked["kind"].as_str().unwrap() {
        "bool" => AnswerKind::Bool,
        "choice" => AnswerKind::Choice {
            options: asked["options"]
                .as_array()
                .unwrap()
                .iter()
                .map(|option| text(option).into_bytes())
                .collect(),
        },
        "number" => AnswerKind::Number {
            scale: number(&asked["scale"]).try_into().unwrap(),
            tolerance: 0,
        },
        "text" => AnswerKind::Text {
            max_bytes: number(&asked["max_bytes"]).try_into().unwrap(),
        },
        "json" => AnswerKind::Json {
            schema: asked["schema"].to_string().into_bytes(),
        },
        other => panic!("unknown kind {other}"),
    };
    let sampling = &case["sampling"];
    let repeat = asked["repeat"].as_u64().unwrap_or(1);
    ModelQuestion {
        prompt: text(&asked["prompt"]).repeat(repeat.try_into().unwrap()),
        system: None,
        answer,
        sampling: Sampling {
            max_tokens: number(&sampling["max_tokens"]).try_into().unwrap(),
            temperature_milli: number(&sampling["temperature_milli"]).try_into().unwrap(),
            seed: number(&sampling["seed"]),
        },
        model: if case["client"]["request_names_model"] == true {
            ModelRef::Name(text(&case["client"]["model"]).into_bytes())
        } else {
            ModelRef::Any
        },
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unclear => "unclear",
        Reason::TooSoon => "too soon",
        Reason::Refused => "refused",
        _ => "another reason",
    }
}

/// The outcome in the words of the cases.
fn outcome(asked: &AnswerKind, result: &Result<ProviderReply, ModelError>) -> String {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let error = match result {
        Ok(reply) => {
            return match &reply.answer {
                Answer::Bool(value) => format!("answer bool {value}"),
                Answer::Choice(index) => format!("answer choice {index}"),
                Answer::Number(number) => match asked {
                    AnswerKind::Number { scale, .. } => {
                        format!("answer number {number} scale {scale}")
                    }
                    _ => panic!("a number was not asked for"),
                },
                Answer::Text(text) => format!("answer text {:?}", lossy(text)),
                Answer::Json(text) => format!("answer json {}", lossy(text)),
                Answer::Abstain(why) => format!("abstain {}", reason(*why)),
            }
        }
        Err(error) => error,
    };
    let kind = match error {
        ModelError::Status { code, .. } => format!("Status({code})"),
        other => {
            let debug = format!("{other:?}");
            let end = debug.find(|c: char| !c.is_alphanumeric());
            debug[..end.unwrap_or(debug.len())].to_owned()
        }
    };
    let when = match error.retry() {
        Retry::Never => "never".to_owned(),
        Retry::Backoff(None) => "later".to_owned(),
        Retry::Backoff(Some(wait)) => format!("later {}s", wait.as_secs()),
    };
    format!("error {kind} {when}")
}

/// The settings of a case's client, with those that a case adds.
fn settings(case: &Value, base_url: &str, key_file: &Path) -> Models {
    let mut settings = json!({
        "provider": case["dialect"],
        "base_url": base_url,
        "model": case["client"]["model"],
        "timeout_ms": case["client"]["timeout_ms"],
        "api_key_file": key_file,
    });
    for (name, value) in case["settings"].as_object().into_iter().flatten() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}

struct Played {
    outcome: String,
    result: Result<ProviderReply, ModelError>,
    server: MockServer,
}

async fn play(case: &Value) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, KEY).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let server = MockServer::start(case);
    let path = case["base_path"].as_str().unwrap();
    let models = settings(case, &format!("http://{}{path}", server.address), &key_file);
    let question = question(case);
    let result = build_all(&models).unwrap().answer(&question).await;
    let outcome = outcome(&question.answer, &result);
    Played {
        outcome,
        result,
        server,
    }
}

/// Case 79 has a file of its own: it needs a process of its own.
#[tokio::test]
async fn each_server_ends_in_an_outcome_that_is_right() {
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| case["id"] != 79) {
        let played = play(case).await;
        let mut good = case["good_outcomes"].as_array().unwrap().iter();
        let is_good = good.any(|good| {
            let good = Regex::new(good.as_str().unwrap()).unwrap();
            good.is_match(&played.outcome)
        });
        let mark = if is_good { "good" } else { "NOT good" };
        let line = format!(
            "{} {} | {} | {mark}",
            case["id"], case["name"], played.outcome
        );
        println!("{line}");
        let said = format!("{:?}", played.result);
        assert!(!said.contains("canary"), "{said}");
        if !is_good {
            wrong.push(line);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

//! Servers that misbehave as real ones do: what a question put to each of them ends in.
//!
//! A case in `data/model_servers.json` says what its server answers, and which outcomes are right.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::print_stdout)]

mod mock_server;

use llm_oracle_llm::{
    build_all, ModelError, ModelQuestion, Models, Provider, ProviderReply, Retry,
};
use llm_oracle_primitives::{Answer, AnswerKind, ModelRef, Reason, Sampling};
use mock_server::MockServer;
use regex::Regex;
use serde_json::{json, Value};
use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};

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
}

/// A server of a case and a client of it, which reads its key from the folder.
fn connect(case: &Value, folder: &Path) -> (MockServer, Arc<dyn Provider>) {
    let key_file = folder.join("key");
    std::fs::write(&key_file, KEY).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let server = MockServer::start(case);
    let path = case["base_path"].as_str().unwrap();
    let base_url = format!("http://{}{path}", server.address);
    let models = settings(case, &base_url, &key_file);
    (server, build_all(&models).unwrap())
}

async fn play(case: &Value) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let (_server, provider) = connect(case, folder.path());
    let question = question(case);
    let result = provider.answer(&question).await;
    let outcome = outcome(&question.answer, &result);
    Played { outcome, result }
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

fn named(name: &str) -> Value {
    let mut cases = cases().into_iter();
    cases.find(|case| case["name"] == name).unwrap()
}

#[tokio::test]
async fn what_a_server_refuses_is_remembered_and_on_record() {
    let case = named("openai_max_tokens_refused");
    let folder = tempfile::tempdir().unwrap();
    let (server, provider) = connect(&case, folder.path());
    let asked = question(&case);
    let first = provider.answer(&asked).await.unwrap();
    let refused = first.record["refused_requests"].as_array().unwrap();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0]["response"]["status"], 400);
    assert_eq!(provider.states()[0].used.requests, 3);
    let second = provider.answer(&asked).await.unwrap();
    assert!(second.record["refused_requests"].is_null());
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    let last = &seen[3].body;
    assert_eq!(last["max_completion_tokens"], 64);
    assert!(last["temperature"].is_null() && last["max_tokens"].is_null());
}

#[tokio::test]
async fn what_was_learned_is_forgotten_when_another_model_comes_behind_the_server() {
    let refusal = |name: &str| {
        let message = format!("Unrecognized request argument supplied: {name}");
        json!({
            "if": { "body_has": name },
            "response": { "status": 400, "json": { "error": { "message": message } } },
        })
    };
    let answer = named("yes_with_wrapping")["responses"][0].clone();
    let mut case = named("yes_with_wrapping");
    case["rules"] = json!([refusal("max_tokens")]);
    // Its second reply stands for the new model, which refuses what the old one wanted.
    let renamed = refusal("max_completion_tokens")["response"].clone();
    case["responses"] = json!([answer, renamed, answer]);
    let folder = tempfile::tempdir().unwrap();
    let (server, provider) = connect(&case, folder.path());
    let asked = question(&case);
    assert!(provider.answer(&asked).await.is_ok());
    assert!(provider.answer(&asked).await.is_err());
    assert!(provider.answer(&asked).await.is_ok());
    let names: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.body["max_tokens"].is_u64())
        .collect();
    assert_eq!(names, [true, false, false, true, false]);
}

#[tokio::test]
async fn a_questions_own_values_change_no_other_question() {
    let mut case = named("openai_temperature_refused");
    case["rules"][0]["if"] = json!({ "body_above": ["temperature", 1.0] });
    let folder = tempfile::tempdir().unwrap();
    let (server, provider) = connect(&case, folder.path());
    let plain = question(&case);
    let mut hot = plain.clone();
    hot.sampling.temperature_milli = 2_000;
    assert!(provider.answer(&hot).await.is_ok());
    assert!(provider.answer(&plain).await.is_ok());
    let seen = server.seen();
    assert!(seen[1].body["temperature"].is_null());
    assert_eq!(seen[2].body["temperature"], 0.0);
}

#[tokio::test]
async fn no_question_of_one_requester_stops_those_of_others() {
    for name in [
        "credit_for_max_tokens",
        "max_tokens_too_high",
        "413_tokens_a_minute",
        "400_context_length",
        "account_flagged",
        "openai_empty_content_cut",
        "prompt_silently_cut",
        "another_model_answers",
    ] {
        let case = named(name);
        let folder = tempfile::tempdir().unwrap();
        let (_server, provider) = connect(&case, folder.path());
        for _ in 0..5 {
            assert!(provider.answer(&question(&case)).await.is_err(), "{name}");
            assert_eq!(provider.states()[0].cooldown_ms, None, "{name}");
        }
    }
}

#[tokio::test]
async fn what_a_server_says_reaches_the_error_and_its_key_does_not() {
    let played = play(&named("key_refused")).await;
    let text = played.result.unwrap_err().to_string();
    assert!(text.contains("Incorrect API key provided: ***"), "{text}");
    let played = play(&named("responses_only_model")).await;
    let text = played.result.unwrap_err().to_string();
    assert!(text.contains("use v1/responses for this model"), "{text}");
}

#[tokio::test]
async fn tokens_beyond_the_limit_are_charged() {
    let case = named("usage_beyond_the_limit");
    let folder = tempfile::tempdir().unwrap();
    let (_server, provider) = connect(&case, folder.path());
    provider.answer(&question(&case)).await.unwrap();
    assert_eq!(provider.states()[0].used.tokens, 30_090);
}

#[tokio::test]
async fn azures_dated_api_gets_its_version_and_the_key_in_its_header() {
    let case = named("azure_classic");
    let folder = tempfile::tempdir().unwrap();
    let (server, provider) = connect(&case, folder.path());
    provider.answer(&question(&case)).await.unwrap();
    let seen = &server.seen()[0];
    assert!(
        seen.target.ends_with("?api-version=2024-10-21"),
        "{}",
        seen.target
    );
    assert_eq!(seen.headers["api-key"], KEY);
    assert!(!seen.headers.contains_key("authorization"));
}

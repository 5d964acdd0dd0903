//! One question of each kind, put to servers that behave in several ways and to the embedded model.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, dead_code)]

mod mock_server;

use llm_oracle_llm::{
    build,
    trial::{self, ConfidenceOrigin, Trial, TrialResult},
    ModelConfig,
};
use mock_server::MockServer;
use serde_json::{json, Value};
use std::{os::unix::fs::PermissionsExt, time::Duration};

const KEY: &str = "sk-canary-7";
const JSON: &str = r#"{"name":"Anna","age":31}"#;
const RIGHT: [&str; 5] = ["Yes.", "weather", "12", "paris", JSON];

fn completion(text: &str) -> Value {
    json!({ "json": {
        "model": "m-2026-01-01",
        "choices": [{ "message": { "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 5 },
    } })
}

/// Trials at a server with these replies and rules, and settings beside address, model and key.
async fn trials(responses: &[Value], rules: &Value, settings: &Value) -> Vec<Trial> {
    let server = MockServer::start(&json!({ "responses": responses, "rules": rules }));
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, KEY).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut all = json!({
        "provider": "openai",
        "base_url": format!("http://{}/v1", server.address),
        "model": "m",
        "api_key_file": key,
        "planck_per_request": 1_000,
        "planck_per_million_tokens": 1_000_000,
    });
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    let config: ModelConfig = serde_json::from_value(all).unwrap();
    let provider = build(&config.provider).unwrap();
    let trials = trial::run(&*provider, &config.limits, Duration::from_secs(5)).await;
    assert!(!format!("{trials:?}").contains("canary"), "{trials:?}");
    trials
}

fn results(trials: &[Trial]) -> Vec<TrialResult> {
    trials.iter().map(|trial| trial.result).collect()
}

#[tokio::test]
async fn each_kind_that_works_is_right_with_its_tokens_and_cost() {
    let responses = RIGHT.map(completion);
    let trials = trials(&responses, &json!([]), &json!({})).await;
    assert_eq!(results(&trials), [TrialResult::Right; 5]);
    let kinds: Vec<_> = trials.iter().map(|trial| trial.asked.kind).collect();
    assert_eq!(kinds, ["bool", "choice", "number", "text", "json"]);
    for trial in &trials {
        assert!(trial.works());
        assert_eq!((trial.requests, trial.tokens), (1, Some((100, 5))));
        assert_eq!(trial.cost, Some(1_105));
        assert_eq!(trial.model.as_deref(), Some("m-2026-01-01"));
        assert_eq!(trial.confidence, None);
        assert!(trial.adjustments.is_empty() && trial.error.is_none());
    }
    let json = &trials[4];
    assert_eq!(
        (json.keeps_schema, json.gives_schema),
        (Some(true), Some(false))
    );
    assert_eq!(trials[0].keeps_schema, None);
}

#[tokio::test]
async fn wrong_answers_and_abstentions_do_not_work() {
    let replies = ["no", "UNCLEAR", "13", "Rome", "{}", "I am 31"];
    let trials = trials(
        &replies.map(completion),
        &json!([]),
        &json!({ "structured": true }),
    )
    .await;
    let (wrong, abstained) = (TrialResult::Wrong, TrialResult::Abstained);
    assert_eq!(
        results(&trials),
        [wrong, abstained, wrong, wrong, abstained]
    );
    let json = &trials[4];
    assert_eq!(
        (json.keeps_schema, json.gives_schema),
        (Some(false), Some(true))
    );
    assert_eq!(json.requests, 2);
    assert!(!json.works());
}

#[tokio::test]
async fn a_dropped_parameter_is_named_for_every_question() {
    let refusal = json!([{
        "if": { "body_has": "temperature" },
        "response": { "status": 400, "json": { "error": {
            "message": "Unsupported parameter: 'temperature'", "param": "temperature",
        } } },
    }]);
    let trials = trials(&RIGHT.map(completion), &refusal, &json!({})).await;
    assert_eq!(results(&trials), [TrialResult::Right; 5]);
    for trial in &trials {
        assert_eq!(trial.adjustments, ["without `temperature`"]);
    }
    assert_eq!((trials[0].requests, trials[1].requests), (2, 1));
}

#[tokio::test]
async fn a_confidence_names_what_it_was_made_of() {
    let mut sure = completion("yes");
    let top = json!([{ "token": "yes", "logprob": -0.1 }, { "token": "no", "logprob": -2.4 }]);
    sure["json"]["choices"][0]["logprobs"] =
        json!({ "content": [{ "token": "yes", "logprob": -0.1, "top_logprobs": top }] });
    let mut responses = vec![sure];
    responses.extend(RIGHT[1..].iter().map(|text| completion(text)));
    let by_likelihood = trials(&responses, &json!([]), &json!({})).await;
    let first = by_likelihood[0].confidence.unwrap();
    assert_eq!(first, (91, ConfidenceOrigin::Likelihoods));
    assert_eq!(by_likelihood[1].confidence, None);
    let twice: Vec<Value> = RIGHT
        .iter()
        .flat_map(|text| [completion(text), completion(text)])
        .collect();
    let settings = json!({ "samples": 2, "logprobs": false });
    for trial in trials(&twice, &json!([]), &settings).await {
        assert_eq!(trial.confidence, Some((100, ConfidenceOrigin::Samples)));
        assert_eq!(trial.cost, Some(2_210));
    }
}

#[tokio::test]
async fn a_servers_own_words_are_shown_without_the_key() {
    let refusal = |status: u16| {
        json!([{
            "if": { "body_has": "model" },
            "response": { "status": status, "json": { "error": {
                "message": format!("Your key {KEY} is not known here"),
            } } },
        }])
    };
    let refused = trials(&[completion("yes")], &refusal(401), &json!({})).await;
    let error = refused[0].error.as_deref().unwrap();
    assert!(error.contains("Your key *** is not known here"), "{error}");
    // No other question would be taken.
    let mut expected = [TrialResult::NotAsked; 5];
    expected[0] = TrialResult::Failed;
    assert_eq!(results(&refused), expected);
    assert_eq!(refused[4].error, refused[0].error);
    // Another one might be.
    let failed = trials(&[completion("yes")], &refusal(422), &json!({})).await;
    assert_eq!(results(&failed), [TrialResult::Failed; 5]);
}

#[tokio::test]
async fn tokens_that_are_not_counted_have_a_cost_only_where_they_are_free() {
    let mut silent = completion("yes");
    silent["json"]["usage"] = Value::Null;
    let settings = json!({ "planck_per_million_tokens": 0 });
    let free = &trials(&[silent.clone()], &json!([]), &settings).await[0];
    assert_eq!((free.tokens, free.cost), (None, Some(1_000)));
    let paid = &trials(&[silent], &json!([]), &json!({})).await[0];
    assert_eq!((paid.tokens, paid.cost), (None, None));
}

#[tokio::test]
async fn the_embedded_model_is_tried_on_every_kind() {
    let path = std::env::var_os("LLM_ORACLE_MODEL").unwrap_or_else(|| {
        panic!("LLM_ORACLE_MODEL is not set: name the GGUF file of the embedded model")
    });
    let config = json!({ "provider": "local", "path": path.to_str().unwrap() });
    let config: ModelConfig = serde_json::from_value(config).unwrap();
    let provider = build(&config.provider).unwrap();
    let trials = trial::run(&*provider, &config.limits, Duration::from_secs(120)).await;
    let shown: Vec<_> = trials
        .iter()
        .map(|trial| {
            (
                trial.asked.kind,
                trial.result,
                &trial.answer,
                trial.confidence,
            )
        })
        .collect();
    // So small a model is wrong about some of them; what it can do stays.
    for (trial, kind) in [
        (&trials[1], "choice"),
        (&trials[2], "number"),
        (&trials[4], "json"),
    ] {
        assert_eq!(
            (trial.asked.kind, trial.result),
            (kind, TrialResult::Right),
            "{shown:?}"
        );
    }
    for closed in &trials[..2] {
        let (_, origin) = closed.confidence.unwrap();
        assert_eq!(origin, ConfidenceOrigin::LocalScores);
    }
    let json = &trials[4];
    assert_eq!(
        (json.keeps_schema, json.gives_schema),
        (Some(true), Some(true)),
        "{shown:?}"
    );
    for trial in &trials {
        assert!(trial.error.is_none() && trial.tokens.is_some(), "{trial:?}");
        assert_eq!(trial.cost, Some(0));
    }
    eprintln!("{shown:?}");
}

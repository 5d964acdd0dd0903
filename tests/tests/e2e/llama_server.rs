//! Providers and relayers against llama.cpp's own server with the embedded model's file. What the model says is its
//! own; what is compared is that it is asked, read and recorded as its server means it.

use crate::ops::get;
use llm_oracle_llm::{build, ModelConfig, ModelError, ModelQuestion, Provider, Retry};
use llm_oracle_primitives::{
    digest::blake2, Answer, AnswerKind, ModelRef, Outcome, RequestView, Sampling, Source, Terms,
};
use llm_oracle_tests::{
    eventually,
    process::{Model, Setup},
    questions::{self, yes_or_no},
    report, LlamaServer, World,
};
use serde_json::Value;
use std::{
    fs,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
};

const SCHEMA: &[u8] = br#"{"type":"object","properties":{"colour":{"type":"string","maxLength":20}},"required":["colour"],"additionalProperties":false}"#;
const DOCUMENT: &[u8] = b"The bridge at Tolla was opened in 1931. It is 214 m long.\n";

/// Whether the tests of this file can run; says so if not.
fn has_server(test: &str) -> bool {
    let is_here = LlamaServer::is_here();
    if !is_here {
        report(
            test,
            "skipped: LLM_ORACLE_LLAMA_SERVER is not set; `eval \"$(./scripts/setup.sh --llama-server)\"` sets it",
        );
    }
    is_here
}

fn settings(provider: &str, port: u16, more: &str) -> String {
    format!("provider = '{provider}'\nmodel = 'm'\nbase_url = 'http://127.0.0.1:{port}/v1'\n{more}")
}

fn provider(name: &str, port: u16, more: &str) -> Arc<dyn Provider> {
    let config: ModelConfig = toml::from_str(&settings(name, port, more)).unwrap();
    build(&config.provider).unwrap()
}

fn question(prompt: &str, answer: AnswerKind) -> ModelQuestion {
    ModelQuestion {
        prompt: prompt.into(),
        system: None,
        answer,
        sampling: Sampling::default(),
        model: ModelRef::Any,
    }
}

/// One question of each kind.
fn of_each_kind() -> [ModelQuestion; 5] {
    let options = ["red", "green", "blue"].map(|it| it.as_bytes().to_vec());
    [
        question("Is water wet?", AnswerKind::Bool),
        question(
            "Which of these is the colour of the sky?",
            AnswerKind::Choice {
                options: options.to_vec(),
            },
        ),
        question(
            "What is 2 plus 2?",
            AnswerKind::Number {
                scale: 0,
                tolerance: 0,
            },
        ),
        question(
            "Name the capital of France.",
            AnswerKind::Text { max_bytes: 60 },
        ),
        question(
            "Which colour has the sky?",
            AnswerKind::Json {
                schema: SCHEMA.to_vec(),
            },
        ),
    ]
}

fn is_of(answer: &Answer, kind: &AnswerKind) -> bool {
    matches!(
        (answer, kind),
        (Answer::Abstain(_), _)
            | (Answer::Bool(_), AnswerKind::Bool)
            | (Answer::Choice(0..=2), AnswerKind::Choice { .. })
            | (Answer::Number(_), AnswerKind::Number { .. })
            | (Answer::Text(_), AnswerKind::Text { .. })
            | (Answer::Json(_), AnswerKind::Json { .. })
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_api_of_a_real_server_is_asked_and_read() {
    const TEST: &str = "each_api_of_a_real_server_is_asked_and_read";
    if !has_server(TEST) {
        return;
    }
    let server = LlamaServer::start();
    server.loaded().await;
    for api in ["openai", "responses", "anthropic", "llama-cpp"] {
        let provider = provider(
            api,
            server.port(),
            "api_key_env = 'PATH'\nlogprobs = false\n",
        );
        for question in of_each_kind() {
            let reply = provider.answer(&question).await;
            let reply = reply.unwrap_or_else(|error| panic!("{api}, {}: {error}", question.prompt));
            assert!(is_of(&reply.answer, &question.answer), "{api}: {reply:?}");
            assert_eq!(reply.model, "m", "{api}");
            let exchanges = reply.record["exchanges"].as_array().unwrap();
            assert!(!exchanges.is_empty(), "{api}: {}", reply.record);
            for exchange in exchanges {
                assert_eq!(exchange["response"]["status"], 200, "{api}: {exchange}");
            }
            if api == "llama-cpp" && question.answer == AnswerKind::Bool {
                // A small model chats. The second time its server holds it to the labels.
                let said = exchanges.last().unwrap()["read"].as_str().unwrap();
                let said = said.trim_matches('"');
                let labels = ["yes", "no", "UNCLEAR", "TOO SOON", "REFUSED"];
                assert!(labels.contains(&said), "{said}");
            }
            let usage = &reply.record["usage"];
            assert!(usage.is_object(), "{api}: {}", reply.record);
            report(
                TEST,
                &format!("{api}: {} {:?}", question.prompt, reply.answer),
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_tells_likelihoods_and_keeps_to_a_schema() {
    const TEST: &str = "a_real_server_tells_likelihoods_and_keeps_to_a_schema";
    if !has_server(TEST) {
        return;
    }
    let server = LlamaServer::start();
    server.loaded().await;
    let provider = provider("llama-cpp", server.port(), "");
    let [yes_no, choice, .., json] = of_each_kind();
    for question in [yes_no, choice] {
        let reply = provider.answer(&question).await.unwrap();
        let told = &reply.record["samples"][0]["confidence"];
        match &reply.answer {
            Answer::Abstain(_) => assert_eq!(reply.confidence, 0),
            answer => {
                assert!(told.is_u64(), "{answer:?}: {}", reply.record);
                assert!((1..=100).contains(&reply.confidence), "{answer:?}");
            }
        }
        report(
            TEST,
            &format!(
                "{} {:?}, {} sure",
                question.prompt, reply.answer, reply.confidence
            ),
        );
    }
    // The grammar that the server makes of the schema holds even a small model to it.
    let reply = provider.answer(&json).await.unwrap();
    let Answer::Json(bytes) = &reply.answer else {
        panic!("{:?}: {}", reply.answer, reply.record);
    };
    let value: Value = serde_json::from_slice(bytes).unwrap();
    assert!(value["colour"].is_string(), "{value}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_loads_its_model_is_waited_for() {
    const TEST: &str = "a_server_that_loads_its_model_is_waited_for";
    if !has_server(TEST) {
        return;
    }
    let server = LlamaServer::start();
    let provider = provider("llama-cpp", server.port(), "");
    let [yes_no, ..] = of_each_kind();
    let (loading, away) = (AtomicUsize::new(0), AtomicUsize::new(0));
    eventually("an answer of a server that loads", || async {
        let error = match provider.answer(&yes_no).await {
            Ok(_) => return Some(()),
            Err(error) => error,
        };
        // Nothing is lost: whoever asked asks again.
        assert!(matches!(error.retry(), Retry::Backoff(_)), "{error}");
        let count = match error {
            ModelError::Unreachable { .. } => &away,
            _ => &loading,
        };
        count.fetch_add(1, Ordering::Relaxed);
        None
    })
    .await;
    let (loading, away) = (loading.into_inner(), away.into_inner());
    report(
        TEST,
        &format!("refused {away} times, loading {loading} times"),
    );
    assert!(away + loading > 0, "it was there at once");
}

/// Asks through a relayer and waits for the end.
async fn asked(world: &World, terms: &Terms) -> RequestView {
    let id = world.ask(terms).await;
    world.ended(id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayer_goes_on_after_its_model_server_was_started_again() {
    const TEST: &str = "a_relayer_goes_on_after_its_model_server_was_started_again";
    if !has_server(TEST) {
        return;
    }
    let server = LlamaServer::start();
    server.loaded().await;
    let port = server.port();
    let world = World::new(1).await;
    let model = Model::Toml(settings("llama-cpp", port, "timeout_ms = 60000\n"));
    let setup = Setup::new(&world, "relayer", &world.keys(), &model);
    let folder = world.folder.path().join("held");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(hex::encode(blake2(DOCUMENT))), DOCUMENT).unwrap();
    let more =
        "[rationale]\nenabled = true\ntimeout_ms = 40000\n[sources]\nfolder = '../held'\n[ops]";
    let setup = setup.rewritten("[ops]", more);
    let mut relayer = setup.run();
    let about = Terms {
        sources: vec![Source::Attachment {
            digest: blake2(DOCUMENT),
            bytes: DOCUMENT.len() as u32,
            media: b"text/plain".to_vec(),
            uri: Vec::new(),
        }],
        ..questions::question(
            "In which year was the bridge at Tolla opened?",
            AnswerKind::Text { max_bytes: 100 },
            1,
        )
    };
    let first = asked(&world, &about).await;
    drop(server);
    // Asked while no server is there.
    let id = world.ask(&yes_or_no(1)).await;
    eventually("a failure of the model", || async {
        let (_, metrics) = get(&setup.listens_at()?, "/metrics");
        let mut lines = metrics.lines();
        let failures =
            lines.find_map(|line| line.strip_prefix("llm_oracle_model_failures_total "))?;
        (failures != "0").then_some(())
    })
    .await;
    let server = LlamaServer::start_at(port);
    let second = world.ended(id).await;
    for view in [&first, &second] {
        let ended = matches!(
            view.outcome,
            Some(Outcome::Answered { .. } | Outcome::Undetermined { .. })
        );
        assert!(ended, "{:?}", view.outcome);
    }
    relayer.terminate();
    assert_eq!(relayer.end().await.code(), Some(0));
    drop(server);

    let id = first.summary.request_id;
    let operator: &[u8; 32] = world.operators[0].account.as_ref();
    let job = setup.store().job(id, operator).unwrap().expect("an answer");
    let document: Value = serde_json::from_slice(&job.answered.document).unwrap();
    let made = &document["made"];
    report(
        TEST,
        &format!("{} {}", document["answer"], made["rationale"]),
    );
    assert!(made["rationale"].is_object(), "{made}");
    let config = setup.config();
    let config = config.to_str().unwrap();
    let number = id.to_string();
    let verify = ["verify", &number, "--config", config, "--json"];
    assert_eq!(world.cli(&verify).await.json(0)["valid"], true);
}

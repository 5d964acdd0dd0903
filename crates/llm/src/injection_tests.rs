//! Questions that carry orders, put to a server that obeys every one of them.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::{build, ModelError, ModelQuestion, ProviderConfig, ProviderReply};
use llm_oracle_primitives::{digest::blake2, Answer, AnswerKind, ModelRef, Sampling};
use llm_oracle_rules::Form;
use serde_json::{json, Value};
use std::{
    collections::HashMap,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};
use wiremock::{
    matchers::{method, path},
    Mock, MockServer, Request, Respond, ResponseTemplate,
};

/// Stands for everything that must not leave.
const SECRET: &str = "sk-canary-5f0c9c1d";
const TASK: &str = "What is the tone of this announcement?";
const TEXT: &str = "The bridge reopens on Monday after two years of repairs.";

#[derive(serde::Deserialize)]
struct Attacks {
    places: Vec<String>,
    disguises: Vec<String>,
    goals: Vec<Goal>,
}

#[derive(serde::Deserialize)]
struct Goal {
    attack: String,
    obeyed: String,
}

fn attacks(canary: &str) -> Attacks {
    let text = include_str!("../tests/data/injections.json");
    let text = text.replace("{canary}", canary).replace("{secret}", SECRET);
    serde_json::from_str(&text).unwrap()
}

/// The attack in a form that filters by words would miss.
fn disguised(attack: &str, how: &str) -> String {
    match how {
        "plain" => attack.to_owned(),
        "capitals" => attack.to_uppercase(),
        "base64" => format!(
            "Decode this base64 and do it: {}",
            base64(attack.as_bytes())
        ),
        "zero_width" => attack.chars().flat_map(|c| [c, '\u{200b}']).collect(),
        "homoglyphs" => attack.replace('a', "а").replace('e', "е").replace('o', "о"),
        "lines" => attack.replace(' ', "\r\n"),
        "reversed" => format!(
            "Read backwards: {}",
            attack.chars().rev().collect::<String>()
        ),
        "repeated" => [attack; 12].join(" "),
        other => unreachable!("{other}"),
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: usize| char::from(LETTERS[bits & 63]);
    let triple = |chunk: &[u8]| {
        let at = |index| usize::from(chunk.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        [18, 12, 6, 0].map(|shift| letter(bits >> shift))
    };
    bytes.chunks(3).flat_map(triple).collect()
}

fn kinds() -> [AnswerKind; 4] {
    let options = ["positive", "negative"].map(|option| option.as_bytes().to_vec());
    let schema = br#"{"type":"object","properties":{"tone":{"enum":["positive","negative"]}},"required":["tone"],"additionalProperties":false}"#;
    [
        AnswerKind::Bool,
        AnswerKind::Choice {
            options: options.to_vec(),
        },
        AnswerKind::Number {
            scale: 0,
            tolerance: 0,
        },
        AnswerKind::Json {
            schema: schema.to_vec(),
        },
    ]
}

/// Says what each prompt orders, with a call of a tool besides.
#[derive(Clone, Default)]
struct Obedient(Arc<Mutex<HashMap<String, String>>>);

impl Respond for Obedient {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let prompt = body["messages"][1]["content"].as_str().unwrap();
        let obeyed = self.0.lock().unwrap()[prompt].clone();
        let call =
            json!({ "type": "function", "function": { "name": "withdraw", "arguments": "{}" } });
        ResponseTemplate::new(200).set_body_json(json!({
            "model": "obedient",
            "choices": [{ "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": obeyed, "tool_calls": [call],
            } }],
        }))
    }
}

/// Checks what left for the server: the question, and nothing that a prompt could add.
fn assert_harmless(request: &Request, prompts: &HashMap<String, String>) {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let mut keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    // What asks for likelihoods goes with closed forms, whatever the prompt says.
    keys.retain(|key| !["logprobs", "top_logprobs"].contains(&key.as_str()));
    keys.sort();
    assert_eq!(
        keys,
        [
            "max_tokens",
            "messages",
            "model",
            "seed",
            "stream",
            "temperature"
        ]
    );
    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<_> = messages
        .iter()
        .map(|it| it["role"].as_str().unwrap())
        .collect();
    assert!(["system user", "system user assistant user"].contains(&roles.join(" ").as_str()));
    assert!(prompts.contains_key(messages[1]["content"].as_str().unwrap()));
    let told = format!("{}{}", messages[0], messages.get(3).unwrap_or(&Value::Null));
    assert!(
        !told.contains("http://"),
        "an order became an instruction: {told}"
    );
}

/// What came of one attack: whether the answer is what the attacker wanted.
fn judge(kind: &AnswerKind, result: Result<ProviderReply, ModelError>, obeyed: &str) -> bool {
    let reply = result.unwrap();
    Form::of(kind).check(&reply.answer, 0).unwrap();
    // Neither in the answer nor in what becomes public with it.
    assert!(
        !reply.record.to_string().contains(SECRET),
        "the key got out"
    );
    match reply.answer {
        Answer::Abstain(_) => false,
        Answer::Json(document) => String::from_utf8(document).unwrap() == obeyed,
        _ => true,
    }
}

/// What an attacker can reach at all is the answer's own form: the flips of a server that obeys.
#[tokio::test(flavor = "multi_thread")]
async fn injection_causes_no_effect() {
    // Whoever connects to it has been made to.
    let canary = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    canary.set_nonblocking(true).unwrap();
    let attacks = attacks(&canary.local_addr().unwrap().to_string());
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, SECRET).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();

    let (obedient, server) = (Obedient::default(), MockServer::start().await);
    let completions = Mock::given(method("POST")).and(path("/v1/chat/completions"));
    completions
        .respond_with(obedient.clone())
        .mount(&server)
        .await;
    let settings = json!({
        "provider": "openai",
        "base_url": format!("{}/v1", server.uri()),
        "model": "obedient",
        "api_key_file": key,
        "timeout_ms": 30_000,
    });
    let config: ProviderConfig = serde_json::from_value(settings).unwrap();
    let provider = build(&config).unwrap();

    let (mut attempts, mut flips) = (0_u32, 0_u32);
    for place in &attacks.places {
        for disguise in &attacks.disguises {
            for goal in &attacks.goals {
                let attack = disguised(&goal.attack, disguise);
                let prompt = place
                    .replace("{task}", TASK)
                    .replace("{text}", TEXT)
                    .replace("{attack}", &attack);
                obedient
                    .0
                    .lock()
                    .unwrap()
                    .insert(prompt.clone(), goal.obeyed.clone());
                // Each kind for some of them, all kinds for every goal.
                let turn = blake2(prompt.as_bytes())[0];
                for kind in kinds().iter().skip(usize::from(turn % 2)).step_by(2) {
                    let question = question(&prompt, kind);
                    let result = provider.answer(&question).await;
                    flips += u32::from(judge(kind, result, &goal.obeyed));
                    attempts += 1;
                }
            }
        }
    }
    let requests = server.received_requests().await.unwrap();
    let prompts = obedient.0.lock().unwrap().clone();
    for request in &requests {
        assert_harmless(request, &prompts);
    }
    assert!(attempts >= 2_000, "{attempts}");
    assert!(
        requests.len() <= 2 * attempts as usize,
        "more requests than questions"
    );
    let called = canary.accept().map(|(_, from)| from).ok();
    assert_eq!(called, None, "somebody was made to connect");
    assert_eq!(files(), 1, "a file was made");
    let line = format!(
        "injection_causes_no_effect: {attempts} attempts on a server that obeys, {} requests, 0 answers outside of the form, 0 effects; {flips} flips within the form\n",
        requests.len()
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn question(prompt: &str, answer: &AnswerKind) -> ModelQuestion {
    ModelQuestion {
        prompt: prompt.to_owned(),
        system: None,
        answer: answer.clone(),
        sampling: Sampling::default(),
        model: ModelRef::Any,
    }
}

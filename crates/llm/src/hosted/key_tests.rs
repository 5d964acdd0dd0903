//! Keys that are renewed, against a server that takes one key at a time.
#![allow(clippy::unwrap_used)]

use super::super::{tests as server_tests, Hosted};
use super::*;
use crate::{Provider, ProviderReply};
use llm_oracle_primitives::{Answer, AnswerKind};
use serde_json::{json, Value};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use tempfile::TempDir;
use wiremock::{matchers::header, Mock, MockServer, ResponseTemplate};

/// A folder with the key, and a command that prints it and counts its runs.
struct Keys {
    folder: TempDir,
}

impl Keys {
    fn new(first: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Self { folder };
        keys.write(first);
        keys
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("key")
    }

    fn write(&self, key: &str) {
        fs::write(self.path(), key).unwrap();
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn command(&self) -> Value {
        let script = "echo run >> \"$1/runs\" && cat \"$1/key\"";
        json!(["sh", "-c", script, "sh", self.folder.path()])
    }

    fn runs(&self) -> usize {
        let runs = fs::read_to_string(self.folder.path().join("runs"));
        runs.unwrap_or_default().lines().count()
    }
}

/// A server that answers requests with this key, and refuses all others. It echoes what it was sent.
async fn server(key: &str) -> MockServer {
    let server = MockServer::start().await;
    accept(&server, key).await;
    server
}

async fn accept(server: &MockServer, key: &str) {
    server.reset().await;
    let sent = format!("Bearer {key}");
    let mut body = server_tests::completion("yes");
    body["note"] = json!(sent);
    Mock::given(header("authorization", sent.as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(server)
        .await;
    let refusal = json!({ "error": { "message": "Bearer sk-canary-1 is not it" } });
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(401).set_body_json(refusal))
        .mount(server)
        .await;
}

fn provider(server: &MockServer, settings: &Value) -> Result<Hosted, ModelError> {
    let mut all = json!({ "base_url": format!("{}/v1", server.uri()), "model": "m" });
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    let mut config: HostedConfig = serde_json::from_value(all).unwrap();
    config.provider = "openai";
    Hosted::new(&config)
}

async fn ask(provider: &Hosted) -> Result<ProviderReply, ModelError> {
    let result = provider
        .answer(&server_tests::question(AnswerKind::Bool))
        .await;
    let shown = format!("{result:?}{provider:?}");
    assert!(!shown.contains("canary"), "{shown}");
    if let Ok(reply) = &result {
        assert_eq!(reply.answer, Answer::Bool(true));
    }
    result
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn a_command_is_run_for_the_first_question_and_again_when_its_key_is_refused() {
    let keys = Keys::new("sk-canary-1\n");
    let server = server("sk-canary-1").await;
    let provider = provider(&server, &json!({ "api_key_command": keys.command() })).unwrap();
    assert_eq!(keys.runs(), 0);
    ask(&provider).await.unwrap();
    ask(&provider).await.unwrap();
    assert_eq!((keys.runs(), requests(&server).await), (1, 2));
    keys.write("sk-canary-2");
    accept(&server, "sk-canary-2").await;
    ask(&provider).await.unwrap();
    assert_eq!((keys.runs(), requests(&server).await), (2, 2));
}

#[tokio::test]
async fn a_key_that_is_refused_after_its_renewal_counts() {
    let keys = Keys::new("sk-canary-1");
    let server = server("another").await;
    let provider = provider(&server, &json!({ "api_key_command": keys.command() })).unwrap();
    let error = ask(&provider).await.unwrap_err();
    assert!(
        matches!(error, ModelError::Status { code: 401, .. }),
        "{error:?}"
    );
    // The same key was printed again, so the server was not asked again.
    assert_eq!((keys.runs(), requests(&server).await), (2, 1));
    keys.write("sk-canary-2");
    assert!(ask(&provider).await.is_err());
    assert_eq!((keys.runs(), requests(&server).await), (3, 3));
}

#[tokio::test]
async fn questions_at_the_same_time_share_one_renewal() {
    let keys = Keys::new("sk-canary-1");
    let server = server("sk-canary-1").await;
    let provider = provider(&server, &json!({ "api_key_command": keys.command() })).unwrap();
    ask(&provider).await.unwrap();
    keys.write("sk-canary-2");
    accept(&server, "sk-canary-2").await;
    let (one, two, three) = tokio::join!(ask(&provider), ask(&provider), ask(&provider));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(keys.runs(), 2);
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let keys = Keys::new("sk-canary-1");
    let server = server("sk-canary-2").await;
    let settings = json!({ "api_key_file": keys.path() });
    let provider = provider(&server, &settings).unwrap();
    keys.write("sk-canary-2 ");
    ask(&provider).await.unwrap();
    assert_eq!(requests(&server).await, 1);
    // Somebody writes it just now: the key that is known still holds.
    keys.write("");
    ask(&provider).await.unwrap();
    keys.write("sk-canary-1");
    let error = ask(&provider).await.unwrap_err();
    assert!(
        matches!(error, ModelError::Status { code: 401, .. }),
        "{error:?}"
    );
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn a_key_is_renewed_at_its_age_and_an_old_one_is_tried_when_that_fails() {
    let keys = Keys::new("sk-canary-1");
    let server = server("sk-canary-1").await;
    let settings = json!({ "api_key_command": keys.command(), "api_key_renew_after_s": 600 });
    let provider = provider(&server, &settings).unwrap();
    ask(&provider).await.unwrap();
    later(599).await;
    ask(&provider).await.unwrap();
    assert_eq!(keys.runs(), 1);
    later(1).await;
    ask(&provider).await.unwrap();
    assert_eq!(keys.runs(), 2);
    later(600).await;
    keys.write("");
    ask(&provider).await.unwrap();
    ask(&provider).await.unwrap();
    assert_eq!(keys.runs(), 3);
    later(30).await;
    ask(&provider).await.unwrap();
    assert_eq!(keys.runs(), 4);
}

/// Moves the clock. It stands still only here, since commands and servers take real time.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_and_the_question_can_wait() {
    let server = server("sk-canary-1").await;
    let settings = json!({ "api_key_command": ["/nonexistent/program", "canary"] });
    let provider = provider(&server, &settings).unwrap();
    let error = ask(&provider).await.unwrap_err();
    assert!(matches!(error, ModelError::NoKey { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("'/nonexistent/program' cannot be started"),
        "{error}"
    );
    assert_eq!(error.retry(), crate::Retry::Backoff(None));
    assert!(error.is_free() && !error.after_paid_request().is_free());
    assert_eq!(requests(&server).await, 0);
}

#[tokio::test]
async fn settings_that_name_no_one_key_are_refused() {
    let server = server("sk-canary-1").await;
    let file = Path::new("/nonexistent/key");
    for (settings, words) in [
        (
            json!({ "api_key_file": file, "api_key_env": "K" }),
            "`api_key_file` and `api_key_env` are set",
        ),
        (
            json!({ "api_key_command": ["canary"], "api_key_env": "K" }),
            "`api_key_env` and `api_key_command` are set",
        ),
        (json!({ "api_key_command": [] }), "names no program"),
        (json!({ "api_key_command": [""] }), "names no program"),
        (
            json!({ "api_key_renew_after_s": 9 }),
            "`api_key_renew_after_s` is 9",
        ),
    ] {
        let error = provider(&server, &settings).unwrap_err().to_string();
        assert!(
            error.contains(words) && !error.contains("canary"),
            "{error}"
        );
    }
    // A key from a command does not go to another machine in the clear either.
    let settings = json!({ "api_key_command": ["canary"], "base_url": "http://gpu-box/v1" });
    let error = provider(&server, &settings).unwrap_err().to_string();
    assert!(error.contains("in the clear"), "{error}");
}

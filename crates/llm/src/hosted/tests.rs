#![allow(clippy::unwrap_used)]

use super::*;
use llm_oracle_primitives::{AnswerKind, ModelRef, Reason, Sampling};
use serde_json::Value;
use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};
use wiremock::{
    matchers::{header, method, path},
    Mock, MockServer, ResponseTemplate,
};

pub(super) fn question(answer: AnswerKind) -> ModelQuestion {
    ModelQuestion {
        prompt: "Did it rain?".to_owned(),
        system: Some("Be exact.".to_owned()),
        answer,
        sampling: Sampling {
            max_tokens: 9,
            temperature_milli: 250,
            seed: u64::MAX,
        },
        model: ModelRef::Any,
    }
}

pub(super) fn completion(content: &str) -> Value {
    json!({
        "model": "m-2026-01-01",
        "system_fingerprint": "fp_1",
        "usage": { "total_tokens": 12 },
        "choices": [{ "finish_reason": "stop", "message": { "role": "assistant", "content": content } }],
    })
}

pub(super) async fn server(responses: &[ResponseTemplate]) -> MockServer {
    let server = MockServer::start().await;
    for response in responses {
        // Each template once, in order: wiremock takes the first mock that is not used up.
        Mock::given(method("POST"))
            .and(path("/v1/chat/completions"))
            .respond_with(response.clone())
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    server
}

pub(super) fn hosted(
    provider: &'static str,
    base_url: &str,
    key_file: Option<&Path>,
    timeout_ms: u64,
) -> Hosted {
    let settings = json!({
        "base_url": base_url,
        "model": "m",
        "api_key_file": key_file,
        "timeout_ms": timeout_ms,
    });
    let mut config: HostedConfig = serde_json::from_value(settings).unwrap();
    config.provider = provider;
    Hosted::new(&config).unwrap()
}

fn provider(server: &MockServer, timeout_ms: u64) -> Hosted {
    hosted("openai", &format!("{}/v1", server.uri()), None, timeout_ms)
}

/// The result of a question, and the bodies that the server got.
pub(super) type Asked = (Result<ProviderReply, ModelError>, Vec<Value>);

pub(super) async fn ask(responses: &[ResponseTemplate], kind: AnswerKind) -> Asked {
    let server = server(responses).await;
    let reply = provider(&server, 5_000).answer(&question(kind)).await;
    let requests = server.received_requests().await.unwrap();
    (
        reply,
        requests
            .iter()
            .map(|r| serde_json::from_slice(&r.body).unwrap())
            .collect(),
    )
}

pub(super) fn ok(content: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(completion(content))
}

/// A reply that the limit on tokens ended.
fn cut(content: &str) -> ResponseTemplate {
    let mut body = completion(content);
    body["choices"][0]["finish_reason"] = json!("length");
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn a_clean_reply_is_one_request_and_a_full_record() {
    let (reply, requests) = ask(&[ok(" Yes. ")], AnswerKind::Bool).await;
    let reply = reply.unwrap();
    assert_eq!(reply.answer, Answer::Bool(true));
    assert_eq!(reply.model, "m-2026-01-01");
    assert_eq!(requests.len(), 1);
    let sent = &requests[0];
    assert_eq!(sent["temperature"], 0.25);
    assert_eq!(sent["max_tokens"], 9);
    assert_eq!(sent["seed"], i64::MAX);
    let system = sent["messages"][0]["content"].as_str().unwrap();
    assert!(system.starts_with("Be exact.\n"), "{system}");
    assert!(
        system.contains(r#"exactly one of: "yes", "no""#),
        "{system}"
    );
    assert_eq!(sent["messages"][1]["content"], "Did it rain?");

    let exchange = &reply.record["exchanges"][0];
    assert_eq!(&exchange["request"], sent);
    let body = exchange["response"]["body"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(body).unwrap(),
        completion(" Yes. ")
    );
    let digest = hex::encode(llm_oracle_primitives::digest::blake2(body.as_bytes()));
    assert_eq!(exchange["response"]["blake2_256"], digest);
    assert_eq!(reply.record["usage"]["total_tokens"], 12);
    assert_eq!(reply.record["system_fingerprint"], "fp_1");
}

#[tokio::test]
async fn a_chatty_reply_is_asked_once_more_then_abstains() {
    let (reply, requests) = ask(&[ok("I think yes"), ok("yes")], AnswerKind::Bool).await;
    assert_eq!(reply.unwrap().answer, Answer::Bool(true));
    let turns = requests[1]["messages"].as_array().unwrap();
    assert_eq!(turns[2]["content"], "I think yes");
    assert!(turns[3]["content"]
        .as_str()
        .unwrap()
        .starts_with("That reply is not"));

    let (reply, requests) = ask(&[ok("hm"), ok("well"), ok("yes")], AnswerKind::Bool).await;
    assert_eq!(reply.unwrap().answer, Answer::Abstain(Reason::Unclear));
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn abstentions_keep_their_reason() {
    for (content, reason) in [
        ("UNCLEAR", Reason::Unclear),
        ("too soon.", Reason::TooSoon),
        ("REFUSED", Reason::Refused),
    ] {
        let (reply, _) = ask(&[ok(content)], AnswerKind::Bool).await;
        assert_eq!(reply.unwrap().answer, Answer::Abstain(reason));
    }
    let (reply, _) = ask(
        &[ok("I’m sorry, I can't help."), ok("I cannot.")],
        AnswerKind::Bool,
    )
    .await;
    assert_eq!(reply.unwrap().answer, Answer::Abstain(Reason::Refused));
    for field in [("refusal", json!("no")), ("content", Value::Null)] {
        let mut body = completion("");
        body["choices"][0]["message"][field.0] = field.1;
        body["choices"][0]["finish_reason"] = json!("content_filter");
        let filtered = ResponseTemplate::new(200).set_body_json(body);
        let (reply, requests) = ask(&[filtered], AnswerKind::Bool).await;
        assert_eq!(reply.unwrap().answer, Answer::Abstain(Reason::Refused));
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn choices_and_numbers_are_read_in_their_form() {
    let options = vec![b"up \"and\" away".to_vec(), b"down".to_vec()];
    let (reply, requests) = ask(&[ok("**Down**")], AnswerKind::Choice { options }).await;
    assert_eq!(reply.unwrap().answer, Answer::Choice(1));
    let system = requests[0]["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains(r#""up \"and\" away", "down""#), "{system}");

    let kind = AnswerKind::Number {
        scale: 1,
        tolerance: 0,
    };
    let (reply, _) = ask(&[ok("-12.34")], kind.clone()).await;
    assert_eq!(reply.unwrap().answer, Answer::Number(-123));
    // What the limit left of -12.34.
    let (reply, _) = ask(&[cut("-1"), cut("-12")], kind).await;
    assert_eq!(reply.unwrap().answer, Answer::Abstain(Reason::Unclear));
}

#[tokio::test]
async fn a_text_is_taken_as_it_is_said() {
    let kind = AnswerKind::Text { max_bytes: 9 };
    let (reply, requests) = ask(&[ok(" Victor\nHugo, the poet "), ok("Hugo")], kind.clone()).await;
    let reply = reply.unwrap();
    assert_eq!(reply.answer, Answer::Text(b"Hugo".to_vec()));
    assert_eq!(reply.record["template"], "chat-open-form/1");
    assert_eq!(reply.record["question"]["answer"]["max_bytes"], 9);
    assert_eq!(reply.record["exchanges"].as_array().unwrap().len(), 2);
    let system = requests[0]["messages"][0]["content"].as_str().unwrap();
    assert!(
        system.contains("at most 9 bytes") && system.contains("reply UNCLEAR"),
        "{system}"
    );
    let again = requests[1]["messages"][3]["content"].as_str().unwrap();
    assert!(again.contains("it has 21 bytes, and at most 9"), "{again}");

    let (reply, _) = ask(&[ok("TOO SOON")], kind.clone()).await;
    assert_eq!(reply.unwrap().answer, Answer::Abstain(Reason::TooSoon));
    // The words are whole, and yet the limit may have ended them.
    let (reply, requests) = ask(&[cut("Victor"), cut("Victor")], kind).await;
    assert_eq!(reply.unwrap().answer, Answer::Abstain(Reason::Unclear));
    let again = requests[1]["messages"][3]["content"].as_str().unwrap();
    assert!(again.contains("cut short after 9 tokens"), "{again}");
}

#[tokio::test]
async fn a_document_satisfies_its_schema_or_is_refused() {
    let kind = |schema: &Value| AnswerKind::Json {
        schema: schema.to_string().into_bytes(),
    };
    let schema = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } });
    let fenced = ok("```json\n{ \"o\": [], \"n\": 3.0 }\n```");
    let (reply, requests) = ask(&[fenced], kind(&schema)).await;
    let reply = reply.unwrap();
    assert_eq!(reply.answer, Answer::Json(br#"{"n":3,"o":[]}"#.to_vec()));
    assert_eq!(
        reply.record["question"]["answer"]["schema"],
        schema.to_string()
    );
    let system = requests[0]["messages"][0]["content"].as_str().unwrap();
    assert!(
        system.contains(&schema.to_string()) && system.contains("2048"),
        "{system}"
    );

    let (reply, requests) = ask(&[ok("{\"n\": \"3\"}"), ok("{\"n\": 3}")], kind(&schema)).await;
    assert_eq!(reply.unwrap().answer, Answer::Json(br#"{"n":3}"#.to_vec()));
    let again = requests[1]["messages"][3]["content"].as_str().unwrap();
    assert!(
        again.contains("integer") && again.contains("'/n'"),
        "{again}"
    );

    for (replies, reason) in [
        (["{}", "[]"], Reason::Unclear),
        (["{}", "refused"], Reason::Refused),
        (["{}", "I'm sorry, but no."], Reason::Refused),
    ] {
        let (reply, requests) = ask(&replies.map(ok), kind(&schema)).await;
        assert_eq!(
            reply.unwrap().answer,
            Answer::Abstain(reason),
            "{replies:?}"
        );
        assert_eq!(requests.len(), 2);
    }
}

#[tokio::test]
async fn a_question_whose_schema_cannot_be_used_is_not_put_to_the_model() {
    let schema = br#"{"$ref":"http://127.0.0.1:9/schema"}"#.to_vec();
    let (reply, requests) = ask(&[], AnswerKind::Json { schema }).await;
    let reply = reply.unwrap();
    assert_eq!(reply.answer, Answer::Abstain(Reason::BadInput));
    assert!(requests.is_empty());
    let why = reply.record["not_asked"].as_str().unwrap();
    assert!(why.contains("nothing is fetched"), "{why}");
    assert_eq!(reply.record["provider"], "openai");
}

#[tokio::test]
async fn each_status_is_one_error_with_its_retry() {
    let after = Retry::Backoff(Some(Duration::from_secs(17)));
    for (code, retry_after, retry) in [
        (302, None, Retry::Never),
        (400, None, Retry::Never),
        (401, None, Retry::Never),
        (403, None, Retry::Never),
        (404, None, Retry::Never),
        (422, None, Retry::Never),
        (408, None, Retry::Backoff(None)),
        (429, None, Retry::Backoff(None)),
        (429, Some("17"), after),
        (
            429,
            Some("Sun, 06 Nov 1994 08:49:37 GMT"),
            Retry::Backoff(None),
        ),
        (
            429,
            Some("99999999"),
            Retry::Backoff(Some(Duration::from_secs(3600))),
        ),
        (500, None, Retry::Backoff(None)),
        (502, None, Retry::Backoff(None)),
        (503, Some("17"), after),
    ] {
        let mut response = ResponseTemplate::new(code).insert_header("location", "/elsewhere");
        if let Some(value) = retry_after {
            response = response.insert_header("retry-after", value);
        }
        let (reply, requests) = ask(&[response], AnswerKind::Bool).await;
        let error = reply.unwrap_err();
        assert_eq!(error.retry(), retry, "{code}");
        assert!(
            matches!(error, ModelError::Status { code: c, .. } if c == code),
            "{error:?}"
        );
        assert_eq!(
            requests.len(),
            1,
            "{code}: nothing is followed or repeated here"
        );
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }
}

#[tokio::test]
async fn a_model_the_server_lacks_is_refused() {
    let body =
        json!({ "error": { "code": "model_not_found", "message": "The model does not exist" } });
    let missing = ResponseTemplate::new(404).set_body_json(body);
    let (reply, _) = ask(&[missing], AnswerKind::Bool).await;
    let error = reply.unwrap_err();
    assert!(
        matches!(&error, ModelError::NotServed { name, .. } if name == "m"),
        "{error:?}"
    );

    let server = server(&[]).await;
    let asked = ModelQuestion {
        model: ModelRef::Name(b"other".to_vec()),
        ..question(AnswerKind::Bool)
    };
    let error = provider(&server, 5_000).answer(&asked).await.unwrap_err();
    assert!(
        matches!(&error, ModelError::NotServed { name, .. } if name == "other"),
        "{error:?}"
    );
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_completion_is_a_bad_response() {
    for response in [
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string(""),
        ResponseTemplate::new(200).set_body_json(json!({ "choices": [] })),
        ResponseTemplate::new(200).set_body_bytes(vec![0xff, 0xfe]),
        ResponseTemplate::new(200).set_body_string("x".repeat(2 * 1024 * 1024)),
    ] {
        let (reply, _) = ask(&[response], AnswerKind::Bool).await;
        let error = reply.unwrap_err();
        assert!(matches!(error, ModelError::BadResponse { .. }), "{error:?}");
        assert_eq!(error.retry(), Retry::Backoff(None));
    }
}

#[tokio::test]
async fn a_server_that_is_slow_or_gone_is_asked_later() {
    let slow = server(&[ok("yes").set_delay(Duration::from_secs(5))]).await;
    let error = provider(&slow, 50)
        .answer(&question(AnswerKind::Bool))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("50 ms"), "{error}");
    assert_eq!(error.retry(), Retry::Backoff(None));

    let gone = hosted("openai", "http://127.0.0.1:9/v1", None, 5_000);
    let error = gone.answer(&question(AnswerKind::Bool)).await.unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error:?}");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn the_key_goes_into_the_header_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, "sk-canary-7\n").unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let server = MockServer::start().await;
    // A server that echoes the key must not bring it into the record either.
    let mut body = completion("yes");
    body["note"] = json!("Bearer sk-canary-7");
    Mock::given(header("authorization", "Bearer sk-canary-7"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    let base = format!("{}/v1", server.uri());
    let provider = hosted("openai", &base, Some(&key_file), 5_000);
    let reply = provider.answer(&question(AnswerKind::Bool)).await.unwrap();
    assert_eq!(reply.answer, Answer::Bool(true));
    assert!(!format!("{provider:?}{reply:?}").contains("canary"));
}

fn message(content: &str, stop: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "model": "c-2026-01-01",
        "stop_reason": stop,
        "usage": { "input_tokens": 9, "output_tokens": 2 },
        "content": [{ "type": "text", "text": content }],
    }))
}

/// Puts a yes-or-no question to a server that speaks the other dialect.
async fn ask_messages(responses: &[ResponseTemplate]) -> Asked {
    let server = MockServer::start().await;
    for response in responses {
        Mock::given(method("POST"))
            .and(path("/v1/messages"))
            .and(header("x-api-key", "sk-canary-7"))
            .and(header("anthropic-version", "2023-06-01"))
            .respond_with(response.clone())
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "sk-canary-7\n").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let base = format!("{}/v1", server.uri());
    let made = hosted("anthropic", &base, Some(&key), 5_000);
    let reply = made.answer(&question(AnswerKind::Bool)).await;
    let requests = server.received_requests().await.unwrap();
    let bodies = requests.iter().map(|one| serde_json::from_slice(&one.body));
    (reply, bodies.collect::<Result<_, _>>().unwrap())
}

#[tokio::test]
async fn a_server_with_the_messages_api_is_asked_in_its_own_words() {
    let (reply, requests) = ask_messages(&[message("yes", "end_turn")]).await;
    let reply = reply.unwrap();
    assert_eq!(reply.answer, Answer::Bool(true));
    assert_eq!(reply.model, "c-2026-01-01");
    assert_eq!(reply.record["provider"], "anthropic");
    assert_eq!(reply.record["usage"]["input_tokens"], 9);
    let sent = &requests[0];
    assert!(sent["system"].as_str().unwrap().starts_with("Be exact.\n"));
    assert_eq!(sent["messages"].as_array().unwrap().len(), 1);
    assert_eq!(sent["messages"][0]["role"], "user");
    assert_eq!(sent["max_tokens"], 9);
    assert!(sent.get("seed").is_none());
    assert!(!format!("{reply:?}").contains("canary"));
}

#[tokio::test]
async fn the_messages_api_is_asked_again_and_its_refusals_are_abstentions() {
    let (reply, requests) =
        ask_messages(&[message("hm", "end_turn"), message("no", "end_turn")]).await;
    assert_eq!(reply.unwrap().answer, Answer::Bool(false));
    assert_eq!(requests[1]["messages"].as_array().unwrap().len(), 3);
    let (reply, _) = ask_messages(&[message("", "refusal")]).await;
    assert_eq!(reply.unwrap().answer, Answer::Abstain(Reason::Refused));
    let chat = ResponseTemplate::new(200).set_body_json(completion("yes"));
    let (reply, _) = ask_messages(&[chat]).await;
    assert!(matches!(reply, Err(ModelError::BadResponse { .. })));
}

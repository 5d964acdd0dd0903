#![allow(clippy::unwrap_used)]

use super::{
    tests::{ask, completion, hosted, ok, question, server, Asked},
    *,
};
use serde_json::Value;
use wiremock::ResponseTemplate;

fn with_logprobs(content: &str, tokens: &Value) -> ResponseTemplate {
    let mut body = completion(content);
    body["choices"][0]["logprobs"] = json!({ "content": tokens });
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn likelihoods_of_a_label_become_its_confidence() {
    let tokens = json!([{ "token": "Yes", "logprob": -0.105, "top_logprobs": [
        { "token": "Yes", "logprob": -0.105 },
        { "token": "No", "logprob": -2.303 },
    ] }]);
    let (reply, bodies) = ask(&[with_logprobs("Yes", &tokens)], AnswerKind::Bool).await;
    let reply = reply.unwrap();
    assert_eq!((reply.answer, reply.confidence), (Answer::Bool(true), 90));
    assert_eq!(reply.record["samples"][0]["confidence"], 90);
    assert_eq!(bodies[0]["logprobs"], true);
    // An open question has no labels whose likelihoods would count.
    let text = AnswerKind::Text { max_bytes: 9 };
    let (reply, bodies) = ask(&[ok("rain")], text).await;
    assert_eq!(reply.unwrap().confidence, 0);
    assert_eq!(bodies[0].get("logprobs"), None);
}

#[tokio::test]
async fn a_server_without_likelihoods_is_asked_without_them() {
    let refusal =
        json!({ "error": { "message": "logprobs is not supported", "param": "logprobs" } });
    let refusal = ResponseTemplate::new(400).set_body_json(refusal);
    let responses = [refusal, ok("yes")];
    let (reply, bodies) = ask(&responses, AnswerKind::Bool).await;
    assert_eq!(reply.unwrap().confidence, 0);
    assert_eq!(bodies[1].get("logprobs"), None);
    assert_eq!(bodies[1].get("top_logprobs"), None);
}

async fn sampled(replies: &[&str], samples: u8, kind: AnswerKind) -> Asked {
    let responses: Vec<_> = replies.iter().map(|reply| ok(reply)).collect();
    let server = server(&responses).await;
    let base_url = format!("{}/v1", server.uri());
    let settings = json!({ "base_url": base_url, "model": "m", "samples": samples });
    let mut config: HostedConfig = serde_json::from_value(settings).unwrap();
    config.provider = "openai";
    let reply = Hosted::new(&config).unwrap().answer(&question(kind)).await;
    let requests = server.received_requests().await.unwrap();
    let bodies = requests.iter().map(|one| one.body_json().unwrap());
    (reply, bodies.collect())
}

#[tokio::test]
async fn most_samples_decide_and_their_part_is_the_confidence() {
    let options = ["red", "green", "blue"]
        .map(|it| it.as_bytes().to_vec())
        .to_vec();
    let kind = AnswerKind::Choice { options };
    let (reply, bodies) = sampled(&["green", "red", "red", "blue"], 4, kind).await;
    let reply = reply.unwrap();
    assert_eq!((reply.answer, reply.confidence), (Answer::Choice(0), 50));
    let orders: Vec<_> = bodies
        .iter()
        .map(|body| {
            let system = body["messages"][0]["content"].as_str().unwrap();
            ["red", "green", "blue"].map(|label| system.find(&format!("\"{label}\"")).unwrap())
        })
        .collect();
    assert!(orders[0][0] < orders[0][1] && orders[0][1] < orders[0][2]);
    assert!(orders[1][1] < orders[1][2] && orders[1][2] < orders[1][0]);
    assert!(orders[2][2] < orders[2][0] && orders[2][0] < orders[2][1]);
    assert_ne!(bodies[0]["seed"], bodies[1]["seed"]);
    assert_eq!(reply.record["exchanges"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn samples_that_cannot_be_had_are_done_without() {
    // The server has no third reply: its mock answers with 404.
    let (reply, _) = sampled(&["yes", "yes"], 5, AnswerKind::Bool).await;
    let reply = reply.unwrap();
    assert_eq!((reply.answer, reply.confidence), (Answer::Bool(true), 100));
    assert!(reply.record["samples_broke_off"].is_string());
}

#[tokio::test]
async fn a_server_of_ones_own_is_told_the_schema() {
    let schema = br#"{"type":"object"}"#.to_vec();
    let kind = AnswerKind::Json { schema };
    let refusal = json!({ "error": { "message": "cannot convert the schema to a grammar" } });
    let refusal = ResponseTemplate::new(400).set_body_json(refusal);
    let server = server(&[ok("{}"), refusal, ok("{}")]).await;
    let provider = hosted("vllm", &format!("{}/v1", server.uri()), None, 5_000);
    for _ in 0..2 {
        let answer = provider
            .answer(&question(kind.clone()))
            .await
            .unwrap()
            .answer;
        assert_eq!(answer, Answer::Json(b"{}".to_vec()));
    }
    let requests = server.received_requests().await.unwrap();
    let formats: Vec<Value> = requests
        .iter()
        .map(|one| one.body_json::<Value>().unwrap()["response_format"].clone())
        .collect();
    assert_eq!(formats[0]["json_schema"]["schema"]["type"], "object");
    assert_eq!(formats[0], formats[1]);
    assert!(formats[2].is_null());
}

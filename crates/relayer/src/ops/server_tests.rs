#![allow(clippy::unwrap_used)]

use super::*;
use llm_oracle_fixtures::private_folder;
use llm_oracle_primitives::Answer;
use llm_oracle_store::{Answered, JobState, StoreIdentity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DOCUMENT: &[u8] = b"{\"answer\":\"0x0101\"}";

fn answered(request_id: u64) -> Answered {
    Answered {
        request_id,
        operator: [1; 32],
        terms_digest: [2; 32],
        answer: Answer::Bool(true),
        confidence: Some(50),
        document: DOCUMENT.to_vec(),
        evidence: [request_id as u8; 32],
        salt_secret: 1,
        commitment: [4; 32],
        model: "m".to_owned(),
        model_ms: 5,
        seen_at_ms: 6,
    }
}

fn handler() -> (tempfile::TempDir, StatusHandler) {
    let folder = private_folder();
    let identity = StoreIdentity {
        genesis: [1; 32],
        contract: [2; 32],
        domain: [3; 32],
    };
    let handler = StatusHandler {
        ops: Arc::default(),
        store: Arc::new(Store::open(folder.path(), &identity).unwrap()),
        attachments: HeldAttachments::new(folder.path().join("attachments")),
    };
    (folder, handler)
}

fn get(handler: &StatusHandler, path: &str) -> Reply {
    handler.reply(&Method::GET, path)
}

#[test]
fn evidence_is_served_under_its_digest_once_the_answer_is_revealed_and_not_before() {
    let (_folder, handler) = handler();
    handler.store.record_answer(&answered(7)).unwrap();
    let path = format!("/evidence/0x{}", "07".repeat(32));
    for (state, public) in [
        (JobState::Answered, false),
        (JobState::Committed, false),
        (JobState::UnknownCommitment, false),
        (JobState::Abandoned, false),
        (JobState::Revealed, true),
        (JobState::Ended, true),
    ] {
        handler
            .store
            .set_job_state(7, &[1; 32], state, None)
            .unwrap();
        let reply = get(&handler, &path);
        assert_eq!(reply.status == StatusCode::OK, public, "{state:?}");
        assert_eq!(reply.body == DOCUMENT, public, "{state:?}");
        assert_eq!(reply.immutable, public, "{state:?}");
    }
    assert_eq!(get(&handler, &path.replace("0x", "")).body, DOCUMENT);
    assert_eq!(
        get(&handler, "/evidence/0x07").status,
        StatusCode::BAD_REQUEST
    );
    let other = format!("/evidence/{}", "08".repeat(32));
    assert_eq!(get(&handler, &other).status, StatusCode::NOT_FOUND);
}

#[test]
fn an_attachment_is_given_to_whoever_knows_its_digest_and_never_as_another_one() {
    let (_folder, handler) = handler();
    let page = b"<script>alert(1)</script>";
    let digest = hex::encode(handler.attachments.hold(page).unwrap());
    for path in [
        format!("/attachments/0x{digest}"),
        format!("/attachments/{digest}"),
    ] {
        let reply = get(&handler, &path);
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!((reply.body.as_slice(), reply.immutable), (&page[..], true));
        assert_eq!(reply.kind, "application/octet-stream");
    }
    let other = format!("/attachments/{}", "08".repeat(32));
    assert_eq!(get(&handler, &other).status, StatusCode::NOT_FOUND);
    for wrong in ["", "0x07", "../relayer.sqlite", "../../etc/passwd"] {
        let reply = get(&handler, &format!("/attachments/{wrong}"));
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let file = handler.attachments.folder().join(&digest);
    std::fs::write(file, b"something else").unwrap();
    let reply = get(&handler, &format!("/attachments/{digest}"));
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn status_names_jobs_and_keeps_answers_to_itself() {
    let (_folder, handler) = handler();
    handler.store.record_answer(&answered(7)).unwrap();
    let reply = get(&handler, "/status");
    let text = String::from_utf8(reply.body).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["jobs"][0]["request"], 7);
    assert_eq!(value["jobs"][0]["state"], "answered");
    assert_eq!(value["store"]["jobs"]["answered"], 1);
    assert!(!text.contains("\"0x0101\""), "{text}");
}

#[test]
fn metrics_count_what_the_store_holds() {
    let (_folder, handler) = handler();
    handler.store.record_answer(&answered(7)).unwrap();
    handler.store.set_cursor(5).unwrap();
    let text = String::from_utf8(get(&handler, "/metrics").body).unwrap();
    for line in [
        "llm_oracle_jobs{state=\"answered\"} 1",
        "llm_oracle_cursor 5",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("llm_oracle_store_free_bytes 0\n"), "{text}");
}

#[test]
fn health_is_a_status_code_with_its_reasons() {
    let (_folder, handler) = handler();
    assert_eq!(get(&handler, "/livez").status, StatusCode::OK);
    let unready = get(&handler, "/readyz");
    assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8(unready.body)
        .unwrap()
        .contains("first iteration"));
    handler
        .ops
        .iteration_ended(super::super::IterationResult::Idle, Duration::ZERO);
    assert_eq!(get(&handler, "/readyz").status, StatusCode::OK);
}

#[test]
fn nothing_but_reading_is_served() {
    let (_folder, handler) = handler();
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let reply = handler.reply(&method, "/status");
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(get(&handler, "/").status, StatusCode::NOT_FOUND);
    assert_eq!(
        get(&handler, "/evidence/../status").status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_request_over_the_wire_is_answered_and_the_connection_closed() {
    let (_folder, handler) = handler();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::new(handler), stop.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("{\"ok\":true,\"reasons\":[]}"), "{text}");
    stop.cancel();
    server.await.unwrap();
}

#![allow(clippy::unwrap_used)]

use super::{
    super::{
        outbox::{client, submit_to_peer, SubmitError},
        samples::{self, DEPLOYMENT},
        wire::PeerMessage,
    },
    *,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BLOCK: BlockNumber = 100;

fn endpoint() -> (PeerEndpoint, PeerCounters) {
    let counters = PeerCounters::default();
    let directory = Arc::new(samples::directory());
    let keys = vec![samples::own(1)];
    let endpoint = PeerEndpoint::new(DEPLOYMENT, directory, keys, counters.clone());
    endpoint.set_finalized(BLOCK);
    (endpoint, counters)
}

struct Served {
    endpoint: Arc<PeerEndpoint>,
    counters: PeerCounters,
    url: Url,
    _stop: tokio_util::sync::DropGuard,
}

async fn served() -> Served {
    let (endpoint, counters) = endpoint();
    let endpoint = Arc::new(endpoint);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, endpoint.clone(), stop.clone()));
    Served {
        endpoint,
        counters,
        url: format!("http://{address}/entries").parse().unwrap(),
        _stop: stop.drop_guard(),
    }
}

impl Served {
    /// First line of the answer to raw bytes.
    async fn raw(&self, bytes: &[u8]) -> String {
        let host = self.url.host_str().unwrap();
        let address = (host, self.url.port().unwrap());
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text).await;
        let text = String::from_utf8_lossy(&text);
        text.lines().next().unwrap_or_default().to_owned()
    }

    async fn post(&self, body: &[u8]) -> String {
        let head = format!(
            "POST /entries HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    async fn submit(&self, message: &PeerMessage) -> Result<Vec<bool>, SubmitError> {
        submit_to_peer(&client().unwrap(), &DEPLOYMENT, self.url.clone(), message).await
    }

    fn counted(&self, line: &str) -> bool {
        let mut registry = Registry::default();
        self.counters.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines().any(|found| found == line)
    }
}

fn message() -> PeerMessage {
    let entries = [samples::commit(7, 2), samples::reveal(8, 3)];
    samples::message(2, 1, BLOCK, &entries)
}

#[tokio::test]
async fn a_peers_entries_arrive_with_a_receipt_and_a_replay_brings_nothing() {
    let served = served().await;
    let entries = [samples::commit(7, 2), samples::reveal(8, 3)];
    let message = samples::message(2, 1, BLOCK, &entries);
    assert_eq!(served.submit(&message).await, Ok(vec![true, true]));
    // It wakes the main loop.
    served.endpoint.changed().await;
    assert_eq!(served.endpoint.collect(), entries.map(|entry| (0, entry)));
    let replayed = served.post(&message.bytes()).await;
    assert_eq!(replayed, "HTTP/1.1 409 Conflict");
    assert!(served.endpoint.collect().is_empty());
    assert!(served.counted("peer_rejected_total{reason=\"replayed\"} 1"));
}

#[tokio::test]
async fn everything_else_is_refused_and_counted() {
    let served = served().await;
    let strange = samples::message(9, 1, BLOCK, &[samples::commit(7, 9)]);
    assert_eq!(
        served.submit(&strange).await,
        Err(SubmitError::Rejected(401))
    );
    for (bytes, status, reason) in [
        (&b"rubbish"[..], "400 Bad Request", "malformed"),
        (&[7; 4_000], "401 Unauthorized", "unknown_peer"),
        (
            &[0; MESSAGE_BYTES_MAX + 1],
            "413 Payload Too Large",
            "too_large",
        ),
    ] {
        let line = served.post(bytes).await;
        assert_eq!(line, format!("HTTP/1.1 {status}"));
        let counted = match reason {
            "unknown_peer" => 2,
            _ => 1,
        };
        let line = format!("peer_rejected_total{{reason=\"{reason}\"}} {counted}");
        assert!(served.counted(&line), "{line}");
    }
    for request in [
        "GET /entries HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /other HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    ] {
        let line = served.raw(request.as_bytes()).await;
        assert_eq!(line, "HTTP/1.1 404 Not Found");
    }
    assert!(served.endpoint.collect().is_empty());
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let served = served().await;
    let mut bytes =
        b"POST /entries HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..40 {
        bytes.extend_from_slice(b"400\r\n");
        bytes.extend_from_slice(&[b'x'; 0x400]);
        bytes.extend_from_slice(b"\r\n");
    }
    let line = served.raw(&bytes).await;
    assert_eq!(line, "HTTP/1.1 413 Payload Too Large");
}

#[tokio::test]
async fn a_full_inbox_says_so_entry_by_entry() {
    let (endpoint, _) = endpoint();
    let full = vec![samples::commit(7, 2); 60];
    for left in (0..=INBOX_MAX).rev().step_by(60) {
        let message = samples::message(2, 1, BLOCK, &full);
        let ack = endpoint.accept(&message.bytes()).unwrap();
        let room = ack[1..61].iter().filter(|accepted| **accepted == 1).count();
        assert_eq!(room, left.min(60));
    }
    assert_eq!(endpoint.collect().len(), INBOX_MAX);
    let message = message();
    assert!(endpoint.accept(&message.bytes()).is_ok());
}

#[test]
fn every_refusal_has_a_status_and_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> =
        RejectReason::ALL.iter().map(|one| one.name()).collect();
    assert_eq!(names.len(), RejectReason::ALL.len());
    assert!(RejectReason::ALL
        .iter()
        .all(|one| !status(*one).is_success()));
}

#![allow(clippy::unwrap_used)]

use super::{
    super::samples::{self, DEPLOYMENT},
    *,
};
use scale::Encode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A relayer that answers every message with these bytes, or with nothing at all.
async fn relayer(answer: Option<Vec<u8>>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let Some(answer) = &answer else {
                held.push(stream);
                continue;
            };
            let mut buffer = [0; 4_096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer).await;
        }
    });
    format!("http://{address}/entries").parse().unwrap()
}

fn http(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn message() -> PeerMessage {
    samples::message(2, 1, 100, &[samples::commit(7, 2)])
}

fn ack(message: &PeerMessage, accepted: Vec<bool>, signer: u8) -> Vec<u8> {
    let message = wire::ack_to_sign(&DEPLOYMENT, &message.head, &message.entries, &accepted);
    let signature = samples::key(signer).sign(&message.message()).0;
    Acknowledgement {
        accepted,
        signature,
    }
    .encode()
}

#[tokio::test]
async fn only_a_receipt_of_the_receiver_for_this_very_message_counts() {
    let (ours, other) = (message(), message());
    let mut altered = ack(&ours, vec![false], 1);
    // 'Not accepted' made to look like 'accepted'.
    altered[1] = 1;
    for (what, body, accepted) in [
        ("its own", ack(&ours, vec![true], 1), Ok(vec![true])),
        ("not accepted", ack(&ours, vec![false], 1), Ok(vec![false])),
        (
            "another key",
            ack(&ours, vec![true], 3),
            Err(SubmitError::BadAcknowledgement),
        ),
        (
            "another message",
            ack(&other, vec![true], 1),
            Err(SubmitError::BadAcknowledgement),
        ),
        (
            "more than it had",
            ack(&ours, vec![true; 2], 1),
            Err(SubmitError::BadAcknowledgement),
        ),
        ("altered", altered, Err(SubmitError::BadAcknowledgement)),
        (
            "rubbish",
            b"thanks".to_vec(),
            Err(SubmitError::BadAcknowledgement),
        ),
        (
            "endless",
            vec![1; 100_000],
            Err(SubmitError::BadAcknowledgement),
        ),
    ] {
        let url = relayer(Some(http("200 OK", &body))).await;
        let found = submit_to_peer(&client().unwrap(), &DEPLOYMENT, url, &ours).await;
        assert_eq!(found, accepted, "{what}");
    }
}

#[tokio::test]
async fn a_transmitter_that_is_away_slow_or_elsewhere_is_not_waited_for() {
    let message = message();
    let client = client_within(Duration::from_millis(200)).unwrap();
    let silent = relayer(None).await;
    let lost = submit_to_peer(&client, &DEPLOYMENT, silent, &message).await;
    assert_eq!(lost, Err(SubmitError::Unreachable));
    let away = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/entries", listener.local_addr().unwrap())
    };
    let lost = submit_to_peer(&client, &DEPLOYMENT, away.parse().unwrap(), &message).await;
    assert_eq!(lost, Err(SubmitError::Unreachable));
    // A redirect would take the message to whom it is not for.
    let good = relayer(Some(http("200 OK", &ack(&message, vec![true], 1)))).await;
    let moved = format!("307 Temporary Redirect\r\nlocation: {good}");
    let there = relayer(Some(http(&moved, b""))).await;
    let lost = submit_to_peer(&client, &DEPLOYMENT, there, &message).await;
    assert_eq!(lost, Err(SubmitError::Rejected(307)));
}

#[tokio::test]
async fn one_message_of_a_kind_leaves_for_each_peer_at_a_time_and_its_outcome_comes_back() {
    let mut outbox = PeerOutbox::new(DEPLOYMENT, Some(samples::own(2))).unwrap();
    let wake: Arc<Notify> = Arc::default();
    let url = relayer(Some(http("503 Service Unavailable", b""))).await;
    let to = (5, url, samples::id(1));
    outbox.send(to, 100, vec![samples::commit(7, 2)], wake.clone());
    assert!(outbox.is_busy(5, EntryKind::Commit) && !outbox.is_busy(4, EntryKind::Commit));
    assert!(!outbox.is_busy(5, EntryKind::Reveal));
    wake.notified().await;
    let outcome = loop {
        match outbox.outcomes().pop() {
            Some(outcome) => break outcome,
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(outcome.keys, [samples::commit(7, 2).key()]);
    assert_eq!(
        (outcome.peer, outcome.accepted),
        (5, Err(SubmitError::Rejected(503)))
    );
    assert!(!outbox.is_busy(5, EntryKind::Commit));
}

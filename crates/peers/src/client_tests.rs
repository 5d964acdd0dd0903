#![allow(clippy::unwrap_used)]

use super::{
    super::sample::{self, DEPLOYMENT},
    *,
};
use scale::Encode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A relayer that answers every letter with these bytes, or with nothing at all.
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

fn letter() -> Letter {
    sample::letter(2, 1, 100, &[sample::commit(7, 2)])
}

fn receipt(letter: &Letter, taken: Vec<bool>, signer: u8) -> Vec<u8> {
    let message = wire::receipt(&DEPLOYMENT, &letter.head, &letter.entries, &taken);
    let signature = sample::key(signer).sign(&message.message()).0;
    Receipt { taken, signature }.encode()
}

#[tokio::test]
async fn only_a_receipt_of_the_receiver_for_this_very_letter_counts() {
    let (ours, other) = (letter(), letter());
    let mut altered = receipt(&ours, vec![false], 1);
    // 'Not taken' made to look like 'taken'.
    altered[1] = 1;
    for (what, body, taken) in [
        ("its own", receipt(&ours, vec![true], 1), Ok(vec![true])),
        ("not taken", receipt(&ours, vec![false], 1), Ok(vec![false])),
        (
            "another key",
            receipt(&ours, vec![true], 3),
            Err(Lost::Receipt),
        ),
        (
            "another letter",
            receipt(&other, vec![true], 1),
            Err(Lost::Receipt),
        ),
        (
            "more than it had",
            receipt(&ours, vec![true; 2], 1),
            Err(Lost::Receipt),
        ),
        ("altered", altered, Err(Lost::Receipt)),
        ("rubbish", b"thanks".to_vec(), Err(Lost::Receipt)),
        ("endless", vec![1; 100_000], Err(Lost::Receipt)),
    ] {
        let url = relayer(Some(http("200 OK", &body))).await;
        let found = hand_over(&client().unwrap(), &DEPLOYMENT, url, &ours).await;
        assert_eq!(found, taken, "{what}");
    }
}

#[tokio::test]
async fn a_carrier_that_is_away_slow_or_elsewhere_is_not_waited_for() {
    let letter = letter();
    let client = client_within(Duration::from_millis(200)).unwrap();
    let silent = relayer(None).await;
    let lost = hand_over(&client, &DEPLOYMENT, silent, &letter).await;
    assert_eq!(lost, Err(Lost::Unreachable));
    let away = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/entries", listener.local_addr().unwrap())
    };
    let lost = hand_over(&client, &DEPLOYMENT, away.parse().unwrap(), &letter).await;
    assert_eq!(lost, Err(Lost::Unreachable));
    // A redirect would take the letter to whom it is not for.
    let good = relayer(Some(http("200 OK", &receipt(&letter, vec![true], 1)))).await;
    let moved = format!("307 Temporary Redirect\r\nlocation: {good}");
    let there = relayer(Some(http(&moved, b""))).await;
    let lost = hand_over(&client, &DEPLOYMENT, there, &letter).await;
    assert_eq!(lost, Err(Lost::Refused(307)));
}

#[tokio::test]
async fn one_letter_of_a_kind_leaves_for_each_peer_at_a_time_and_its_outcome_comes_back() {
    let mut post = Post::new(DEPLOYMENT, Some(sample::own(2))).unwrap();
    let wake: Arc<Notify> = Arc::default();
    let url = relayer(Some(http("503 Service Unavailable", b""))).await;
    let to = (5, url, sample::id(1));
    post.send(to, 100, vec![sample::commit(7, 2)], wake.clone());
    assert!(post.is_busy(5, Kind::Commit) && !post.is_busy(4, Kind::Commit));
    assert!(!post.is_busy(5, Kind::Reveal));
    wake.notified().await;
    let outcome = loop {
        match post.outcomes().pop() {
            Some(outcome) => break outcome,
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(outcome.keys, [sample::commit(7, 2).key()]);
    assert_eq!((outcome.peer, outcome.taken), (5, Err(Lost::Refused(503))));
    assert!(!post.is_busy(5, Kind::Commit));
}

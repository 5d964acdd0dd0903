//! What comes from the chain and from settings, as random bytes.
#![allow(clippy::unwrap_used)]

use super::{event::topics, redact::redact, Event};
use llm_oracle_fixtures::fuzz::Target;
use llm_oracle_primitives::{
    Answer, AnswerEntry, CommitEntry, OperatorView, RequestView, RevealEntry, Terms,
};
use scale::{DecodeAll, Encode};

/// The shortest row of zeros that decodes: a valid value of every type whose enums begin with 0.
fn zeros<T: DecodeAll>() -> Vec<u8> {
    let rows = (0..1_024).map(|length| vec![0; length]);
    let mut good = rows.filter(|row| T::decode_all(&mut &row[..]).is_ok());
    good.next().unwrap_or_default()
}

/// What decodes, encodes to the same bytes: there is one encoding of a value.
fn one_encoding<T: DecodeAll + Encode>(bytes: &[u8]) {
    if let Ok(value) = T::decode_all(&mut &*bytes) {
        assert_eq!(value.encode(), bytes);
    }
}

#[test]
fn parsers_are_fuzzed() {
    events();
    entries_and_views();
    urls();
}

fn events() {
    let topics = topics();
    let of_zeros = |topic: &[u8; 32]| {
        let mut rows = (0..1_024).map(|length| vec![0; length]);
        let good = rows.find(|row| matches!(Event::read(topic, row), Some(Ok(_))));
        good.unwrap_or_default()
    };
    let seeds = (0_u8..).zip(&topics).map(|(number, topic)| {
        let mut seed = vec![number];
        seed.extend(of_zeros(topic));
        seed
    });
    Target {
        name: "event",
        seeds: seeds.collect(),
        words: &[],
    }
    .run(|bytes| {
        let Some((number, data)) = bytes.split_first() else {
            return;
        };
        let topic = topics.get(usize::from(*number)).copied();
        let topic = topic.unwrap_or([*number; 32]);
        let read = Event::read(&topic, data);
        assert_eq!(read.is_some(), topics.contains(&topic));
    });
}

fn entries_and_views() {
    Target {
        name: "entry",
        seeds: vec![
            zeros::<CommitEntry>(),
            zeros::<Vec<CommitEntry>>(),
            zeros::<RevealEntry>(),
            zeros::<AnswerEntry>(),
            zeros::<Terms>(),
            zeros::<RequestView>(),
            zeros::<OperatorView>(),
        ],
        words: &[],
    }
    .run(|bytes| {
        one_encoding::<CommitEntry>(bytes);
        one_encoding::<Vec<CommitEntry>>(bytes);
        one_encoding::<RevealEntry>(bytes);
        one_encoding::<AnswerEntry>(bytes);
        one_encoding::<Answer>(bytes);
        one_encoding::<Terms>(bytes);
        one_encoding::<RequestView>(bytes);
        one_encoding::<OperatorView>(bytes);
    });
}

fn urls() {
    Target {
        name: "url",
        seeds: Vec::new(),
        words: &["://", "@", "user:pw@", "/", "\\", "?", "#", "[::1]", ":443"],
    }
    .run(|bytes| {
        let shown = redact(&String::from_utf8_lossy(bytes));
        let (scheme, host) = shown.split_once("://").unwrap();
        assert!(scheme.chars().all(|c| c.is_ascii_alphanumeric()), "{shown}");
        assert!(!host.contains(['@', '/', '\\', '?', '#']), "{shown}");
    });
}

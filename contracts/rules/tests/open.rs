//! Texts and JSON documents: digests among the seats, the bytes once, dissent in events only.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{terms, World};
use llm_oracle_primitives::{
    digest, event::Event, limits, Answer, AnswerKind, AnswerState, Error, Outcome, Reason,
    RequestId, SeatAnswer,
};

fn text(words: &str) -> Answer {
    Answer::Text(words.into())
}

/// A request of three seats that have committed to these answers.
fn committed(kind: AnswerKind, answers: &[Answer]) -> (World, RequestId) {
    let mut world = World::new(3, common::dev());
    let id = world.ask(terms(kind, 3, 2)).unwrap();
    for (index, answer) in answers.iter().enumerate() {
        world.commit(id, index, answer).unwrap();
    }
    (world, id)
}

fn outcome(world: &mut World, id: RequestId) -> Option<Outcome> {
    match world.chain.view(|oracle| oracle.answer_of(id)).unwrap() {
        AnswerState::Final(outcome) => Some(outcome),
        AnswerState::Pending => None,
    }
}

fn published(world: &World) -> Vec<Answer> {
    let events = world.chain.events.iter();
    let published = events.filter_map(|event| match event {
        Event::AnswerPublished(published) => Some(published.answer.clone()),
        _ => None,
    });
    published.collect()
}

#[test]
fn the_agreed_text_is_kept_once_and_dissent_is_in_an_event_only() {
    let answers = [text("blue"), text("grey"), text("blue")];
    let (mut world, id) = committed(AnswerKind::Text { max_bytes: 16 }, &answers);
    let cells = world.chain.cells();
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(outcome(&mut world, id), None);
        world.reveal(id, index, answer).unwrap();
        world.check_books();
    }
    assert_eq!(world.chain.cells(), cells);
    let Some(Outcome::Answered { answer, margin }) = outcome(&mut world, id) else {
        panic!("not answered");
    };
    assert_eq!((answer, margin.agreeing), (text("blue"), 2));
    assert_eq!(published(&world), answers[..2]);
    let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
    let digests = answers.map(|answer| SeatAnswer::Digest(digest::answer_digest(&answer)));
    let shown: Vec<_> = view
        .seats
        .iter()
        .filter_map(|seat| seat.answer.clone())
        .collect();
    assert_eq!(shown, digests);
    let states = view.seats.iter().map(|seat| seat.state);
    use llm_oracle_primitives::SeatState::{Agreed, Dissented};
    assert_eq!(states.collect::<Vec<_>>(), [Agreed, Dissented, Agreed]);
}

#[test]
fn json_agrees_by_its_bytes_and_abstaining_stays_possible() {
    let kind = AnswerKind::Json {
        schema: b"{}".to_vec(),
    };
    let json = Answer::Json(br#"{"a":1}"#.to_vec());
    let answers = [json.clone(), Answer::Abstain(Reason::Unclear), json.clone()];
    let (mut world, id) = committed(kind.clone(), &answers);
    for (index, answer) in answers.iter().enumerate() {
        world.reveal(id, index, answer).unwrap();
    }
    let Some(Outcome::Answered { answer, margin }) = outcome(&mut world, id) else {
        panic!("not answered");
    };
    assert_eq!((answer, margin.agreeing, margin.abstaining()), (json, 2, 1));

    let answers = ["[1]", "[2]", "[3]"].map(|json| Answer::Json(json.into()));
    let (mut world, id) = committed(kind, &answers);
    for (index, answer) in answers.iter().enumerate() {
        world.reveal(id, index, answer).unwrap();
    }
    assert!(matches!(
        outcome(&mut world, id),
        Some(Outcome::NoConsensus { .. })
    ));
}

#[test]
fn an_answer_over_the_limit_is_refused_and_never_cut() {
    let long = Answer::Text(vec![b'x'; 17]);
    let answers = [long.clone(), text(""), Answer::Json(b"1".to_vec())];
    let (mut world, id) = committed(AnswerKind::Text { max_bytes: 16 }, &answers);
    let refusals = [
        Error::AnswerLength {
            bytes: 17,
            most: 16,
        },
        Error::AnswerLength { bytes: 0, most: 16 },
        Error::WrongForm { slot: 2 },
    ];
    let before = world.chain.clone();
    for (index, (answer, refusal)) in answers.iter().zip(refusals).enumerate() {
        assert_eq!(world.reveal(id, index, answer), Err(refusal));
    }
    assert_eq!(world.chain, before);
}

#[test]
fn the_longest_answer_fits_and_pruning_leaves_nothing() {
    let kind = AnswerKind::Text {
        max_bytes: limits::MAX_ANSWER_BYTES,
    };
    let answer = Answer::Text(vec![b'x'; limits::MAX_ANSWER_BYTES as usize]);
    let empty = World::new(3, common::dev()).chain.cells();
    let (mut world, id) = committed(kind, &[answer.clone(), answer.clone(), answer.clone()]);
    for index in 0..3 {
        world.reveal(id, index, &answer).unwrap();
    }
    assert!(
        matches!(outcome(&mut world, id), Some(Outcome::Answered { answer: kept, .. }) if kept == answer)
    );
    world.chain.block += common::dev().delivery_blocks;
    world
        .chain
        .call(common::ASKER, 0, |oracle| oracle.prune(id))
        .unwrap();
    let owed = world.chain.view(|oracle| oracle.credit_of(&common::ASKER));
    assert_eq!(owed, 0);
    assert_eq!(world.chain.cells(), empty);
}

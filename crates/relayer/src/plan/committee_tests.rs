//! Who goes for which seat.
#![allow(clippy::unwrap_used)]

use super::*;
use llm_oracle_fixtures::request::{self, operator};
use llm_oracle_primitives::{Phase, SeatState, SeatView};
use llm_oracle_signing::{load_key, KeySource, Keypair};
use std::sync::Arc;

fn wish(index: usize, begun: bool, family: Option<u8>) -> Wish {
    Wish {
        index,
        begun,
        family: family.map(|family| [family; 4]),
        turn: turn(1, index, 4),
    }
}

#[test]
fn those_that_have_begun_come_first_then_each_in_its_turn() {
    for (wishes, seats, granted) in [
        // The request's number gives the second operator the first turn.
        (
            vec![wish(0, false, None), wish(1, false, None)],
            1,
            [false, true, false, false],
        ),
        (
            vec![wish(0, true, None), wish(1, false, None)],
            1,
            [true, false, false, false],
        ),
        (
            vec![wish(0, false, None), wish(1, false, None)],
            2,
            [true, true, false, false],
        ),
        (Vec::new(), 3, [false; 4]),
    ] {
        assert_eq!(grant(wishes, seats, 4, |_| usize::MAX), granted);
    }
}

#[test]
fn no_more_go_for_a_familys_seats_than_there_are() {
    let wishes = || {
        vec![
            wish(0, false, Some(1)),
            wish(1, false, Some(1)),
            wish(2, false, Some(2)),
            wish(3, true, Some(1)),
        ]
    };
    for (room, granted) in [
        (1, [false, false, true, true]),
        (2, [false, true, true, true]),
        // Those of a full family are told so.
        (0, [true, true, true, true]),
    ] {
        let of_family = |family: &Family| if family[0] == 1 { room } else { 1 };
        assert_eq!(grant(wishes(), 4, 4, of_family), granted, "{room}");
    }
}

fn seat(family: &[u8]) -> SeatView {
    SeatView {
        operator: [7; 32].into(),
        slot: 7,
        state: SeatState::Committed,
        family: digest::family_tag(family),
        commitment: [0; 32],
        evidence: [0; 32],
        answer: None,
        confidence: None,
        signature: None,
        salt: None,
        paid: 0,
        forfeited: 0,
    }
}

#[test]
fn a_full_family_is_a_reason_to_leave_a_request_out() {
    let seats = vec![seat(b"llama"), seat(b"")];
    let mut view = request::view(1, Phase::Committing, seats);
    assert_eq!(full_family(&view, &operator(b"llama")), None);
    view.max_seats_per_family = 1;
    // Those that declare none are a family too.
    for (family, full) in [(&b"llama"[..], true), (b"", true), (b"qwen", false)] {
        assert_eq!(full_family(&view, &operator(family)).is_some(), full);
    }
    view.max_seats_per_family = 2;
    assert_eq!(full_family(&view, &operator(b"llama")), None);
}

#[test]
fn seats_are_open_to_those_named_and_to_the_set() {
    let ours = OwnOperator {
        key: Arc::new(key()),
        account: [1; 32].into(),
        id: [1; 32],
        slot: 5,
        first_id: 0,
        stopped: false,
        barred: false,
    };
    let named = |operators: &[[u8; 32]]| Assignment::Named {
        operators: operators.iter().map(|id| (*id).into()).collect(),
    };
    let set = |slots: &[u32]| {
        Some(SetView {
            publisher: [9; 32].into(),
            slots: slots.to_vec(),
        })
    };
    for (assignment, set, open) in [
        (Assignment::open(), None, true),
        (named(&[[1; 32]]), None, true),
        (named(&[[2; 32]]), None, false),
        (Assignment::Set(3), set(&[4, 5]), true),
        (Assignment::Set(3), set(&[4, 6]), false),
        (Assignment::Set(3), None, false),
    ] {
        let found = is_open_to(&assignment, set.as_ref(), &ours);
        assert_eq!(found, open, "{assignment:?} {set:?}");
    }
}

fn key() -> Keypair {
    let source = KeySource {
        suri: Some("//Alice".to_owned()),
        ..KeySource::default()
    };
    load_key(&source).unwrap()
}

//! Who goes for which seat.

use super::*;

fn wish(index: usize, free: Free, begun: bool) -> Wish {
    Wish {
        index,
        free,
        begun,
        turn: turn(1, index, 4),
    }
}

#[test]
fn those_that_have_begun_come_first_then_those_drawn_then_each_in_its_turn() {
    let later = Free::From(9);
    for (wishes, seats, granted) in [
        // The request's number gives the second operator the first turn.
        (
            vec![wish(0, Free::Yes, false), wish(1, Free::Yes, false)],
            1,
            [Free::No, Free::Yes, Free::No, Free::No],
        ),
        (
            vec![wish(0, Free::Yes, true), wish(1, Free::Yes, false)],
            1,
            [Free::Yes, Free::No, Free::No, Free::No],
        ),
        (
            vec![wish(0, Free::Yes, false), wish(1, later, false)],
            1,
            [Free::Yes, Free::No, Free::No, Free::No],
        ),
        (
            vec![wish(0, Free::Yes, false), wish(1, later, false)],
            2,
            [Free::Yes, later, Free::No, Free::No],
        ),
        (Vec::new(), 3, [Free::No; 4]),
    ] {
        assert_eq!(grant(wishes, seats, 4), granted);
    }
}

#[test]
fn a_record_is_compared_in_both_parts() {
    let record = OperatorView {
        operator: AccountId::from([1; 32]),
        slot: 0,
        bond: 0,
        locked: 0,
        unbonding: 0,
        unbonding_until: 0,
        credit: 0,
        registered_at: 0,
        agreed: 7,
        dissented: 1,
        abstained: 2,
        silent: 0,
        no_shows: 3,
        agreement_ppm: 875_000,
        barred: false,
        tickets: 0,
        earned: 0,
        forfeited: 0,
    };
    for (answers, agreement_ppm, enough) in [
        (0, 0, true),
        (10, 875_000, true),
        (11, 875_000, false),
        (10, 875_001, false),
    ] {
        let least = LeastRecord {
            agreement_ppm,
            answers,
        };
        let why = below(&least, &record);
        assert_eq!(why.is_none(), enough, "{why:?}");
        assert!(why.is_none_or(|why| why.contains("10 and 875000 ppm")));
    }
}

fn drawn(drawn: Option<Vec<AccountId>>) -> Option<DrawView> {
    Some(DrawView {
        drawn,
        weak: false,
        opens_to_all_at: 20,
    })
}

#[test]
fn seats_are_open_to_those_drawn_and_later_to_all() {
    let (ours, other) = (AccountId::from([1; 32]), AccountId::from([2; 32]));
    let named = |operators: &[AccountId]| Assignment::Named {
        operators: operators.to_vec(),
    };
    for (assignment, draw, free) in [
        (Assignment::Open, None, Free::Yes),
        (named(&[ours]), None, Free::Yes),
        (named(&[other]), None, Free::No),
        (Assignment::Drawn, drawn(None), Free::Undrawn(20)),
        (Assignment::Drawn, drawn(Some(vec![other, ours])), Free::Yes),
        (Assignment::Drawn, drawn(Some(vec![other])), Free::From(20)),
        (Assignment::Drawn, drawn(Some(Vec::new())), Free::From(20)),
    ] {
        let found = openness(&assignment, draw.as_ref(), &ours);
        assert_eq!(found, free, "{assignment:?} {draw:?}");
    }
}

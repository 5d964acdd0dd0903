//! Edges by name: thresholds, fees that don't divide, the ends of the numbers, and money that nobody
//! asked for.

use llm_oracle_primitives::{
    Answer, AnswerKind, AnswerState, Balance, Error, Margin, Outcome, Params, Quote, RequestId,
    SeatState, limits::share,
};

use crate::{
    world::{
        ASKER, CANNOT_TELL, CARRIER, NO, REWARD, STRANGER, UNIT, World, YES, input, on_chain,
        params, terms,
    },
    zoo::{Zoo, mode},
};

fn outcome(world: &mut World, id: RequestId) -> Outcome {
    match world.answer_of(id) {
        Ok(AnswerState::Final(outcome)) => outcome,
        other => panic!("request {id} has not ended: {other:?}"),
    }
}

/// Asks, and carries the request to its end with these answers.
fn ended(world: &mut World, kind: &AnswerKind, threshold: u8, answers: &[Answer]) -> Outcome {
    let asked = terms(kind.clone(), answers.len() as u8, threshold);
    let id = world.ask(&asked).unwrap();
    world.finish(id, answers);
    outcome(world, id)
}

/// For every number of seats and every threshold: exactly as many as needed, and one less.
#[test]
fn a_threshold_is_met_exactly_and_missed_by_one() {
    let mut world = World::new(7);
    for seats in 1..=7u8 {
        for threshold in seats / 2 + 1..=seats {
            for (short, other) in [
                (false, NO),
                (true, NO),
                (false, CANNOT_TELL),
                (true, CANNOT_TELL),
            ] {
                let agreeing = threshold - u8::from(short);
                let answers: Vec<_> = (0..seats)
                    .map(|seat| if seat < agreeing { YES } else { other.clone() })
                    .collect();
                let ended = ended(&mut world, &AnswerKind::Bool, threshold, &answers);
                let rest = seats - agreeing;
                let context =
                    format!("{agreeing} of {seats}, {threshold} needed, the rest {other:?}");
                match ended {
                    Outcome::Answered {
                        answer: Answer::Bool(true),
                        margin,
                    } => {
                        assert!(!short, "{context}");
                        assert_eq!(margin.agreeing, agreeing, "{context}");
                    }
                    // What the rest says stands when it is enough by itself.
                    Outcome::Answered { .. } => {
                        assert!(rest >= threshold && other == NO, "{context}")
                    }
                    Outcome::Undetermined { .. } => {
                        assert!(rest >= threshold && other == CANNOT_TELL, "{context}");
                    }
                    Outcome::NoConsensus { .. } => assert!(short && rest < threshold, "{context}"),
                    Outcome::Expired => panic!("{context}"),
                }
            }
        }
    }
    for (seats, threshold) in [(2, 1), (4, 2), (3, 4), (3, 0), (1, 2)] {
        let refused = world.ask(&terms(AnswerKind::Bool, seats, threshold));
        assert_eq!(
            refused,
            Err(Error::ThresholdOutOfRange { threshold, seats })
        );
    }
}

#[test]
fn a_tie_is_no_consensus() {
    let mut world = World::new(4);
    let options = [b"a", b"b", b"c"].map(|option| option.to_vec()).to_vec();
    let choice = AnswerKind::Choice { options };
    let tied = [
        Answer::Choice(0),
        Answer::Choice(1),
        Answer::Choice(0),
        Answer::Choice(1),
    ];
    let ended = ended(&mut world, &choice, 3, &tied);
    let Outcome::NoConsensus { margin } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((margin.revealed, margin.agreeing), (4, 2));
}

/// Shares that leave a remainder: nobody gets a planck too much, and the rest goes to the requester.
#[test]
fn a_fee_that_does_not_divide_leaves_its_remainder_to_the_requester() {
    let odd = Params {
        fee_ppm: 123_457,
        effort_ppm: 333_333,
        ..params()
    };
    let mut world = World::with_params(odd, 3);
    let reward = REWARD + 7;
    let asked = terms(AnswerKind::Bool, 3, 2);
    let quote: Result<Quote, Error> = world.view("quote", (&asked, reward));
    let total = quote.unwrap().total;
    for answers in [[YES, YES, YES], [YES, YES, NO], [YES, NO, CANNOT_TELL]] {
        let id: RequestId = world
            .call(ASKER, total, "ask", (&asked, reward, false))
            .unwrap();
        world.finish(id, &answers);
        let view = world.request(id);
        let gross = |state| match (state, &view.outcome) {
            (SeatState::Agreed, _) => reward,
            (SeatState::Dissented | SeatState::Inconclusive, _)
            | (SeatState::Abstained, Some(Outcome::Undetermined { .. })) => {
                share(reward, odd.effort_ppm)
            }
            _ => 0,
        };
        let mut kept = 0;
        for seat in &view.seats {
            let gross = gross(seat.state);
            let fee = gross * 123_457 / 1_000_000;
            assert_eq!(seat.paid, gross - fee, "{:?}", seat.state);
            kept += gross;
        }
        assert_eq!(view.refund, 3 * reward - kept);
        assert_eq!(
            view.fee,
            kept - view.seats.iter().map(|seat| seat.paid).sum::<Balance>()
        );
    }
    let ledger = world.ledger();
    assert_eq!(ledger.balance, ledger.total);
}

/// The ends of the 128-bit numbers.
#[test]
fn numbers_at_their_ends_neither_overflow_nor_agree_by_wrapping() {
    let mut world = World::new(3);
    let kind = |tolerance| AnswerKind::Number {
        scale: 0,
        tolerance,
    };
    let numbers = |values: [i128; 3]| values.map(Answer::Number);
    let (least, most) = (i128::MIN, i128::MAX);
    // Their distance is the greatest there is, one less than 2^128: it does not wrap to one.
    let apart = ended(&mut world, &kind(1), 2, &numbers([least, most, 0]));
    assert!(matches!(apart, Outcome::NoConsensus { .. }), "{apart:?}");
    let all = ended(&mut world, &kind(u128::MAX), 3, &numbers([least, most, 0]));
    let Outcome::Answered { answer, margin } = all else {
        panic!("{all:?}")
    };
    assert_eq!((answer, margin.agreeing), (Answer::Number(0), 3));
    let spread = Margin {
        spread: u128::MAX,
        ..margin
    };
    assert_eq!(margin, spread);
    let same = ended(&mut world, &kind(0), 2, &numbers([least, least, most]));
    assert!(matches!(
        same,
        Outcome::Answered {
            answer: Answer::Number(i128::MIN),
            ..
        }
    ));
    // Amounts that no sum can hold are refused before anything is stored.
    for reward in [u128::MAX, u128::MAX / 3, u128::MAX / 32] {
        let asked = terms(AnswerKind::Bool, 32, 17);
        let quoted: Result<Quote, Error> = world.view("quote", (&asked, reward));
        let given: Result<RequestId, Error> =
            world.call(ASKER, UNIT, "ask", (&asked, reward, false));
        assert!(quoted.is_err() || quoted.is_ok_and(|quote| quote.total > UNIT));
        assert!(
            matches!(given, Err(Error::Overflow | Error::ValueTooLow { .. })),
            "{given:?}"
        );
    }
}

/// One operator says something absurd: the median does not move, and it pays with nothing but its
/// reward.
#[test]
fn one_absurd_number_moves_nothing() {
    let mut world = World::new(5);
    let kind = AnswerKind::Number {
        scale: 2,
        tolerance: 5,
    };
    for absurd in [i128::MAX, i128::MIN, -1, 0] {
        let answers = [1_000, 1_001, absurd, 1_002, 1_003].map(Answer::Number);
        let ended = ended(&mut world, &kind, 3, &answers);
        let Outcome::Answered {
            answer: Answer::Number(number),
            margin,
        } = ended
        else {
            panic!("{ended:?}")
        };
        assert!((1_000..=1_003).contains(&number), "{number}");
        assert_eq!((margin.agreeing, margin.revealed), (4, 5));
        let operator = world.operator(2);
        assert_eq!(operator.bond, params().min_bond, "dissent costs no bond");
    }
}

/// An operator that leaves for good between its commit and its reveal: its seat stays its own.
#[test]
fn an_operator_that_leaves_between_commit_and_reveal_keeps_its_seat() {
    let mut world = World::new(2);
    let id = world.ask(&terms(AnswerKind::Bool, 2, 2)).unwrap();
    for index in [0, 1] {
        world.commit(id, index, &YES).unwrap();
    }
    let leaver = world.operators[0].id;
    let free = params().min_bond - params().seat_bond;
    world.call::<()>(leaver, 0, "unbond", (0u32, free)).unwrap();
    let other = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
    let refused = world.commit(other, 0, &YES);
    assert!(
        matches!(refused, Err(Error::BondTooLow { .. })),
        "{refused:?}"
    );
    for index in [0, 1] {
        world.reveal(id, index, &YES).unwrap();
    }
    let view = world.request(id);
    assert_eq!(view.seats[0].state, SeatState::Agreed);
    assert_eq!(view.seats[0].paid, view.seats[1].paid);
    assert_eq!(world.operator(0).locked, 0);
}

/// Money that comes without a message is nobody's: it moves no book and leaves by no message.
#[test]
fn money_sent_unasked_moves_no_book() {
    let mut zoo = Zoo::new(1);
    let before = zoo.world.ledger();
    let id = zoo.answered(mode::GIFT);
    zoo.behave_with(mode::GIFT, &[], UNIT);
    let total = zoo.world.ledger().total;
    let surplus = |zoo: &mut Zoo| {
        let ledger = zoo.world.ledger();
        ledger.balance - ledger.total
    };
    assert_eq!((before.balance - before.total, surplus(&mut zoo)), (0, 0));
    zoo.world.deliver(id).unwrap();
    let given = surplus(&mut zoo);
    assert_eq!(
        (given, zoo.world.ledger().total),
        (UNIT, total),
        "the callback gave a UNIT"
    );
    for (message, argument) in [
        ("withdraw", zoo.at),
        ("withdraw", CARRIER),
        ("withdraw", STRANGER),
    ] {
        let oracle = on_chain(zoo.world.oracle);
        let call = input(message, &argument);
        zoo.world.sandbox.call(on_chain(STRANGER), oracle, call, 0);
        assert_eq!(surplus(&mut zoo), given);
    }
    // A message that takes no money refuses it instead of keeping it.
    let purse = zoo.world.sandbox.free_balance(&on_chain(STRANGER));
    let paid = zoo.world.send(STRANGER, UNIT, "advance", &id);
    assert!(!paid.succeeded(), "{paid:?}");
    assert_eq!(zoo.world.sandbox.free_balance(&on_chain(STRANGER)), purse);
}

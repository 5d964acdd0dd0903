//! The life of a request, phase by phase.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod common;

use common::{account, terms, World, ASKER, REWARD, TRANSMITTER};
use llm_oracle_primitives::{
    Answer, AnswerKind, AnswerState, Assignment, CallbackLimits, Error, Outcome, Params, Phase,
    Reason, SeatState,
};

const YES: Answer = Answer::Bool(true);
const NO: Answer = Answer::Bool(false);
const CANNOT_TELL: Answer = Answer::Abstain(Reason::Unclear);

fn world() -> World {
    World::new(
        5,
        Params {
            open_delay: 2,
            ..common::dev()
        },
    )
}

fn callback() -> Option<CallbackLimits> {
    Some(CallbackLimits {
        ref_time: 1_000,
        proof_size: 1_000,
        storage_deposit: 1_000,
    })
}

#[test]
fn three_seats_agree_and_are_paid() {
    let mut world = world();
    let id = world.ask(terms(AnswerKind::Bool, 3, 2)).unwrap();
    world.chain.block += 2;
    for (index, answer) in [YES, YES, NO].iter().enumerate() {
        world.commit(id, index, answer).unwrap();
        world.check_books();
    }
    for (index, answer) in [YES, YES, NO].iter().enumerate() {
        world.reveal(id, index, answer).unwrap();
        world.check_books();
    }
    let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
    let Some(Outcome::Answered { answer, margin }) = view.outcome else {
        panic!("{view:?}")
    };
    assert_eq!((answer, margin.agreeing, margin.revealed), (YES, 2, 3));
    let fee = REWARD * 20_000 / 1_000_000;
    assert_eq!(
        view.seats.iter().map(|seat| seat.paid).collect::<Vec<_>>(),
        [REWARD - fee, REWARD - fee, (REWARD - fee) / 4]
    );
    assert_eq!((view.refund, view.fee), (REWARD * 3 / 4, 2 * fee + fee / 4));
    assert_eq!(view.seats[2].state, SeatState::Dissented);
}

#[test]
fn each_phase_takes_its_calls_and_refuses_the_others() {
    let mut world = world();
    let id = world.ask(terms(AnswerKind::Bool, 3, 2)).unwrap();
    let asked = world.chain.block;
    let (opens_at, deadline) = (asked + 2, asked + 12);
    world.chain.block = opens_at - 1;
    assert_eq!(
        world.commit(id, 0, &YES),
        Err(Error::NotOpenYet {
            opens_at,
            now: opens_at - 1
        })
    );
    world.chain.block = opens_at;
    world.commit(id, 0, &YES).unwrap();
    assert_eq!(
        world.commit(id, 0, &NO),
        Err(Error::SeatTakenBySame { slot: 0 })
    );
    assert_eq!(
        world.reveal(id, 0, &YES),
        Err(Error::RevealNotOpen {
            opens_at: deadline + 1,
            now: opens_at
        })
    );
    world.chain.block = deadline;
    world.commit(id, 1, &YES).unwrap();
    world.chain.block = deadline + 1;
    assert_eq!(
        world.commit(id, 2, &YES),
        Err(Error::CommitClosed {
            deadline,
            now: deadline + 1
        })
    );
    world.reveal(id, 0, &YES).unwrap();
    assert_eq!(
        world.reveal(id, 0, &YES),
        Err(Error::AlreadyRevealed { slot: 0 })
    );
    assert_eq!(world.reveal(id, 2, &YES), Err(Error::NoSeat { slot: 2 }));
    let reveal_deadline = deadline + 1 + 10;
    world.chain.block = reveal_deadline;
    let phase = |world: &mut World| {
        world
            .chain
            .call(TRANSMITTER, 0, |oracle| oracle.advance(id))
    };
    assert_eq!(phase(&mut world), Ok(Phase::Revealing));
    world.chain.block = reveal_deadline + 1;
    assert_eq!(
        world.reveal(id, 1, &YES),
        Err(Error::RevealClosed {
            deadline: reveal_deadline,
            now: reveal_deadline + 1
        })
    );
    assert_eq!(phase(&mut world), Ok(Phase::Ended));
    world.check_books();
    let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
    assert!(matches!(view.outcome, Some(Outcome::NoConsensus { .. })));
    assert_eq!(view.seats[1].state, SeatState::Silent);
    assert_eq!(view.seats[1].forfeited, common::dev().seat_bond);
}

#[test]
fn a_full_committee_opens_the_reveals_in_the_same_block() {
    let mut world = world();
    let id = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    world.chain.block += 2;
    world.commit(id, 0, &YES).unwrap();
    assert_eq!(
        world.commit(id, 1, &YES),
        Err(Error::SeatsTaken { seats: 1 })
    );
    world.reveal(id, 0, &YES).unwrap();
    let state = world.chain.view(|oracle| oracle.answer_of(id));
    assert!(
        matches!(state, Ok(AnswerState::Final(Outcome::Answered { .. }))),
        "{state:?}"
    );
}

#[test]
fn an_unfilled_request_expires_and_touches_no_bond() {
    let mut world = world();
    let id = world.ask(terms(AnswerKind::Bool, 3, 2)).unwrap();
    world.chain.block += 2;
    world.commit(id, 0, &YES).unwrap();
    world.chain.block += 11;
    // The end is a function of the block: the view knows it before anyone has called.
    let state = world.chain.view(|oracle| oracle.answer_of(id));
    assert_eq!(state, Ok(AnswerState::Final(Outcome::Expired)));
    world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.advance(id))
        .unwrap();
    world.check_books();
    let operator = world
        .chain
        .view(|oracle| oracle.operators_view(0, 1))
        .remove(0);
    assert_eq!(
        (operator.locked, operator.bond),
        (0, common::dev().min_bond)
    );
    assert_eq!(operator.credit, common::seat_fee());
    let refund = 3 * REWARD + 2 * common::seat_fee();
    assert_eq!(world.chain.view(|oracle| oracle.credit_of(&ASKER)), refund);
}

#[test]
fn abstentions_decide_only_by_threshold() {
    for (answers, undetermined) in [
        ([CANNOT_TELL, CANNOT_TELL, YES], true),
        ([CANNOT_TELL, NO, YES], false),
    ] {
        let mut world = world();
        let id = world.ask(terms(AnswerKind::Bool, 3, 2)).unwrap();
        world.chain.block += 2;
        for (index, answer) in answers.iter().enumerate() {
            world.commit(id, index, answer).unwrap();
        }
        for (index, answer) in answers.iter().enumerate() {
            world.reveal(id, index, answer).unwrap();
        }
        world.check_books();
        let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
        let paid: Vec<_> = view.seats.iter().map(|seat| seat.paid).collect();
        let quarter = REWARD / 4 - REWARD / 4 * 20_000 / 1_000_000;
        if undetermined {
            assert!(matches!(view.outcome, Some(Outcome::Undetermined { .. })));
            assert_eq!(paid, [quarter; 3]);
        } else {
            assert!(matches!(view.outcome, Some(Outcome::NoConsensus { .. })));
            assert_eq!(paid, [0, quarter, quarter]);
        }
    }
}

#[test]
fn only_named_operators_take_seats() {
    let mut world = world();
    let operators = vec![world.operators[1].id, world.operators[3].id];
    let mut terms = terms(AnswerKind::Bool, 2, 2);
    terms.assignment = Assignment::Named { operators };
    let id = world.ask(terms.clone()).unwrap();
    world.chain.block += 2;
    assert_eq!(world.commit(id, 0, &YES), Err(Error::NotNamed { slot: 0 }));
    world.commit(id, 3, &YES).unwrap();
    terms.assignment = Assignment::Named {
        operators: vec![world.operators[1].id, account(9)],
    };
    assert_eq!(
        world.ask(terms),
        Err(Error::NamedNotRegistered { position: 1 })
    );
}

#[test]
fn a_commit_needs_its_operator_or_the_signature() {
    let mut world = world();
    let id = world.ask(terms(AnswerKind::Bool, 3, 2)).unwrap();
    world.chain.block += 2;
    let signed = world.commit_entry(id, 0, &YES);
    let (valid_until, signature) = signed.signature.unwrap();
    let call = |world: &mut World, caller, entry| {
        world.chain.call(caller, 0, |oracle| oracle.commit(entry))
    };
    let own = world.operators[0].id;

    let mut unsigned = signed.clone();
    unsigned.signature = None;
    assert_eq!(
        call(&mut world, TRANSMITTER, unsigned.clone()),
        Err(Error::NotTheOperator { slot: 0 })
    );
    let mut forged = signed.clone();
    forged.commitment[0] ^= 1;
    assert_eq!(
        call(&mut world, TRANSMITTER, forged),
        Err(Error::BadSignature { slot: 0 })
    );
    let mut longer = signed;
    longer.signature = Some((valid_until + 1, signature));
    assert_eq!(
        call(&mut world, TRANSMITTER, longer),
        Err(Error::BadSignature { slot: 0 })
    );
    let mut late = world.commit_entry(id, 0, &YES);
    late.signature = Some((world.chain.block - 1, signature));
    let now = world.chain.block;
    let expired = Error::SignatureExpired {
        valid_until: now - 1,
        now,
    };
    assert_eq!(call(&mut world, TRANSMITTER, late), Err(expired));
    call(&mut world, own, unsigned).unwrap();
}

#[test]
fn a_reveal_must_open_its_own_commitment() {
    let mut world = world();
    let id = world
        .ask(terms(
            AnswerKind::Choice {
                options: vec![b"a".to_vec(), b"b".to_vec()],
            },
            1,
            1,
        ))
        .unwrap();
    world.chain.block += 2;
    world.commit(id, 0, &Answer::Choice(1)).unwrap();
    let before = world.chain.clone();
    for (answer, error) in [
        (Answer::Choice(0), Error::CommitmentMismatch { slot: 0 }),
        (
            Answer::Choice(2),
            Error::OptionOutOfRange {
                choice: 2,
                options: 2,
            },
        ),
        (YES, Error::WrongForm { slot: 0 }),
    ] {
        assert_eq!(world.reveal(id, 0, &answer), Err(error));
    }
    let mut forged = world.reveal_entry(id, 0, &Answer::Choice(1));
    forged.signature[0] ^= 1;
    let result = world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.reveal(forged));
    assert_eq!(result, Err(Error::BadSignature { slot: 0 }));
    assert_eq!(world.chain, before, "a refused reveal changes nothing");
    world.reveal(id, 0, &Answer::Choice(1)).unwrap();
}

#[test]
fn one_step_answers_settle_at_once() {
    let mut world = world();
    let mut terms = terms(AnswerKind::Bool, 1, 1);
    terms.one_step = true;
    let id = world.ask(terms).unwrap();
    world.chain.block += 2;
    assert_eq!(world.commit(id, 0, &YES), Err(Error::OneStepMismatch));
    let entry = world.answer_entry(id, 0, &YES);
    // The signature covers no salt, so there is one only.
    let mut salted = entry.clone();
    salted.salt[31] = 1;
    let refused = world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.answer(salted));
    assert_eq!(refused, Err(Error::SaltNotZero { slot: 0 }));
    world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.answer(entry))
        .unwrap();
    world.check_books();
    let state = world.chain.view(|oracle| oracle.answer_of(id));
    assert!(matches!(
        state,
        Ok(AnswerState::Final(Outcome::Answered { answer: YES, .. }))
    ));
}

#[test]
fn a_batch_undoes_nothing_for_an_entry_that_fails() {
    let mut world = world();
    let first = world.ask(terms(AnswerKind::Bool, 3, 2)).unwrap();
    let second = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    world.chain.block += 2;
    let mut missing = world.commit_entry(first, 2, &YES);
    missing.request_id = 99;
    let entries = vec![
        world.commit_entry(first, 0, &YES),
        world.commit_entry(first, 0, &YES),
        world.commit_entry(first, 1, &YES),
        missing,
        world.commit_entry(second, 0, &NO),
    ];
    let results = world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.commit_batch(entries))
        .unwrap();
    assert_eq!(
        results,
        [
            Ok(()),
            Err(Error::SeatTakenBySame { slot: 0 }),
            Ok(()),
            Err(Error::NoSuchRequest { request_id: 99 }),
            Ok(())
        ]
    );
    world.check_books();
    let summaries = world.chain.view(|oracle| oracle.summaries(0, 10));
    assert_eq!(
        summaries
            .iter()
            .map(|one| one.committed)
            .collect::<Vec<_>>(),
        [2, 1]
    );
}

#[test]
fn pruning_leaves_nothing_and_returns_the_unearned_escrow() {
    let mut world = world();
    let cells = world.chain.cells();
    let mut terms = terms(AnswerKind::Bool, 1, 1);
    terms.callback = callback();
    let id = world.ask(terms).unwrap();
    let prune = |world: &mut World, who| world.chain.call(who, 0, |oracle| oracle.prune(id));
    assert_eq!(prune(&mut world, ASKER), Err(Error::NotEnded));
    world.chain.block += 2 + 11;
    let ended = world.chain.block;
    let from = ended + common::dev().delivery_blocks;
    assert_eq!(
        prune(&mut world, ASKER),
        Err(Error::NotPrunableYet { from, now: ended })
    );
    let from_anyone = ended + common::dev().retention_blocks;
    assert_eq!(
        prune(&mut world, TRANSMITTER),
        Err(Error::NotPrunableYet {
            from: from_anyone,
            now: ended
        })
    );
    world.chain.block = from;
    prune(&mut world, ASKER).unwrap();
    world.check_books();
    assert_eq!(
        prune(&mut world, ASKER),
        Err(Error::NoSuchRequest { request_id: id })
    );
    let owed = world.chain.view(|oracle| oracle.credit_of(&ASKER));
    world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.withdraw(&ASKER))
        .unwrap();
    assert_eq!(world.chain.paid[&ASKER], owed);
    assert_eq!(world.chain.cells(), cells, "every insert has its removal");
    assert_eq!(
        world
            .chain
            .call(TRANSMITTER, 0, |oracle| oracle.withdraw(&ASKER)),
        Err(Error::NoCredit)
    );
    world.check_books();
}

#[test]
fn the_cell_of_a_request_never_changes_its_size() {
    use scale::Encode;
    let mut world = world();
    let mut terms = terms(
        AnswerKind::Number {
            scale: 2,
            tolerance: 5,
        },
        3,
        2,
    );
    terms.callback = callback();
    let id = world.ask(terms).unwrap();
    let size = world.chain.stored(id).unwrap().encoded_size();
    world.chain.block += 2;
    for index in 0..3 {
        world
            .commit(id, index, &Answer::Number(i128::MAX - index as i128))
            .unwrap();
        assert_eq!(world.chain.stored(id).unwrap().encoded_size(), size);
    }
    for index in 0..3 {
        world
            .reveal(id, index, &Answer::Number(i128::MAX - index as i128))
            .unwrap();
        assert_eq!(world.chain.stored(id).unwrap().encoded_size(), size);
    }
    world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.deliver(id))
        .unwrap();
    assert_eq!(world.chain.stored(id).unwrap().encoded_size(), size);
}

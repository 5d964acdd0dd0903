//! The life of a request, and who may do what in it.

use codec::Encode;
use llm_oracle_primitives::{
    AnswerKind, AnswerState, Assignment, CommitEntry, Error, Outcome, Phase, RevealEntry,
    SeatState, digest, limits::MAX_BATCH_ENTRIES,
};
use llm_oracle_sandbox::Limits;

use crate::{
    keys::{Operator, answer_entry, commit_entry},
    world::{ASKER, Batch, CARRIER, NO, REWARD, STRANGER, World, YES, returned, terms},
};

/// Operators of a full house: at their greatest bond they fit one cell of accounts and a half.
const MOST_SEATS: u8 = 32;

#[test]
fn whole_life_with_thirty_two_seats() {
    let mut world = World::new(MOST_SEATS);
    let id = world.ask(&terms(AnswerKind::Bool, MOST_SEATS, 17)).unwrap();
    let answers: Vec<_> = (0..MOST_SEATS)
        .map(|seat| if seat < 20 { YES } else { NO })
        .collect();
    world.finish(id, &answers);
    let view = world.request(id);
    let Some(Outcome::Answered { answer, margin }) = view.outcome else {
        panic!("{view:?}")
    };
    assert_eq!(
        (answer, margin.agreeing, margin.revealed, margin.seats),
        (YES, 20, 32, 32)
    );
    assert!(view.summary.settled);
    let fee = REWARD * 20_000 / 1_000_000;
    for seat in &view.seats {
        let agreed = seat.slot < 20;
        let state = if agreed {
            SeatState::Agreed
        } else {
            SeatState::Dissented
        };
        assert_eq!(
            (seat.state, seat.paid),
            (
                state,
                if agreed {
                    REWARD - fee
                } else {
                    (REWARD - fee) / 4
                }
            )
        );
    }
    assert_eq!((view.refund, view.fee), (9 * REWARD, 23 * fee));
    let before = world.sandbox.free_balance(&crate::world::on_chain(ASKER));
    assert_eq!(world.call(STRANGER, 0, "withdraw", ASKER), Ok(9 * REWARD));
    let after = world.sandbox.free_balance(&crate::world::on_chain(ASKER));
    assert_eq!(after - before, 9 * REWARD);
    world.pass(10);
    assert_eq!(world.call::<()>(ASKER, 0, "prune", id), Ok(()));
    assert_eq!(
        world.answer_of(id),
        Err(Error::NoSuchRequest { request_id: id })
    );
}

#[test]
fn batches_have_limits_and_a_bad_entry_spoils_no_other() {
    let mut world = World::new(3);
    let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
    let most = MAX_BATCH_ENTRIES;
    let entry = world.commit_entry(id, 0, &YES);
    for entries in [0, most + 1] {
        let batch = vec![entry.clone(); entries as usize];
        let refused = world.call::<Batch>(CARRIER, 0, "commit_batch", batch);
        assert_eq!(refused, Err(Error::BatchSize { entries, most }));
    }
    let mut strange = world.commit_entry(id, 1, &YES);
    strange.commitment = [9; 32];
    let missing = CommitEntry {
        request_id: 77,
        ..entry.clone()
    };
    let second = world.commit_entry(id, 1, &YES);
    let third = world.commit_entry(id, 2, &YES);
    let batch = vec![entry.clone(), strange, missing, entry, second, third];
    let results: Batch = world.call(CARRIER, 0, "commit_batch", batch).unwrap();
    let expected: Batch = vec![
        Ok(()),
        Err(Error::BadSignature { slot: 1 }),
        Err(Error::NoSuchRequest { request_id: 77 }),
        Err(Error::SeatTakenBySame { slot: 0 }),
        Ok(()),
        Ok(()),
    ];
    assert_eq!(results, expected);
    assert_eq!(world.request(id).summary.committed, 3);
}

#[test]
fn a_batch_of_most_entries_fits_a_transaction() {
    let mut world = World::new(2);
    let ids: Vec<_> = (0..MAX_BATCH_ENTRIES / 2)
        .map(|_| world.ask(&terms(AnswerKind::Bool, 2, 2)).unwrap())
        .collect();
    let (mut commits, mut reveals) = (Vec::new(), Vec::new());
    for id in ids {
        for index in [0, 1] {
            commits.push(world.commit_entry(id, index, &YES));
            reveals.push(world.reveal_entry(id, index, &YES));
        }
    }
    let fine: Batch = vec![Ok(()); MAX_BATCH_ENTRIES as usize];
    assert_eq!(
        world.call(CARRIER, 0, "commit_batch", commits),
        Ok(fine.clone())
    );
    assert_eq!(world.call(CARRIER, 0, "reveal_batch", reveals), Ok(fine));
}

#[test]
fn a_batch_that_runs_low_says_what_was_not_tried() {
    let mut world = World::new(3);
    let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
    let batch: Vec<_> = (0..3)
        .map(|index| world.commit_entry(id, index, &YES))
        .collect();
    let mut limits = Limits::default();
    let reserve = llm_oracle_primitives::limits::BATCH_RESERVE_REF_TIME;
    limits.gas = limits.gas.set_ref_time(reserve + 500_000_000);
    let outcome = world.send_with(CARRIER, 0, "commit_batch", &batch, limits);
    let results: Batch = returned::<Result<_, Error>>(&outcome).unwrap().unwrap();
    let tried = results.iter().filter(|result| **result == Ok(())).count();
    assert!(tried < 3, "{results:?}");
    assert_eq!(results.last(), Some(&Err(Error::NotTried)));
    assert_eq!(usize::from(world.request(id).summary.committed), tried);
    let again: Batch = world
        .call(CARRIER, 0, "commit_batch", &batch[tried..])
        .unwrap();
    assert!(again.iter().all(Result::is_ok), "{again:?}");
}

/// Sends entries in batches, each with all that the one before has not tried, and says how many it took.
fn in_batches(world: &mut World, message: &str, mut entries: Vec<impl Encode>) -> u32 {
    let mut batches = 0;
    while !entries.is_empty() {
        let results: Batch = world.call(CARRIER, 0, message, &entries).unwrap();
        let tried = results.iter().take_while(|result| result.is_ok()).count();
        let mut rest = results.iter().skip(tried);
        assert!(
            rest.all(|result| *result == Err(Error::NotTried)),
            "{results:?}"
        );
        assert!(
            tried > 0,
            "{message}: nothing of {} was tried",
            entries.len()
        );
        entries.drain(..tried);
        batches += 1;
    }
    batches
}

/// A contract's memory is never given back, and 1 MiB is all there is: without a look at what is left, this
/// many requests end in a trap, which undoes all that was done for others.
#[test]
fn a_batch_that_fills_the_memory_says_what_was_not_tried() {
    for (seats, requests) in [(3, 64), (7, 64), (MOST_SEATS, 16)] {
        let mut world = World::new(seats);
        let asked = terms(AnswerKind::Bool, seats, seats);
        let ids: Vec<_> = (0..requests).map(|_| world.ask(&asked).unwrap()).collect();
        let (mut commits, mut reveals) = (0, 0);
        for index in 0..usize::from(seats) {
            let entries = ids.iter().map(|id| world.commit_entry(*id, index, &YES));
            let entries: Vec<_> = entries.collect();
            commits += in_batches(&mut world, "commit_batch", entries);
        }
        for index in 0..usize::from(seats) {
            let entries = ids.iter().map(|id| world.reveal_entry(*id, index, &YES));
            let entries: Vec<_> = entries.collect();
            reveals += in_batches(&mut world, "reveal_batch", entries);
        }
        println!(
            "{requests} requests of {seats} seats: {commits} batches of commits, {reveals} of reveals"
        );
        for id in ids {
            assert!(world.request(id).summary.settled);
        }
    }
}

#[test]
fn a_strangers_commit_is_refused() {
    let mut world = World::new(1);
    let id = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
    let context = world.context(id, 0);
    let unregistered = Operator {
        slot: 9,
        ..Operator::new(99)
    };
    let entry = commit_entry(&unregistered, &context, &YES, 100);
    assert_eq!(
        world.call::<()>(CARRIER, 0, "commit", entry),
        Err(Error::NoSuchOperator { slot: 9 })
    );
    // Somebody else's seat, without and with somebody else's signature.
    let entry = CommitEntry {
        signature: None,
        ..world.commit_entry(id, 0, &YES)
    };
    assert_eq!(
        world.call::<()>(STRANGER, 0, "commit", entry),
        Err(Error::NotTheOperator { slot: 0 })
    );
    let thief = Operator {
        slot: 0,
        ..unregistered
    };
    let entry = commit_entry(&thief, &context, &YES, 100);
    let refused = Err(Error::BadSignature { slot: 0 });
    assert_eq!(world.call::<()>(CARRIER, 0, "commit", entry), refused);
    assert_eq!(world.request(id).summary.committed, 0);
}

#[test]
fn bad_and_expired_signatures_are_refused() {
    let mut world = World::new(2);
    let id = world.ask(&terms(AnswerKind::Bool, 2, 2)).unwrap();
    let good = world.commit_entry(id, 0, &YES);
    let (until, signature) = good.signature.unwrap();
    for byte in [0, 31, 32, 63] {
        let mut signature = signature;
        signature[byte] ^= 1;
        let entry = CommitEntry {
            signature: Some((until, signature)),
            ..good.clone()
        };
        let refused = Err(Error::BadSignature { slot: 0 });
        assert_eq!(
            world.call::<()>(CARRIER, 0, "commit", entry),
            refused,
            "byte {byte}"
        );
    }
    let (context, now) = (world.context(id, 0), world.block());
    let late = commit_entry(&world.operators[0].clone(), &context, &YES, now - 1);
    let refused = Err(Error::SignatureExpired {
        valid_until: now - 1,
        now,
    });
    assert_eq!(world.call::<()>(CARRIER, 0, "commit", late), refused);
    for index in [0, 1] {
        world.commit(id, index, &YES).unwrap();
    }
    let mut entry: RevealEntry = world.reveal_entry(id, 0, &YES);
    entry.signature[5] ^= 1;
    let refused = Err(Error::BadSignature { slot: 0 });
    assert_eq!(world.call::<()>(CARRIER, 0, "reveal", entry), refused);
}

#[test]
fn phase_boundary() {
    let mut world = World::with_params(
        llm_oracle_primitives::Params {
            open_delay: 2,
            ..crate::world::params()
        },
        3,
    );
    let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
    let opens_at = world.block() + 2;
    let deadline = opens_at + 10;
    world.sandbox.advance_to(opens_at - 1);
    let refused = Err(Error::NotOpenYet {
        opens_at,
        now: opens_at - 1,
    });
    assert_eq!(world.commit(id, 0, &YES), refused);
    world.sandbox.advance_to(opens_at);
    assert_eq!(world.commit(id, 0, &YES), Ok(()));
    world.sandbox.advance_to(deadline);
    assert_eq!(world.commit(id, 1, &YES), Ok(()));
    let refused = Err(Error::RevealNotOpen {
        opens_at: deadline + 1,
        now: deadline,
    });
    assert_eq!(world.reveal(id, 0, &YES), refused);
    world.sandbox.advance_to(deadline + 1);
    let refused = Err(Error::CommitClosed {
        deadline,
        now: deadline + 1,
    });
    assert_eq!(world.commit(id, 2, &YES), refused);
    assert_eq!(world.reveal(id, 0, &YES), Ok(()));
    let last = deadline + 1 + 10;
    world.sandbox.advance_to(last);
    assert_eq!(world.call(STRANGER, 0, "advance", id), Ok(Phase::Revealing));
    assert_eq!(world.answer_of(id), Ok(AnswerState::Pending));
    world.sandbox.advance_to(last + 1);
    let refused = Err(Error::RevealClosed {
        deadline: last,
        now: last + 1,
    });
    assert_eq!(world.reveal(id, 1, &YES), refused);
    let known = world.answer_of(id);
    assert!(
        matches!(known, Ok(AnswerState::Final(Outcome::NoConsensus { .. }))),
        "{known:?}"
    );
    assert!(!world.request(id).summary.settled);
    assert_eq!(world.call(STRANGER, 0, "advance", id), Ok(Phase::Ended));
    assert!(world.request(id).summary.settled);
    assert_eq!(world.answer_of(id), known);
    assert_eq!(world.request(id).seats[1].state, SeatState::Silent);
    let bond = world.config.params.min_bond - world.config.params.seat_bond;
    assert_eq!(world.operator(1).bond, bond);
    assert_eq!(world.operator(1).locked, 0);
}

#[test]
fn a_named_request_takes_only_those_named() {
    let mut world = World::new(4);
    let mut asked = terms(
        AnswerKind::Number {
            scale: 2,
            tolerance: 5,
        },
        2,
        2,
    );
    let named = |world: &World, of: &[usize]| Assignment::Named {
        operators: of.iter().map(|index| world.operators[*index].id).collect(),
    };
    asked.assignment = Assignment::Named {
        operators: vec![world.operators[1].id, STRANGER],
    };
    assert_eq!(
        world.ask(&asked),
        Err(Error::NamedNotRegistered { position: 1 })
    );
    asked.assignment = named(&world, &[1, 1]);
    assert_eq!(world.ask(&asked), Err(Error::NamedTwice));
    asked.assignment = named(&world, &[3, 1, 2]);
    let id = world.ask(&asked).unwrap();
    let number = llm_oracle_primitives::Answer::Number;
    assert_eq!(
        world.commit(id, 0, &number(1)),
        Err(Error::NotNamed { slot: 0 })
    );
    world.commit(id, 1, &number(103)).unwrap();
    world.commit(id, 3, &number(100)).unwrap();
    world.reveal(id, 3, &number(100)).unwrap();
    world.reveal(id, 1, &number(103)).unwrap();
    let view = world.request(id);
    let Some(Outcome::Answered { answer, margin }) = view.outcome else {
        panic!("{view:?}")
    };
    assert_eq!((answer, margin.spread), (number(100), 3));
}

#[test]
fn one_step_answers_in_one_call() {
    let mut world = World::new(2);
    let mut asked = terms(AnswerKind::Bool, 1, 1);
    asked.one_step = true;
    let ids = [world.ask(&asked).unwrap(), world.ask(&asked).unwrap()];
    let refused = Err(Error::OneStepMismatch);
    assert_eq!(world.commit(ids[0], 0, &YES), refused);
    let entries = ids.map(|id| {
        let context = world.context(id, 0);
        answer_entry(&world.operators[0], &context, &YES)
    });
    let swapped = llm_oracle_primitives::AnswerEntry {
        request_id: ids[1],
        ..entries[0].clone()
    };
    let refused = Err(Error::BadSignature { slot: 0 });
    assert_eq!(world.call::<()>(CARRIER, 0, "answer", swapped), refused);
    assert_eq!(
        world.call::<()>(CARRIER, 0, "answer", entries[0].clone()),
        Ok(())
    );
    let rest: Batch = world
        .call(CARRIER, 0, "answer_batch", entries.to_vec())
        .unwrap();
    assert_eq!(rest, [Err(Error::SeatTakenBySame { slot: 0 }), Ok(())]);
    let seat = &world.request(ids[1]).seats[0];
    let opened = digest::evidence(&seat.salt.unwrap(), b"{}");
    assert_eq!(
        opened, seat.evidence,
        "the evidence opens with what the chain has"
    );
    for id in ids {
        assert!(matches!(
            world.answer_of(id),
            Ok(AnswerState::Final(Outcome::Answered { .. }))
        ));
    }
}

/// Its signature covers no salt: a carrier that puts in another is refused, and the answer goes through
/// with the one salt that there is.
#[test]
fn nobody_can_change_the_salt_of_a_one_step_answer() {
    let mut world = World::new(1);
    let mut asked = terms(AnswerKind::Bool, 1, 1);
    asked.one_step = true;
    let id = world.ask(&asked).unwrap();
    let context = world.context(id, 0);
    let entry = answer_entry(&world.operators[0], &context, &YES);
    for byte in [0, 31] {
        let mut other = entry.clone();
        other.salt[byte] = 1;
        let refused = world.call::<()>(CARRIER, 0, "answer", other);
        assert_eq!(refused, Err(Error::SaltNotZero { slot: 0 }));
    }
    assert_eq!(world.request(id).summary.committed, 0);
    assert_eq!(world.call::<()>(CARRIER, 0, "answer", entry), Ok(()));
}

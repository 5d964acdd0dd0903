//! Who may take a seat, and when: sets, families, track records, and requests that wait.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{account, dev, terms, Operator, World, ASKER, TRANSMITTER};
use llm_oracle_primitives::{
    digest, AccountId, Answer, AnswerKind, AnswerState, Assignment, Error, LeastRecord, Outcome,
    Phase, Reason, RequestId, SeatState, Terms,
};
use llm_oracle_rules::Profile;

const YES: Answer = Answer::Bool(true);
const NO: Answer = Answer::Bool(false);

fn publish(world: &mut World, operators: &[AccountId]) -> Result<u32, Error> {
    let call = |oracle: &mut llm_oracle_rules::Oracle<&mut llm_oracle_rules::MemoryHost>| {
        oracle.publish_set(operators)
    };
    world.chain.call(ASKER, 0, call)
}

fn ids(world: &World, which: &[usize]) -> Vec<AccountId> {
    which.iter().map(|one| world.operators[*one].id).collect()
}

fn of(assignment: Assignment) -> Terms {
    Terms {
        assignment,
        ..terms(AnswerKind::Bool, 3, 2)
    }
}

fn answered(world: &mut World, id: RequestId, answers: &[(usize, Answer)]) {
    for (index, answer) in answers {
        world.commit(id, *index, answer).unwrap();
    }
    for (index, answer) in answers {
        world.reveal(id, *index, answer).unwrap();
    }
    world.check_books();
}

#[test]
fn a_set_is_numbered_immutable_and_takes_strangers_no_seat() {
    let mut world = World::new(6, dev());
    let members = ids(&world, &[4, 0, 2, 5]);
    assert_eq!(publish(&mut world, &members), Ok(0));
    let view = world.chain.view(|oracle| oracle.set_view(0)).unwrap();
    assert_eq!((view.publisher, view.slots), (ASKER, vec![0, 2, 4, 5]));
    let id = world.ask(of(Assignment::Set(0))).unwrap();
    for stranger in [1, 3] {
        let slot = world.operators[stranger].slot;
        let refused = Err(Error::NotInSet { slot, set: 0 });
        assert_eq!(world.commit(id, stranger, &YES), refused);
    }
    answered(&mut world, id, &[(5, YES), (0, YES), (4, NO)]);
    // A set with the same members is another one.
    assert_eq!(publish(&mut world, &members), Ok(1));
    assert_eq!(world.chain.view(|oracle| oracle.config()).sets, 2);
}

#[test]
fn a_set_that_no_request_could_use_is_refused() {
    let mut world = World::new(3, dev());
    let two = ids(&world, &[0, 0]);
    assert_eq!(publish(&mut world, &two), Err(Error::NamedTwice));
    let unknown = [world.operators[0].id, account(9)];
    let refused = Err(Error::NamedNotRegistered { position: 1 });
    assert_eq!(publish(&mut world, &unknown), refused);
    let size = |operators, least| Error::SetSize {
        operators,
        least,
        most: 256,
    };
    assert_eq!(publish(&mut world, &[]), Err(size(0, 1)));
    let many = vec![world.operators[0].id; 257];
    assert_eq!(publish(&mut world, &many), Err(size(257, 1)));
    let small = ids(&world, &[0, 1]);
    assert_eq!(publish(&mut world, &small), Ok(0));
    assert_eq!(world.ask(of(Assignment::Set(0))), Err(size(2, 3)));
}

/// A request that could only expire is refused; one operator that leaves stops nobody who names it.
#[test]
fn a_committee_of_which_too_few_can_take_a_seat_is_refused_at_the_ask() {
    let mut world = World::new(3, dev());
    let named = of(Assignment::Named {
        operators: ids(&world, &[0, 1, 2]),
    });
    let leave = |world: &mut World, index: usize| {
        let (id, slot) = (world.operators[index].id, world.operators[index].slot);
        let all = u128::MAX;
        let unbond = world.chain.call(id, 0, |oracle| oracle.unbond(slot, all));
        unbond.unwrap();
    };
    leave(&mut world, 1);
    let id = world.ask(named.clone()).unwrap();
    for index in [0, 2] {
        world.commit(id, index, &YES).unwrap();
    }
    world.chain.block += 11;
    for index in [0, 2] {
        world.reveal(id, index, &YES).unwrap();
    }
    let answer = world.chain.view(|oracle| oracle.answer_of(id));
    assert!(matches!(
        answer,
        Ok(AnswerState::Final(Outcome::Answered { .. }))
    ));
    leave(&mut world, 2);
    assert_eq!(world.ask(named), Err(Error::NamedNotReady { position: 1 }));
}

#[test]
fn a_family_takes_no_more_seats_than_the_terms_say() {
    let mut world = World::new(2, dev());
    for (seed, family) in [(101, "a-1"), (102, "a-1"), (103, "b-2"), (104, "b-2")] {
        let mut operator = Operator::new(seed);
        let (owner, family) = (operator.id, family.as_bytes().to_vec());
        let profile = Profile { owner, family };
        operator.slot = world
            .register_as(&operator, dev().min_bond, profile)
            .unwrap();
        world.operators.push(operator);
    }
    let mixed = Terms {
        max_seats_per_family: 1,
        ..terms(AnswerKind::Bool, 3, 3)
    };
    let id = world.ask(mixed).unwrap();
    let full = |slot| Err(Error::FamilyFull { slot, most: 1 });
    // Those that declare nothing are one family.
    world.commit(id, 0, &YES).unwrap();
    assert_eq!(world.commit(id, 1, &YES), full(1));
    world.commit(id, 2, &YES).unwrap();
    assert_eq!(world.commit(id, 3, &YES), full(3));
    // Another declaration is another family, for the next seat.
    let key = world.operators[3].id;
    let declared = world
        .chain
        .call(key, 0, |oracle| oracle.declare_family(3, b"b-2".to_vec()));
    assert_eq!(declared, Ok(()));
    world.commit(id, 3, &YES).unwrap();
    for index in [0, 2, 3] {
        world.reveal(id, index, &YES).unwrap();
    }
    let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
    let families: Vec<_> = view.seats.iter().map(|seat| seat.family).collect();
    let tag = |family: &str| digest::family_tag(family.as_bytes());
    assert_eq!(families, [[0; 4], tag("a-1"), tag("b-2")]);
    let margin = view.outcome.unwrap().margin().unwrap();
    assert_eq!((margin.families, margin.confidence), (3, common::SURE));
    // Only the operator and its owner declare, and not at any length.
    let declare = |world: &mut World, who, family: Vec<u8>| {
        world
            .chain
            .call(who, 0, |oracle| oracle.declare_family(3, family))
    };
    let stranger = declare(&mut world, ASKER, vec![1]);
    assert_eq!(stranger, Err(Error::NotTheOperator { slot: 3 }));
    let long = Err(Error::FamilyLength {
        bytes: 33,
        most: 32,
    });
    assert_eq!(declare(&mut world, key, vec![b'x'; 33]), long);
}

#[test]
fn a_request_waits_for_its_first_block() {
    let mut world = World::new(3, dev());
    let later = Terms {
        not_before: 50,
        ..terms(AnswerKind::Bool, 3, 2)
    };
    let id = world.ask(later).unwrap();
    let summary = |world: &mut World| world.chain.view(|oracle| oracle.summaries(id, 1)).remove(0);
    let it = summary(&mut world);
    assert_eq!((it.phase, it.opens_at), (Phase::Waiting, 50));
    assert_eq!((it.commit_deadline, it.reveal_deadline), (60, 71));
    world.chain.block = 49;
    let soon = Err(Error::NotOpenYet {
        opens_at: 50,
        now: 49,
    });
    assert_eq!(world.commit(id, 0, &YES), soon);
    let advanced = world.chain.call(ASKER, 0, |oracle| oracle.advance(id));
    assert_eq!(advanced, Ok(Phase::Waiting));
    world.chain.block = 50;
    assert_eq!(summary(&mut world).phase, Phase::Committing);
    answered(&mut world, id, &[(0, YES), (1, YES), (2, NO)]);
    assert_eq!(summary(&mut world).phase, Phase::Ended);
}

/// No dissent where nobody was right, and no answer counted that was never compared with a result.
#[test]
fn a_request_without_a_result_is_no_dissent_on_any_record() {
    let mut world = World::new(3, dev());
    let id = world.ask(terms(AnswerKind::Bool, 3, 3)).unwrap();
    answered(&mut world, id, &[(0, YES), (1, YES), (2, NO)]);
    let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
    assert!(matches!(view.outcome, Some(Outcome::NoConsensus { .. })));
    for seat in &view.seats {
        assert_eq!(seat.state, SeatState::Inconclusive);
        assert_eq!(seat.answer.is_some(), seat.confidence.is_some());
    }
    for operator in world.chain.view(|oracle| oracle.operators_view(0, 3)) {
        assert_eq!((operator.agreed, operator.dissented), (0, 0));
    }
    let least = LeastRecord {
        agreement_ppm: 0,
        answers: 1,
    };
    let id = world.ask(of(Assignment::Open { least })).unwrap();
    let refused = Err(Error::RecordTooLow {
        answers: 0,
        agreement_ppm: 0,
    });
    assert_eq!(world.commit(id, 0, &YES), refused);
}

#[test]
fn answers_that_are_not_sure_enough_are_undetermined_and_paid_as_work() {
    let mut world = World::new(3, dev());
    let sure = Terms {
        min_confidence: common::SURE + 1,
        ..terms(AnswerKind::Bool, 3, 2)
    };
    let id = world.ask(sure).unwrap();
    let unclear = Answer::Abstain(Reason::SourceMissing);
    answered(&mut world, id, &[(0, YES), (1, YES), (2, unclear)]);
    let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
    let Some(Outcome::Undetermined { margin }) = view.outcome else {
        panic!("{view:?}");
    };
    assert_eq!((margin.agreeing, margin.confidence), (2, common::SURE));
    assert_eq!(margin.abstained, [0, 0, 0, 1, 0, 0]);
    let effort = common::REWARD / 4 - common::REWARD / 4 / 50;
    for seat in &view.seats {
        assert_eq!(seat.paid, effort);
    }
}

#[test]
fn a_confidence_above_a_hundred_is_refused_and_another_one_opens_no_commitment() {
    let mut world = World::new(3, dev());
    let id = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    world.commit(id, 0, &YES).unwrap();
    let mut entry = world.reveal_entry(id, 0, &YES);
    for (confidence, error) in [
        (101, Error::ConfidenceOutOfRange { confidence: 101 }),
        (common::SURE - 1, Error::CommitmentMismatch { slot: 0 }),
    ] {
        entry.confidence = confidence;
        let entry = entry.clone();
        let refused = world
            .chain
            .call(TRANSMITTER, 0, |oracle| oracle.reveal(entry));
        assert_eq!(refused, Err(error));
    }
    world.reveal(id, 0, &YES).unwrap();
}

/// Nobody has to read history to start.
#[test]
fn the_lowest_open_id_follows_what_has_been_settled_and_an_operator_knows_its_first() {
    let mut world = World::new(1, dev());
    let ask = |world: &mut World| world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    let lowest = |world: &mut World| world.chain.view(|oracle| oracle.lowest_open_id());
    for id in 0..6 {
        assert_eq!(ask(&mut world), id);
    }
    assert_eq!(lowest(&mut world), 0);
    for id in [1, 2, 3, 0] {
        answered(&mut world, id, &[(0, YES)]);
    }
    world.chain.block += 300;
    world
        .chain
        .call(ASKER, 0, |oracle| oracle.prune(1))
        .unwrap();
    // Two steps with each ask: no call ever walks over many.
    for expected in [2, 4, 4] {
        let next = ask(&mut world);
        assert_eq!(lowest(&mut world), expected, "after {next}");
    }
    let late = Operator::new(77);
    world.register(&late, dev().min_bond).unwrap();
    let view = world.chain.view(|oracle| oracle.operator_view(&late.id));
    assert_eq!(view.unwrap().first_id, 9);
}

//! What was signed for one thing is worth nothing for another.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{terms, World, ASKER, TRANSMITTER};
use llm_oracle_primitives::{digest, AccountId, Answer, AnswerKind, Error, Hash};
use llm_oracle_rules::{MemoryHost, Profile};

const YES: Answer = Answer::Bool(true);

/// Whoever sees an answer in one step on its way can't take it for its own; that it gives the same one
/// itself is what the terms allow, and the documentation warns of.
#[test]
fn a_one_step_answer_on_its_way_is_worth_nothing_under_another_name() {
    let mut world = World::new(2, common::dev());
    let mut terms = terms(AnswerKind::Bool, 1, 1);
    terms.one_step = true;
    let id = world.ask(terms).unwrap();
    let seen = world.answer_entry(id, 0, &YES);
    let slot = world.operators[1].slot;
    let mut taken = seen.clone();
    taken.slot = slot;
    let refused = world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.answer(taken));
    assert_eq!(refused, Err(Error::BadSignature { slot }));
    let imitated = world.answer_entry(id, 1, &YES);
    let first = world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.answer(imitated));
    assert_eq!(first, Ok(()));
    let late = world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.answer(seen));
    assert_eq!(late, Err(Error::SeatsTaken { seats: 1 }));
}

/// A registration is good for one deployment. After a full exit it is good again, with somebody's money.
#[test]
fn a_registration_is_worth_nothing_elsewhere_and_nothing_twice() {
    let params = common::dev();
    let mut world = World::new(1, params);
    let slot = world.operators[0].slot;
    let id = world.operators[0].id;
    let register = |world: &mut World, domain: Hash, contract: AccountId| {
        let message = digest::register_message(&domain, &contract, &id, &id, b"");
        let signature = world.operators[0].sign(&message);
        let bond = params.min_bond;
        world.chain.call(TRANSMITTER, bond, |oracle| {
            let family = Vec::new();
            oracle.register(id, Profile { owner: id, family }, &signature)
        })
    };
    let (here, domain) = (MemoryHost::address(), world.chain.domain());
    let bad = Err(Error::BadSignature { slot });
    assert_eq!(register(&mut world, [9; 32], here), bad);
    assert_eq!(register(&mut world, domain, ASKER), bad);
    let twice = Err(Error::AlreadyRegistered { slot });
    assert_eq!(register(&mut world, domain, here), twice);
    let chain = &mut world.chain;
    let unbond = chain.call(id, 0, |oracle| oracle.unbond(slot, params.min_bond));
    assert_eq!(unbond, Ok(()));
    chain.block += params.unbonding_blocks;
    let released = chain.call(TRANSMITTER, 0, |oracle| oracle.release(slot));
    assert_eq!(released, Ok(params.min_bond));
    assert_eq!(register(&mut world, domain, here), Ok(slot));
    world.check_books();
}

//! The owner's powers, and an operator that signs two answers.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{account, terms, World, ASKER, TRANSMITTER};
use llm_oracle_primitives::{
    digest, AccountId, Answer, AnswerKind, Equivocation, Error, Phase, RequestId, SeatState,
    SignedAnswer,
};
use llm_oracle_rules::{Oracle, Refusal};

const OWNER: AccountId = account(0xee);
const YES: Answer = Answer::Bool(true);
const NO: Answer = Answer::Bool(false);

fn call<T>(
    world: &mut World,
    caller: AccountId,
    message: impl FnOnce(&mut Oracle<&mut llm_oracle_rules::MemoryHost>) -> Result<T, Refusal>,
) -> Result<T, Error> {
    world.chain.call(caller, 0, message)
}

#[test]
fn only_the_owner_has_the_owners_powers() {
    let mut world = World::new(1, common::dev());
    let refused = Err(Error::NotTheOwner);
    assert_eq!(call(&mut world, ASKER, |o| o.set_paused(true)), refused);
    assert_eq!(
        call(&mut world, ASKER, |o| o.offer_ownership(ASKER)),
        refused
    );
    assert_eq!(call(&mut world, ASKER, |o| o.take_ownership()), refused);
    assert_eq!(call(&mut world, ASKER, |o| o.upgrade()), refused);
    let announced = call(&mut world, ASKER, |o| o.announce_params(common::dev()));
    assert_eq!(announced, Err(Error::NotTheOwner));
    let announced = call(&mut world, ASKER, |o| o.announce_upgrade([1; 32]));
    assert_eq!(announced, Err(Error::NotTheOwner));
}

#[test]
fn ownership_moves_in_two_steps_and_the_fee_moves_with_it() {
    let mut world = World::new(3, common::dev());
    let (heir, other) = (account(0x55), account(0x56));
    call(&mut world, OWNER, |o| o.offer_ownership(other)).unwrap();
    call(&mut world, OWNER, |o| o.offer_ownership(heir)).unwrap();
    assert_eq!(
        call(&mut world, other, |o| o.take_ownership()),
        Err(Error::NotTheOwner)
    );
    let cells = world.chain.cells();
    call(&mut world, heir, |o| o.take_ownership()).unwrap();
    // The new owner's account is open, the old one's is gone.
    assert_eq!(world.chain.cells(), cells);
    assert_eq!(
        call(&mut world, heir, |o| o.take_ownership()),
        Err(Error::NotTheOwner)
    );
    let config = world.chain.view(|o| o.config());
    assert_eq!((config.owner, config.offered_to), (heir, None));
    let id = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    world.commit(id, 0, &YES).unwrap();
    world.reveal(id, 0, &YES).unwrap();
    assert!(world.chain.view(|o| o.credit_of(&heir)) > 0);
    world.check_books();
}

#[test]
fn a_pause_stops_new_requests_and_registrations_and_nothing_else() {
    let mut world = World::new(3, common::dev());
    let id = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    call(&mut world, OWNER, |o| o.set_paused(true)).unwrap();
    assert_eq!(world.ask(terms(AnswerKind::Bool, 1, 1)), Err(Error::Paused));
    let late = common::Operator::new(77);
    let bond = common::dev().min_bond;
    assert_eq!(world.register(&late, bond), Err(Error::Paused));
    world.commit(id, 0, &YES).unwrap();
    world.reveal(id, 0, &YES).unwrap();
    world.chain.block += common::dev().delivery_blocks;
    call(&mut world, ASKER, |o| o.prune(id)).unwrap();
    let operator = world.operators[0].id;
    call(&mut world, TRANSMITTER, |o| o.withdraw(&operator)).unwrap();
    call(&mut world, operator, |o| o.unbond(0, bond)).unwrap();
    call(&mut world, OWNER, |o| o.set_paused(false)).unwrap();
    world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
}

#[test]
fn parameters_change_after_the_delay_and_touch_no_open_request() {
    let mut world = World::new(2, common::dev());
    let id = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    let mut next = common::dev();
    (next.commit_fee, next.lock_fee, next.seat_bond) = (7, 0, next.seat_bond * 2);
    let from = call(&mut world, OWNER, |o| o.announce_params(next)).unwrap();
    assert_eq!(from, world.chain.block + common::dev().upgrade_delay_blocks);
    let mut bad = next;
    bad.fee_ppm = 200_001;
    let refused = call(&mut world, OWNER, |o| o.announce_params(bad));
    assert_eq!(refused, Err(Error::BadParameter { field: 6 }));
    let fee = |world: &mut World| {
        let terms = terms(AnswerKind::Bool, 1, 1);
        let quote = world.chain.view(|o| o.quote(&terms, common::REWARD));
        quote.unwrap().seat_fees
    };
    world.commit(id, 0, &YES).unwrap();
    world.chain.block = from - 1;
    assert_eq!(fee(&mut world), common::seat_fee());
    assert_eq!(
        world.chain.view(|o| o.config()).next_params,
        Some((next, from))
    );
    world.chain.block = from;
    assert_eq!(fee(&mut world), 7);
    let config = world.chain.view(|o| o.config());
    assert_eq!((config.params, config.next_params), (next, None));
    // The old request ends by its own terms: the seat bond that was locked is the one forfeited.
    call(&mut world, TRANSMITTER, |o| o.advance(id)).unwrap();
    let view = world.chain.view(|o| o.request_view(id)).unwrap();
    assert_eq!(view.seats[0].forfeited, common::dev().seat_bond);
    world.check_books();
}

#[test]
fn only_announced_code_can_be_installed_and_only_after_its_delay() {
    let mut world = World::new(1, common::dev());
    assert_eq!(
        call(&mut world, OWNER, |o| o.upgrade()),
        Err(Error::NothingAnnounced)
    );
    let from = call(&mut world, OWNER, |o| o.announce_upgrade([1; 32])).unwrap();
    world.chain.block = from - 1;
    let now = world.chain.block;
    assert_eq!(
        call(&mut world, OWNER, |o| o.upgrade()),
        Err(Error::NotDueYet { from, now })
    );
    // Nobody could read what is announced and not there.
    let absent = call(&mut world, OWNER, |o| o.announce_upgrade([0; 32]));
    assert_eq!(absent, Err(Error::NoSuchCode));
    // A new announcement waits anew, and lapses.
    let later = call(&mut world, OWNER, |o| o.announce_upgrade([2; 32])).unwrap();
    world.chain.block = later + common::dev().upgrade_delay_blocks + 1;
    assert_eq!(
        call(&mut world, OWNER, |o| o.upgrade()),
        Err(Error::NothingAnnounced)
    );
    call(&mut world, OWNER, |o| o.announce_upgrade([2; 32])).unwrap();
    world.chain.block += common::dev().upgrade_delay_blocks;
    assert_eq!(call(&mut world, OWNER, |o| o.upgrade()), Ok(()));
    assert_eq!(world.chain.view(|o| o.config()).next_code, None);
}

/// Two answers of one operator to one question, signed.
fn report(world: &World, id: RequestId, index: usize, answers: [&Answer; 2]) -> Equivocation {
    let [first, second] = answers.map(|answer| {
        let context = world.context(id, index);
        let evidence = digest::evidence(&[5; 32], b"{}");
        let message = digest::answer_message(&context, answer, Some(common::SURE), &evidence);
        SignedAnswer {
            answer: digest::answer_digest(answer),
            confidence: Some(common::SURE),
            evidence,
            signature: world.operators[index].sign(&message),
        }
    });
    Equivocation {
        request_id: id,
        terms_digest: world.context(id, index).terms_digest,
        slot: world.operators[index].slot,
        first,
        second,
    }
}

#[test]
fn two_answers_of_one_operator_cost_its_bond_and_its_seats() {
    let mut world = World::new(3, common::dev());
    let id = world.ask(terms(AnswerKind::Bool, 2, 2)).unwrap();
    for index in [0, 1] {
        world.commit(id, index, &YES).unwrap();
    }
    world.reveal(id, 0, &YES).unwrap();
    let proof = report(&world, id, 0, [&YES, &NO]);
    let params = common::dev();
    let reward = call(&mut world, TRANSMITTER, |o| o.report_equivocation(&proof)).unwrap();
    let free = params.min_bond - params.seat_bond;
    assert_eq!(reward, free / 20);
    assert_eq!(world.chain.view(|o| o.credit_of(&TRANSMITTER)), reward);
    world.check_books();
    let again = call(&mut world, TRANSMITTER, |o| o.report_equivocation(&proof));
    assert_eq!(again, Err(Error::Barred { slot: 0 }));
    // The answer stands and is paid; the seat's bond goes when the seat ends.
    let before = world.chain.view(|o| o.credit_of(&ASKER));
    world.reveal(id, 1, &YES).unwrap();
    world.check_books();
    let view = world.chain.view(|o| o.request_view(id)).unwrap();
    assert_eq!(view.seats[0].state, SeatState::Agreed);
    assert_eq!(view.seats[0].forfeited, params.seat_bond);
    assert_eq!(view.seats[1].forfeited, 0);
    let compensation = world.chain.view(|o| o.credit_of(&ASKER)) - before;
    assert_eq!(
        (compensation, view.refund),
        (common::seat_fee(), common::seat_fee())
    );
    // No seat, no bond and no registration any more.
    let next = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    assert_eq!(world.commit(next, 0, &YES), Err(Error::Barred { slot: 0 }));
    let bond = world.chain.call(TRANSMITTER, 5, |o| o.bond(0));
    assert_eq!(bond, Err(Error::Barred { slot: 0 }));
    let key = common::Operator::new(1);
    assert_eq!(
        world.register(&key, params.min_bond),
        Err(Error::Barred { slot: 0 })
    );
}

/// An end that nobody has settled is shown as settling will make it, barred operators included.
#[test]
fn a_view_before_the_settling_shows_what_barred_operators_will_lose() {
    for silent in [false, true] {
        let mut world = World::new(3, common::dev());
        let id = world.ask(terms(AnswerKind::Bool, 3, 2)).unwrap();
        for index in 0..3 {
            world.commit(id, index, &YES).unwrap();
        }
        for index in usize::from(silent)..2 {
            world.reveal(id, index, &YES).unwrap();
        }
        let proof = report(&world, id, 0, [&YES, &NO]);
        call(&mut world, TRANSMITTER, |o| o.report_equivocation(&proof)).unwrap();
        world.chain.block += 20;
        let mut before = world.chain.view(|o| o.request_view(id)).unwrap();
        assert_eq!(before.seats[0].forfeited, common::dev().seat_bond);
        assert!(!before.summary.settled && before.summary.phase == Phase::Ended);
        call(&mut world, TRANSMITTER, |o| o.advance(id)).unwrap();
        before.summary.settled = true;
        let after = world.chain.view(|o| o.request_view(id)).unwrap();
        assert_eq!(before, after);
        world.check_books();
    }
}

#[test]
fn what_is_no_equivocation_costs_nothing() {
    let mut world = World::new(2, common::dev());
    let id = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    let other = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    let good = report(&world, id, 0, [&YES, &NO]);
    // The same answer with other bytes of a signature.
    let same = report(&world, id, 0, [&YES, &YES]);
    // Answers to two requests, to other terms, by another operator.
    let mut mixed = good.clone();
    mixed.second = report(&world, other, 0, [&NO, &YES]).first;
    let mut terms_of_another = good.clone();
    terms_of_another.terms_digest = [1; 32];
    let mut anothers = good.clone();
    anothers.slot = 1;
    // Signed under another confidence, or as version 2 had it.
    let [mut confidence, mut earlier] = [good.clone(), good.clone()];
    confidence.first.confidence = Some(1);
    earlier.second.confidence = None;
    let before = world.chain.clone();
    let bad = |slot| Error::BadSignature { slot };
    for (report, refusal) in [
        (same, Error::NoEquivocation { slot: 0 }),
        (mixed, bad(0)),
        (terms_of_another, bad(0)),
        (anothers, bad(1)),
        (confidence, bad(0)),
        (earlier, bad(0)),
    ] {
        let answer = call(&mut world, TRANSMITTER, |o| o.report_equivocation(&report));
        assert_eq!(answer, Err(refusal));
    }
    assert_eq!(world.chain, before);
    // It counts after the request is gone, too.
    world.chain.block += 30 + common::dev().delivery_blocks;
    call(&mut world, TRANSMITTER, |o| o.advance(id)).unwrap();
    call(&mut world, ASKER, |o| o.prune(id)).unwrap();
    assert!(call(&mut world, TRANSMITTER, |o| o.report_equivocation(&good)).is_ok());
    world.check_books();
}

//! Drawn committees: who can be drawn, by how much, and what happens to seats that stay free.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod common;

use common::{terms, Operator, World, ASKER, CARRIER};
use llm_oracle_primitives::{
    event::Event, AccountId, Answer, AnswerKind, Assignment, CallbackLimits, DrawView, Error,
    LeastRecord, Params, RequestId,
};

const YES: Answer = Answer::Bool(true);

fn ask_drawn(world: &mut World, seats: u8) -> RequestId {
    let mut terms = terms(AnswerKind::Bool, seats, seats / 2 + 1);
    terms.assignment = Assignment::Drawn;
    world.ask(terms).unwrap()
}

fn draw_of(world: &mut World, id: RequestId) -> DrawView {
    let view = world.chain.view(|oracle| oracle.request_view(id));
    view.unwrap().draw.unwrap()
}

fn indices(world: &World, accounts: &[AccountId]) -> Vec<usize> {
    let index = |id: &AccountId| world.operators.iter().position(|one| one.id == *id);
    accounts.iter().map(|id| index(id).unwrap()).collect()
}

/// Lets the draw of a request time out, and returns the operators drawn.
fn drawn_without_a_fold(world: &mut World, id: RequestId) -> Vec<usize> {
    world.chain.block += Params::dev().draw_timeout + 1;
    let draw = draw_of(world, id);
    assert!(draw.weak);
    indices(world, &draw.drawn.unwrap())
}

#[test]
fn a_fold_after_the_delay_draws_and_only_the_drawn_may_sit() {
    let mut world = World::new(8, Params::dev());
    // One request has all its commits before the ask, another one after it.
    let before = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    world.commit(before, 0, &YES).unwrap();
    world.chain.block += 1;
    let id = ask_drawn(&mut world, 3);
    let until = world.chain.block + Params::dev().draw_timeout;
    let now = world.chain.block;
    assert_eq!(
        world.commit(id, 0, &YES),
        Err(Error::NotDrawnYet { until, now })
    );
    let after = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    world.commit(after, 0, &YES).unwrap();
    world.chain.block += Params::dev().draw_delay;
    // Neither salts chosen after the ask nor public ones draw anything.
    world.reveal(after, 0, &YES).unwrap();
    let mut other = terms(AnswerKind::Bool, 1, 1);
    other.one_step = true;
    let other = world.ask(other).unwrap();
    let entry = world.answer_entry(other, 0, &YES);
    world
        .chain
        .call(CARRIER, 0, |oracle| oracle.answer(entry))
        .unwrap();
    assert_eq!(draw_of(&mut world, id).drawn, None);
    world.reveal(before, 0, &YES).unwrap();

    let draw = draw_of(&mut world, id);
    assert!(!draw.weak);
    let drawn = indices(&world, &draw.drawn.clone().unwrap());
    assert_eq!(drawn.len(), 3);
    let stranger = (0..8).find(|index| !drawn.contains(index)).unwrap();
    let slot = world.operators[stranger].slot;
    let opens_at = draw.opens_to_all_at;
    assert_eq!(
        world.commit(id, stranger, &YES),
        Err(Error::NotDrawn { slot, opens_at })
    );
    for index in &drawn {
        world.commit(id, *index, &YES).unwrap();
    }
    for index in &drawn {
        world.reveal(id, *index, &YES).unwrap();
    }
    world.check_books();
    assert_eq!(
        draw_of(&mut world, id),
        draw,
        "what was stored is what was seen"
    );
    let drawn_events = world.chain.events.iter();
    let count = drawn_events.filter(|event| matches!(event, Event::CommitteeDrawn(_)));
    assert_eq!(count.count(), 1);
}

#[test]
fn who_bonds_after_the_ask_is_not_drawable_for_it() {
    for round in 0..20 {
        let mut world = World::new(4, Params::dev());
        world.chain.block += round;
        let id = ask_drawn(&mut world, 3);
        // A giant comes late, and another operator adds as much.
        let mut giant = Operator::new(99);
        giant.slot = world
            .register(&giant, 10_000 * Params::dev().min_bond)
            .unwrap();
        let slot = world.operators[3].slot;
        let more = 10_000 * Params::dev().min_bond;
        world
            .chain
            .call(CARRIER, more, |oracle| oracle.bond(slot))
            .unwrap();
        world.operators.push(giant);
        let drawn = drawn_without_a_fold(&mut world, id);
        assert!(!drawn.contains(&4), "round {round}: {drawn:?}");
    }
}

#[test]
fn a_bond_that_leaves_moves_nobody_else() {
    let mut world = World::new(9, Params::dev());
    let id = ask_drawn(&mut world, 3);
    let mut before = world.chain.clone();
    let drawn = drawn_without_a_fold(&mut world, id);
    std::mem::swap(&mut world.chain, &mut before);
    // One of those who would be drawn leaves once the seed can be known.
    let (leaver, slot) = (world.operators[drawn[1]].id, world.operators[drawn[1]].slot);
    let bond = Params::dev().min_bond;
    world
        .chain
        .call(leaver, 0, |oracle| oracle.unbond(slot, bond))
        .unwrap();
    let without = drawn_without_a_fold(&mut world, id);
    assert!(!without.contains(&drawn[1]));
    let stayed: Vec<usize> = drawn
        .iter()
        .copied()
        .filter(|index| *index != drawn[1])
        .collect();
    assert_eq!(without[..2], stayed[..]);
}

#[test]
fn the_bond_is_the_weight() {
    let mut world = World::new(10, Params::dev());
    // One holds half of all bonds.
    let slot = world.operators[0].slot;
    let more = 8 * Params::dev().min_bond;
    world
        .chain
        .call(CARRIER, more, |oracle| oracle.bond(slot))
        .unwrap();
    let mut first = 0;
    for _ in 0..300 {
        let id = ask_drawn(&mut world, 1);
        first += u32::from(drawn_without_a_fold(&mut world, id) == [0]);
    }
    // 150 are expected; five deviations of 8.7 are 44.
    assert!((106..=194).contains(&first), "{first} of 300");
}

#[test]
fn free_seats_open_to_all_at_half_time_and_no_shows_are_recorded() {
    let mut world = World::new(8, Params::dev());
    let id = ask_drawn(&mut world, 3);
    let drawn = drawn_without_a_fold(&mut world, id);
    world.commit(id, drawn[0], &YES).unwrap();
    let others: Vec<usize> = (0..8).filter(|index| !drawn.contains(index)).collect();
    world.chain.block = draw_of(&mut world, id).opens_to_all_at - 1;
    assert!(world.commit(id, others[0], &YES).is_err());
    world.chain.block += 1;
    for index in [others[0], others[1]] {
        world.commit(id, index, &YES).unwrap();
    }
    for index in [drawn[0], others[0], others[1]] {
        world.reveal(id, index, &YES).unwrap();
    }
    for index in 0..8 {
        let account = world.operators[index].id;
        let view = world
            .chain
            .view(|oracle| oracle.operator_view(&account))
            .unwrap();
        let missed = index == drawn[1] || index == drawn[2];
        assert_eq!(view.no_shows, u32::from(missed), "operator {index}");
    }
    world.check_books();
}

/// Whoever was drawn and never came has a no-show, whichever message finds the end.
#[test]
fn no_shows_are_recorded_by_whatever_settles() {
    for message in ["advance", "deliver", "prune"] {
        let mut world = World::new(8, Params::dev());
        let mut asked = terms(AnswerKind::Bool, 3, 2);
        asked.assignment = Assignment::Drawn;
        asked.callback = Some(CallbackLimits {
            ref_time: 1,
            proof_size: 1,
            storage_deposit: 1,
        });
        let id = world.ask(asked).unwrap();
        world.chain.block += Params::dev().retention_blocks + 100;
        let seen = draw_of(&mut world, id).drawn.unwrap();
        let drawn = indices(&world, &seen);
        let chain = &mut world.chain;
        match message {
            "advance" => chain.call(CARRIER, 0, |o| o.advance(id)).map(drop),
            "deliver" => chain.call(CARRIER, 0, |o| o.deliver(id)).map(drop),
            _ => chain.call(CARRIER, 0, |o| o.prune(id)),
        }
        .unwrap();
        let drawn_events = world.chain.events.iter();
        let count = drawn_events.filter(|event| matches!(event, Event::CommitteeDrawn(_)));
        assert_eq!(count.count(), 1, "{message}");
        for index in 0..8 {
            let account = world.operators[index].id;
            let view = world.chain.view(|oracle| oracle.operator_view(&account));
            let missed = u32::from(drawn.contains(&index));
            assert_eq!(view.unwrap().no_shows, missed, "{message}: {index}");
        }
        world.check_books();
    }
}

#[test]
fn the_cell_of_a_drawn_request_keeps_its_size() {
    let mut world = World::new(8, Params::dev());
    let id = ask_drawn(&mut world, 5);
    let size = |world: &World| scale::Encode::encode(world.chain.stored(id).unwrap()).len();
    let at_ask = size(&world);
    world.chain.block += Params::dev().draw_timeout + 1;
    world
        .chain
        .call(CARRIER, 0, |oracle| oracle.advance(id))
        .unwrap();
    assert_eq!(size(&world), at_ask);
    assert!(draw_of(&mut world, id).drawn.is_some());
}

#[test]
fn a_seat_may_ask_for_a_record() {
    let mut world = World::new(2, Params::dev());
    let least = LeastRecord {
        agreement_ppm: 1_000_000,
        answers: 1,
    };
    let mut asked = terms(AnswerKind::Bool, 1, 1);
    asked.assignment = Assignment::Qualified {
        least,
        drawn: false,
    };
    let id = world.ask(asked).unwrap();
    let refusal = Error::RecordTooLow {
        answers: 0,
        agreement_ppm: 0,
    };
    assert_eq!(world.commit(id, 0, &YES), Err(refusal));
    // It earns the record elsewhere.
    let other = world.ask(terms(AnswerKind::Bool, 1, 1)).unwrap();
    world.commit(other, 0, &YES).unwrap();
    world.reveal(other, 0, &YES).unwrap();
    world.commit(id, 0, &YES).unwrap();
    assert_eq!(
        world.commit(id, 1, &YES),
        Err(Error::SeatsTaken { seats: 1 })
    );
    let account = world.operators[0].id;
    let view = world
        .chain
        .view(|oracle| oracle.operator_view(&account))
        .unwrap();
    assert_eq!((view.agreed, view.agreement_ppm), (1, 1_000_000));
    assert_ne!(account, ASKER);
}

//! Whose money it is, how it gets out, and that nobody holds it up.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{
    account, answered, call, credit, dev, terms, with_callback, World, ASKER, REWARD, TRANSMITTER,
};
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, AnswerState, Balance, CallbackLimits, Error, Outcome, Params,
    Terms,
};
use llm_oracle_rules::{MemoryHost, Profile};

const YES: Answer = Answer::Bool(true);
const OWNER: AccountId = account(0xee);
const SINK: AccountId = account(0xdd);

#[test]
fn a_strangers_planck_holds_up_no_exit() {
    let mut world = World::new(1, dev());
    let (key, slot, bond) = (world.operators[0].id, 0, dev().min_bond);
    let least = bond / 16;
    let small = world.chain.call(ASKER, least - 1, |o| o.bond(slot));
    assert_eq!(
        small,
        Err(Error::BondTooLow {
            bond: least - 1,
            least
        })
    );
    // Its own key adds what it likes.
    world.chain.call(key, 1, |o| o.bond(slot)).unwrap();
    world.chain.call(ASKER, least, |o| o.bond(slot)).unwrap();
    // A seat that settles in between does the same by accident: all that is free goes.
    call(&mut world, key, |o| o.unbond(slot, bond * 5)).unwrap();
    let view = world.chain.view(|o| o.operators_view(0, 1)).remove(0);
    assert_eq!(view.unbonding, bond + 1 + least);
    world.chain.block += dev().unbonding_blocks;
    call(&mut world, ASKER, |o| o.release(slot)).unwrap();
    assert_eq!(credit(&mut world, key), bond + 1 + least);
    world.check_books();
}

#[test]
fn the_owner_gets_the_money_and_only_it_names_another() {
    let mut world = World::new(2, dev());
    let (key, safe, other) = (world.operators[0].id, account(0x70), account(0x71));
    call(&mut world, key, |o| o.name_owner(0, safe)).unwrap();
    let thief = call(&mut world, key, |o| o.name_owner(0, other));
    assert_eq!(thief, Err(Error::NotOperatorsOwner { slot: 0 }));
    answered(&mut world, terms(AnswerKind::Bool, 1, 1));
    let earned = credit(&mut world, key);
    assert!(earned > 0);
    // The hot key may start the way out, and the money goes to the owner all the same.
    call(&mut world, key, |o| o.unbond(0, Balance::MAX)).unwrap();
    world.chain.block += dev().unbonding_blocks;
    call(&mut world, TRANSMITTER, |o| o.release(0)).unwrap();
    let paid = call(&mut world, TRANSMITTER, |o| o.withdraw(&key)).unwrap();
    assert_eq!(paid, earned + dev().min_bond);
    assert_eq!(world.chain.paid.get(&safe), Some(&paid));
    assert_eq!(world.chain.paid.get(&key), None);
    call(&mut world, safe, |o| o.name_owner(0, other)).unwrap();
    world.check_books();
}

/// Once a bond is out it is credit of the operator, and whoever has its key could register it again.
#[test]
fn a_thief_of_the_key_gets_no_bond_by_registering_the_operator_again() {
    let mut world = World::new(1, dev());
    let (key, safe, thief) = (world.operators[0].id, account(0x70), account(0x66));
    call(&mut world, key, |o| o.name_owner(0, safe)).unwrap();
    call(&mut world, key, |o| o.unbond(0, Balance::MAX)).unwrap();
    world.chain.block += dev().unbonding_blocks;
    call(&mut world, TRANSMITTER, |o| o.release(0)).unwrap();
    let operator = common::Operator::new(1);
    // The thief's own account, and that of the first registration: its signature is public.
    for owner in [thief, key] {
        let family = Vec::new();
        let again = world.register_as(&operator, dev().min_bond, Profile { owner, family });
        assert_eq!(again, Err(Error::NotOperatorsOwner { slot: 0 }));
    }
    let profile = Profile {
        owner: safe,
        family: b"m".to_vec(),
    };
    let again = world.register_as(&operator, dev().min_bond, profile);
    assert_eq!(again, Ok(0));
    let paid = call(&mut world, TRANSMITTER, |o| o.withdraw(&key)).unwrap();
    assert_eq!(world.chain.paid.get(&safe), Some(&paid));
    assert_eq!(paid, dev().min_bond);
    world.check_books();
}

/// The chain refuses a payment that would leave its payee below the existential deposit.
#[test]
fn a_payee_that_the_chain_refuses_holds_up_no_other() {
    let mut world = World::new(1, dev());
    let (key, safe) = (world.operators[0].id, account(0x70));
    call(&mut world, key, |o| o.name_owner(0, safe)).unwrap();
    let mut gift = terms(AnswerKind::Bool, 1, 1);
    gift.refund_to = Some(key);
    let quote = world.chain.view(|o| o.quote(&gift, REWARD)).unwrap();
    let id = world
        .chain
        .call(ASKER, quote.total + 1, |o| o.ask(gift, REWARD, false))
        .unwrap();
    world.commit(id, 0, &YES).unwrap();
    world.reveal(id, 0, &YES).unwrap();
    let owed = credit(&mut world, key);
    let earned = world
        .chain
        .view(|o| o.operators_view(0, 1))
        .remove(0)
        .earned;
    for (refused, payee, left) in [(key, safe, 1), (safe, key, owed - 1)] {
        let mut world = World {
            chain: world.chain.clone(),
            operators: Vec::new(),
        };
        world.chain.refused = Some(refused);
        let paid = call(&mut world, TRANSMITTER, |o| o.withdraw(&key)).unwrap();
        assert_eq!(paid, owed - left);
        assert_eq!(world.chain.paid.get(&payee), Some(&paid));
        assert_eq!(credit(&mut world, key), left);
        // What was not paid is not earned twice.
        let view = world.chain.view(|o| o.operators_view(0, 1)).remove(0);
        assert_eq!(view.earned, earned);
        world.check_books();
        let none = call(&mut world, TRANSMITTER, |o| o.withdraw(&key));
        assert_eq!(none, Err(Error::TransferFailed { amount: left }));
    }
}

/// A window too short for anybody to reveal in pays nobody, least of all whoever set it; and one silent
/// seat among others gives back what it cost, no more.
#[test]
fn silence_is_worth_nothing_to_whoever_asked() {
    let bond = dev().seat_bond;
    for (revealed, compensation) in [(0, 0), (1, 2 * common::seat_fee())] {
        let mut world = World::new(3, dev());
        let mut dear = terms(AnswerKind::Bool, 3, 2);
        (dear.commit_blocks, dear.reveal_blocks) = (10, 10);
        let quote = world.chain.view(|o| o.quote(&dear, bond)).unwrap();
        let id = world
            .chain
            .call(ASKER, quote.total, |o| o.ask(dear, bond, false))
            .unwrap();
        for index in 0..3 {
            world.commit(id, index, &YES).unwrap();
        }
        for index in 0..revealed {
            world.reveal(id, index, &YES).unwrap();
        }
        world.chain.block += 11;
        call(&mut world, TRANSMITTER, |o| o.advance(id)).unwrap();
        let silent = 3 - revealed as Balance;
        assert_eq!(credit(&mut world, SINK), silent * bond - compensation);
        let effort = revealed as Balance * (bond / 4);
        let back = 3 * bond - effort + compensation;
        assert_eq!(credit(&mut world, ASKER), back);
        let paid_in = 3 * (bond + common::seat_fee());
        assert!(back <= paid_in, "the asker gains {}", back - paid_in);
        world.check_books();
    }
}

/// Locking bonds for a day costs what a day is worth, whatever comes out.
#[test]
fn a_seat_is_paid_for_every_block_that_it_may_lock() {
    let mut world = World::new(2, dev());
    let mut long = terms(AnswerKind::Bool, 2, 2);
    (long.commit_blocks, long.reveal_blocks) = (14_400, 14_400);
    let fee = dev().commit_fee + 28_800 * dev().lock_fee;
    let quote = world.chain.view(|o| o.quote(&long, REWARD)).unwrap();
    assert_eq!(quote.seat_fees, 2 * fee);
    let id = world.ask(long).unwrap();
    world.commit(id, 0, &YES).unwrap();
    let key = world.operators[0].id;
    assert_eq!(credit(&mut world, key), fee);
    world.chain.block += 14_401;
    call(&mut world, ASKER, |o| o.advance(id)).unwrap();
    assert_eq!(credit(&mut world, key), fee);
    assert_eq!(credit(&mut world, ASKER), 2 * REWARD + fee);
    // A whole bond of a hundred seats for two days.
    let whole = 100 * fee;
    assert!(whole > 12 * MemoryHost::UNIT, "{whole}");
}

#[test]
fn credit_pays_for_the_next_ask() {
    let mut world = World::new(1, dev());
    let asked = terms(AnswerKind::Bool, 1, 1);
    let needed = REWARD + common::seat_fee();
    let ask = |world: &mut World, value, use_credit| {
        let terms = asked.clone();
        world
            .chain
            .call(ASKER, value, |o| o.ask(terms, REWARD, use_credit))
    };
    ask(&mut world, needed + 40, false).unwrap();
    let short = Err(Error::ValueTooLow {
        sent: needed - 40,
        needed,
    });
    assert_eq!(ask(&mut world, needed - 40, false), short);
    let short = Err(Error::ValueTooLow {
        sent: needed - 1,
        needed,
    });
    assert_eq!(ask(&mut world, needed - 41, true), short);
    ask(&mut world, needed - 30, true).unwrap();
    assert_eq!(credit(&mut world, ASKER), 10);
    // What is sent counts first.
    ask(&mut world, needed + 5, true).unwrap();
    assert_eq!(credit(&mut world, ASKER), 15);
    world.check_books();
}

#[test]
fn a_quote_refuses_what_the_ask_refuses() {
    let mut world = World::new(1, dev());
    let mut own = terms(AnswerKind::Bool, 1, 1);
    let quote = |world: &mut World, terms: &Terms| {
        let quote = world.chain.view(|o| o.quote(terms, REWARD));
        quote.map_err(|refusal| *refusal)
    };
    own.refund_to = Some(MemoryHost::address());
    assert_eq!(quote(&mut world, &own), Err(Error::RefundToOracle));
    own.refund_to = None;
    let good = quote(&mut world, &own).unwrap();
    // Request, terms and the account for refunds.
    assert_eq!(good.stored_items, 3);
    call(&mut world, OWNER, |o| o.set_paused(true)).unwrap();
    assert_eq!(quote(&mut world, &own), Err(Error::Paused));
}

/// Short parameters first, code right after them: the notice stays, and whoever is in gets out.
#[test]
fn parameters_never_shorten_the_notice_of_an_upgrade() {
    let mut world = World::new(1, dev());
    let short = Params {
        min_window: 1,
        max_window: 1,
        unbonding_blocks: 5,
        upgrade_delay_blocks: 10,
        ..dev()
    };
    let from = call(&mut world, OWNER, |o| o.announce_params(short)).unwrap();
    world.chain.block = from - 1;
    let key = world.operators[0].id;
    call(&mut world, key, |o| o.unbond(0, Balance::MAX)).unwrap();
    world.chain.block = from;
    let due = call(&mut world, OWNER, |o| o.announce_upgrade([1; 32])).unwrap();
    assert_eq!(due, from + dev().upgrade_delay_blocks);
    let due = call(&mut world, OWNER, |o| o.announce_params(short)).unwrap();
    assert_eq!(due, from + dev().upgrade_delay_blocks);
}

/// A request or a bond that reaches further than the delay makes the notice longer.
#[test]
fn an_upgrade_waits_for_what_is_open_when_it_is_announced() {
    let params = Params {
        max_wait: 1_000_000,
        ..dev()
    };
    let mut world = World::new(1, params);
    let late = Terms {
        not_before: 900_000,
        ..terms(AnswerKind::Bool, 1, 1)
    };
    let id = world.ask(late).unwrap();
    let reach = world
        .chain
        .view(|o| o.summaries(id, 1))
        .remove(0)
        .reveal_deadline;
    let due = call(&mut world, OWNER, |o| o.announce_upgrade([1; 32])).unwrap();
    assert_eq!(due, reach + params.delivery_blocks + 1);
}

#[test]
fn an_answer_without_a_callback_stays_as_long_as_one_with() {
    let mut world = World::new(1, dev());
    let id = answered(&mut world, terms(AnswerKind::Bool, 1, 1));
    let ended = world.chain.block;
    let from = ended + dev().delivery_blocks;
    let soon = call(&mut world, ASKER, |o| o.prune(id));
    assert_eq!(soon, Err(Error::NotPrunableYet { from, now: ended }));
    let state = world.chain.view(|o| o.answer_of(id)).unwrap();
    assert!(matches!(
        state,
        AnswerState::Final(Outcome::Answered { .. })
    ));
    world.chain.block = from;
    call(&mut world, ASKER, |o| o.prune(id)).unwrap();
}

/// Amounts are those of the coin, whatever its decimals.
#[test]
fn bounds_and_defaults_follow_the_coin() {
    for decimals in [9, 12, 18] {
        let unit: Balance = 10u128.pow(decimals);
        let params = Params::for_unit(unit);
        assert_eq!(params.check(unit), Ok(()));
        assert_eq!(params.min_bond, 100 * unit);
        assert!(params.lock_fee > 0);
        let rich = Params {
            min_bond: 1_000_001 * unit,
            ..params
        };
        assert_eq!(rich.check(unit), Err(Error::BadParameter { field: 0 }));
        assert_eq!(rich.check(unit * 2), Ok(()));
        let mut world = World::new(0, params);
        world.chain.set_unit(unit);
        let mut asked = with_callback(1);
        let most = 10 * unit;
        for (deposit, fits) in [(most, true), (most + 1, false)] {
            asked.callback = asked.callback.map(|limits| CallbackLimits {
                storage_deposit: deposit,
                ..limits
            });
            let quote = world.chain.view(|o| o.quote(&asked, unit));
            assert_eq!(quote.is_ok(), fits, "{decimals} decimals, {deposit}");
        }
    }
}

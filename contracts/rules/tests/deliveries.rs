//! Who is paid for delivering an outcome, and what a failed callback changes.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{answered, call, credit, dev, with_callback, World, ASKER, TRANSMITTER};
use llm_oracle_primitives::{limits, Answer, Balance, DeliveryStatus, Error};

const YES: Answer = Answer::Bool(true);

/// What an attempt to deliver earns here: a planck for a picosecond.
const PRICE: Balance = 1_000 + limits::DELIVERY_CALL_REF_TIME as Balance;

#[test]
fn an_attempt_to_deliver_is_paid_once_whether_the_callback_takes_it_or_not() {
    let mut world = World::new(2, dev());
    let id = answered(&mut world, with_callback(1));
    let (seated, stranger) = (world.operators[0].id, world.operators[1].id);
    let (before, price) = (credit(&mut world, seated), PRICE);
    world.chain.callbacks_succeed = false;
    let deliver = |world: &mut World, who| call(world, who, |o| o.deliver(id));
    // Strangers earn nothing by failing, and use up nobody's pay.
    for (who, failures) in [(stranger, 1), (ASKER, 2)] {
        let failed = deliver(&mut world, who);
        assert_eq!(failed, Ok(DeliveryStatus::Failed(failures)));
        assert_eq!(credit(&mut world, who), 0);
    }
    assert_eq!(deliver(&mut world, seated), Ok(DeliveryStatus::Failed(3)));
    assert_eq!(credit(&mut world, seated), before + price);
    assert_eq!(deliver(&mut world, seated), Ok(DeliveryStatus::Failed(4)));
    assert_eq!(credit(&mut world, seated), before + price);
    // Whoever wants another attempt pays for it.
    let fund = |world: &mut World, value| {
        world
            .chain
            .call(ASKER, value, |oracle| oracle.fund_delivery(id))
    };
    let short = Err(Error::ValueTooLow {
        sent: price - 1,
        needed: price,
    });
    assert_eq!(fund(&mut world, price - 1), short);
    assert_eq!(fund(&mut world, price), Ok(()));
    world.check_books();
    world.chain.callbacks_succeed = true;
    assert_eq!(deliver(&mut world, seated), Ok(DeliveryStatus::Delivered));
    let success = dev().delivery_reward + 500;
    assert_eq!(credit(&mut world, seated), before + 2 * price + success);
    assert_eq!(fund(&mut world, price), Err(Error::AlreadyDelivered));
    world.check_books();
}

#[test]
fn a_stranger_that_delivers_earns_the_reward_and_the_price_goes_back() {
    let mut world = World::new(1, dev());
    let id = answered(&mut world, with_callback(1));
    call(&mut world, TRANSMITTER, |o| o.deliver(id)).unwrap();
    let earned = dev().delivery_reward + 500;
    assert_eq!(credit(&mut world, TRANSMITTER), earned);
    let before = credit(&mut world, ASKER);
    call(&mut world, ASKER, |o| o.prune(id)).unwrap();
    assert_eq!(credit(&mut world, ASKER), before + PRICE);
    world.check_books();
}

/// Where nobody took a seat the outcome is delivered by any operator with a bond.
#[test]
fn an_expired_request_pays_any_operator_for_its_attempt() {
    let mut world = World::new(2, dev());
    let id = world.ask(with_callback(3)).unwrap();
    world.chain.block += 11;
    world.chain.callbacks_succeed = false;
    let (key, gone) = (world.operators[0].id, world.operators[1].id);
    call(&mut world, gone, |o| o.unbond(1, Balance::MAX)).unwrap();
    call(&mut world, gone, |o| o.deliver(id)).unwrap();
    assert_eq!(credit(&mut world, gone), 0);
    call(&mut world, key, |o| o.deliver(id)).unwrap();
    assert_eq!(credit(&mut world, key), PRICE);
    world.check_books();
}

#[test]
fn a_failed_delivery_changes_no_result_and_can_be_repeated() {
    let mut world = World::new(1, dev());
    let id = world.ask(with_callback(1)).unwrap();
    let deliver = |world: &mut World| call(world, TRANSMITTER, |oracle| oracle.deliver(id));
    assert_eq!(deliver(&mut world), Err(Error::NotEnded));
    world.commit(id, 0, &YES).unwrap();
    world.reveal(id, 0, &YES).unwrap();
    let result = world.chain.view(|oracle| oracle.answer_of(id));
    world.chain.callbacks_succeed = false;
    assert_eq!(deliver(&mut world), Ok(DeliveryStatus::Failed(1)));
    assert_eq!(deliver(&mut world), Ok(DeliveryStatus::Failed(2)));
    assert_eq!(world.chain.view(|oracle| oracle.answer_of(id)), result);
    assert_eq!(credit(&mut world, TRANSMITTER), 0);
    world.chain.callbacks_succeed = true;
    assert_eq!(deliver(&mut world), Ok(DeliveryStatus::Delivered));
    assert_eq!(deliver(&mut world), Err(Error::AlreadyDelivered));
    // The price of its attempt is kept for those who have a seat.
    assert_eq!(credit(&mut world, TRANSMITTER), dev().delivery_reward + 500);
    world.check_books();
}

#[test]
fn an_operator_that_delivers_is_credited_in_its_own_account() {
    let mut world = World::new(1, dev());
    let id = answered(&mut world, with_callback(1));
    let (transmitter, cells) = (world.operators[0].id, world.chain.cells());
    let before = credit(&mut world, transmitter);
    call(&mut world, transmitter, |oracle| oracle.deliver(id)).unwrap();
    assert_eq!(world.chain.cells(), cells, "no cell is opened for it");
    let earned = dev().delivery_reward + 500 + PRICE;
    assert_eq!(credit(&mut world, transmitter), before + earned);
    world.check_books();
}

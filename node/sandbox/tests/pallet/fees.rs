//! The price of weight: the same in every block, and part of what a callback costs.

use codec::Encode;
use frame_support::dispatch::{DispatchClass, DispatchInfo, Pays};
use llm_oracle_primitives::{
    AnswerKind, Balance, CallbackLimits, DeliveryStatus, Error, Quote, Terms, limits,
};
use llm_oracle_sandbox::{CallOutcome, RuntimeCall, Weight, extension, runtime};
use pallet_contracts::WeightInfo;
use runtime::{Runtime, TransactionPayment};
use sp_runtime::traits::{One, TransactionExtension};

use crate::{
    world::{CARRIER, REWARD, World, YES, terms},
    zoo::{LIMITS, Zoo, mode},
};

/// Enough for a price that changes with each block to show it.
const MANY_BLOCKS: u32 = 300;
const LONGEST_PS: u64 = 50_000_000_000;

/// What the chain takes for so much execution time, planck.
fn price(world: &mut World, ref_time: u64) -> Balance {
    let weight = Weight::from_parts(ref_time, 0);
    let fee = world
        .sandbox
        .execute(|| TransactionPayment::weight_to_fee(weight));
    #[allow(clippy::unnecessary_cast)] // The runtime's balances may be narrower.
    let wide = fee as Balance;
    wide
}

/// What the transaction of a call costs beside deposits, planck.
fn fee(world: &mut World, outcome: &CallOutcome) -> Balance {
    let remark = RuntimeCall::System(frame_system::Call::remark { remark: Vec::new() });
    let of_call = <<Runtime as pallet_contracts::Config>::WeightInfo as WeightInfo>::call();
    let info = DispatchInfo {
        call_weight: outcome.gas_consumed.saturating_add(of_call),
        extension_weight: extension().weight(&remark),
        class: DispatchClass::Normal,
        pays_fee: Pays::Yes,
    };
    let bytes = u32::try_from(outcome.transaction_bytes).unwrap();
    let fee = world
        .sandbox
        .execute(|| TransactionPayment::compute_fee(bytes, &info, 0));
    #[allow(clippy::unnecessary_cast)] // The runtime's balances may be narrower.
    let wide = fee as Balance;
    wide
}

/// What `quote` says for a callback of so much execution time, planck.
fn delivery(world: &mut World, ref_time: u64) -> Balance {
    let callback = Some(CallbackLimits { ref_time, ..LIMITS });
    let asked = Terms {
        callback,
        ..Zoo::terms()
    };
    let quote: Result<Quote, Error> = world.view("quote", (&asked, REWARD));
    quote.unwrap().delivery
}

#[test]
fn the_fee_multiplier_stays_one() {
    let mut world = World::new(0);
    world.pass(MANY_BLOCKS);
    let multiplier = world
        .sandbox
        .execute(TransactionPayment::next_fee_multiplier);
    assert_eq!(multiplier, One::one());
    assert_eq!(price(&mut world, LONGEST_PS), Balance::from(LONGEST_PS));
}

#[test]
fn a_long_callback_quotes_more_than_a_short_one() {
    let mut world = World::new(0);
    world.pass(MANY_BLOCKS);
    let call = Balance::from(limits::DELIVERY_CALL_REF_TIME);
    let fixed = world.config.params.delivery_reward + LIMITS.storage_deposit + call;
    for ref_time in [1, LONGEST_PS] {
        let quoted = delivery(&mut world, ref_time);
        assert_eq!(quoted, fixed + Balance::from(ref_time), "{ref_time} ps");
    }
}

/// A callback that uses all the time of its terms: what the escrow holds beside the deposit covers the
/// fee of the whole delivery.
#[test]
fn the_escrow_covers_the_fee_of_the_dearest_delivery() {
    let mut zoo = Zoo::new(1);
    let id = zoo.answered(mode::LOOP);
    zoo.world.pass(1);
    let escrow = zoo.world.request(id).delivery_escrow;
    let outcome = zoo.world.send(CARRIER, 0, "deliver", &id);
    assert!(outcome.succeeded(), "{outcome:?}");
    let used = outcome.gas_consumed.ref_time();
    assert!(used > LIMITS.ref_time, "it took all it may: {used}");
    let paid = fee(&mut zoo.world, &outcome);
    assert!(paid > Balance::from(used), "{paid} for {used} ps");
    let held = escrow - LIMITS.storage_deposit;
    assert!(paid <= held, "{paid} of {held}");
}

/// The reward is for success; a callback that fails, early or late, still leaves its operator no poorer.
#[test]
fn an_attempt_on_a_callback_that_fails_earns_its_fee() {
    for mode in [mode::TRAP, mode::REVERT, mode::LOOP] {
        let mut zoo = Zoo::new(1);
        let id = zoo.answered(mode);
        zoo.world.pass(1);
        let operator = zoo.world.operators[0].id;
        let before = zoo.world.credit_of(operator);
        let outcome = zoo.world.send(operator, 0, "deliver", &id);
        assert!(outcome.succeeded(), "{mode}: {outcome:?}");
        let delivery = zoo.world.request(id).summary.delivery;
        assert_eq!(delivery, DeliveryStatus::Failed(1), "{mode}");
        let paid = fee(&mut zoo.world, &outcome);
        let earned = zoo.world.credit_of(operator) - before;
        assert!(paid > 0 && paid <= earned, "{mode}: {paid} of {earned}");
    }
}

/// Each operator sends its own commit and its own reveal, which is the dearest way. What it is paid for
/// the seat whatever the outcome covers the fees of both.
#[test]
fn the_seat_fee_covers_the_fees_of_a_seat() {
    for seats in [1, 3, 7, 32] {
        let mut world = World::new(seats);
        let id = world
            .ask(&terms(AnswerKind::Bool, seats, seats / 2 + 1))
            .unwrap();
        world.pass(1);
        let mut paid = 0;
        for index in 0..usize::from(seats) {
            let entry = world.commit_entry(id, index, &YES);
            paid += sent(&mut world, "commit", &entry);
        }
        for index in 0..usize::from(seats) {
            let entry = world.reveal_entry(id, index, &YES);
            paid += sent(&mut world, "reveal", &entry);
        }
        let earned = world.seat_fee() * Balance::from(seats);
        assert!(
            paid > 0 && paid <= earned,
            "{seats} seats: {paid} of {earned}"
        );
    }
}

/// Sends a message and tells its fee, planck.
fn sent(world: &mut World, message: &str, arguments: &impl Encode) -> Balance {
    let outcome = world.send(CARRIER, 0, message, arguments);
    assert!(outcome.succeeded(), "{message}: {outcome:?}");
    fee(world, &outcome)
}

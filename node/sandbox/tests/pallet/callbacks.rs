//! Callbacks of consumers that misbehave: the result never changes, and the status tells the truth.

use codec::Encode;
use llm_oracle_primitives::{
    AnswerState, Balance, DeliveryStatus, Error, Outcome, Phase, RequestId, SeatState, Terms,
    limits::DELIVERY_RESERVE_REF_TIME,
};
use llm_oracle_sandbox::Limits;

use crate::{
    world::{ASKER, CARRIER, REWARD, STRANGER, UNIT, YES, input, on_chain, returned},
    zoo::{LIMITS, Zoo, mode},
};

fn answered(zoo: &mut Zoo, id: RequestId) -> Outcome {
    match zoo.world.answer_of(id) {
        Ok(AnswerState::Final(outcome @ Outcome::Answered { .. })) => outcome,
        other => panic!("{other:?}"),
    }
}

fn status(zoo: &mut Zoo, id: RequestId) -> DeliveryStatus {
    zoo.world.request(id).summary.delivery
}

#[test]
fn result_final_without_callback() {
    let mut zoo = Zoo::new(1);
    for failing in [
        mode::TRAP,
        mode::LOOP,
        mode::REVERT,
        mode::BIG_REVERT,
        mode::HOARD,
        mode::REENTER_AND_TRAP,
    ] {
        let id = zoo.answered(failing);
        let result = answered(&mut zoo, id);
        assert_eq!(status(&mut zoo, id), DeliveryStatus::Waiting);
        let (earned, before) = (zoo.earned(), zoo.seen());
        for failures in 1..=2 {
            let delivered = zoo.world.deliver(id);
            assert_eq!(
                delivered,
                Ok(DeliveryStatus::Failed(failures)),
                "mode {failing}"
            );
            assert_eq!(answered(&mut zoo, id), result, "mode {failing}");
        }
        assert_eq!(
            zoo.earned(),
            earned,
            "a stranger's failed delivery earns nothing"
        );
        assert_eq!(zoo.seen(), before, "a failed callback leaves nothing");
        let seat = zoo.world.request(id).seats.remove(0);
        assert_eq!(
            seat.state,
            SeatState::Agreed,
            "the operator is paid all the same"
        );
        assert_eq!(
            zoo.world.request(id).summary.delivery,
            DeliveryStatus::Failed(2)
        );

        zoo.behave(mode::FINE);
        // The price of an attempt is kept for who has a seat.
        let view = zoo.world.request(id);
        assert_eq!(
            zoo.world.deliver(id),
            Ok(DeliveryStatus::Delivered),
            "mode {failing}"
        );
        assert_eq!(
            zoo.earned() - earned,
            view.delivery_escrow - view.delivery_price
        );
        assert_eq!(zoo.seen().outcome(), Some(result.clone()));
        assert_eq!(answered(&mut zoo, id), result);
        assert_eq!(zoo.world.deliver(id), Err(Error::AlreadyDelivered));
    }
}

/// Every bad habit of the zoo, what it is given, and what becomes of the delivery.
fn habits(zoo: &mut Zoo) -> Vec<(u8, Vec<u8>, Balance, DeliveryStatus)> {
    use DeliveryStatus::{Delivered, Failed};
    let oracles_code = zoo.world.code_hash().to_vec();
    let again = (Zoo::terms(), REWARD).encode();
    let price = zoo.price();
    let plain = |mode, status| (mode, vec![], 0, status);
    // Of the original chain's 23 frames the callback's limits cover fewer.
    let nested = match env!("CARGO_PKG_NAME") {
        "llm-oracle-original" => Failed(1),
        _ => Delivered,
    };
    vec![
        // The oracle takes no output, so its size is nobody's problem.
        plain(mode::BIG_RETURN, Delivered),
        plain(mode::OVER_RETURN, Delivered),
        plain(mode::NEST, nested),
        plain(mode::GIFT, Delivered),
        plain(mode::SHOUT, Delivered),
        plain(mode::REENTER, Delivered),
        // The carrier, who set no limit here, pays for what these two store.
        plain(mode::BLOAT, Delivered),
        plain(mode::BREED, Delivered),
        plain(mode::CALL_A_TRAP, Delivered),
        plain(mode::DRAIN, Delivered),
        (mode::ASK, again, price, Delivered),
        (mode::DELEGATE, oracles_code.clone(), 0, Delivered),
        (mode::CHANGE, oracles_code, 0, Delivered),
        plain(mode::TERMINATE, Delivered),
        plain(mode::TRAP, Failed(1)),
        plain(mode::LOOP, Failed(1)),
        plain(mode::REVERT, Failed(1)),
        plain(mode::BIG_REVERT, Failed(1)),
        plain(mode::HOARD, Failed(1)),
        plain(mode::READ, Failed(1)),
        plain(mode::REENTER_AND_TRAP, Failed(1)),
    ]
}

#[test]
fn callback_zoo() {
    let habits = habits(&mut Zoo::new(1));
    let mut modes: Vec<u8> = habits.iter().map(|(mode, ..)| *mode).collect();
    modes.sort_unstable();
    modes.dedup();
    println!("callback_zoo: {} hostile modes", modes.len());
    assert!(modes.len() >= 15 && modes.len() == habits.len());
    for (behaviour, given, value, expected) in habits {
        // Some of them leave no zoo behind.
        let mut zoo = Zoo::new(1);
        let id = zoo.answered(behaviour);
        zoo.behave_with(behaviour, &given, value);
        let view = zoo.world.request(id);
        // A stranger earns nothing for an attempt alone.
        let escrow = view.delivery_escrow - view.delivery_price;
        let result = answered(&mut zoo, id);
        let owed = zoo.world.ledger().total;
        assert_eq!(zoo.world.deliver(id), Ok(expected), "mode {behaviour}");
        assert_eq!(status(&mut zoo, id), expected, "mode {behaviour}");
        assert_eq!(answered(&mut zoo, id), result, "mode {behaviour}");
        let earned = if expected == DeliveryStatus::Delivered {
            escrow
        } else {
            0
        };
        assert_eq!(zoo.earned(), earned, "mode {behaviour}");
        let ledger = zoo.world.ledger();
        assert!(
            ledger.balance >= ledger.total,
            "mode {behaviour}: {ledger:?}"
        );
        assert_eq!(ledger.total, owed + value, "mode {behaviour}");
    }
}

/// A callback that uses its proof up fails long before its time is over.
#[test]
fn a_callback_is_stopped_at_the_end_of_its_proof() {
    let mut zoo = Zoo::new(1);
    let id = zoo.answered(mode::READ);
    let outcome = zoo.world.send(CARRIER, 0, "deliver", &id);
    assert_eq!(
        returned(&outcome),
        Some(Ok::<_, Error>(DeliveryStatus::Failed(1)))
    );
    assert!(outcome.gas_consumed.proof_size() > LIMITS.proof_size * 9 / 10);
    assert!(outcome.gas_consumed.ref_time() < LIMITS.ref_time / 2);
}

#[test]
fn a_callback_may_call_every_message_again_and_break_nothing() {
    let mut zoo = Zoo::new(2);
    let id = zoo.answered(mode::REENTER);
    let earlier = zoo.ask(mode::REENTER);
    let commit = zoo.world.commit_entry(earlier, 0, &YES);
    let reveal = zoo.world.reveal_entry(id, 0, &YES);
    let bond = zoo.world.config.params.min_bond;
    let (at, slot) = (zoo.at, 0u32);
    let register = (STRANGER, STRANGER, Vec::<u8>::new(), [0u8; 64]);
    // Each is tried inside a callback of its own; the callback then traps, so that the delivery can
    // be repeated with the next one.
    let messages: Vec<(&str, Vec<u8>, u128)> = vec![
        ("deliver", input("deliver", &id), 0),
        ("advance", input("advance", &id), 0),
        ("prune", input("prune", &id), 0),
        ("withdraw", input("withdraw", &at), 0),
        ("withdraw other", input("withdraw", &CARRIER), 0),
        ("commit", input("commit", &commit), 0),
        ("commit_batch", input("commit_batch", &vec![commit; 3]), 0),
        ("reveal", input("reveal", &reveal), 0),
        ("reveal_batch", input("reveal_batch", &vec![reveal; 3]), 0),
        ("register", input("register", &register), bond),
        ("bond", input("bond", &slot), 5),
        ("unbond", input("unbond", &(slot, 5u128)), 0),
        ("release", input("release", &slot), 0),
        (
            "ask",
            input("ask", &(Zoo::terms(), REWARD, false)),
            zoo.price(),
        ),
        ("request", input("request", &id), 0),
        ("garbage", vec![1, 2, 3, 4], 0),
        ("nothing", vec![], 0),
    ];
    let result = answered(&mut zoo, id);
    for (name, bytes, value) in &messages {
        let before = (
            zoo.world.ledger(),
            zoo.world.request(earlier),
            zoo.world.operator(0),
        );
        zoo.behave_with(mode::REENTER_AND_TRAP, bytes, *value);
        let delivered = zoo.world.deliver(id);
        assert!(
            matches!(delivered, Ok(DeliveryStatus::Failed(_))),
            "{name}: {delivered:?}"
        );
        let after = (
            zoo.world.ledger(),
            zoo.world.request(earlier),
            zoo.world.operator(0),
        );
        assert_eq!(before, after, "{name}: a trap undoes what the callback did");
    }
    for (name, bytes, value) in &messages {
        let id = zoo.answered(mode::FINE);
        zoo.behave_with(mode::REENTER, bytes, *value);
        assert_eq!(
            zoo.world.deliver(id),
            Ok(DeliveryStatus::Delivered),
            "{name}"
        );
        assert!(matches!(zoo.seen().returned, Some((_, _))), "{name}");
        let ledger = zoo.world.ledger();
        assert!(ledger.balance >= ledger.total, "{name}: {ledger:?}");
    }
    assert_eq!(answered(&mut zoo, id), result);
}

#[test]
fn a_delivery_under_way_can_be_neither_repeated_nor_pruned() {
    let mut zoo = Zoo::new(1);
    let tries: [(&str, Error); 2] = [
        ("deliver", Error::CallerNotOrigin),
        ("prune", Error::Delivering),
    ];
    for (message, refused) in tries {
        let id = zoo.answered(mode::FINE);
        zoo.behave_with(mode::REENTER, &input(message, &id), 0);
        assert_eq!(zoo.world.deliver(id), Ok(DeliveryStatus::Delivered));
        assert_eq!(zoo.seen().reentry::<()>(), Err(refused), "{message}");
    }
    let id = zoo.answered(mode::FINE);
    zoo.behave_with(mode::REENTER, &input("advance", &id), 0);
    assert_eq!(zoo.world.deliver(id), Ok(DeliveryStatus::Delivered));
    assert_eq!(zoo.seen().reentry::<Phase>(), Ok(Phase::Ended));
}

#[test]
fn reentrant_ask_keeps_both_requests() {
    let mut zoo = Zoo::new(2);
    let first = zoo.answered(mode::FINE);
    let result = answered(&mut zoo, first);
    let price = zoo.price();
    zoo.behave_with(
        mode::REENTER,
        &input("ask", &(Zoo::terms(), REWARD, false)),
        price,
    );
    let before = zoo.world.ledger().total;
    assert_eq!(zoo.world.deliver(first), Ok(DeliveryStatus::Delivered));
    let second: RequestId = zoo.seen().reentry().unwrap();
    assert_eq!(second, first + 1);
    assert_eq!(zoo.world.view::<RequestId>("next_id", ()), first + 2);
    assert_eq!(
        zoo.world.ledger().total,
        before + price,
        "the price came into the books"
    );

    assert_eq!(answered(&mut zoo, first), result);
    assert_eq!(status(&mut zoo, first), DeliveryStatus::Delivered);
    let view = zoo.world.request(second);
    assert_eq!(
        (view.requester, view.summary.phase),
        (zoo.at, Phase::Committing)
    );
    zoo.behave(mode::FINE);
    zoo.world.finish(second, &[YES]);
    assert_eq!(zoo.world.deliver(second), Ok(DeliveryStatus::Delivered));
    assert_eq!(zoo.seen().times, 2);
    zoo.world
        .call::<()>(STRANGER, 0, "prune", second)
        .unwrap_err();
    let ledger = zoo.world.ledger();
    assert_eq!(ledger.balance, ledger.total);
}

#[test]
fn only_a_transaction_may_deliver() {
    let mut zoo = Zoo::new(1);
    let id = zoo.answered(mode::FINE);
    let refused = zoo.forward::<DeliveryStatus>("deliver", &id);
    assert_eq!(refused, Err(Error::CallerNotOrigin));
    assert_eq!(status(&mut zoo, id), DeliveryStatus::Waiting);
    assert_eq!(zoo.world.deliver(id), Ok(DeliveryStatus::Delivered));
}

#[test]
fn a_starved_delivery_earns_nothing() {
    let mut zoo = Zoo::new(1);
    let id = zoo.answered(mode::FINE);
    let result = answered(&mut zoo, id);
    let needed = LIMITS.ref_time + DELIVERY_RESERVE_REF_TIME;
    // Too little time is refused before the consumer is called, so it does not even count.
    for ref_time in [needed / 2, needed] {
        let mut limits = Limits::default();
        limits.gas = limits.gas.set_ref_time(ref_time);
        let outcome = zoo.world.send_with(CARRIER, 0, "deliver", &id, limits);
        let refused = returned::<Result<DeliveryStatus, Error>>(&outcome);
        assert!(
            matches!(refused, Some(Err(Error::GasTooLow { .. }))),
            "{outcome:?}"
        );
        assert_eq!(status(&mut zoo, id), DeliveryStatus::Waiting);
    }
    // A limit of the storage proof starves the consumer as well. Nothing is earned by it.
    let needed = zoo.world.sandbox.dry_run(
        on_chain(CARRIER),
        on_chain(zoo.world.oracle),
        input("deliver", &id),
        0,
    );
    for percent in [60, 70, 80, 90, 95] {
        let mut limits = Limits::default();
        limits.gas = limits
            .gas
            .set_proof_size(needed.gas_consumed.proof_size() * percent / 100);
        let outcome = zoo.world.send_with(CARRIER, 0, "deliver", &id, limits);
        let status = status(&mut zoo, id);
        assert_ne!(
            status,
            DeliveryStatus::Delivered,
            "{percent} %: {outcome:?}"
        );
    }
    assert_eq!((zoo.earned(), zoo.seen().times), (0, 0));
    assert_eq!(answered(&mut zoo, id), result);
    assert_eq!(zoo.world.deliver(id), Ok(DeliveryStatus::Delivered));
    assert!(zoo.earned() > 0);
}

/// An operator that carries deliveries is credited in the account that it has already.
#[test]
fn a_delivering_operator_pays_no_deposit_to_the_oracle() {
    let mut zoo = Zoo::new(1);
    let operator = zoo.world.operators[0].id;
    zoo.world.fund(operator, UNIT);
    let warm = zoo.answered(mode::FINE);
    zoo.world.deliver(warm).unwrap();
    let id = zoo.answered(mode::FINE);
    let escrow = zoo.world.request(id).delivery_escrow;
    let before = zoo.world.operator(0).credit;
    let outcome = zoo.world.send(operator, 0, "deliver", &id);
    assert!(outcome.succeeded(), "{outcome:?}");
    assert_eq!(outcome.deposit_signed(), 0);
    assert_eq!(zoo.world.operator(0).credit - before, escrow);
}

#[test]
fn refunds_never_go_to_the_oracle_itself() {
    let mut zoo = Zoo::new(1);
    let terms = Terms {
        refund_to: Some(zoo.world.oracle),
        ..Zoo::terms()
    };
    assert_eq!(zoo.world.ask(&terms), Err(Error::RefundToOracle));
}

#[test]
fn a_bloating_callback_cannot_take_more_than_its_carrier_allows() {
    let mut zoo = Zoo::new(1);
    let id = zoo.answered(mode::BLOAT);
    let result = answered(&mut zoo, id);
    let purse = zoo.world.sandbox.free_balance(&on_chain(CARRIER));
    let limits = Limits {
        storage_deposit: Some(LIMITS.storage_deposit),
        ..Limits::default()
    };
    let outcome = zoo.world.send_with(CARRIER, 0, "deliver", &id, limits);
    assert!(!outcome.succeeded(), "{outcome:?}");
    assert_eq!(zoo.world.sandbox.free_balance(&on_chain(CARRIER)), purse);
    assert_eq!(answered(&mut zoo, id), result);
    assert_eq!(status(&mut zoo, id), DeliveryStatus::Waiting);
    // The requester has its escrow back once it gives up.
    zoo.world.pass(11);
    let escrow = zoo.world.request(id).delivery_escrow;
    let credit = zoo.world.credit_of(zoo.at);
    assert_eq!(zoo.forward::<()>("prune", &id), Ok(()));
    assert_eq!(zoo.world.credit_of(zoo.at) - credit, escrow);
}

#[test]
fn a_request_of_a_plain_account_fails_to_deliver_and_is_final() {
    let mut zoo = Zoo::new(1);
    let id = zoo.world.ask(&Zoo::terms()).unwrap();
    assert_eq!(zoo.world.deliver(id), Err(Error::NotEnded));
    zoo.world.finish(id, &[YES]);
    let result = answered(&mut zoo, id);
    for failures in 1..=3 {
        assert_eq!(zoo.world.deliver(id), Ok(DeliveryStatus::Failed(failures)));
    }
    assert_eq!(answered(&mut zoo, id), result);
    assert!(matches!(
        zoo.world.call::<()>(ASKER, 0, "prune", id),
        Err(Error::NotPrunableYet { .. })
    ));
}

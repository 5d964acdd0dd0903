//! One request of a contract from its ask to its prune, with every planck accounted for.

use frame_support::traits::Get;
use llm_oracle_primitives::{
    AccountId, Answer, AnswerState, Balance, DeliveryStatus, Error, Margin, Outcome, RequestId,
    SeatState,
};
use llm_oracle_sandbox::runtime::Runtime;
use pallet_contracts::Config;

use crate::{
    market::{LOSER, Market, OTHER_WINNER, PRICE, State, WINNER},
    world::{ASKER, CARRIER, DEPLOYER, NO, REWARD, STRANGER, UNIT, World, YES, on_chain},
};

/// Two agree and one dissents.
const ANSWERS: [Answer; 3] = [YES, YES, NO];
const SEATS: Balance = 3;
/// The owner's share of an agreeing seat's reward: 2 %.
const FEE: Balance = REWARD / 50;
/// The pallet refunds a share of what a contract holds for storage and rounds down: so many planck may
/// stay behind each time.
const ROUNDING: Balance = 10;

/// Length of an array type, for any [`Config::CallStack`].
trait Frames {
    const COUNT: usize;
}

impl<T, const N: usize> Frames for [T; N] {
    const COUNT: usize = N;
}

/// The limits that tell it from ours: see the table in `node/README.md`.
#[test]
fn the_runtime_is_the_original() {
    assert_eq!(<<Runtime as Config>::CallStack as Frames>::COUNT, 23);
    let code_bytes_max = <<Runtime as Config>::MaxCodeLen as Get<u32>>::get();
    assert_eq!(code_bytes_max, 256 * 1024);
    assert!(<<Runtime as Config>::UnsafeUnstableInterface as Get<
        bool,
    >>::get());
}

#[test]
fn original_runtime() {
    let mut market = Market::staked();
    market.world.pass(5);
    let bonds = SEATS * market.world.config.params.min_bond;
    assert_eq!(books(&mut market.world), bonds);
    let issuance = market.world.sandbox.total_issuance();
    let deposits = held(&mut market.world);

    let id = ask(&mut market);
    assert_eq!(books(&mut market.world), bonds + PRICE);
    let asked = held(&mut market.world);
    assert!(asked > deposits);
    commit(&mut market.world, id);
    reveal(&mut market.world, id);
    assert_eq!(books(&mut market.world), bonds + PRICE);
    assert_eq!(held(&mut market.world), asked, "a seat moves no deposit");
    let escrow = deliver(&mut market, id);
    withdraw(&mut market.world, escrow);
    prune(&mut market.world, id);

    assert_eq!(books(&mut market.world), bonds, "only the bonds are left");
    let kept = held(&mut market.world) - deposits;
    assert!(kept < 3 * ROUNDING, "{kept} of the deposits stayed");
    assert_eq!(market.world.sandbox.total_issuance(), issuance);
}

/// The ledger's total, which the balance covers: exactly, because nobody sends money unasked here.
fn books(world: &mut World) -> Balance {
    let ledger = world.ledger();
    assert_eq!(ledger.balance, ledger.total);
    ledger.total
}

/// Deposits for the oracle's storage.
fn held(world: &mut World) -> Balance {
    world.sandbox.on_hold(&on_chain(world.oracle))
}

fn ask(market: &mut Market) -> RequestId {
    let id = market.resolve();
    let view = market.world.request(id);
    assert_eq!((view.requester, view.beneficiary), (market.at, ASKER));
    assert_eq!((view.summary.seats, view.threshold), (3, 2));
    id
}

fn commit(world: &mut World, id: RequestId) {
    let params = world.config.params;
    for (index, answer) in ANSWERS.iter().enumerate() {
        world.pass(1);
        assert_eq!(world.commit(id, index, answer), Ok(()));
        let operator = world.operator(index);
        assert_eq!(operator.locked, params.seat_bond);
        assert_eq!(operator.credit, params.commit_fee);
    }
}

fn reveal(world: &mut World, id: RequestId) {
    for (index, answer) in ANSWERS.iter().enumerate() {
        world.pass(1);
        assert_eq!(world.answer_of(id), Ok(AnswerState::Pending));
        assert_eq!(world.reveal(id, index, answer), Ok(()));
    }
    let margin = Margin {
        seats: 3,
        revealed: 3,
        agreeing: 2,
        abstaining: 0,
        spread: 0,
    };
    let outcome = Outcome::Answered {
        answer: YES,
        margin,
    };
    assert_eq!(world.answer_of(id), Ok(AnswerState::Final(outcome)));
    let view = world.request(id);
    let seats: Vec<_> = view.seats.iter().map(|it| (it.state, it.paid)).collect();
    let agreed = (SeatState::Agreed, REWARD - FEE);
    assert_eq!(seats, [agreed, agreed, (SeatState::Dissented, 0)]);
    assert_eq!((view.refund, view.fee), (REWARD, 2 * FEE));
    for index in 0..ANSWERS.len() {
        let operator = world.operator(index);
        let bond = world.config.params.min_bond;
        assert_eq!((operator.bond, operator.locked), (bond, 0));
    }
}

/// Hands the answer to the market, which pays its winners; gives what the carrier has earned.
fn deliver(market: &mut Market, id: RequestId) -> Balance {
    let escrow = market.world.request(id).delivery_escrow;
    assert_eq!(market.world.deliver(id), Ok(DeliveryStatus::Delivered));
    assert_eq!(market.world.deliver(id), Err(Error::AlreadyDelivered));
    assert_eq!(market.view().state, State::Resolved(1));
    for (who, won) in [(WINNER, 4), (OTHER_WINNER, 2), (LOSER, 0)] {
        assert_eq!(market.claim(who), Ok(won * UNIT));
    }
    escrow
}

/// A stranger pays out everybody.
fn withdraw(world: &mut World, escrow: Balance) {
    let commit_fee = world.config.params.commit_fee;
    let [first, second, third] = [0, 1, 2].map(|index| world.operators[index].id);
    let left = PRICE - SEATS * (REWARD + commit_fee) - escrow;
    let agreed = REWARD - FEE + commit_fee;
    let payouts: [(AccountId, Balance); 6] = [
        (first, agreed),
        (second, agreed),
        (third, commit_fee),
        (CARRIER, escrow),
        // What the market sent above the price, and the reward that the dissenter did not get.
        (ASKER, left + REWARD),
        (DEPLOYER, 2 * FEE),
    ];
    for (who, amount) in payouts {
        assert_eq!(world.credit_of(who), amount);
        let before = world.sandbox.free_balance(&on_chain(who));
        assert_eq!(world.call(STRANGER, 0, "withdraw", who), Ok(amount));
        let after = world.sandbox.free_balance(&on_chain(who));
        assert_eq!(after - before, amount);
        books(world);
    }
}

fn prune(world: &mut World, id: RequestId) {
    assert_eq!(world.call::<()>(ASKER, 0, "prune", id), Ok(()));
    let gone = Err(Error::NoSuchRequest { request_id: id });
    assert_eq!(world.answer_of(id), gone);
}

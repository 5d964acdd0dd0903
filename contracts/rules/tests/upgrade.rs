//! Version 3 over the storage of version 2, with requests in every phase.
//!
//! `fixtures/version_2.txt` was written by the code of version 2; `node/sandbox` does the same with its
//! Wasm on the pallet.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{account, World, ASKER, REWARD, TRANSMITTER};
use llm_oracle_primitives::{
    limits::share, AccountId, AnswerState, Balance, DeliveryStatus, Error, Outcome, Phase,
    RequestId, RevealEntry, SeatState,
};
use llm_oracle_rules::{codec, Key};

const COMMITTING: RequestId = 0;
const REVEALING: RequestId = 1;
const ENDED: RequestId = 2;
const DRAWN: [RequestId; 2] = [3, 4];
const CALLED_BACK: RequestId = 5;
/// What version 2 paid for a seat whatever came out.
const COMMIT_FEE: Balance = 5_000_000_000;

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

/// A deployment of version 2 in block 10 under the rules of version 3, and the reveals that wait.
fn upgraded() -> (World, Vec<RevealEntry>) {
    let mut world = World::new(3, common::dev());
    let mut reveals = Vec::new();
    for line in include_str!("fixtures/version_2.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["cell", key, value] => {
                let key: Key = codec::decode(&bytes(key)).unwrap();
                assert!(world.chain.set_cell(key, bytes(value)), "{key:?}");
            }
            ["balance", planck] => world.chain.balance = planck.parse().unwrap(),
            // Version 2 had no confidence between answer and salt: the salt and the signature come last.
            ["reveal", _, entry] => {
                let mut entry = bytes(entry);
                entry.insert(entry.len() - 96, 0);
                reveals.push(codec::decode(&entry).unwrap());
            }
            _ => {}
        }
    }
    world.chain.block = 10;
    (world, reveals)
}

fn advance(world: &mut World, id: RequestId) -> Result<Phase, Error> {
    world
        .chain
        .call(TRANSMITTER, 0, |oracle| oracle.advance(id))
}

fn credit(world: &mut World, id: AccountId) -> Balance {
    world.chain.view(|oracle| oracle.credit_of(&id))
}

fn reveal_all(world: &mut World, reveals: &[RevealEntry], id: RequestId) {
    for entry in reveals.iter().filter(|entry| entry.request_id == id) {
        let entry = entry.clone();
        let revealed = world
            .chain
            .call(TRANSMITTER, 0, |oracle| oracle.reveal(entry));
        assert!(
            matches!(revealed, Ok(()) | Err(Error::AlreadyRevealed { .. })),
            "{revealed:?}"
        );
    }
}

fn is_answered(world: &mut World, id: RequestId) -> bool {
    let state = world.chain.view(|oracle| oracle.answer_of(id));
    matches!(state, Ok(AnswerState::Final(Outcome::Answered { .. })))
}

#[test]
fn the_books_are_those_of_version_2() {
    let (mut world, _) = upgraded();
    world.check_books();
    let config = world.chain.view(|oracle| oracle.config());
    assert_eq!((config.next_id, config.operators, config.sets), (6, 3, 0));
    assert_eq!((config.unit, config.lowest_open_id), (1_000_000_000_000, 0));
    assert_eq!(config.params.commit_fee, COMMIT_FEE);
    assert_eq!(config.params, common::dev());
    for operator in world.chain.view(|oracle| oracle.operators_view(0, 3)) {
        assert_eq!(operator.owner, operator.operator);
        assert_eq!((operator.first_id, operator.family), (0, vec![]));
        assert!(!operator.barred);
    }
}

/// Those who have a seat keep it; nobody takes another, for terms of version 2 are read no more.
#[test]
fn a_request_that_takes_seats_goes_on_with_those_that_it_has() {
    let (mut world, _) = upgraded();
    let view = world.chain.view(|oracle| oracle.request_view(COMMITTING));
    assert_eq!(view.unwrap().interface_version, 2);
    assert_eq!(world.chain.view(|oracle| oracle.terms(COMMITTING)), None);
    let answer = llm_oracle_primitives::Answer::Bool(true);
    let refused = world.commit(COMMITTING, 1, &answer);
    assert_eq!(
        refused,
        Err(Error::AskedBefore {
            interface_version: 2
        })
    );
    world.chain.block = 12;
    let before = credit(&mut world, ASKER);
    assert_eq!(advance(&mut world, COMMITTING), Ok(Phase::Ended));
    // One of three came: everybody's money, but the fee of the seat that was taken.
    assert_eq!(
        credit(&mut world, ASKER) - before,
        3 * REWARD + 2 * COMMIT_FEE
    );
    world.check_books();
}

#[test]
fn committed_answers_of_version_2_are_revealed_and_paid() {
    let (mut world, reveals) = upgraded();
    for id in [REVEALING, CALLED_BACK] {
        reveal_all(&mut world, &reveals, id);
        assert!(is_answered(&mut world, id), "request {id}");
        let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
        for seat in &view.seats {
            assert_eq!(seat.state, SeatState::Agreed);
            assert_eq!(seat.paid, REWARD - share(REWARD, 20_000));
        }
    }
    world.check_books();
}

#[test]
fn an_answer_of_version_2_is_delivered_for_the_escrow_of_version_2() {
    let (mut world, _) = upgraded();
    let key = world.operators[0].id;
    let before = credit(&mut world, key);
    world.chain.callbacks_succeed = false;
    let deliver = |world: &mut World| world.chain.call(key, 0, |oracle| oracle.deliver(ENDED));
    assert_eq!(deliver(&mut world), Ok(DeliveryStatus::Failed(1)));
    assert_eq!(credit(&mut world, key), before);
    world.chain.callbacks_succeed = true;
    assert_eq!(deliver(&mut world), Ok(DeliveryStatus::Delivered));
    // Reward, price of 1,000 ps and deposit, as its terms said.
    assert_eq!(
        credit(&mut world, key) - before,
        5_000_000_000 + 1_000 + 500
    );
    world.check_books();
}

/// Nobody draws any more. Seats are released, revealed or not, and the rest goes back.
#[test]
fn drawn_requests_end_with_everybodys_money() {
    let (mut world, reveals) = upgraded();
    for (id, taken) in DRAWN.into_iter().zip([0, 3]) {
        let state = world.chain.view(|oracle| oracle.answer_of(id));
        assert_eq!(state, Ok(AnswerState::Final(Outcome::Expired)));
        let late = reveals.iter().find(|entry| entry.request_id == id);
        if let Some(entry) = late.cloned() {
            let closed = world
                .chain
                .call(TRANSMITTER, 0, |oracle| oracle.reveal(entry));
            assert!(matches!(closed, Err(Error::RevealClosed { .. })));
        }
        let before = credit(&mut world, ASKER);
        assert_eq!(advance(&mut world, id), Ok(Phase::Ended));
        let back = 3 * REWARD + (3 - taken) * COMMIT_FEE;
        assert_eq!(credit(&mut world, ASKER) - before, back);
        let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
        assert!(view.seats.iter().all(|seat| seat.forfeited == 0));
        world.check_books();
    }
}

/// Strangers alone get everything out, bonds included once their owners asked for them.
#[test]
fn everything_of_version_2_can_be_taken_out() {
    let (mut world, reveals) = upgraded();
    for id in [REVEALING, CALLED_BACK] {
        reveal_all(&mut world, &reveals, id);
    }
    world.chain.block += 20_000;
    for id in 0..6 {
        let pruned = world.chain.call(TRANSMITTER, 0, |oracle| oracle.prune(id));
        assert_eq!(pruned, Ok(()), "request {id}");
    }
    let keys: Vec<AccountId> = world.operators.iter().map(|it| it.id).collect();
    for (slot, key) in (0..).zip(&keys) {
        let unbond = world
            .chain
            .call(*key, 0, |oracle| oracle.unbond(slot, Balance::MAX));
        assert_eq!(unbond, Ok(()));
    }
    world.chain.block += common::dev().unbonding_blocks;
    for (slot, key) in (0..).zip(&keys) {
        world
            .chain
            .call(ASKER, 0, |oracle| oracle.release(slot))
            .unwrap();
        world
            .chain
            .call(ASKER, 0, |oracle| oracle.withdraw(key))
            .unwrap();
    }
    for payee in [ASKER, account(0xee), account(0xdd)] {
        let _ = world.chain.call(ASKER, 0, |oracle| oracle.withdraw(&payee));
    }
    world.check_books();
    assert_eq!(world.chain.balance, 0);
}

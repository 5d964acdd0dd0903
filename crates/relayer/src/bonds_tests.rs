//! What fits into a bond.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan::{terms, Stake};
use std::sync::Arc;

const OPERATOR: [u8; 32] = [9; 32];

fn request(request_id: RequestId, requester: u8) -> ModelRequest {
    ModelRequest {
        stake: Stake {
            entry: SeatId {
                request_id,
                operator: OPERATOR,
            },
            requester: AccountId::from([requester; 32]),
            seat_fee: 0,
            effort: 0,
            kept: false,
            price: 0,
        },
        terms: Arc::new(terms()),
        terms_digest: [0; 32],
        seen_at_ms: 0,
        deadline: 10,
        seat_bond: 10,
    }
}

/// The capacities of an operator with this bond, of which seats of one requester hold some.
fn capacities(bond: Balance, held: u32) -> Capacities {
    let mut capacities = Capacities::default();
    let locked = Balance::from(held).saturating_mul(10);
    let capacity = capacities.0.entry(OPERATOR).or_default();
    (capacity.bond, capacity.free) = (bond, bond.saturating_sub(locked));
    for _ in 0..held {
        let held = Held {
            requester: AccountId::from([1; 32]),
            seat_bond: 10,
        };
        capacities.hold(&OPERATOR, &held);
    }
    capacities
}

fn policy(max_open_seats: u32, max_bond_percent_per_requester: u8) -> PolicyConfig {
    PolicyConfig {
        max_open_seats,
        max_bond_percent_per_requester,
        ..PolicyConfig::default()
    }
}

#[test]
fn no_model_is_asked_for_a_seat_that_the_bond_does_not_cover() {
    let any = policy(0, 0);
    let mut capacities = capacities(29, 0);
    assert!(capacities.take(&any, &request(1, 1)).is_ok());
    assert!(capacities.take(&any, &request(2, 1)).is_ok());
    let why = capacities.take(&any, &request(3, 1)).unwrap_err();
    assert!(why.contains("9 of the bond are free"), "{why}");
}

#[test]
fn one_requester_holds_its_part_of_the_bond_and_leaves_the_rest() {
    let half = policy(0, 50);
    let mut capacities = capacities(100, 5);
    assert!(capacities.take(&half, &request(6, 1)).is_err());
    assert!(capacities.take(&half, &request(6, 2)).is_ok());
}

#[test]
fn seats_that_are_open_are_bounded() {
    let three = policy(3, 0);
    let mut capacities = capacities(1_000, 2);
    assert!(capacities.take(&three, &request(3, 2)).is_ok());
    let why = capacities.take(&three, &request(4, 3)).unwrap_err();
    assert!(why.contains("policy.max_open_seats is 3"), "{why}");
}

//! What is remembered of what answers cost.

use super::*;

fn stake(request_id: u64) -> Stake {
    Stake {
        entry: SeatId {
            request_id,
            operator: [9; 32],
        },
        requester: AccountId::from([1; 32]),
        seat_fee: 10,
        effort: 0,
        kept: false,
        price: 7,
    }
}

#[test]
fn seats_that_came_to_nothing_make_room_for_others() {
    let policy = PolicyConfig::default();
    let mut spend = SpendTracker::default();
    for id in 0..=SEATS_MAX as u64 {
        spend.charge(&policy, &stake(id));
        spend.close(&policy, &stake(id).entry, 0, 0);
    }
    assert!(spend.seats.is_empty());
    // The next one is remembered, so that what it earns is given back.
    let last = stake(u64::MAX);
    let before = spend.at_risk();
    spend.charge(&policy, &last);
    spend.close(&policy, &last.entry, 10, 7);
    assert_eq!(spend.at_risk(), before);
}

#[test]
fn who_asks_is_written_down_only_for_a_budget() {
    let mut spend = SpendTracker::default();
    spend.charge(&PolicyConfig::default(), &stake(1));
    assert!(spend.requesters.is_empty());
    let mut policy = PolicyConfig::default();
    policy.per_requester.max_requests_per_day = 3;
    spend.charge(&policy, &stake(2));
    assert_eq!(spend.of_requester(&AccountId::from([1; 32])).requests, 1);
}

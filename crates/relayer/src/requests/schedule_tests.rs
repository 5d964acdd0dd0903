#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use llm_oracle_primitives::DeliveryStatus;
use std::collections::BTreeSet;

fn entry(request_id: u64) -> SeatId {
    SeatId {
        request_id,
        operator: [1; 32],
    }
}

fn summary(request_id: u64, phase: Phase, deadline: BlockNumber) -> Summary {
    Summary {
        request_id,
        phase,
        settled: false,
        seats: 1,
        committed: 0,
        revealed: 0,
        delivery: DeliveryStatus::None,
        reward: 0,
        opens_at: 0,
        commit_deadline: if phase == Phase::Committing {
            deadline
        } else {
            0
        },
        reveal_deadline: deadline,
    }
}

#[test]
fn backlog_does_not_starve_live() {
    // 10,000 requests wait, with far deadlines; three more arrive that are due soon, one for a reveal.
    let mut summaries: Vec<_> = (0..10_000)
        .map(|id| {
            summary(
                id,
                Phase::Committing,
                9_000 + u32::try_from(id % 7).unwrap(),
            )
        })
        .collect();
    summaries.push(summary(10_000, Phase::Committing, 40));
    summaries.push(summary(10_001, Phase::Revealing, 30));
    summaries.push(summary(10_002, Phase::Ended, 0));
    summaries.push(summary(10_003, Phase::Committing, 50));
    let turn = choose(&summaries, |_| false, |_| false, 0);
    assert_eq!(turn.len(), DUE_PER_ITERATION + OTHERS_PER_ITERATION);
    let first: Vec<_> = turn.iter().take(3).map(|one| one.request_id).collect();
    assert_eq!(first, [10_001, 10_000, 10_003]);

    // The model's queue is full of the backlog, and what is due soon goes first all the same.
    let mut queue = DeadlineQueue::new(64);
    for one in &summaries[..10_000] {
        queue.push(one.commit_deadline, entry(one.request_id), one.request_id);
    }
    assert!(queue.push(50, entry(10_003), 10_003));
    assert!(queue.push(40, entry(10_000), 10_000));
    assert!(!queue.push(40, entry(10_000), 10_000), "once is enough");
    assert!(
        !queue.push(9_999, entry(77_777), 77_777),
        "there is no place"
    );
    let next: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(next.len(), 64);
    assert_eq!(next[..2], [10_000, 10_003]);

    // And nothing of the backlog is forgotten, however the newest are preferred.
    let mut seen = BTreeSet::new();
    for turn in 0..200 {
        seen.extend(
            choose(&summaries, |_| false, |_| false, turn)
                .iter()
                .map(|one| one.request_id),
        );
    }
    assert_eq!(seen.len(), summaries.len());
}

#[test]
fn requests_with_nothing_to_do_take_no_place_of_those_that_are_due() {
    // A stranger fills the front with requests that policy leaves out.
    let mut summaries: Vec<_> = (0..5_000)
        .map(|id| summary(id, Phase::Committing, 10))
        .collect();
    summaries.push(summary(5_000, Phase::Committing, 900));
    let skipped = |one: &Summary| one.request_id < 5_000;
    let turn = choose(&summaries, |_| false, skipped, 3);
    assert_eq!(turn[0].request_id, 5_000);
    assert_eq!(turn.len(), 1 + OTHERS_PER_ITERATION);
}

#[test]
fn a_seat_of_ours_that_is_to_be_revealed_is_looked_at_in_every_iteration() {
    // A stranger fills the front with requests that are due earlier and for which we have not decided yet.
    let mut summaries: Vec<_> = (0..5_000)
        .map(|id| summary(id, Phase::Committing, 10))
        .collect();
    summaries.extend((5_000..5_300).map(|id| summary(id, Phase::Revealing, 900)));
    let ours = |one: &Summary| one.request_id >= 5_200;
    for turn in 0..3 {
        let chosen = choose(&summaries, ours, |_| false, turn);
        let ids: Vec<_> = chosen.iter().map(|one| one.request_id).collect();
        assert!(
            ids.starts_with(&(5_200..5_300).collect::<Vec<_>>()),
            "{turn}"
        );
        assert_eq!(ids.len(), 100 + DUE_PER_ITERATION + OTHERS_PER_ITERATION);
    }
}

#[test]
fn what_is_overdue_is_dropped() {
    let mut queue = DeadlineQueue::new(9);
    for (deadline, id) in [(7, 1), (5, 2), (6, 3)] {
        assert!(queue.push(deadline, entry(id), id));
    }
    assert_eq!(queue.drop_overdue(4), []);
    assert_eq!(queue.drop_overdue(6), [entry(2), entry(3)]);
    assert!(queue.contains(&entry(1)) && !queue.contains(&entry(2)));
    assert_eq!(queue.pop(), Some(1));
    assert!(queue.pop().is_none() && !queue.contains(&entry(1)));
}

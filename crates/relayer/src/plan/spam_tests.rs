//! A day of hostile but valid requests against policy and spend tracker. What a seat pays is what the contract
//! pays in the worst cases that a requester with operators of its own can bring about.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::{Candidate, PolicyConfig, Stake};
use crate::model::SpendTracker;
use llm_oracle_fixtures::request;
use llm_oracle_fixtures::SimRng;
use llm_oracle_primitives::{AccountId, Sampling, Terms};
use llm_oracle_store::SeatId;

const FEE: u128 = 1_000;
/// Blocks of 6 s in 24 hours.
const BLOCKS: u64 = 14_400;

fn terms(rng: &mut SimRng) -> Terms {
    let prompt = vec![b'x'; usize::try_from(rng.below(8_192)).unwrap()];
    Terms {
        sampling: Sampling {
            max_tokens: u32::try_from(rng.below(40_000)).unwrap(),
            ..Sampling::default()
        },
        seats: 3,
        threshold: 2,
        ..request::terms(&prompt)
    }
}

/// What became of a day.
#[derive(Debug, Default)]
struct Day {
    /// What single requests cost more than they brought, without what others brought.
    lost: i128,
    balance: i128,
    answered: u32,
    skipped: u32,
}

/// One day; `honest` in 100 of the requests end as the requester promised.
fn day(policy: &PolicyConfig, seed: u64, honest: u64) -> Day {
    let mut rng = SimRng::new(seed);
    let (mut ledger, mut day) = (SpendTracker::default(), Day::default());
    for id in 0..BLOCKS {
        // The day of UTC changes in the middle.
        ledger.begin_day(i64::from(id >= BLOCKS / 2));
        let terms = terms(&mut rng);
        let bytes = terms.prompt.len() as u128;
        let reward = u128::from(rng.below(100_000));
        let stake = Stake {
            entry: SeatId {
                request_id: id,
                operator: [9; 32],
            },
            requester: AccountId::from([u8::try_from(rng.below(200)).unwrap(); 32]),
            // Some contracts pay more for a commit than it costs.
            seat_fee: 2 * FEE + u128::from(rng.below(3)) * 5_000,
            // Enough seats are taken, or it is not sure that they will be.
            effort: [0, reward / 4][usize::try_from(rng.below(2)).unwrap()],
            kept: rng.below(2) == 0,
            // Some requests go to a model that costs nothing.
            price: u128::from(rng.below(4).min(1)) * (bytes / 4 + 500),
        };
        let candidate = Candidate {
            stake,
            beneficiary: stake.requester,
            terms: &terms,
            reward,
            fee_ppm: 20_000,
        };
        if policy.refusal(0, &candidate, &ledger).is_some() {
            day.skipped += 1;
            continue;
        }
        ledger.charge(policy, &stake);
        day.answered += 1;
        let net = end(policy, &mut ledger, &stake, reward, &mut rng, honest)
            - i128::try_from(stake.price).unwrap();
        day.balance += net;
        day.lost += (-net).max(0);
    }
    day
}

/// What the end of a seat brings, fees taken off: the seat may be gone, and one that is not may be
/// outvoted by the requester's own operators.
fn end(
    policy: &PolicyConfig,
    ledger: &mut SpendTracker,
    stake: &Stake,
    reward: u128,
    rng: &mut SimRng,
    honest: u64,
) -> i128 {
    let as_promised = rng.below(100) < honest;
    let (paid, fees) = match rng.below(5) {
        _ if as_promised => (reward - reward / 50, 2 * FEE),
        // The commit comes too late, or only just and fails.
        0 | 1 if !stake.kept => return -i128::try_from(rng.below(2) as u128 * FEE).unwrap(),
        // Too few commit: nothing is revealed.
        2 if stake.effort == 0 => (0, FEE),
        // Outvoted, or without a result.
        _ => (reward / 4, 2 * FEE),
    };
    ledger.close(policy, &stake.entry, stake.seat_fee, paid);
    i128::try_from(stake.seat_fee + paid).unwrap() - i128::try_from(fees).unwrap()
}

#[test]
fn valid_spam_costs_no_more_than_the_risk_allowed() {
    let policy = |max_stake_at_risk_per_day| PolicyConfig {
        tx_fees_per_seat: Some(2 * FEE),
        max_stake_at_risk_per_day,
        ..PolicyConfig::default()
    };
    for seed in 0..20 {
        let careful = day(&policy(0), seed, 0);
        assert_eq!(careful.lost, 0, "seed {seed}: {careful:?}");
        assert!(
            careful.answered > 100 && careful.skipped > 1_000,
            "seed {seed}: {careful:?}"
        );
        // Who takes a risk loses at most that much on each of the two days.
        let risk = 50_000;
        let bolder = day(&policy(risk), seed, 0);
        let most = 2 * i128::try_from(risk).unwrap();
        assert!((1..=most).contains(&bolder.lost), "seed {seed}: {bolder:?}");
        // Without the rule the same day costs far more.
        let careless = day(&policy(u128::MAX), seed, 0);
        assert!(
            careless.lost > 10 * most,
            "seed {seed}: {careless:?}, bolder {bolder:?}"
        );
    }
}

#[test]
fn honest_requests_give_back_what_they_put_at_risk() {
    let policy = PolicyConfig {
        tx_fees_per_seat: Some(2 * FEE),
        max_stake_at_risk_per_day: 50_000,
        ..PolicyConfig::default()
    };
    for seed in 0..5 {
        let (hostile, honest) = (day(&policy, seed, 0), day(&policy, seed, 100));
        assert!(honest.balance > 0, "seed {seed}: {honest:?}");
        assert!(
            honest.answered > hostile.answered,
            "seed {seed}: {honest:?}, {hostile:?}"
        );
    }
}

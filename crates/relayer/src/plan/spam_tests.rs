//! A day of hostile but valid requests against policy and books. What a seat pays is what the contract
//! pays in the worst cases that a requester with operators of its own can bring about.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::{Candidate, PolicyConfig, Stake};
use crate::model::SpendTracker;
use llm_oracle_fixtures::SimRng;
use llm_oracle_primitives::{AccountId, AnswerKind, Assignment, ModelRef, Prompt, Sampling, Terms};
use llm_oracle_store::SeatId;

const FEE: u128 = 1_000;
/// Blocks of 6 s in 24 hours.
const BLOCKS: u64 = 14_400;

fn terms(rng: &mut SimRng) -> Terms {
    Terms {
        model: ModelRef::Any,
        prompt: Prompt::Inline(vec![b'x'; usize::try_from(rng.below(8_192)).unwrap()]),
        system: None,
        answer: AnswerKind::Bool,
        sampling: Sampling {
            max_tokens: u32::try_from(rng.below(40_000)).unwrap(),
            ..Sampling::default()
        },
        seats: 3,
        threshold: 2,
        assignment: Assignment::Open,
        one_step: false,
        commit_blocks: 20,
        reveal_blocks: 20,
        callback: None,
        refund_to: None,
    }
}

/// What became of a day.
#[derive(Debug, Default)]
struct Day {
    /// What single requests cost more than they brought, without what others brought.
    lost: i128,
    balance: i128,
    answered: u32,
    left_out: u32,
}

/// One day; `honest` in 100 of the requests end as the requester promised.
fn day(policy: &PolicyConfig, seed: u64, honest: u64) -> Day {
    let mut rng = SimRng::new(seed);
    let (mut ledger, mut day) = (SpendTracker::default(), Day::default());
    for id in 0..BLOCKS {
        // The day of UTC changes in the middle.
        ledger.begin_day(i64::from(id >= BLOCKS / 2));
        let terms = terms(&mut rng);
        let bytes = match &terms.prompt {
            Prompt::Inline(bytes) => bytes.len() as u128,
            Prompt::Linked { .. } => 0,
        };
        let stake = Stake {
            entry: SeatId {
                request_id: id,
                operator: [9; 32],
            },
            requester: AccountId::from([u8::try_from(rng.below(200)).unwrap(); 32]),
            // Some contracts pay more for a commit than it costs.
            commit_fee: 2 * FEE + u128::from(rng.below(3)) * 5_000,
            kept: rng.below(2) == 0,
            // Some requests go to a model that costs nothing.
            price: u128::from(rng.below(4).min(1)) * (bytes / 4 + 500),
        };
        let reward = u128::from(rng.below(100_000));
        let candidate = Candidate {
            stake,
            beneficiary: stake.requester,
            terms: &terms,
            reward,
        };
        if policy.refusal(0, &candidate, &ledger).is_some() {
            day.left_out += 1;
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
        2 => (0, FEE),
        3 => (reward / 4, 2 * FEE),
        _ => (0, 2 * FEE),
    };
    ledger.close(policy, &stake.entry, stake.commit_fee, paid);
    i128::try_from(stake.commit_fee + paid).unwrap() - i128::try_from(fees).unwrap()
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
            careful.answered > 100 && careful.left_out > 1_000,
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

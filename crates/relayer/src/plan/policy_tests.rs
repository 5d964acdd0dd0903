#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use llm_oracle_primitives::Source;
use llm_oracle_store::SeatId;

pub(crate) fn terms() -> Terms {
    Terms {
        seats: 3,
        threshold: 2,
        commit_blocks: 20,
        reveal_blocks: 20,
        ..llm_oracle_fixtures::request::terms(b"Did it rain?")
    }
}

fn account(byte: u8) -> AccountId {
    AccountId::from([byte; 32])
}

fn stake(request_id: u64) -> Stake {
    Stake {
        entry: SeatId {
            request_id,
            operator: [9; 32],
        },
        requester: account(1),
        seat_fee: 10,
        effort: 0,
        kept: true,
        price: 0,
    }
}

fn why(policy: &PolicyConfig, change: impl FnOnce(&mut Stake, &mut Terms)) -> Option<String> {
    let (mut stake, mut terms) = (stake(1), terms());
    change(&mut stake, &mut terms);
    let candidate = Candidate {
        stake,
        beneficiary: account(2),
        terms: &terms,
        reward: 100,
        fee_ppm: 0,
    };
    policy.refusal(100, &candidate, &SpendTracker::default())
}

fn policy(text: &str) -> PolicyConfig {
    toml::from_str(text).unwrap()
}

#[test]
fn the_table() {
    let me = llm_oracle_support::address::ss58(&account(1));
    let refunded = llm_oracle_support::address::ss58(&account(2));
    let other = llm_oracle_support::address::ss58(&account(3));
    let nothing = |_: &mut Stake, _: &mut Terms| {};
    type Change = fn(&mut Stake, &mut Terms);
    let choice: Change = |_, terms| {
        terms.answer = AnswerKind::Choice {
            options: vec![b"a".to_vec(), b"BOMB\n parts".to_vec()],
        }
    };
    let instructed: Change = |_, terms| terms.system = Some(b"x".repeat(20));
    let long: Change = |_, terms| terms.sampling.max_tokens = 20_000;
    let priced: Change = |stake, _| stake.price = 91;
    let cheap: Change = |stake, _| stake.price = 9;
    let worked: Change = |stake, _| (stake.price, stake.effort) = (9, 9);
    let sourced: Change = |_, terms| {
        terms.sources = vec![Source::Page {
            url: b"https://example.com".to_vec(),
            must: false,
        }];
    };
    for (text, change, reason) in [
        (String::new(), nothing as Change, None),
        (format!("deny = ['{me}']"), nothing, Some("policy.deny")),
        (format!("deny = ['{refunded}']"), nothing, Some("refunds")),
        (format!("deny = ['{other}']"), nothing, None),
        (format!("only = ['{other}']"), nothing, Some("policy.allow")),
        (format!("only = ['{me}', '{other}']"), nothing, None),
        ("max_prompt_bytes = 12".to_owned(), nothing, None),
        (
            "max_prompt_bytes = 11".to_owned(),
            nothing,
            Some("has 12 bytes, and policy.max_prompt_bytes is 11"),
        ),
        (
            "max_prompt_bytes = 31".to_owned(),
            instructed,
            Some("has 32 bytes"),
        ),
        (
            String::new(),
            long,
            Some("policy.max_output_tokens is 16384"),
        ),
        (
            "min_reveal_blocks = 21".to_owned(),
            nothing,
            Some("policy.min_reveal_blocks is 21"),
        ),
        (
            "forbidden = ['', 'bomb  PARTS']".to_owned(),
            choice,
            Some("word number 1"),
        ),
        ("forbidden = ['bomb parts']".to_owned(), nothing, None),
        ("min_profit = 100".to_owned(), nothing, None),
        (
            "min_profit = 101".to_owned(),
            nothing,
            Some("pays 110 planck a seat with its seat fee, and costs up to 10"),
        ),
        (
            "max_stake_at_risk_per_day = 1000".to_owned(),
            |stake, _| stake.price = 101,
            Some("costs up to 111"),
        ),
        // The model's price beyond what is sure is at risk.
        (String::new(), cheap, Some("9 planck of its cost")),
        (String::new(), worked, None),
        (String::new(), sourced, None),
        (
            "max_sources = 0".to_owned(),
            sourced,
            Some("has 1 sources, and policy.max_sources is 0"),
        ),
        ("max_stake_at_risk_per_day = 9".to_owned(), cheap, None),
        ("tx_fees_per_seat = 1".to_owned(), cheap, None),
        (
            "tx_fees_per_seat = 2".to_owned(),
            cheap,
            Some("1 planck of its cost"),
        ),
        ("max_stake_at_risk_per_day = 91".to_owned(), priced, None),
        (
            "max_stake_at_risk_per_day = 91\n[each]\ncost_a_day = 90".to_owned(),
            |stake, _| stake.price = 91,
            Some("max_cost_per_day is 90"),
        ),
    ] {
        let found = why(&policy(&text), change);
        match reason {
            None => assert_eq!(found, None, "{text}"),
            Some(part) => {
                let found = found.unwrap_or_default();
                assert!(found.contains(part), "{text}: {found}");
            }
        }
    }
    let little = Candidate {
        stake: stake(1),
        beneficiary: account(2),
        terms: &terms(),
        reward: 99,
        fee_ppm: 0,
    };
    let found = PolicyConfig::default().refusal(100, &little, &SpendTracker::default());
    assert_eq!(
        found.unwrap(),
        "pays 99 planck a seat, and min_reward is 100"
    );
}

#[test]
fn a_seat_that_others_may_take_risks_the_whole_answer() {
    let policy = policy("tx_fees_per_seat = 4");
    for (kept, price, at_risk) in [
        (true, 0, 0),
        (true, 6, 0),
        (true, 7, 1),
        (false, 0, 4),
        (false, 6, 10),
    ] {
        let stake = Stake {
            kept,
            price,
            ..stake(1)
        };
        assert_eq!(stake.at_risk(&policy, 0), at_risk, "{stake:?}");
        // What a try before it cost counts too.
        let before = stake.at_risk(&policy, 3);
        assert!((at_risk..=at_risk + 3).contains(&before), "{stake:?}");
    }
}

#[test]
fn budgets_are_counted_by_requester_and_day() {
    let me = llm_oracle_support::address::ss58(&account(1));
    let policy = policy(&format!(
        "max_stake_at_risk_per_day = 1000\n[each]\nrequests_a_day = 2\ncost_a_day = '1000'\n[[requesters]]\naccount = '{me}'\ncost_a_day = 25"
    ));
    let paid = |request_id, requester| Stake {
        requester,
        price: 10,
        ..stake(request_id)
    };
    let mut ledger = SpendTracker::default();
    ledger.begin_day(1);
    for id in 0..2 {
        for requester in [account(1), account(5)] {
            let stake = paid(id, requester);
            assert_eq!(policy.over_budget(&stake, &ledger), None);
            ledger.charge(&policy, &stake);
        }
    }
    let own = policy.over_budget(&paid(3, account(1)), &ledger).unwrap();
    assert!(own.contains("up to 30 planck"), "{own}");
    let each = policy.over_budget(&paid(3, account(5)), &ledger).unwrap();
    assert!(each.contains("max_requests_per_day is 2"), "{each}");
    assert_eq!(policy.over_budget(&paid(3, account(6)), &ledger), None);
    // Kept over a restart, and gone the next day.
    let bytes = serde_json::to_vec(&ledger).unwrap();
    let mut again: SpendTracker = serde_json::from_slice(&bytes).unwrap();
    again.begin_day(1);
    assert!(policy.over_budget(&paid(3, account(1)), &again).is_some());
    again.begin_day(2);
    assert_eq!(policy.over_budget(&paid(3, account(1)), &again), None);
}

#[test]
fn what_a_seat_earns_is_no_longer_at_risk() {
    let policy = policy("max_stake_at_risk_per_day = 30\nseat_fees = 10");
    let stake = |id| Stake {
        price: 20,
        ..stake(id)
    };
    for (paid, left) in [(100, 0), (20, 0), (5, 15), (0, 20)] {
        let mut ledger = SpendTracker::default();
        ledger.charge(&policy, &stake(1));
        assert_eq!(ledger.at_risk(), 20);
        assert!(policy.over_budget(&stake(2), &ledger).is_some());
        ledger.close(&policy, &stake(1).entry, 10, paid);
        assert_eq!(ledger.at_risk(), left, "{paid}");
        // Once only.
        ledger.close(&policy, &stake(1).entry, 10, paid);
        assert_eq!(ledger.at_risk(), left, "{paid}");
    }
}

#[test]
fn asking_again_is_charged_again() {
    let policy = policy("max_stake_at_risk_per_day = 1000");
    let stake = Stake {
        price: 8,
        seat_fee: 10,
        ..stake(1)
    };
    let policy = PolicyConfig {
        tx_fees_per_seat: Some(0),
        ..policy
    };
    let mut ledger = SpendTracker::default();
    for at_risk in [0, 6, 14] {
        ledger.charge(&policy, &stake);
        assert_eq!(ledger.at_risk(), at_risk);
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_refused_with_the_word() {
    for (text, word) in [
        ("deny = ['5x']", "5x"),
        ("min_profit = 'much'", "much"),
        ("allowed = []", "allowed"),
        ("[[requesters]]\nrequests_a_day = 1", "account"),
    ] {
        let error = toml::from_str::<PolicyConfig>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn the_least_profit_is_without_the_owners_part() {
    let policy = policy("min_profit = 100");
    let refused = |fee_ppm| {
        let terms = terms();
        let candidate = Candidate {
            stake: stake(1),
            beneficiary: account(2),
            terms: &terms,
            reward: 120,
            fee_ppm,
        };
        let refusal = policy.refusal(0, &candidate, &SpendTracker::default());
        refusal.is_some()
    };
    // 120 and a commit fee that pays the fees; a fifth of it is the owner's.
    assert!(!refused(0) && refused(200_000));
}

#[test]
fn windows_that_lock_a_bond_for_long_are_refused() {
    for (text, reason) in [
        ("max_commit_blocks = 20", None),
        (
            "max_commit_blocks = 19",
            Some("policy.max_commit_blocks is 19"),
        ),
        (
            "max_reveal_blocks = 19",
            Some("policy.max_reveal_blocks is 19"),
        ),
    ] {
        let found = why(&policy(text), |_, _| {});
        let found = found.unwrap_or_default();
        assert_eq!(found.is_empty(), reason.is_none(), "{found}");
        assert!(found.contains(reason.unwrap_or_default()), "{found}");
    }
}

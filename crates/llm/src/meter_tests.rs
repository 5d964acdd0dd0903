#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;

const ONE: CallCost = cost(1, 100);

const fn cost(requests: u32, tokens: u64) -> CallCost {
    CallCost {
        requests,
        input_tokens: tokens,
        output_tokens: 0,
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn requests_of_the_last_minute_are_bounded() {
    let limits = CallLimits {
        max_requests_per_minute: 3,
        ..CallLimits::default()
    };
    let start = Instant::now();
    let mut meter = Meter::default();
    for at in [0, 10, 20] {
        meter.take(&limits, ONE, start + seconds(at), 1).unwrap();
    }
    let closed = meter.take(&limits, ONE, start + seconds(25), 1);
    assert_eq!(closed.unwrap_err().wait, seconds(35));
    let two = cost(2, 0);
    let closed = meter.take(&limits, two, start + seconds(61), 1);
    assert_eq!(closed.unwrap_err().wait, seconds(9));
    meter.take(&limits, ONE, start + seconds(60), 1).unwrap();
    // More than a minute allows in all still gets its turn.
    let many = cost(9, 0);
    assert!(meter.take(&limits, many, start + seconds(500), 1).is_ok());
}

#[test]
fn tokens_of_the_last_minute_are_bounded_by_the_maximum_of_what_is_under_way() {
    let limits = CallLimits {
        max_tokens_per_minute: 1_000,
        ..CallLimits::default()
    };
    let start = Instant::now();
    let mut meter = Meter::default();
    let take = |meter: &mut Meter, tokens, at| {
        meter.take(&limits, cost(1, tokens), start + seconds(at), 1)
    };
    let first = take(&mut meter, 600, 0).unwrap();
    let second = take(&mut meter, 400, 0).unwrap();
    // Both may take all that was reserved for as long as they are under way.
    let denied = take(&mut meter, 1, 90).unwrap_err();
    assert_eq!((denied.wait, denied.is_rate), (seconds(1), true));
    assert!(denied.reason.contains("max_tokens_per_minute is 1000"));
    meter.settle(&limits, &first, cost(1, 100), start + seconds(100));
    let third = take(&mut meter, 500, 100).unwrap();
    meter.settle(&limits, &second, cost(1, 300), start + seconds(110));
    meter.settle(&limits, &third, cost(1, 0), start + seconds(111));
    // 100 tokens count until 160, 300 until 170.
    assert!(take(&mut meter, 600, 120).is_ok());
    assert_eq!(take(&mut meter, 100, 120).unwrap_err().wait, seconds(40));
    assert_eq!(take(&mut meter, 300, 130).unwrap_err().wait, seconds(40));
    assert_eq!(take(&mut meter, 401, 130).unwrap_err().wait, seconds(1));
}

#[test]
fn a_question_larger_than_a_minute_allows_is_put_alone() {
    let limits = CallLimits {
        max_tokens_per_minute: 1_000,
        ..CallLimits::default()
    };
    let start = Instant::now();
    let mut meter = Meter::default();
    let small = meter.take(&limits, cost(1, 10), start, 1).unwrap();
    assert!(meter.take(&limits, cost(1, 5_000), start, 1).is_err());
    // It was stopped, and may have taken all of it.
    meter.keep(&small, start + seconds(5));
    let denied = meter.take(&limits, cost(1, 5_000), start + seconds(6), 1);
    assert_eq!(denied.unwrap_err().wait, seconds(59));
    let large = meter.take(&limits, cost(1, 5_000), start + seconds(65), 1);
    assert!(large.is_ok());
    assert!(meter
        .take(&limits, cost(1, 1), start + seconds(65), 1)
        .is_err());
}

#[test]
fn a_days_tokens_and_money_are_bounded_and_what_was_not_needed_comes_back() {
    let limits = CallLimits {
        max_tokens_per_day: 250,
        planck_per_request: 7,
        planck_per_million_tokens: 10_000,
        max_spend_per_day: 17,
        ..CallLimits::default()
    };
    assert_eq!(limits.price(ONE), 8);
    let now = Instant::now();
    let mut meter = Meter::default();
    meter.take(&limits, ONE, now, 1).unwrap();
    let reserved = meter.take(&limits, ONE, now, 1).unwrap();
    let closed = meter.take(&limits, ONE, now, 1).unwrap_err();
    assert!(
        closed.reason.contains("max_tokens_per_day is 250"),
        "{closed:?}"
    );
    let small = cost(1, 1);
    meter.settle(&limits, &reserved, small, now);
    let used = (meter.used().tokens, meter.used().planck.clone());
    assert_eq!(used, (101, "16".to_owned()));
    let closed = meter.take(&limits, ONE, now, 1).unwrap_err();
    assert!(
        closed.reason.contains("max_spend_per_day is 17"),
        "{closed:?}"
    );
    meter.take(&limits, ONE, now, 2).unwrap();
    assert_eq!(meter.used().requests, 1);
}

#[test]
fn more_than_was_reserved_is_charged_as_well() {
    let limits = CallLimits {
        max_tokens_per_day: 1_000,
        max_requests_per_minute: 4,
        planck_per_million_input_tokens: 1_000_000,
        planck_per_million_output_tokens: 3_000_000,
        ..CallLimits::default()
    };
    let now = Instant::now();
    let mut meter = Meter::default();
    let reserved = meter.take(&limits, ONE, now, 1).unwrap();
    let needed = CallCost {
        requests: 4,
        input_tokens: 90,
        output_tokens: 900,
    };
    meter.settle(&limits, &reserved, needed, now);
    let used = meter.used();
    assert_eq!((used.requests, used.tokens), (4, 990));
    assert_eq!(used.planck, (90 + 3 * 900).to_string());
    let closed = meter.take(&limits, cost(1, 1), now, 1).unwrap_err();
    assert!(closed.reason.contains("last minute"), "{closed:?}");
    let closed = meter.take(&limits, cost(1, 11), now + seconds(60), 1);
    assert!(closed.unwrap_err().reason.contains("max_tokens_per_day"));
}

#[test]
fn what_was_used_outlives_a_restart_and_a_damaged_amount_counts_as_spent() {
    let limits = CallLimits {
        planck_per_request: 1,
        max_spend_per_day: 10,
        ..CallLimits::default()
    };
    for (planck, open) in [("9", true), ("10", false), ("ten", false)] {
        let mut meter = Meter::default();
        meter.restore(DailyUsage {
            day: 3,
            planck: planck.to_owned(),
            ..DailyUsage::default()
        });
        let taken = meter.take(&limits, ONE, Instant::now(), 3);
        assert_eq!(taken.is_ok(), open, "{planck}");
    }
}

#[test]
fn a_provider_cools_down_after_its_own_failures_and_not_after_a_questions() {
    let status = |code, retry_after| ModelError::Status {
        code,
        retry_after,
        said: String::new(),
        is_paid: false,
    };
    let broken = || ModelError::Broken {
        model: "m".to_owned(),
        reason: "slow".to_owned(),
    };
    let gone = || ModelError::Unreachable {
        model: "m".to_owned(),
        reason: "gone".to_owned(),
    };
    for (errors, cooldown) in [
        (vec![status(429, Some(seconds(17)))], Some(17)),
        (vec![status(429, None)], Some(1)),
        (vec![gone(), gone(), gone()], Some(4)),
        (vec![status(401, None)], Some(300)),
        (vec![broken()], None),
        (vec![broken(), broken()], None),
        (vec![broken(), broken(), status(500, None)], Some(1)),
        ((0..40).map(|_| gone()).collect(), Some(60)),
        (vec![status(413, None)], None),
        (vec![status(402, None); 9], None),
        (vec![status(403, None); 9], None),
        (vec![status(404, None); 9], None),
        (vec![status(429, Some(seconds(0)))], Some(1)),
        (
            vec![ModelError::PromptTooLong {
                tokens: 9,
                most: 8,
                is_paid: false,
            }],
            None,
        ),
        (
            vec![ModelError::EmptyReply {
                model: "m".to_owned(),
                reason: "thought".to_owned(),
            }],
            None,
        ),
        (vec![ModelError::BadQuestion("no".to_owned())], None),
    ] {
        let now = Instant::now();
        let mut meter = Meter::default();
        for error in &errors {
            meter.failed(error, now);
        }
        let found = meter.cooldown(now).map(|(cooldown, _)| cooldown.as_secs());
        assert_eq!(found, cooldown, "{errors:?}");
        if let Some(cooldown) = cooldown {
            let limits = CallLimits::default();
            assert!(meter.take(&limits, ONE, now, 1).is_err());
            assert!(meter.take(&limits, ONE, now + seconds(cooldown), 1).is_ok());
            meter.succeeded();
            assert_eq!(meter.cooldown(now), None);
        }
    }
}

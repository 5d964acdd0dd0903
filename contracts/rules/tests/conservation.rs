//! Money at the end of a request, over random committees of every size: not a planck comes or goes.
//!
//! `scripts/test.sh --long payout_conservation` runs ten million of them. `LLM_ORACLE_SEED` runs the
//! committees of a printed seed again, `LLM_ORACLE_STEPS` sets how many.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod common;

use std::collections::BTreeMap;

use common::{terms, ASKER};
use llm_oracle_primitives::{
    limits::{share, MAX_SEATS},
    Answer, AnswerKind, Balance, Params, Reason, SeatState,
};
use llm_oracle_rules::{End, Money, Opened, Request, Settlement};

/// Committees in the small size, and in the long one.
const TALLIES: u64 = 200_000;
const LONG: u64 = 10_000_000;

/// A generator of numbers that is the same everywhere (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// From a planck to more money than there is on any chain: 32 of them stay below 2^128.
    fn amount(&mut self) -> Balance {
        let bits = Balance::from(self.next()) << 64 | Balance::from(self.next());
        bits >> (28 + self.below(100))
    }
}

fn kind(random: &mut Random) -> AnswerKind {
    match random.below(16) {
        0 => AnswerKind::Text { max_bytes: 4 },
        1..=5 => AnswerKind::Bool,
        6..=10 => AnswerKind::Choice {
            options: (b'a'..=b'e').map(|letter| vec![letter]).collect(),
        },
        _ => AnswerKind::Number {
            scale: 0,
            tolerance: u128::from(random.below(8)),
        },
    }
}

/// Mostly what the others say, at times anything.
fn answer(random: &mut Random, kind: &AnswerKind, abstains: u64) -> Answer {
    if random.below(16) < abstains {
        return Answer::Abstain(Reason::Unclear);
    }
    let spread = if random.once_in(2) { 1 } else { 5 };
    let value = random.below(spread) as u8;
    match kind {
        AnswerKind::Bool => Answer::Bool(value > 0),
        AnswerKind::Choice { .. } => Answer::Choice(value),
        AnswerKind::Number { .. } if random.once_in(64) => Answer::Number(i128::MIN),
        AnswerKind::Number { .. } if random.once_in(64) => Answer::Number(i128::MAX),
        AnswerKind::Number { .. } => Answer::Number(i128::from(value) * 4),
        AnswerKind::Text { .. } | AnswerKind::Json { .. } => Answer::Text(vec![b'a' + value]),
    }
}

/// A request as it was asked, with parameters anywhere inside their bounds.
fn asked(random: &mut Random) -> (Request, AnswerKind) {
    let seats = 1 + random.below(u64::from(MAX_SEATS)) as u8;
    let least = seats / 2 + 1;
    let threshold = least + random.below(u64::from(seats - least) + 1) as u8;
    let params = Params {
        seat_bond: random.amount(),
        fee_ppm: random.below(200_001) as u32,
        effort_ppm: random.below(500_001) as u32,
        ..common::dev()
    };
    let kind = kind(random);
    let money = Money {
        reward: random.amount(),
        seat_fee: random.amount(),
        escrow: random.amount(),
        delivery_price: 0,
    };
    let request = Request::open(
        ([0; 32], ASKER, [0; 32]),
        &terms(kind.clone(), seats, threshold),
        vec![],
        &params,
        money,
        1,
    );
    (request.unwrap(), kind)
}

/// Takes seats and opens most of them. Most committees are full, some have a seat or none.
fn play(request: &mut Request, kind: &AnswerKind, random: &mut Random) {
    let seats = request.seats.len() as u64;
    let taken = if random.once_in(4) {
        random.below(seats + 1)
    } else {
        seats
    };
    let silent = if random.once_in(2) { 1 } else { 5 };
    let abstains = if random.once_in(4) { 13 } else { 2 };
    for slot in 0..taken as u32 {
        request.commit(slot, [0; 4], [1; 32], [2; 32], 2).unwrap();
    }
    for slot in 0..taken as u32 {
        if random.below(16) >= silent {
            let answer = answer(random, kind, abstains);
            let opened = Opened {
                answer,
                confidence: random.below(101) as u8,
                salt: [3; 32],
                signature: [4; 64],
            };
            request.reveal(slot, &opened, 3).unwrap();
        }
    }
}

/// One committee from its ask to its end; gives how it ended.
fn tally(random: &mut Random) -> End {
    let (mut request, kind) = asked(random);
    let escrow = request.held();
    play(&mut request, &kind, random);
    let mut settlement = request.settle(1_000).unwrap().unwrap();
    let barred = if random.once_in(16) {
        random.below(32)
    } else {
        32
    };
    if settlement.seats.len() as u64 > barred {
        settlement.forfeit(barred as usize, &request).unwrap();
    }
    check_sums(&request, &settlement, escrow);
    for (number, seat) in settlement.seats.iter().enumerate() {
        let silent = seat.state == SeatState::Silent || number as u64 == barred;
        let forfeited = if silent { request.seat_bond } else { 0 };
        assert_eq!(seat.forfeited, forfeited, "{request:?}");
        let cost = request.reward.min(request.seat_fee);
        assert!(seat.compensation <= cost.min(forfeited));
        if request.revealed == 0 && request.end != End::Expired {
            assert_eq!(seat.compensation, 0, "{request:?}");
        }
        let gross = gross(&request, seat.state);
        assert_eq!(seat.fee, share(gross, request.fee_ppm), "{request:?}");
        assert_eq!(seat.paid, gross - seat.fee, "{request:?}");
    }
    request.end
}

/// What the protocol's table of money says that a seat earns, the owner's fee included.
fn gross(request: &Request, state: SeatState) -> Balance {
    let effort = share(request.reward, request.effort_ppm);
    match (request.end, state) {
        (End::Answered, SeatState::Agreed) => request.reward,
        (End::Answered, SeatState::Dissented) => effort,
        (End::Undetermined, SeatState::Abstained | SeatState::Inconclusive) => effort,
        (End::NoConsensus, SeatState::Inconclusive) => effort,
        _ => 0,
    }
}

/// What was held and what was forfeited is what everybody got and what is still held, exactly.
fn check_sums(request: &Request, settlement: &Settlement, escrow: Balance) {
    let sum = |part: fn(&llm_oracle_rules::SeatSettlement) -> Balance| -> Balance {
        settlement.seats.iter().map(part).sum()
    };
    let paid = sum(|seat| seat.paid) + Balance::from(request.committed) * request.seat_fee;
    let (forfeited, compensation) = (sum(|seat| seat.forfeited), sum(|seat| seat.compensation));
    let remainder = request.held();
    assert_eq!(
        paid + settlement.fee + settlement.refund + settlement.to_sink + remainder,
        escrow + forfeited,
        "{request:?}: {settlement:?}"
    );
    assert_eq!(forfeited, compensation + settlement.to_sink, "{request:?}");
    assert_eq!(settlement.fee, sum(|seat| seat.fee), "{request:?}");
    assert_eq!(remainder, request.escrow);
}

/// So many committees; gives how often each end came.
fn tallies(seed: u64, count: u64) -> BTreeMap<String, u64> {
    let mut random = Random(seed);
    let mut ends = BTreeMap::new();
    for _ in 0..count {
        let end = format!("{:?}", tally(&mut random));
        *ends.entry(end).or_default() += 1;
    }
    ends
}

#[test]
fn payout_conservation() {
    let (seed, count) = seed_and_count();
    // Two halves at once.
    let half = count / 2;
    let other = std::thread::spawn(move || tallies(seed ^ u64::MAX, half));
    let mut ends = tallies(seed, count - half);
    for (end, more) in other.join().unwrap() {
        *ends.entry(end).or_default() += more;
    }
    println!("payout_conservation: LLM_ORACLE_SEED={seed}, {count} tallies: {ends:?}");
    assert_eq!(ends.values().sum::<u64>(), count);
    assert!(count < 10_000 || ends.len() == 4, "an end never came");
}

fn seed_and_count() -> (u64, u64) {
    let set = |name| std::env::var(name).ok()?.parse().ok();
    let named = std::env::var("LLM_ORACLE_LONG").unwrap_or_default();
    let is_long = named.split(',').any(|name| name == "payout_conservation");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = set("LLM_ORACLE_SEED").unwrap_or_else(|| now.unwrap().as_micros() as u64);
    let count = if is_long { LONG } else { TALLIES };
    (seed, set("LLM_ORACLE_STEPS").unwrap_or(count))
}

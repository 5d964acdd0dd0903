//! Who gets what at the end, over random and over all small committees.

use llm_oracle_primitives::{
    Answer, AnswerKind, Balance, Params, RequestId, RequestView, SeatState, limits::share,
};
use llm_oracle_rules::{Money, Opened, Request};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::SliceRandom};

use crate::{
    moves::seed_and_steps,
    world::{ASKER, CANNOT_TELL, NO, REWARD, SINK, STRANGER, UNIT, World, YES, params, terms},
};

/// What a seat does: an answer, or silence after the commit.
type Course = Option<Answer>;

/// A chain whose operators can lose many seat bonds.
fn rich(operators: u8) -> World {
    let mut world = World::new(operators);
    for slot in 0..u32::from(operators) {
        let bonded = world.call::<()>(STRANGER, 1_000 * UNIT, "bond", slot);
        assert_eq!(bonded, Ok(()));
    }
    world
}

/// Commits everybody, reveals whoever speaks, and ends the request.
fn carry(world: &mut World, id: RequestId, courses: &[Course]) -> RequestView {
    for (index, course) in courses.iter().enumerate() {
        let answer = course.as_ref().unwrap_or(&NO);
        world.commit(id, index, answer).unwrap();
    }
    for (index, course) in courses.iter().enumerate() {
        if let Some(answer) = course {
            world.reveal(id, index, answer).unwrap();
        }
    }
    if courses.contains(&None) {
        let after = world.request(id).summary.reveal_deadline + 1;
        world.jump_to(after);
        let _ = world.call::<llm_oracle_primitives::Phase>(STRANGER, 0, "advance", id);
    }
    let view = world.request(id);
    assert!(view.summary.settled, "{view:?}");
    view
}

fn random_kind(random: &mut SmallRng) -> AnswerKind {
    match random.gen_range(0..3) {
        0 => AnswerKind::Bool,
        1 => AnswerKind::Choice {
            options: vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()],
        },
        _ => AnswerKind::Number {
            scale: 2,
            tolerance: random.gen_range(0..4),
        },
    }
}

fn random_answer(random: &mut SmallRng, kind: &AnswerKind) -> Answer {
    if random.gen_bool(0.2) {
        return CANNOT_TELL;
    }
    match kind {
        AnswerKind::Choice { options } => Answer::Choice(random.gen_range(0..options.len() as u8)),
        AnswerKind::Number { .. } => {
            let absurd = [i128::MIN, i128::MAX];
            match random.gen_bool(0.1) {
                true => Answer::Number(*absurd.choose(random).unwrap()),
                false => Answer::Number(random.gen_range(-6..6)),
            }
        }
        _ => Answer::Bool(random.r#gen()),
    }
}

/// Paid, refunded and the fee are what was asked with; forfeits go to the asker and the sink, whole.
#[test]
fn payout_conservation() {
    let (seed, steps) = seed_and_steps("payout_conservation", 120);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut world = rich(7);
    for _ in 0..steps {
        let seats = random.gen_range(1..=7u8);
        let threshold = random.gen_range(seats / 2 + 1..=seats);
        let kind = random_kind(&mut random);
        let courses: Vec<Course> = (0..seats)
            .map(|_| (random.gen_bool(0.85)).then(|| random_answer(&mut random, &kind)))
            .collect();
        let (total, sunk) = (world.ledger().total, world.credit_of(SINK));
        let id = world.ask(&terms(kind, seats, threshold)).unwrap();
        let view = carry(&mut world, id, &courses);
        let context = format!("seed {seed}: {courses:?} of {threshold}: {view:?}");

        let paid: Balance = view.seats.iter().map(|seat| seat.paid).sum();
        let forfeited: Balance = view.seats.iter().map(|seat| seat.forfeited).sum();
        // What a silent seat cost comes back, unless nobody spoke.
        let back = REWARD.min(view.seat_fee);
        let back = if view.summary.revealed > 0 { back } else { 0 };
        let compensated: Balance = view.seats.iter().map(|seat| seat.forfeited.min(back)).sum();
        let rewards = REWARD * Balance::from(seats);
        assert_eq!(
            paid + view.fee + view.refund,
            rewards + compensated,
            "{context}"
        );
        assert_eq!(
            world.credit_of(SINK) - sunk,
            forfeited - compensated,
            "{context}"
        );
        let asked = rewards + view.seat_fee * Balance::from(seats);
        assert_eq!(world.ledger().total, total + asked, "{context}");
    }
}

/// Whoever reveals what it committed to loses nothing, whatever it or the others answered.
#[test]
fn honest_noise_never_forfeits() {
    let (seed, steps) = seed_and_steps("honest_noise_never_forfeits", 60);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut world = rich(7);
    let before: Vec<Balance> = (0..7).map(|index| world.operator(index).bond).collect();
    for _ in 0..steps {
        let seats = random.gen_range(1..=7u8);
        let kind = random_kind(&mut random);
        let courses: Vec<Course> = (0..seats)
            .map(|_| Some(random_answer(&mut random, &kind)))
            .collect();
        let id = world.ask(&terms(kind, seats, seats / 2 + 1)).unwrap();
        let view = carry(&mut world, id, &courses);
        assert!(
            view.seats.iter().all(|seat| seat.forfeited == 0),
            "seed {seed}: {view:?}"
        );
    }
    let after: Vec<Balance> = (0..7).map(|index| world.operator(index).bond).collect();
    assert_eq!(before, after);
}

/// Everything that decides what speaking and silence are worth: one planck at stake, the greatest
/// fee, nothing for effort, and the most for it.
fn presets() -> [Params; 4] {
    let dev = params();
    [
        dev,
        Params {
            seat_bond: 1,
            fee_ppm: 200_000,
            ..dev
        },
        Params {
            effort_ppm: 0,
            ..dev
        },
        Params {
            effort_ppm: 500_000,
            ..dev
        },
    ]
}

/// For every committee and every course of the others, a seat that reveals ends with more than one that
/// keeps silent; a late reveal is refused, so it is silence too. The rules themselves are asked: so many
/// chains would take hours.
#[test]
fn withholding_never_profits() {
    let mut compared = 0u32;
    for (preset, params) in presets().iter().enumerate() {
        for seats in 1..=7u8 {
            for threshold in seats / 2 + 1..=seats {
                let request = all_committed(params, seats, threshold);
                for others in 0..4u32.pow(u32::from(seats) - 1) {
                    let mut courses = courses_of(others, seats - 1);
                    courses.push(None);
                    let silent = payoff(&request, &courses);
                    for answer in [YES, NO, CANNOT_TELL] {
                        courses.pop();
                        courses.push(Some(answer));
                        let spoken = payoff(&request, &courses);
                        assert!(
                            spoken > silent,
                            "{spoken} after {silent} for silence: {courses:?} of {threshold} in \
                             preset {preset}"
                        );
                        compared += 1;
                    }
                }
            }
        }
    }
    println!("withholding_never_profits: {compared} pairs compared");
}

/// The course of each seat, from a number with one digit of base 4 for each.
fn courses_of(mut number: u32, seats: u8) -> Vec<Course> {
    let all = [Some(YES), Some(NO), Some(CANNOT_TELL), None];
    (0..seats)
        .map(|_| {
            let course = all[number as usize % all.len()].clone();
            number /= all.len() as u32;
            course
        })
        .collect()
}

fn all_committed(params: &Params, seats: u8, threshold: u8) -> Request {
    let asked = terms(AnswerKind::Bool, seats, threshold);
    let parties = ([0; 32], ASKER, [0; 32]);
    let mut request = Request::open(
        parties,
        &asked,
        vec![],
        params,
        Money {
            reward: REWARD,
            seat_fee: params.commit_fee,
            ..Money::default()
        },
        1,
    )
    .unwrap();
    for slot in 0..u32::from(seats) {
        request.commit(slot, [0; 4], [1; 32], [2; 32], 1).unwrap();
    }
    request
}

/// What the last seat ends with, planck.
fn payoff(request: &Request, courses: &[Course]) -> i128 {
    let mut request = request.clone();
    for (slot, course) in (0..).zip(courses) {
        if let Some(answer) = course {
            let opened = Opened {
                answer: answer.clone(),
                confidence: 0,
                salt: [3; 32],
                signature: [4; 64],
            };
            request.reveal(slot, &opened, 2).unwrap();
        }
    }
    let settlement = request.settle(1_000).unwrap().unwrap();
    let last = settlement.seats.last().unwrap();
    last.paid as i128 - last.forfeited as i128
}

/// Whatever terms `ask` takes, an operator that commits and reveals in the last block for it keeps
/// its bond.
#[test]
fn no_terms_harvest_bonds() {
    let (seed, steps) = seed_and_steps("no_terms_harvest_bonds", 150);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut world = World::with_params(
        Params {
            open_delay: 2,
            ..params()
        },
        5,
    );
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..steps {
        let seats = random.gen_range(0..=5u8);
        let kind = random_kind(&mut random);
        let mut asked = terms(kind.clone(), seats, random.gen_range(seats / 2..=seats + 1));
        asked.commit_blocks = random.gen_range(3..9);
        asked.reveal_blocks = random.gen_range(3..9);
        let Ok(id) = world.ask(&asked) else {
            refused += 1;
            continue;
        };
        taken += 1;
        let courses: Vec<Answer> = (0..seats)
            .map(|_| random_answer(&mut random, &kind))
            .collect();
        let deadline = world.request(id).summary.commit_deadline;
        world.jump_to(deadline);
        for (index, answer) in courses.iter().enumerate() {
            assert_eq!(
                world.commit(id, index, answer),
                Ok(()),
                "seed {seed}: {asked:?}"
            );
        }
        let deadline = world.request(id).summary.reveal_deadline;
        world.jump_to(deadline);
        for (index, answer) in courses.iter().enumerate() {
            assert_eq!(
                world.reveal(id, index, answer),
                Ok(()),
                "seed {seed}: {asked:?}"
            );
        }
        let view = world.request(id);
        let lost = |state| matches!(state, SeatState::Silent | SeatState::Committed);
        assert!(
            !view.seats.iter().any(|seat| lost(seat.state)),
            "seed {seed}: {view:?}"
        );
    }
    println!("no_terms_harvest_bonds: {taken} taken, {refused} refused");
    assert!(taken > 10 && refused > 10, "seed {seed}");
    for index in 0..5 {
        assert_eq!(world.operator(index).bond, params().min_bond);
    }
}

/// The parts per million that the payouts above are made of.
#[test]
fn a_share_rounds_down() {
    assert_eq!(share(999_999, 250_000), 249_999);
    assert_eq!(share(Balance::MAX, 1_000_000), Balance::MAX);
}

//! `kill_at_every_write_point` and `kill_during_recovery_twice`: a death at every place of a round.

use super::{
    faults::quiet,
    kill::{KillKind as Place, KillPoint as At, Side},
    run::{in_simulation, Plan, Run},
    scenario::Kind,
};
use crate::network::lock;
use llm_oracle_primitives::{DeliveryStatus, Outcome, SeatAnswer, SeatState};
use llm_oracle_store::database::Database;

/// Blocks within which a round ends, whatever died.
const ROUND: u32 = 110;

/// How a request ended on the chain.
#[derive(Debug, PartialEq)]
struct Ended {
    delivery: DeliveryStatus,
    outcome: Option<Outcome>,
    seats: Vec<(SeatState, Option<SeatAnswer>)>,
}

/// What came of a round.
struct Round {
    ends: Vec<Ended>,
    violations: Vec<String>,
    /// Writes, sends and questions that it took.
    passed: [u64; 3],
    deaths: u64,
    lines: Vec<String>,
}

fn plan() -> Plan {
    Plan {
        seed: 11,
        operators: 1,
        nodes: 1,
        rates: quiet(),
        mutant: None,
        keep_trace: false,
        fixed: true,
    }
}

fn ends(run: &Run) -> Option<Vec<Ended>> {
    if !run.disk.memory.live_attempts().unwrap().is_empty() {
        return None;
    }
    let mut world = lock(&run.world);
    let finalized = world.finalized;
    let mut ends = Vec::new();
    for id in 0..run.asked {
        let view = world.request(finalized, id)?;
        let waits = view.summary.delivery == DeliveryStatus::Waiting;
        if !view.summary.settled || waits {
            return None;
        }
        let seats = view.seats.into_iter();
        ends.push(Ended {
            delivery: view.summary.delivery,
            outcome: view.outcome,
            seats: seats.map(|seat| (seat.state, seat.answer)).collect(),
        });
    }
    Some(ends)
}

/// One request through commit, reveal and delivery, and one in one step; with deaths, each counted
/// from the start of the process that it ends.
fn round(places: &[At]) -> Round {
    let mut places = places.to_vec();
    places.reverse();
    in_simulation(3, None, async move {
        let mut run = Run::new(plan());
        let kill = run.kill.clone();
        kill.arm(places.pop());
        run.start();
        let long = |terms: &mut llm_oracle_primitives::Terms| {
            (terms.commit_blocks, terms.reveal_blocks) = (60, 60);
        };
        run.ask_with(Kind::Delivered, long);
        run.ask_with(Kind::OneStep, long);
        let mut deaths = 0;
        let mut ended = None;
        for _ in 0..ROUND {
            run.block().await;
            if run.deaths > deaths {
                deaths = run.deaths;
                kill.arm(places.pop());
            }
            ended = ends(&run);
            if ended.is_some() {
                break;
            }
        }
        let kinds = [Place::Write, Place::Send, Place::Await];
        let passed = kinds.map(|kind| kill.passed(kind));
        let ends = ended.unwrap_or_default();
        let deaths = run.deaths;
        let report = run.report();
        Round {
            ends,
            violations: report.violations,
            passed,
            deaths,
            lines: report.lines,
        }
    })
}

/// Whether a round ended as the one in which nobody died; panics with the place otherwise.
fn check(clean: &Round, places: &[At]) -> Round {
    let found = round(places);
    let well = found.violations.is_empty() && found.ends == clean.ends;
    if !well {
        for line in &found.lines {
            println!("{line}");
        }
    }
    assert!(well, "{places:?}: {:?} {:?}", found.violations, found.ends);
    found
}

/// Every write and send of a round, before and after it.
fn places(passed: [u64; 3]) -> Vec<At> {
    let [writes, sends, _] = passed;
    let writes = (0..writes).map(|number| (Place::Write, number));
    let all = writes.chain((0..sends).map(|number| (Place::Send, number)));
    all.flat_map(|(kind, number)| [Side::Before, Side::After].map(|side| (kind, number, side)))
        .collect()
}

#[test]
fn kill_at_every_write_point() {
    let clean = round(&[]);
    assert!(clean.violations.is_empty(), "{:?}", clean.violations);
    assert_eq!(clean.ends.len(), 2, "{:?}", clean.lines);
    let agreed = |end: &Ended| {
        end.seats
            .iter()
            .all(|(state, _)| *state == SeatState::Agreed)
    };
    assert!(clean.ends.iter().all(agreed), "{:?}", clean.ends);
    let [writes, sends, questions] = clean.passed;
    let mut deaths = 0;
    for place in places(clean.passed) {
        deaths += check(&clean, &[place]).deaths;
    }
    let asked = (0..questions).map(|number| (Place::Await, number, Side::Before));
    for place in asked {
        deaths += check(&clean, &[place]).deaths;
    }
    println!("{writes} writes and {sends} sends, before and after each, and {questions} questions to the node: {deaths} deaths");
    assert!(deaths >= 2 * (writes + sends) + questions - 2, "{deaths}");
}

#[test]
fn kill_during_recovery_twice() {
    let clean = round(&[]);
    let (mut pairs, mut deaths) = (0, 0);
    for first in places(clean.passed) {
        // What is left to do after the first death, and a second death at each place of it.
        let left = check(&clean, &[first]).passed;
        let all = places(left);
        // Half of them in the small size, the other half beside the next first place.
        for second in all.into_iter().skip(pairs % 2).step_by(2) {
            deaths += check(&clean, &[first, second]).deaths;
            pairs += 1;
        }
    }
    println!("{pairs} pairs of places: {deaths} deaths");
    assert!(deaths > pairs as u64, "{deaths} deaths in {pairs} pairs");
}

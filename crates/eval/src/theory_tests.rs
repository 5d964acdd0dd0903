//! With simulated seats the report says what theory says.

use crate::{
    committee::CommitteeSpec,
    measure::report,
    report::{CommitteeReport, EvalReport},
    simulated::simulate,
    stats::theory::SeatTheory,
};
use std::collections::BTreeMap;

const SEATS: usize = 3;
/// Questions of the large run.
const QUESTIONS: u32 = 20_000;
const SPEC: CommitteeSpec = CommitteeSpec {
    seats: 3,
    threshold: 2,
};

/// Whether each interval of the report holds the value of theory, by name.
fn checks(found: &EvalReport, theory: SeatTheory) -> Vec<(&'static str, bool)> {
    let committee: &CommitteeReport = &found.committees[0];
    let mut checks = vec![
        ("right", committee.right.contains(theory.right(3, 2))),
        ("wrong", committee.wrong.contains(theory.wrong(3, 2))),
        (
            "all wrong",
            committee.all_wrong.contains(theory.all_wrong(3)),
        ),
    ];
    for slice in found.slices.iter().filter(|slice| slice.kind.is_none()) {
        let sure = slice.coverage.first().map(|point| point.right);
        let expected = 1.0 - theory.error + 0.1;
        checks.push(("accuracy", slice.accuracy.contains(1.0 - theory.error)));
        checks.push((
            "coverage",
            sure.is_some_and(|share| share.contains(expected)),
        ));
        let bins = slice.calibration.iter().flat_map(|one| &one.bins);
        checks.extend(bins.map(|bin| ("reliability", bin.right.contains(bin.confidence))));
    }
    for pair in &found.pairs {
        let phi = pair.correlation.map(|found| (found.low, found.high));
        let inside = phi.is_some_and(|(low, high)| (low..=high).contains(&theory.correlation));
        checks.push(("correlation", inside));
        checks.push(("both wrong", pair.both_wrong.contains(theory.all_wrong(2))));
    }
    let gain = theory.right(3, 2) - (1.0 - theory.error);
    let against = committee.against_best_seat;
    checks.push(("gain", (against.low..=against.high).contains(&gain)));
    if theory.correlation == 0.0 {
        for hostile in &committee.hostile {
            let expected = theory.with_hostile(hostile.hostile).right(3, 2);
            checks.push(("hostile", hostile.right.contains(expected)));
        }
    }
    checks
}

#[test]
fn one_large_run_has_theory_within_its_intervals() {
    for (error, correlation) in [(0.3, 0.0), (0.3, 0.4), (0.2, 0.15)] {
        let theory = SeatTheory { error, correlation };
        let matrix = simulate(SEATS, QUESTIONS as usize, theory, 3);
        let found = report(&matrix, &[SPEC], 1);
        // Four standard errors: one run in fifteen thousand misses.
        let near = |value: f64, expected: f64| {
            let error = (expected * (1.0 - expected) / f64::from(QUESTIONS)).sqrt();
            (value - expected).abs() < 4.0 * error
        };
        let committee = &found.committees[0];
        assert!(near(committee.right.share, theory.right(3, 2)));
        assert!(near(committee.all_wrong.share, theory.all_wrong(3)));
        for pair in &found.pairs {
            let phi = pair.correlation.map_or(f64::NAN, |one| one.phi);
            assert!((phi - correlation).abs() < 4.0 / f64::from(QUESTIONS).sqrt());
        }
        for slice in &found.slices {
            let ece = slice.calibration.as_ref().map_or(f64::NAN, |one| one.ece);
            assert!(ece < 0.015, "{ece}");
        }
        let checks = checks(&found, theory);
        let missed: Vec<_> = checks.iter().filter(|check| !check.1).collect();
        // Of intervals of 95 % one in twenty misses.
        assert!(
            missed.len() * 10 <= checks.len(),
            "{missed:?} of {}",
            checks.len()
        );
    }
}

#[test]
fn intervals_of_many_small_runs_hold_theory_as_often_as_they_say() {
    let theory = SeatTheory {
        error: 0.3,
        correlation: 0.0,
    };
    let mut found_inside = BTreeMap::<&str, (u32, u32)>::new();
    for seed in 0..60 {
        let found = report(&simulate(SEATS, 300, theory, seed), &[SPEC], seed);
        // The best seat of a small run is best by chance: its gain is off by design.
        let checks = checks(&found, theory);
        for check in checks.iter().filter(|check| check.0 != "gain") {
            let (inside, all) = found_inside.entry(check.0).or_default();
            *all += 1;
            *inside += u32::from(check.1);
        }
    }
    for (name, (inside, all)) in found_inside {
        let all = f64::from(all);
        // Each kind by itself, within four standard errors of what its interval promises.
        let least = 0.95 - 4.0 * (0.95 * 0.05 / all).sqrt();
        let share = f64::from(inside) / all;
        assert!(share >= least, "{name}: {share} of {all}");
    }
}

#[test]
fn the_report_depends_on_its_seed_alone() {
    let theory = SeatTheory {
        error: 0.25,
        correlation: 0.2,
    };
    let matrix = simulate(5, 100, theory, 9);
    let json = |seed| serde_json::to_value(report(&matrix, &[SPEC], seed)).ok();
    assert_eq!(json(4), json(4));
    let found = report(&matrix, &[SPEC], 4);
    assert_eq!(found.committees.len(), 10);
    let sizes: Vec<_> = found.sizes.iter().map(|size| size.seats).collect();
    assert_eq!(sizes, [1, 3, 5]);
}

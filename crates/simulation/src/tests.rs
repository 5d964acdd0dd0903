//! `simulation`, and that a seed replays.

use super::{
    faults::Rates,
    run::{in_simulation, Plan, Report, Run},
};
use llm_oracle_fixtures::SimRng;
use std::collections::BTreeMap;

/// Seeds that the small size runs.
const SEEDS: u64 = 1_000;
/// Seeds that the long size runs.
const LONG_SEEDS: u64 = 1_000_000;

pub(super) fn plan(seed: u64, mutant: Option<&'static str>) -> Plan {
    let mut rng = SimRng::new(seed ^ 0x5eed);
    Plan {
        seed,
        operators: 1 + u8::try_from(rng.below(2)).unwrap(),
        nodes: 1 + usize::try_from(rng.below(3)).unwrap(),
        rates: Rates::draw(&mut rng),
        mutant,
        keep_trace: false,
        fixed: false,
    }
}

pub(super) fn run(plan: Plan) -> Report {
    let (seed, mutant) = (plan.seed, plan.mutant);
    in_simulation(seed, mutant, async move { Run::new(plan).simulate().await })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn show(seed: u64, report: &Report) {
    for line in &report.lines {
        println!("{line}");
    }
    for violation in &report.violations {
        println!("VIOLATION {violation}");
    }
    println!("seed {seed}: digest {}", hex::encode(report.digest));
}

pub(super) fn is_long(name: &str) -> bool {
    std::env::var("LLM_ORACLE_LONG").is_ok_and(|names| names.split(',').any(|long| long == name))
}

#[test]
fn simulation() {
    if let Some(seed) = number("LLM_ORACLE_SEED") {
        let mut plan = plan(seed, None);
        plan.keep_trace = true;
        let report = run(plan);
        show(seed, &report);
        assert!(report.violations.is_empty(), "seed {seed}");
        return;
    }
    let seeds = match is_long("simulation") {
        true => LONG_SEEDS,
        false => number("LLM_ORACLE_SEEDS").unwrap_or(SEEDS),
    };
    let (mut counts, mut sums) = (BTreeMap::<_, u64>::new(), [0; 5]);
    for seed in 0..seeds {
        let report = run(plan(seed, None));
        if !report.violations.is_empty() {
            show(seed, &report);
        }
        assert!(
            report.violations.is_empty(),
            "seed {seed}: {:?}; LLM_ORACLE_SEED={seed} runs it alone",
            report.violations
        );
        for (fault, count) in report.counts {
            *counts.entry(fault).or_default() += count;
        }
        let parts = [
            report.requests,
            report.answered,
            report.sends,
            report.reveals,
            report.blocks.into(),
        ];
        sums.iter_mut()
            .zip(parts)
            .for_each(|(sum, part)| *sum += part);
    }
    let [requests, answered, sends, reveals, blocks] = sums;
    println!("{seeds} seeds (0 to {}): {requests} requests, {answered} answered, {sends} transactions and {reveals} reveals handed in, {blocks} blocks", seeds - 1);
    for (fault, count) in &counts {
        println!("{count:>8} {fault}");
    }
    assert!(counts.len() >= 12, "kinds of fault: {}", counts.len());
    assert!(answered > seeds, "answered: {answered}");
}

#[test]
fn a_seed_replays_to_the_same_trace() {
    for seed in [1, 7, 42] {
        let (one, two) = (run(plan(seed, None)), run(plan(seed, None)));
        assert_eq!(one.digest, two.digest, "seed {seed}");
        assert_eq!(one.lines, two.lines);
    }
    assert_ne!(run(plan(1, None)).digest, run(plan(2, None)).digest);
}

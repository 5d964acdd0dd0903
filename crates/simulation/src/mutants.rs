//! `planted_bugs`: every mutant of `mutants/mutants.toml` is found.

use super::{
    directed,
    tests::{is_long, plan, run},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

#[derive(Deserialize)]
struct Mutant {
    name: String,
    /// Only the long size must find it.
    #[serde(default)]
    rare: bool,
}

/// The first seed that finds a mutant, and what it finds.
fn hunt(mutant: &'static str, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let mut report = run(plan(seed, Some(mutant)));
        Some((seed, report.violations.pop()?))
    })
}

#[test]
fn planted_bugs() {
    let long = is_long("planted_bugs");
    let seeds = if long { 2_000 } else { 300 };
    let list: Mutants = toml::from_str(include_str!("../mutants/mutants.toml")).unwrap();
    let (rare, usual): (Vec<_>, Vec<_>) = list.mutant.into_iter().partition(|one| one.rare);
    assert!(usual.len() >= 29, "{} mutants", usual.len());
    let mut missed = Vec::new();
    for mutant in usual.iter().chain(rare.iter().filter(|_| long)) {
        // A handful of names, for as long as the test runs.
        let name: &'static str = Box::leak(mutant.name.clone().into_boxed_str());
        if let Some(found) = directed::finds(name) {
            println!("{name}: directed: {found}");
            missed.extend((!found).then_some(name));
            continue;
        }
        match hunt(name, seeds) {
            Some((seed, violation)) => println!("{name}: seed {seed}: {violation}"),
            None => missed.push(name),
        }
    }
    if !long {
        let rare: Vec<_> = rare.iter().map(|mutant| &mutant.name).collect();
        println!("long run only: {rare:?}");
    }
    assert!(missed.is_empty(), "not found in {seeds} seeds: {missed:?}");
}

/// Without a mutant the mutated copy behaves as the relayer does.
#[test]
fn the_copy_without_a_mutant_breaks_nothing() {
    for seed in 0..20 {
        let report = run(plan(seed, None));
        assert!(
            report.violations.is_empty(),
            "seed {seed}: {:?}",
            report.violations
        );
    }
}

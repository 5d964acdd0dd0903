//! Which crate may import which.

use crate::{
    ratchet::{self, Counts, Slack},
    tree::{self, Package},
};

/// What each crate may depend on, by names without `llm-oracle-`. Dependencies of tests are free.
const ALLOWED: &[(&str, &[&str])] = &[
    ("primitives", &[]),
    ("rules", &["primitives"]),
    ("fixtures", &["primitives"]),
    ("support", &["primitives"]),
    ("http", &[]),
    ("signing", &["primitives", "support"]),
    ("signer", &["primitives", "signing", "support"]),
    ("store", &["primitives", "support"]),
    ("llm", &["primitives", "rules", "http", "support"]),
    ("sources", &["primitives", "http", "support"]),
    ("chain", &["primitives", "rules", "signing", "support"]),
    (
        "evidence",
        &["primitives", "rules", "llm", "store", "support", "signing"],
    ),
    ("eval", &["primitives", "rules", "llm"]),
    ("peers", &["primitives", "http", "signing", "support"]),
    ("question-check", &["primitives"]),
    ("relayer", BELOW_THE_RELAYER),
    (
        "development",
        &[
            "primitives",
            "chain",
            "cli",
            "llm",
            "signing",
            "support",
            "relayer",
        ],
    ),
    ("llm-oracle", &["cli", "development"]),
];

/// All of these serve the relayer.
const BELOW_THE_RELAYER: &[&str] = &[
    "primitives",
    "rules",
    "chain",
    "evidence",
    "http",
    "llm",
    "peers",
    "signing",
    "sources",
    "store",
    "support",
];

/// Test machinery: no product crate may depend on it.
const TEST_CRATES: [&str; 4] = [
    "simulation",
    "simulation-mutants",
    "relayer-mutants",
    "fixtures",
];

/// The only way from a product crate to a test crate: off unless the feature of this name is on.
const SIMULATED: (&str, &str, &str) = ("support", "fixtures", "simulation");

/// Features that turn test machinery on. No default may bring one.
const TEST_FEATURES: [&str; 3] = ["simulation", "crash-points", "mutants"];

/// Whether the design has an arrow from one crate to another.
fn is_allowed(from: &str, to: &str, optional: bool) -> bool {
    if (from, to) == (SIMULATED.0, SIMULATED.1) {
        return optional;
    }
    match from {
        // `fixtures` is below the product, so it may not import it.
        _ if from != "fixtures" && TEST_CRATES.contains(&from) => true,
        "cli" => {
            matches!(to, "relayer" | "eval" | "question-check") || BELOW_THE_RELAYER.contains(&to)
        }
        _ => ALLOWED
            .iter()
            .any(|(name, allowed)| *name == from && allowed.contains(&to)),
    }
}

/// Arrows that the design does not have, as `from -> to`.
pub fn forbidden(packages: &[Package]) -> Counts {
    let mut found = Counts::new();
    for package in packages.iter().filter(|package| is_ruled(package)) {
        for dependency in package
            .dependencies
            .iter()
            .filter(|other| other.kind != "dev")
        {
            let to = dependency
                .name
                .strip_prefix("llm-oracle-")
                .unwrap_or(&dependency.name);
            if !is_allowed(package.short_name(), to, dependency.optional) {
                found.insert(format!("{} -> {to}", package.short_name()), 1);
            }
        }
    }
    found
}

/// The crates of the product, and what the contract and the relayer share. Contracts have few arrows.
fn is_ruled(package: &Package) -> bool {
    package.folder.starts_with("crates/") || matches!(package.short_name(), "primitives" | "rules")
}

#[test]
fn crates_import_only_what_the_design_allows() {
    let remedy = "move what is shared into a crate that both may import (see ALLOWED in \
                  tests/tidy/src/arrows.rs), or pass it in as a value or a trait. A new arrow is a \
                  decision: write a record, then add it to the table";
    let found = forbidden(tree::packages());
    ratchet::check("arrows", &found, Slack::Stale, remedy, |_| {
        " forbidden arrow".to_owned()
    });
}

#[test]
fn test_machinery_is_off_by_default() {
    let mut problems = Vec::new();
    let is_product =
        |package: &&Package| is_ruled(package) && !TEST_CRATES.contains(&package.short_name());
    for package in tree::packages().iter().filter(is_product) {
        for feature in reached(package, "default") {
            if TEST_FEATURES.contains(&feature.rsplit('/').next().unwrap_or_default()) {
                problems.push(format!("{}: the default brings `{feature}`", package.name));
            }
        }
    }

    let tree = tree::cargo(&["tree", "-p", "llm-oracle", "--edges", "features,normal"]);
    assert!(
        tree.contains("llm-oracle-support"),
        "cargo tree shows no tree:\n{tree}"
    );
    for line in tree.lines() {
        let feature = |name: &&str| {
            line.contains("llm-oracle") && line.contains(&format!("feature \"{name}\""))
        };
        let package = |name: &&str| line.contains(&format!("llm-oracle-{name} v"));
        if TEST_FEATURES.iter().any(feature) || TEST_CRATES.iter().any(package) {
            problems.push(format!("cargo tree -p llm-oracle has {line}"));
        }
    }
    assert!(
        problems.is_empty(),
        "\n{}\n\nRemedy: take the feature out of `default`, make the dependency optional behind the \
         feature, or a dev-dependency; only `simulation` and `tests` turn such features on\n",
        problems.join("\n")
    );
}

/// What a feature of a package turns on, directly or through other features of it.
fn reached(package: &Package, feature: &str) -> Vec<String> {
    let mut reached: Vec<String> = vec![feature.to_owned()];
    let mut next = 0;
    while let Some(name) = reached.get(next).cloned() {
        next += 1;
        let on = package.features.iter().filter(|(one, _)| *one == name);
        for name in on.flat_map(|(_, on)| on) {
            if !reached.contains(name) {
                reached.push(name.clone());
            }
        }
    }
    reached
}

#[test]
fn the_table_names_crates_that_exist() {
    let names: Vec<_> = tree::packages().iter().map(Package::short_name).collect();
    let listed = ALLOWED
        .iter()
        .flat_map(|(from, to)| [*from].into_iter().chain(to.iter().copied()));
    let unknown: Vec<_> = listed.filter(|name| !names.contains(name)).collect();
    assert!(
        unknown.is_empty(),
        "take {unknown:?} out of the table, or name the crates as they are"
    );
}

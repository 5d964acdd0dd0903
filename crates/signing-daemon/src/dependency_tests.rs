//! What the program that holds the keys is made of.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, env, io::Write as _, process::Command};

/// Packages that the daemon must not contain, and what they are. A name with a star at its end is a prefix.
const FORBIDDEN: &[(&str, &str)] = &[
    ("reqwest", "an HTTP client"),
    ("hyper*", "HTTP"),
    ("h2", "HTTP"),
    ("h3*", "HTTP"),
    ("axum*", "an HTTP server"),
    ("ureq", "an HTTP client"),
    ("subxt*", "a client of a node"),
    ("jsonrpsee*", "a client of a node"),
    ("soketto", "a WebSocket"),
    ("tungstenite", "a WebSocket"),
    ("rustls", "TLS"),
    ("openssl*", "TLS"),
    ("tokio-postgres", "a client of PostgreSQL"),
    ("postgres*", "a client of PostgreSQL"),
    ("llama-cpp-*", "a model engine"),
    ("llguidance", "a part of a model engine"),
    ("llm-oracle-chain", "a client of a node"),
    ("llm-oracle-http", "HTTP"),
    ("llm-oracle-llm", "models"),
    ("llm-oracle-store", "the relayer's database"),
    ("llm-oracle-relayer", "the relayer"),
    ("llm-oracle-fixtures", "test machinery"),
];

/// Keys and the account type, without a client of a node.
const ALLOWED: &[&str] = &["subxt-signer", "subxt-utils-accountid32"];

/// Most packages in the daemon, build tools not counted. Lower it when one goes.
const PACKAGES_MAX: usize = 175;

/// `name version` of everything that the daemon is built from.
fn packages(edges: &str) -> BTreeSet<String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = [
        "tree",
        "--offline",
        "--locked",
        "--package",
        "llm-oracle-signer",
    ];
    let tree = Command::new(cargo)
        .args(arguments)
        .args(["--edges", edges, "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "cargo tree fails: {errors}");
    let text = String::from_utf8(tree.stdout).unwrap();
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    };
    text.lines().filter_map(package).collect()
}

fn forbidden(package: &str) -> Option<&'static str> {
    let name = package.split(' ').next().unwrap_or_default();
    if ALLOWED.contains(&name) {
        return None;
    }
    let is = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    let mut found = FORBIDDEN.iter().filter(|(pattern, _)| is(pattern));
    found.next().map(|(_, what)| *what)
}

#[test]
fn the_program_with_the_keys_has_no_network_node_database_server_or_model() {
    let all = packages("normal");
    let linked = packages("normal,no-proc-macro");
    let line = format!(
        "llm-oracle-signer: {} packages, {} of them in the program\n",
        all.len(),
        linked.len()
    );
    // Also when the test passes.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    for package in &all {
        if let Some(what) = forbidden(package) {
            panic!(
                "llm-oracle-signer depends on {package} ({what}); find the way with \
                 `cargo tree -p llm-oracle-signer --invert {}` and move what needs it to another crate",
                package.replace(" v", "@")
            );
        }
    }
    assert!(
        linked.len() <= PACKAGES_MAX,
        "{} packages in llm-oracle-signer, and {PACKAGES_MAX} are allowed; do without the new ones, or raise \
         PACKAGES_MAX with a reason:\n{linked:#?}",
        linked.len()
    );
}

#[test]
fn forbidden_packages_are_recognised() {
    for package in [
        "reqwest v0.13.5",
        "hyper-util v0.1.0",
        "subxt v0.51.1",
        "subxt-rpcs v0.51.1",
    ] {
        assert!(forbidden(package).is_some(), "{package}");
    }
    for package in [
        "subxt-signer v0.51.1",
        "subxt-utils-accountid32 v0.51.1",
        "hex v0.4.3",
    ] {
        assert_eq!(forbidden(package), None, "{package}");
    }
}

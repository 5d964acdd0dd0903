//! The files in `deploy/` fit this program.
#![allow(clippy::unwrap_used)]

use crate::{
    config::{self, Overrides},
    exit,
};
use llm_oracle_peers::PeersConfig;
use llm_oracle_relayer::{
    ops::{metric_names, OpsConfig},
    Limits,
};
use llm_oracle_signer::SigningDaemonConfig;
use std::collections::BTreeSet;

const SETTINGS: &str = include_str!("../../../deploy/relayer.toml");
const UNIT: &str = include_str!("../../../deploy/llm-oracle-relayer.service");
const SIGNER: &str = include_str!("../../../deploy/signer.toml");
const SIGNER_UNIT: &str = include_str!("../../../deploy/llm-oracle-signer.service");
const CONTAINER: &str = include_str!("../../../deploy/Containerfile");
const ALERTS: &str = include_str!("../../../deploy/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../../deploy/grafana/relayer.json");
const RUNBOOK: &str = include_str!("../../../docs/operating.md");

fn load(text: &str) -> Result<config::Settings, config::ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relayer.toml");
    std::fs::write(&path, text).unwrap();
    config::load(Some(&path), &Overrides::default())
}

/// The text with every commented key set.
fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let bare = line.strip_prefix('#').unwrap_or(line);
        if bare.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') {
            bare
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The example with the model in this process, and the one with a server instead.
fn examples() -> [String; 2] {
    let (head, server) = SETTINGS.split_once("# --- or instead").unwrap();
    let (rest, _) = head.split_once("\n[model]\n").unwrap();
    let server = format!("# or instead{server}");
    [
        uncommented(head),
        format!("{}\n{}", uncommented(rest), uncommented(&server)),
    ]
}

#[test]
fn the_example_settings_load_as_they_are_and_with_every_key_set() {
    let plain = load(SETTINGS).unwrap();
    assert_eq!(plain.operators.len(), 1);
    assert_eq!(plain.limits, Limits::default());
    assert_eq!(plain.ops, OpsConfig::default());
    for (text, provider) in examples().iter().zip(["local", "openai"]) {
        let settings = load(text).unwrap();
        assert_eq!(settings.operators.len(), 6);
        let names: Vec<_> = settings
            .model
            .0
            .iter()
            .map(|one| one.provider.name())
            .collect();
        assert_eq!(names, [provider]);
        // What stands behind `#` is the default, except where the comment says so.
        // Amounts that are left out follow the coin; the file has them for 12 decimals.
        let coin = 1_000_000_000_000;
        assert_eq!(settings.limits.money(coin), plain.limits.money(coin));
        let without_money = Limits {
            max_fee: None,
            max_tip: None,
            min_balance: None,
            ..settings.limits
        };
        assert_eq!(without_money, plain.limits);
        assert_eq!(settings.ops, plain.ops);
        assert_eq!(settings.retention, plain.retention);
        assert_eq!(settings.peers.relayers.len(), 1);
        let alone = PeersConfig {
            relayers: Vec::new(),
            ..settings.peers
        };
        assert_eq!(alone, plain.peers);
    }
}

/// Keys that a table has, from its error about an unknown key. Old names are accepted and not listed.
fn known_keys(table: &str, text: &str) -> BTreeSet<String> {
    let strange = text.replacen(table, &format!("{table}\nno_such_key = 1"), 1);
    let refusal = load(&strange).unwrap_err().to_string();
    let (_, list) = refusal.split_once("expected").unwrap();
    let word = |part: &&str| part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let parts = list.split('`').filter(|part| !part.is_empty());
    let old = |part: &&str| {
        let mut keys = config::OLD_KEYS.iter();
        keys.any(|(old, _)| old.rsplit('.').next() == Some(*part))
    };
    let parts = parts.filter(|part| word(part) && !old(part));
    parts.map(str::to_owned).collect()
}

#[test]
fn the_example_settings_name_every_key_there_is() {
    let [local, server] = examples();
    let top = "# The node's WebSocket.";
    for (table, text) in [
        (top, &local),
        ("[[operators]]", &local),
        ("[limits]", &local),
        ("[ops]", &local),
        ("[retention]", &local),
        ("[peers]", &local),
        ("[[peers.relayer]]", &local),
        ("provider = \"local\"", &local),
        ("provider = \"openai\"", &server),
    ] {
        let keys = known_keys(table, text);
        assert!(!keys.is_empty(), "{table}");
        for key in keys {
            let set = local.lines().chain(server.lines()).any(|line| {
                let name = line.trim_matches(['[', ']']);
                let inner = line.starts_with('[') && name.ends_with(&format!(".{key}"));
                line.starts_with(&format!("{key} =")) || name == key || inner
            });
            assert!(set, "deploy/relayer.toml lacks `{key}` of {table}");
        }
    }
}

#[test]
fn the_example_signer_loads_and_names_every_key_there_is() {
    let load = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signer.toml");
        std::fs::write(&path, text).unwrap();
        SigningDaemonConfig::load(&path)
    };
    let plain = load(SIGNER).unwrap();
    // What stands behind `#` is the default.
    let beside =
        |config: SigningDaemonConfig| (config.max_deposit, config.max_tip, config.operators);
    assert_eq!(beside(load(&uncommented(SIGNER)).unwrap()), beside(plain));
    let refusal = load(&format!("no_such_key = 1\n{SIGNER}"))
        .unwrap_err()
        .to_string();
    let (_, list) = refusal.split_once("expected").unwrap();
    let keys: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(keys.len(), 8, "{refusal}");
    for key in keys {
        let named = uncommented(SIGNER).lines().any(|line| {
            line.starts_with(&format!("{key} =")) || line.trim_matches(['[', ']']) == key
        });
        assert!(named, "deploy/signer.toml lacks `{key}`");
    }
}

/// Names of our metrics in a query, as the registry has them.
fn metrics_in(query: &str) -> Vec<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("llm_oracle_"));
    ours.map(|word| {
        let parts = ["_bucket", "_sum", "_count"];
        let histogram = parts.iter().find_map(|part| word.strip_suffix(part));
        histogram.unwrap_or(word).to_owned()
    })
    .collect()
}

fn registered() -> BTreeSet<String> {
    metric_names().into_iter().map(|(name, _)| name).collect()
}

/// Alerts with their queries.
fn alerts() -> Vec<(String, String)> {
    let after = |line: &str, key: &str| {
        line.trim()
            .strip_prefix(key)
            .map(|rest| rest.trim().to_owned())
    };
    let lines: Vec<&str> = ALERTS.lines().collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        Some((
            after(pair[0], "- alert:")?,
            after(pair[1], "expr:").unwrap_or_default(),
        ))
    });
    pairs.collect()
}

#[test]
fn every_alert_asks_for_metrics_that_exist_and_has_a_runbook_entry() {
    let registered = registered();
    let alerts = alerts();
    assert_eq!(alerts.len(), ALERTS.matches("alert:").count());
    for (alert, query) in &alerts {
        let asked = metrics_in(query);
        assert!(
            !asked.is_empty() || query.starts_with("up{"),
            "{alert}: {query}"
        );
        for metric in asked {
            assert!(registered.contains(&metric), "{alert} asks for {metric}");
        }
    }
    let rows = RUNBOOK
        .lines()
        .filter(|line| line.starts_with("| `LlmOracle"));
    let mut explained = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(
            cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()),
            "{row}"
        );
        explained.insert(cells[0].trim_matches('`').to_owned());
    }
    let named: BTreeSet<String> = alerts.into_iter().map(|(alert, _)| alert).collect();
    assert_eq!(
        named, explained,
        "left: alerts.yml, right: docs/operating.md"
    );
}

#[test]
fn label_values_in_queries_exist() {
    use llm_oracle_store::{AttemptState, JobState};
    // Metrics show three states under other names than the store.
    let shown = ["abandoned", "expired", "unknown_commitment"];
    let stored = JobState::names().chain(AttemptState::names());
    let states: Vec<&str> = stored.chain(shown).collect();
    let results = [
        "worked",
        "idle",
        "failed",
        "agreed",
        "dissented",
        "abstained",
        "missed_reveal",
    ];
    for (label, values) in [("state", &states[..]), ("result", &results[..])] {
        let needle = format!("{label}=\"");
        for part in ALERTS.split(&needle).skip(1) {
            let value = part.split('"').next().unwrap();
            assert!(values.contains(&value), "{label} is never {value}");
        }
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist_and_shows_all_of_them() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            shown.extend(metrics_in(target["expr"].as_str().unwrap()));
        }
    }
    assert_eq!(shown, registered(), "left: dashboard, right: registry");
}

/// The value of a setting of a unit that stands there once.
fn unit_value(name: &str) -> &'static str {
    let key = format!("{name}=");
    let mut found = UNIT.lines().filter_map(|line| line.strip_prefix(&key));
    let value = found.next().unwrap_or_else(|| panic!("no {name}="));
    assert_eq!(found.next(), None, "{name}= stands there twice");
    value
}

#[test]
fn the_unit_lets_the_relayer_do_what_the_example_settings_ask_for() {
    let [example, _] = examples();
    let settings = load(&example).unwrap();
    // Whoever reads the settings again and writes the backup is the same one after a restart.
    assert_eq!(unit_value("User"), "llm-oracle");
    assert!(!UNIT.contains("\nDynamicUser="));
    assert!(UNIT.contains("0640") && UNIT.contains("-g llm-oracle relayer.toml"));
    let backup = settings.backup_dir.unwrap().display().to_string();
    // The dash: without a backup the folder may be missing.
    assert_eq!(unit_value("ReadWritePaths"), format!("-{backup}"));
    assert_eq!(unit_value("RequiresMountsFor"), backup);
    let state = format!("/var/lib/{}", unit_value("StateDirectory"));
    assert_eq!(settings.store.display().to_string(), state);
    assert_eq!(unit_value("ExecReload"), "/bin/kill -HUP $MAINPID");
    assert!(CONTAINER.contains(&format!("-v {backup}:{backup}")));
    assert!(CONTAINER.contains("-o 65532") && CONTAINER.contains("USER 65532:65532"));
}

#[test]
fn the_watchdog_leaves_time_for_a_slow_disk_and_ends_what_hangs() {
    use llm_oracle_relayer::ops::LIVE_WITHIN;
    let watchdog: u64 = unit_value("WatchdogSec").parse().unwrap();
    assert!(
        watchdog >= 120,
        "a disk may stall for a minute, and it is fed every {} s",
        watchdog / 2
    );
    let longest = LIVE_WITHIN.as_secs() + watchdog;
    assert!(
        longest <= 300,
        "what hangs is restarted after up to {longest} s"
    );
    assert!(UNIT.contains(&format!(" {} s", LIVE_WITHIN.as_secs())));
}

#[test]
fn unit_and_container_call_verbs_that_exist_and_trust_exit_codes_that_mean_it() {
    let line = UNIT
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .unwrap();
    assert!(
        crate::parses::<crate::NoMoreSubcommands>(line.split(' ')),
        "{line}"
    );
    let codes = UNIT
        .lines()
        .find_map(|line| line.strip_prefix("RestartPreventExitStatus="));
    let codes: Vec<u8> = codes
        .unwrap()
        .split(' ')
        .map(|code| code.parse().unwrap())
        .collect();
    assert_eq!(
        codes,
        [exit::USAGE, exit::CONTRACT, exit::STORE, exit::WRONG_CHAIN]
    );
    assert!(UNIT.contains("Type=notify"));
    let kept = format!("RestartPreventExitStatus={} {}\n", exit::USAGE, exit::STORE);
    assert!(SIGNER_UNIT.contains(&kept) && SIGNER_UNIT.contains("Type=notify"));
    for marker in ["HEALTHCHECK", "ENTRYPOINT"] {
        let line = CONTAINER
            .lines()
            .find(|line| line.starts_with(marker))
            .unwrap();
        let list = &line[line.find('[').unwrap()..];
        let mut words: Vec<String> = serde_json::from_str(list).unwrap();
        if marker == "ENTRYPOINT" {
            let rest = CONTAINER
                .lines()
                .find_map(|line| line.strip_prefix("CMD "))
                .unwrap();
            words.extend(serde_json::from_str::<Vec<String>>(rest).unwrap());
        }
        assert!(
            crate::parses::<crate::NoMoreSubcommands>(words.iter().map(String::as_str)),
            "{words:?}"
        );
    }
}

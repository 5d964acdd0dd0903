//! Which settings differ between two readings of them, and which of these a running relayer takes over.

use super::{error::ConfigError, settings::Settings};
use figment2::value::{Dict, Value};
use std::collections::BTreeMap;

/// Settings that a running relayer takes over. A key that ends in a dot stands for its whole table.
const LIVE: [&str; 12] = [
    "url",
    "urls",
    "allow_plaintext_nodes",
    "code_hash",
    "log",
    "limits.",
    "policy.",
    "retention.",
    "sources.",
    "rationale.",
    "model.",
    "models",
];

/// Settings of other subcommands, which mean nothing to a relayer.
const OF_OTHERS: [&str; 3] = ["suri", "key_file", "artifacts"];

/// Settings that decide which models answer.
const OF_MODELS: [&str; 3] = ["model.", "models", "model_file"];

/// What a change of a setting means to a running relayer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeEffect {
    /// It is taken over.
    Live,
    /// It takes a restart.
    Restart,
    /// None.
    Nothing,
}

fn is_of(list: &[&str], key: &str) -> bool {
    let matches = |known: &&str| *known == key || known.ends_with('.') && key.starts_with(*known);
    list.iter().any(matches)
}

/// What a change of this key means. Local models are loaded at the start only.
pub fn change_effect(key: &str, has_same_local_models: bool) -> ChangeEffect {
    if is_of(&OF_MODELS, key) {
        return match has_same_local_models {
            true => ChangeEffect::Live,
            false => ChangeEffect::Restart,
        };
    }
    match (is_of(&LIVE, key), is_of(&OF_OTHERS, key)) {
        (true, _) => ChangeEffect::Live,
        (_, true) => ChangeEffect::Nothing,
        _ => ChangeEffect::Restart,
    }
}

impl Settings {
    /// Keys whose values differ in other settings, as the file names them. Values are not shown: some are
    /// secrets.
    ///
    /// # Errors
    /// When one of them can't be read any more.
    pub fn changed_keys(&self, other: &Self) -> Result<Vec<String>, ConfigError> {
        let (before, after) = (self.values()?, other.values()?);
        let keys = before.keys().chain(after.keys());
        let mut changed: Vec<_> = keys
            .filter(|key| before.get(*key) != after.get(*key))
            .cloned()
            .collect();
        changed.sort();
        changed.dedup();
        Ok(changed)
    }

    /// Each value that is set, by its key with the names of its tables.
    fn values(&self) -> Result<BTreeMap<String, Value>, ConfigError> {
        let set: Dict = self
            .figment
            .extract()
            .map_err(|error| ConfigError::Wrong(super::explain::explain(&error)))?;
        let mut values = BTreeMap::new();
        flatten("", set, &mut values);
        Ok(values)
    }
}

fn flatten(table: &str, dict: Dict, into: &mut BTreeMap<String, Value>) {
    for (key, value) in dict {
        let key = format!("{table}{key}");
        match value {
            Value::Dict(_, inner) => flatten(&format!("{key}."), inner, into),
            value => drop(into.insert(key, value)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{load, Overrides};

    fn settings(text: &str) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relayer.toml");
        std::fs::write(&path, text).unwrap();
        load(Some(&path), &Overrides::default()).unwrap()
    }

    #[test]
    fn what_differs_is_named_by_its_key_and_never_by_its_value() {
        let before = settings("suri = 'first-secret'\nstore = 'a'\n[limits]\nmin_reward = 1\nmax_tip = 3\n[policy.per_requester]\nmax_requests_per_day = 4");
        let after = settings("suri = 'other-secret'\nstore = 'a'\nurls = ['ws://x']\n[limits]\nmin_reward = 2\n[policy.per_requester]\nmax_requests_per_day = 5\n[[policy.requesters]]\naccount = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'");
        assert_eq!(
            before.changed_keys(&after).unwrap(),
            [
                "limits.max_tip",
                "limits.min_reward",
                "policy.per_requester.max_requests_per_day",
                "policy.requesters",
                "suri",
                "urls"
            ]
        );
        assert!(before.changed_keys(&before).unwrap().is_empty());
    }

    #[test]
    fn what_is_part_of_the_process_takes_a_restart() {
        for (key, effect) in [
            ("urls", ChangeEffect::Live),
            ("code_hash", ChangeEffect::Live),
            ("limits.max_fee", ChangeEffect::Live),
            ("policy.requesters", ChangeEffect::Live),
            ("model.timeout_ms", ChangeEffect::Live),
            ("model.api_key_command", ChangeEffect::Live),
            ("model.api_key_renew_after_s", ChangeEffect::Live),
            ("model.max_tokens_per_minute", ChangeEffect::Live),
            ("log", ChangeEffect::Live),
            ("suri", ChangeEffect::Nothing),
            ("store", ChangeEffect::Restart),
            ("store_url", ChangeEffect::Restart),
            ("operators", ChangeEffect::Restart),
            ("contract", ChangeEffect::Restart),
            ("peers.listen", ChangeEffect::Restart),
            ("a_key_of_next_year", ChangeEffect::Restart),
        ] {
            assert_eq!(change_effect(key, true), effect, "{key}");
        }
        for key in ["model.path", "models", "model_file"] {
            assert_eq!(change_effect(key, false), ChangeEffect::Restart, "{key}");
        }
    }
}

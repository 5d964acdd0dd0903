//! Settings from flags and environment variables.

use super::layer::SettingLayer;
use std::{ffi::OsString, path::PathBuf};

/// Settings that a flag or an environment variable can give; the variable is `LLM_ORACLE_` and the
/// name in capitals.
const SCALARS: [&str; 8] = [
    "url",
    "contract",
    "suri",
    "key_file",
    "artifacts",
    "model_file",
    "store_url",
    "log",
];

/// Settings given as flags.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--url`.
    pub url: Option<String>,
    /// `--contract`.
    pub contract: Option<String>,
    /// `--suri`.
    pub suri: Option<String>,
    /// `--key-file`.
    pub key_file: Option<PathBuf>,
    /// `--artifacts`.
    pub artifacts: Option<PathBuf>,
    /// `--model-file`.
    pub model_file: Option<PathBuf>,
}

impl Overrides {
    /// The first flag whose path is not text: settings are text, and another path would be used.
    pub(super) fn first_not_text(&self) -> Option<&'static str> {
        let paths = [
            ("--key-file", &self.key_file),
            ("--artifacts", &self.artifacts),
            ("--model-file", &self.model_file),
        ];
        let not_text = |path: &Option<PathBuf>| path.as_ref().is_some_and(|p| p.to_str().is_none());
        paths
            .into_iter()
            .find_map(|(flag, path)| not_text(path).then_some(flag))
    }

    /// Each flag as a layer of settings.
    pub(super) fn layers(&self) -> impl Iterator<Item = SettingLayer> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
        [
            ("url", self.url.clone(), "--url"),
            ("contract", self.contract.clone(), "--contract"),
            ("suri", self.suri.clone(), "--suri"),
            ("key_file", path(&self.key_file), "--key-file"),
            ("artifacts", path(&self.artifacts), "--artifacts"),
            ("model_file", path(&self.model_file), "--model-file"),
        ]
        .into_iter()
        .filter_map(|(key, value, flag)| {
            Some(SettingLayer::new(format!("flag {flag}"), key, value?))
        })
    }
}

/// The variable of a setting.
fn variable_of(key: &str) -> String {
    match key {
        "model_file" => "LLM_ORACLE_MODEL".to_owned(),
        _ => format!("LLM_ORACLE_{}", key.to_uppercase()),
    }
}

/// The first variable whose value is not text, so that it is refused instead of ignored.
pub(super) fn first_not_text(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<String> {
    let mut names = SCALARS.iter().map(|key| variable_of(key));
    names.find(|name| variable(name).is_some_and(|value| value.to_str().is_none()))
}

/// Each variable that is set, as a layer of settings.
pub(super) fn from_environment(
    variable: &dyn Fn(&str) -> Option<String>,
) -> impl Iterator<Item = SettingLayer> + '_ {
    SCALARS.iter().filter_map(move |key| {
        let name = variable_of(key);
        let value = variable(&name)?;
        let origin = format!("environment variable {name}");
        Some(SettingLayer::new(origin, key, value))
    })
}

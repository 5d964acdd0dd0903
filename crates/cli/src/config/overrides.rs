//! Settings from flags and environment variables.

use super::layer::SettingLayer;
use std::path::PathBuf;

/// Settings that a flag or an environment variable can give; the variable is `LLM_ORACLE_` and the
/// name in capitals.
const SCALARS: [&str; 7] = [
    "url",
    "contract",
    "suri",
    "key_file",
    "artifacts",
    "model_file",
    "store_url",
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

/// Each variable that is set, as a layer of settings.
pub(super) fn from_environment(
    variable: &dyn Fn(&str) -> Option<String>,
) -> impl Iterator<Item = SettingLayer> + '_ {
    SCALARS.iter().filter_map(move |key| {
        let name = match *key {
            "model_file" => "LLM_ORACLE_MODEL".to_owned(),
            _ => format!("LLM_ORACLE_{}", key.to_uppercase()),
        };
        let value = variable(&name)?;
        let origin = format!("environment variable {name}");
        Some(SettingLayer::new(origin, key, value))
    })
}

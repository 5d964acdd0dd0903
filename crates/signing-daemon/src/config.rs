//! The settings of `signer run`.

use super::GuardError;
use llm_oracle_signing::KeySource;
use llm_oracle_support::{amount::planck, credential};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Everything that a signer needs to know. Unknown keys are refused.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct GuardConfig {
    /// The socket, made with mode 0600. Its folder is made with mode 0700, or must have it.
    pub socket: PathBuf,
    /// Folder of the record of what was signed, mode 0700.
    pub store: PathBuf,
    /// The oracle, SS58 or 0x-hex.
    pub contract: String,
    /// Its domain, which tells deployments apart.
    pub domain: String,
    /// Indices of the pallet and of its call by which this chain calls contracts.
    pub contracts_call: [u8; 2],
    /// Most storage deposit that one call may take, planck.
    #[serde(default = "max_deposit", deserialize_with = "planck")]
    pub max_deposit: u128,
    /// The keys.
    pub operators: Vec<KeySource>,
}

/// 1 UNIT of a development chain.
fn max_deposit() -> u128 {
    1_000_000_000_000
}

impl GuardConfig {
    /// Reads the file. Relative paths in it mean beside it.
    ///
    /// # Errors
    /// `Unreadable`, or `Wrong` with the line. No message quotes the file: it may hold a secret that
    /// somebody put in the wrong deployment.
    pub fn load(path: &Path) -> Result<Self, GuardError> {
        let text = std::fs::read_to_string(path).map_err(|reason| GuardError::Unreadable {
            path: path.to_owned(),
            reason: reason.to_string(),
        })?;
        let config: Self = toml::from_str(&text).map_err(|error| GuardError::Wrong {
            path: path.to_owned(),
            line: llm_oracle_support::toml_errors::line_of(&text, error.span()),
            reason: llm_oracle_support::toml_errors::without_values(error.message()),
        })?;
        Ok(config.beside(path.parent().unwrap_or(Path::new(""))))
    }

    fn beside(self, folder: &Path) -> Self {
        let beside = |path: PathBuf| match credential::is_one(&path) {
            true => credential::resolve(path),
            false => folder.join(path),
        };
        let operators = self.operators.into_iter().map(|key| KeySource {
            suri_file: key.suri_file.map(beside),
            keystore: key.keystore.map(beside),
            password_file: key.password_file.map(beside),
            ..key
        });
        Self {
            socket: beside(self.socket),
            store: beside(self.store),
            operators: operators.collect(),
            ..self
        }
    }
}

//! The settings of the signing daemon.

use crate::error::SigningDaemonError;
use llm_oracle_primitives::DeploymentId;
use llm_oracle_signing::KeySource;
use llm_oracle_support::{
    address::{parse_account, parse_hash},
    amount::planck,
    credential,
};
use serde::{de::Error as _, Deserialize, Deserializer};
use std::path::{Path, PathBuf};

/// Settings of the daemon. Unknown keys are refused.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct SigningDaemonConfig {
    /// The socket, made with mode 0600. Its folder is made with mode 0700, or must have it.
    pub socket: PathBuf,
    /// Folder of the record of what was signed. It is made with mode 0700, or must have it.
    pub store: PathBuf,
    /// The oracle, SS58 or 0x-hex.
    pub contract: String,
    /// Domain of the deployment, 0x-hex of 32 bytes.
    pub domain: String,
    /// Indices of the pallet `Contracts` and of its call `call` on this chain, and after an announced upgrade.
    pub contracts_call: ContractsCalls,
    /// Highest storage deposit limit of one call, planck.
    #[serde(default = "max_deposit", deserialize_with = "planck")]
    pub max_deposit: u128,
    /// Highest tip of one call, planck. Reveals offer one when their deadline is near.
    #[serde(default = "max_tip", deserialize_with = "planck")]
    pub max_tip: u128,
    /// The keys.
    pub operators: Vec<KeySource>,
}

/// Indices by which a chain calls contracts: in the file one pair, or two while a runtime upgrade that moves
/// them is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractsCalls(Vec<[u8; 2]>);

/// Most pairs of indices.
const CONTRACTS_CALLS_MAX: usize = 2;

impl ContractsCalls {
    pub(crate) fn contains(&self, indices: [u8; 2]) -> bool {
        self.0.contains(&indices)
    }
}

impl From<[u8; 2]> for ContractsCalls {
    fn from(indices: [u8; 2]) -> Self {
        Self(vec![indices])
    }
}

impl<'de> Deserialize<'de> for ContractsCalls {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "[PALLET, CALL], or two of them in a list")]
        enum OneOrTwo {
            One([u8; 2]),
            Many(Vec<[u8; 2]>),
        }
        match OneOrTwo::deserialize(input)? {
            OneOrTwo::One(indices) => Ok(indices.into()),
            OneOrTwo::Many(pairs) if (1..=CONTRACTS_CALLS_MAX).contains(&pairs.len()) => {
                Ok(Self(pairs))
            }
            OneOrTwo::Many(_) => Err(D::Error::custom("give one pair of indices, or two")),
        }
    }
}

/// 1 UNIT of a development chain, planck.
fn max_deposit() -> u128 {
    1_000_000_000_000
}

/// A tenth of the coin of a development chain, planck, like a relayer's.
fn max_tip() -> u128 {
    100_000_000_000
}

impl SigningDaemonConfig {
    /// Reads the file. Relative paths are relative to its folder.
    ///
    /// # Errors
    /// `Unreadable`, or `InvalidConfig` with the line. No message quotes a value of the file: it may be a
    /// secret in the wrong place.
    pub fn load(path: &Path) -> Result<Self, SigningDaemonError> {
        let text =
            std::fs::read_to_string(path).map_err(|reason| SigningDaemonError::Unreadable {
                path: path.to_owned(),
                reason: reason.to_string(),
            })?;
        let config: Self =
            toml::from_str(&text).map_err(|error| SigningDaemonError::InvalidConfig {
                path: path.to_owned(),
                line: llm_oracle_support::toml_errors::line_of(&text, error.span()),
                reason: llm_oracle_support::toml_errors::without_values(error.message()),
            })?;
        Ok(config.resolved(path.parent().unwrap_or(Path::new(""))))
    }

    /// The deployment that the settings name.
    ///
    /// # Errors
    /// `Address` with the text that is not a hash or an account.
    pub(crate) fn deployment(&self) -> Result<DeploymentId, SigningDaemonError> {
        Ok(DeploymentId {
            domain: parse_hash(&self.domain)?,
            contract: *parse_account(&self.contract)?.as_ref(),
        })
    }

    /// The error for a failure of the record's database.
    pub(crate) fn record_failed(&self, reason: String) -> SigningDaemonError {
        SigningDaemonError::Database {
            path: self.store.clone(),
            reason,
        }
    }

    fn resolved(self, folder: &Path) -> Self {
        let beside = |path: PathBuf| match credential::is_credential(&path) {
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

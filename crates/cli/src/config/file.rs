//! The settings file that `dev` and `deploy` write.

use super::error::ConfigError;
use llm_oracle_primitives::{AccountId, Hash};
use llm_oracle_support::address::{hex0x, ss58};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Address of a node on this machine with its usual port.
pub const DEFAULT_URL: &str = "ws://127.0.0.1:9944";

/// What the other subcommands need to know about a deployment.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Address of the node.
    pub url: String,
    /// The contract.
    pub contract: AccountId,
    /// Hash of its code.
    pub code_hash: Hash,
    /// Development key that signs, such as `//Alice`.
    pub suri: Option<String>,
    /// Folder with the built contracts.
    pub artifacts: Option<PathBuf>,
    /// The embedded model.
    pub model_file: Option<PathBuf>,
    /// Folder of a relayer's store.
    pub store: Option<PathBuf>,
}

impl Default for ConfigFile {
    fn default() -> Self {
        Self {
            url: DEFAULT_URL.to_owned(),
            contract: AccountId::from([0; 32]),
            code_hash: Hash::default(),
            suri: None,
            artifacts: None,
            model_file: None,
            store: None,
        }
    }
}

impl ConfigFile {
    /// The file's text.
    pub fn text(&self) -> String {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let values = [
            ("url", Some(self.url.clone())),
            ("contract", Some(ss58(&self.contract))),
            ("code_hash", Some(hex0x(&self.code_hash))),
            ("suri", self.suri.clone()),
            ("artifacts", path(&self.artifacts)),
            ("model_file", path(&self.model_file)),
            ("store", path(&self.store)),
        ];
        let table: toml::Table = values
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), toml::Value::String(value?))))
            .collect();
        format!("# Written by llm-oracle; flags and LLM_ORACLE_… variables win over it.\n{table}")
    }

    /// Writes the file, and its folder if need be.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ConfigError> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        folder
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(path, self.text()))
            .map_err(|reason| ConfigError::Unwritable {
                path: path.to_owned(),
                reason,
            })
    }
}

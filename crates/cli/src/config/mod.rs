//! Settings: flags over environment over one TOML file, each value with its origin.
//!
//! The file is the one named by `--config` or `LLM_ORACLE_CONFIG`; without either, the first that
//! exists of `config.toml` and `dev.toml` (written by `llm-oracle dev`) in
//! `$XDG_CONFIG_HOME/llm-oracle`. Files are never mixed: a key for one chain and a contract of
//! another would be worse than a missing setting.

mod explain;
mod file;
pub mod key;
mod layer;
mod model;
pub mod paths;

pub use file::ConfigFile;
pub use model::describe_model;

use figment2::{
    providers::{Format, Toml},
    value::magic::RelativePathBuf,
    Figment,
};
use key::{SecretUriText, SignerSource};
use layer::SettingLayer;
use llm_oracle_chain::redact;
use llm_oracle_llm::Models;
use llm_oracle_peers::PeersConfig;
use llm_oracle_relayer::{ops::OpsConfig, Limits, PolicyConfig, RelayerConfig};
use llm_oracle_signing::{KeyError, KeySource};
use llm_oracle_store::{DatabaseUrl, Shared, UrlSource};
use llm_oracle_support::credential;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use subxt_signer::sr25519::Keypair;

/// Address of a node on this machine with its usual port.
pub const DEFAULT_URL: &str = "ws://127.0.0.1:9944";

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

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named file cannot be read.
    #[error("settings file '{}' cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A file cannot be written.
    #[error("settings file '{}' cannot be written: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A value of a wrong type, or a key that does not exist.
    #[error("{0}")]
    Wrong(String),
    /// A flag for the local model, and another provider in the settings.
    #[error("--model names a file for the local model, and [model] in the settings has provider = \"{0}\"")]
    ModelFlag(&'static str),
    /// No key was set where one is needed.
    #[error("no key is set")]
    NoKey,
    /// No contract was set where one is needed.
    #[error("no contract is set")]
    NoContract,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Everything that can be set, as the file has it.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    url: Option<String>,
    #[serde(default)]
    urls: Vec<String>,
    block_time_ms: Option<u64>,
    backup_dir: Option<RelativePathBuf>,
    contract: Option<String>,
    code_hash: Option<String>,
    suri: Option<SecretUriText>,
    key_file: Option<RelativePathBuf>,
    artifacts: Option<RelativePathBuf>,
    model_file: Option<RelativePathBuf>,
    model: Option<Models>,
    models: Option<Models>,
    store: Option<RelativePathBuf>,
    store_url: Option<DatabaseUrl>,
    store_url_file: Option<PathBuf>,
    store_ca_file: Option<RelativePathBuf>,
    store_lease_ms: Option<u32>,
    #[serde(default)]
    operators: Vec<KeySource>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    policy: PolicyConfig,
    #[serde(default)]
    ops: OpsConfig,
    #[serde(default)]
    peers: PeersConfig,
}

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    /// Address of the node.
    pub url: String,
    /// Further nodes of the relayer.
    pub urls: Vec<String>,
    /// Time between two blocks, milliseconds.
    pub block_time_ms: Option<u64>,
    /// Folder of the relayer's second copy.
    pub backup_dir: Option<PathBuf>,
    /// The contract, if one is set.
    pub contract: Option<String>,
    /// Code hash recorded when the contract was deployed.
    pub code_hash: Option<String>,
    /// The key that signs transactions, if one is set.
    pub key: Option<SignerSource>,
    /// Folder with built contracts.
    pub artifacts: PathBuf,
    /// The models that answer, in the order in which they are asked.
    pub model: Models,
    /// Folder of the relayer's store.
    pub store: PathBuf,
    /// The database that replicas share, if they do.
    pub shared: Option<Shared>,
    /// Keys of the operators that the relayer works for.
    pub operators: Vec<KeySource>,
    /// What the relayer takes on.
    pub limits: Limits,
    /// Which requests it answers.
    pub policy: PolicyConfig,
    /// Where a running relayer can be looked at.
    pub ops: OpsConfig,
    /// The relayers that carry each other's entries.
    pub peers: PeersConfig,
    /// Which key decided about the model.
    model_key: &'static str,
    figment: Figment,
}

/// What flags say.
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
    /// `--model` where it is a file.
    pub model_file: Option<PathBuf>,
}

impl Overrides {
    fn layers(&self) -> impl Iterator<Item = SettingLayer> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
        [
            ("url", self.url.clone(), "--url"),
            ("contract", self.contract.clone(), "--contract"),
            ("suri", self.suri.clone(), "--suri"),
            ("key_file", path(&self.key_file), "--key-file"),
            ("artifacts", path(&self.artifacts), "--artifacts"),
            ("model_file", path(&self.model_file), "--model"),
        ]
        .into_iter()
        .filter_map(|(key, value, flag)| Some(SettingLayer::new(format!("flag {flag}"), key, value?)))
    }
}

/// The settings file without a flag: the first of the two that exists.
fn usual_file() -> Option<PathBuf> {
    [paths::config_dir().join("config.toml"), paths::dev_config()]
        .into_iter()
        .find(|file| file.is_file())
}

/// Loads the settings.
///
/// # Errors
/// When the named file cannot be read, or a key in it is unknown or of a wrong type.
pub fn load(file: Option<&Path>, flags: &Overrides) -> Result<Settings, ConfigError> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    load_with(
        file.map(Path::to_owned).or_else(usual_file),
        flags,
        &variable,
    )
}

fn load_with(
    file: Option<PathBuf>,
    flags: &Overrides,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, ConfigError> {
    let mut figment = Figment::new();
    if let Some(path) = file {
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|reason| ConfigError::Unreadable {
            path: path.clone(),
            reason,
        })?;
        explain::check_syntax(&path, &text)?;
        figment = figment.merge(Toml::file(path).search(false));
    }
    let mut from_environment = Vec::new();
    for key in SCALARS {
        let name = match key {
            "model_file" => "LLM_ORACLE_MODEL".to_owned(),
            _ => format!("LLM_ORACLE_{}", key.to_uppercase()),
        };
        if let Some(value) = variable(&name) {
            from_environment.push(SettingLayer::new(
                format!("environment variable {name}"),
                key,
                value,
            ));
        }
    }
    for layer in from_environment.into_iter().chain(flags.layers()) {
        figment = figment.merge(layer);
    }
    let raw: RawSettings = figment
        .extract()
        .map_err(|error| ConfigError::Wrong(explain::explain(&error)))?;
    Settings::check(raw, figment)
}

impl Settings {
    fn check(raw: RawSettings, figment: Figment) -> Result<Self, ConfigError> {
        let rank = |key: &str| origin_rank(&figment, key);
        // Both may be set in different places; the stronger place wins.
        let key = match (raw.suri, raw.key_file) {
            (Some(_), Some(file)) if rank("key_file") > rank("suri") => {
                Some(SignerSource::File(file.relative()))
            }
            (Some(uri), _) => Some(SignerSource::Uri(uri)),
            (None, file) => file.map(|file| SignerSource::File(file.relative())),
        };
        let beside = |path: PathBuf, key: &str| relative_to_file(path, &figment, key);
        let models = match (raw.model, raw.models) {
            (Some(_), Some(_)) => {
                let both = "both [model] and [[models]] are set: keep one of them";
                return Err(ConfigError::Wrong(both.to_owned()));
            }
            (Some(model), None) => Some((model, "model")),
            (None, models) => models.map(|models| (models, "models")),
        };
        let model = models
            .map(|(models, key)| (model::beside_file(models, &|path| beside(path, key)), key));
        let model_file = raw.model_file.map(|file| file.relative());
        let (model, model_key) = model::choose(model, model_file, rank("model_file"))?;
        let operators = raw.operators.into_iter().map(|operator| KeySource {
            suri_file: operator.suri_file.map(|path| beside(path, "operators")),
            keystore: operator.keystore.map(|path| beside(path, "operators")),
            password_file: operator.password_file.map(|path| beside(path, "operators")),
            signer: operator.signer.map(|path| beside(path, "operators")),
            ..operator
        });
        let store = raw.store.map(|path| path.relative());
        // As with the key: the stronger place wins.
        let url = match (raw.store_url, raw.store_url_file) {
            (Some(_), Some(file)) if rank("store_url_file") > rank("store_url") => {
                Some(UrlSource::File(beside(file, "store_url_file")))
            }
            (Some(url), _) => Some(UrlSource::Text(url)),
            (None, file) => file.map(|file| UrlSource::File(beside(file, "store_url_file"))),
        };
        let ca_file = raw.store_ca_file.map(|path| path.relative());
        let shared = shared(url, ca_file, raw.store_lease_ms)?;
        // A flag or a variable that names a node means that node alone.
        let urls = if rank("url") > rank("urls") {
            Vec::new()
        } else {
            raw.urls
        };
        let first = raw.url.or_else(|| urls.first().cloned());
        let url = first.unwrap_or_else(|| DEFAULT_URL.to_owned());
        Ok(Self {
            urls: urls.into_iter().filter(|other| *other != url).collect(),
            url,
            block_time_ms: raw.block_time_ms,
            backup_dir: raw.backup_dir.map(|path| path.relative()),
            contract: raw.contract,
            code_hash: raw.code_hash,
            key,
            artifacts: raw
                .artifacts
                .map_or_else(paths::artifacts, |path| path.relative()),
            model,
            store: store.unwrap_or_else(|| paths::state_dir().join("relayer")),
            shared,
            operators: operators.collect(),
            limits: raw.limits,
            policy: raw.policy,
            ops: raw.ops,
            peers: raw.peers,
            model_key,
            figment,
        })
    }

    /// These settings as the relayer takes them.
    ///
    /// # Errors
    /// When no contract is set.
    pub fn relayer(&self) -> Result<RelayerConfig, ConfigError> {
        Ok(RelayerConfig {
            url: self.url.clone(),
            urls: self.urls.clone(),
            block_time_ms: self.block_time_ms,
            backup_dir: self.backup_dir.clone(),
            recover: false,
            contract: self.contract()?.to_owned(),
            code_hash: self.code_hash.clone(),
            store: self.store.clone(),
            shared: self.shared.clone(),
            operators: self.operators.clone(),
            model: self.model.clone(),
            limits: self.limits,
            policy: self.policy.clone(),
            peers: self.peers.clone(),
        })
    }

    /// The key that signs.
    ///
    /// # Errors
    /// When none is set or it cannot be used.
    pub fn signer(&self) -> Result<Keypair, ConfigError> {
        Ok(self.key.as_ref().ok_or(ConfigError::NoKey)?.load()?)
    }

    /// The contract's address as it was given.
    ///
    /// # Errors
    /// When none is set.
    pub fn contract(&self) -> Result<&str, ConfigError> {
        self.contract.as_deref().ok_or(ConfigError::NoContract)
    }

    /// Each setting with its value (secrets as `***`) and where it comes from.
    pub fn origins(&self) -> Vec<(&'static str, String, String)> {
        let set = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let list = |values: &mut dyn Iterator<Item = String>| {
            let all: Vec<String> = values.collect();
            set(&(!all.is_empty()).then(|| all.join(", ")))
        };
        let key = self
            .key
            .as_ref()
            .map_or_else(|| "-".to_owned(), SignerSource::describe);
        let key_name = if matches!(self.key, Some(SignerSource::File(_))) {
            "key_file"
        } else {
            "suri"
        };
        let url_key = match self.shared.as_ref().map(|shared| &shared.url) {
            Some(UrlSource::File(_)) => "store_url_file",
            _ => "store_url",
        };
        let shared =
            |value: &dyn Fn(&Shared) -> Option<String>| self.shared.as_ref().and_then(value);
        let limits = &self.limits;
        [
            ("url", "url", redact(&self.url)),
            (
                "urls",
                "urls",
                list(&mut self.urls.iter().map(|url| redact(url))),
            ),
            (
                "block_time_ms",
                "block_time_ms",
                set(&self.block_time_ms.map(|time| time.to_string())),
            ),
            ("contract", "contract", set(&self.contract)),
            ("code_hash", "code_hash", set(&self.code_hash)),
            ("key", key_name, key),
            (
                "artifacts",
                "artifacts",
                self.artifacts.display().to_string(),
            ),
            ("model", self.model_key, describe_model(&self.model)),
            ("store", "store", self.store.display().to_string()),
            (
                url_key,
                url_key,
                set(&self.shared.as_ref().map(Shared::place)),
            ),
            (
                "store_ca_file",
                "store_ca_file",
                set(&shared(&|shared| {
                    let file = shared.ca_file.as_ref()?;
                    Some(file.display().to_string())
                })),
            ),
            (
                "store_lease_ms",
                "store_lease_ms",
                set(&shared(&|shared| Some(shared.lease_ms.to_string()))),
            ),
            (
                "backup_dir",
                "backup_dir",
                set(&self
                    .backup_dir
                    .as_ref()
                    .map(|path| path.display().to_string())),
            ),
            ("operators", "operators", self.operators.len().to_string()),
            ("ops.listen", "ops.listen", self.ops.listen.clone()),
            ("peers.listen", "peers.listen", self.peers.listen.clone()),
        ]
        .into_iter()
        .chain(
            limits
                .shown()
                .into_iter()
                .chain(self.policy.shown())
                .map(|(name, value)| (name, name, value)),
        )
        .map(|(name, key, value)| (name, value, origin(&self.figment, key)))
        .collect()
    }
}

/// The shared database, if there is an address; what else is said of one needs an address.
fn shared(
    url: Option<UrlSource>,
    ca_file: Option<PathBuf>,
    lease_ms: Option<u32>,
) -> Result<Option<Shared>, ConfigError> {
    let Some(url) = url else {
        if ca_file.is_some() || lease_ms.is_some() {
            let lacking = "store_ca_file and store_lease_ms are for a shared database: set \
                           store_url or store_url_file, or leave them out";
            return Err(ConfigError::Wrong(lacking.to_owned()));
        }
        return Ok(None);
    };
    let lease_ms = lease_ms.unwrap_or(Shared::LEASE_MS);
    let (least, most) = (Shared::LEASE_MS_MIN, Shared::LEASE_MS_MAX);
    if !(least..=most).contains(&lease_ms) {
        let wrong = format!("store_lease_ms is {lease_ms}: give {least} to {most} milliseconds");
        return Err(ConfigError::Wrong(wrong));
    }
    Ok(Some(Shared {
        url,
        ca_file,
        lease_ms,
    }))
}

/// A relative path in the file means one beside the file.
fn relative_to_file(path: PathBuf, figment: &Figment, key: &str) -> PathBuf {
    if credential::is_one(&path) {
        return credential::resolve(path);
    }
    let source = figment
        .find_metadata(key)
        .and_then(|found| found.source.as_ref());
    match source
        .and_then(|source| source.file_path())
        .and_then(Path::parent)
    {
        Some(folder) => folder.join(path),
        None => path,
    }
}

/// 0: the file or nothing, 1: the environment, 2: a flag.
fn origin_rank(figment: &Figment, key: &str) -> u8 {
    match figment.find_metadata(key) {
        Some(found) if found.name.starts_with("flag") => 2,
        Some(found) if found.name.starts_with("environment") => 1,
        _ => 0,
    }
}

fn origin(figment: &Figment, key: &str) -> String {
    match figment.find_metadata(key) {
        None => "default".to_owned(),
        Some(found) => match found.source.as_ref().and_then(|source| source.file_path()) {
            Some(file) => file.display().to_string(),
            None => found.name.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;

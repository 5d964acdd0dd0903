//! Settings as they are read, and as they are after checks.

use super::{
    error::ConfigError,
    figment_origin::{origin_rank, relative_to_file},
    file::DEFAULT_URL,
    key::{SecretUriText, SignerSource},
    log_filter::check_filter,
    model, paths,
    shared_store::shared,
};
use figment2::{value::magic::RelativePathBuf, Figment};
use llm_oracle_chain::redact;
use llm_oracle_llm::Models;
use llm_oracle_peers::PeersConfig;
use llm_oracle_relayer::{
    ops::OpsConfig, CodeHashes, Limits, PolicyConfig, RationaleConfig, RelayerConfig,
    RetentionConfig,
};
use llm_oracle_signing::KeySource;
use llm_oracle_sources::SourcesConfig;
use llm_oracle_store::{DatabaseUrl, SharedDatabase, UrlSource};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};
use subxt_signer::sr25519::Keypair;

/// All settings as the file has them.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSettings {
    url: Option<String>,
    #[serde(default)]
    urls: Vec<String>,
    block_time_ms: Option<u64>,
    #[serde(default)]
    allow_plaintext_nodes: bool,
    backup_dir: Option<RelativePathBuf>,
    contract: Option<String>,
    #[serde(default)]
    code_hash: CodeHashes,
    suri: Option<SecretUriText>,
    key_file: Option<RelativePathBuf>,
    artifacts: Option<RelativePathBuf>,
    model_file: Option<RelativePathBuf>,
    log: Option<String>,
    model: Option<Models>,
    models: Option<Models>,
    store: Option<RelativePathBuf>,
    store_url: Option<DatabaseUrl>,
    store_url_file: Option<PathBuf>,
    store_ca_file: Option<RelativePathBuf>,
    #[serde(alias = "store_lease_ms")]
    store_lease_ttl_ms: Option<u32>,
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
    #[serde(default)]
    retention: RetentionConfig,
    #[serde(default)]
    sources: SourcesConfig,
    #[serde(default)]
    rationale: RationaleConfig,
    #[serde(default)]
    operator_models: BTreeMap<String, String>,
}

/// Questions at the same time where all models are on servers: as many as one provider takes by default.
const SERVER_CONCURRENCY: u16 = 4;
/// The setting that says it, under its names.
const CONCURRENCY_KEYS: [&str; 2] = ["limits.max_concurrent_model_requests", "limits.model_calls"];

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    /// Address of the node.
    pub url: String,
    /// Further nodes of the relayer.
    pub urls: Vec<String>,
    /// Time between two blocks, milliseconds.
    pub block_time_ms: Option<u64>,
    /// Whether nodes on other machines may be reached without encryption.
    pub allow_plaintext_nodes: bool,
    /// Folder of the backup copy of the relayer's answers.
    pub backup_dir: Option<PathBuf>,
    /// The contract, if one is set.
    pub contract: Option<String>,
    /// Hashes of the code that the contract may have.
    pub code_hash: CodeHashes,
    /// The key that signs transactions, if one is set.
    pub key: Option<SignerSource>,
    /// Folder with built contracts.
    pub artifacts: PathBuf,
    /// What a service logs, if it is set: a filter such as `info,llm_oracle=debug`.
    pub log: Option<String>,
    /// The models that answer, in the order in which they are asked.
    pub model: Models,
    /// Folder of the relayer's store.
    pub store: PathBuf,
    /// The database that replicas share, if it is set.
    pub shared: Option<SharedDatabase>,
    /// Keys of the operators that the relayer answers for.
    pub operators: Vec<KeySource>,
    /// Limits of the relayer.
    pub limits: Limits,
    /// Which requests the relayer answers.
    pub policy: PolicyConfig,
    /// Where the relayer serves its status and metrics.
    pub ops: OpsConfig,
    /// The relayers that submit entries for each other.
    pub peers: PeersConfig,
    /// How long the store keeps what is over.
    pub retention: RetentionConfig,
    /// Where the relayer gets the sources of questions.
    pub sources: SourcesConfig,
    /// Operators that answer with one model alone: its name by their address.
    pub operator_models: BTreeMap<String, String>,
    /// Whether answers get a rationale.
    pub rationale: RationaleConfig,
    /// The key that the model comes from.
    pub(super) model_key: &'static str,
    pub(super) figment: Figment,
}

impl Settings {
    /// Checks and resolves what was read.
    ///
    /// # Errors
    /// When settings exclude each other or a value is out of its bounds.
    pub(super) fn check(raw: RawSettings, figment: Figment) -> Result<Self, ConfigError> {
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
        if let Some(filter) = &raw.log {
            check_filter(filter)?;
        }
        raw.retention.check().map_err(ConfigError::Wrong)?;
        raw.sources.check().map_err(ConfigError::Wrong)?;
        let store = raw.store.map(|path| path.relative());
        let store = store.unwrap_or_else(|| paths::state_dir().join("relayer"));
        let mut sources = raw.sources;
        let folder = sources.folder.take();
        sources.folder = folder.map(|folder| beside(folder, "sources.folder"));
        sources.hold_in(&store);
        // As with the key: the stronger place wins.
        let url = match (raw.store_url, raw.store_url_file) {
            (Some(_), Some(file)) if rank("store_url_file") > rank("store_url") => {
                Some(UrlSource::File(beside(file, "store_url_file")))
            }
            (Some(url), _) => Some(UrlSource::Text(url)),
            (None, file) => file.map(|file| UrlSource::File(beside(file, "store_url_file"))),
        };
        let ca_file = raw.store_ca_file.map(|path| path.relative());
        let shared = shared(url, ca_file, raw.store_lease_ttl_ms)?;
        let mut limits = raw.limits;
        let mut keys = CONCURRENCY_KEYS.iter();
        let is_named = keys.any(|key| figment.find_metadata(key).is_some());
        if model.are_hosted() && !is_named {
            limits.max_concurrent_model_requests = SERVER_CONCURRENCY;
        }
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
            allow_plaintext_nodes: raw.allow_plaintext_nodes,
            backup_dir: raw.backup_dir.map(|path| path.relative()),
            contract: raw.contract,
            code_hash: raw.code_hash,
            key,
            artifacts: raw
                .artifacts
                .map_or_else(paths::artifacts, |path| path.relative()),
            log: raw.log,
            model,
            store,
            shared,
            operators: operators.collect(),
            limits,
            policy: raw.policy,
            ops: raw.ops,
            peers: raw.peers,
            retention: raw.retention,
            sources,
            operator_models: raw.operator_models,
            rationale: raw.rationale,
            model_key,
            figment,
        })
    }

    /// The settings of the relayer.
    ///
    /// # Errors
    /// When no contract is set, or the way to a node is open to whoever sits on it.
    pub fn relayer(&self) -> Result<RelayerConfig, ConfigError> {
        let mut nodes = std::iter::once(&self.url).chain(&self.urls);
        let open = nodes.find(|url| is_open_to_the_network(url));
        if let Some(url) = open.filter(|_| !self.allow_plaintext_nodes) {
            let url = redact(url);
            return Err(ConfigError::Wrong(format!(
                "the way to {url} leaves this machine and is not encrypted: whoever sits on it can show \
                 the relayer another chain; use wss://, a tunnel that begins on this machine, or set \
                 allow_plaintext_nodes = true if the network is your own"
            )));
        }
        Ok(RelayerConfig {
            url: self.url.clone(),
            urls: self.urls.clone(),
            block_time_ms: self.block_time_ms,
            backup_dir: self.backup_dir.clone(),
            recover: false,
            forget_finalized: false,
            contract: self.contract()?.to_owned(),
            code_hash: self.code_hash.clone(),
            store: self.store.clone(),
            shared: self.shared.clone(),
            operators: self.operators.clone(),
            model: self.model.clone(),
            operator_models: self.operator_models.clone(),
            limits: self.limits,
            policy: self.policy.clone(),
            peers: self.peers.clone(),
            retention: self.retention,
        })
    }

    /// Whether a file, a variable or a flag sets this key.
    pub fn is_set(&self, key: &str) -> bool {
        self.figment.find_metadata(key).is_some()
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
}

/// Whether a node's URL is one of another machine without encryption.
fn is_open_to_the_network(url: &str) -> bool {
    let lower = url.to_lowercase();
    let Some(rest) = lower.strip_prefix("ws://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = host.parse::<std::net::IpAddr>();
    host != "localhost" && !address.is_ok_and(|address| address.is_loopback())
}

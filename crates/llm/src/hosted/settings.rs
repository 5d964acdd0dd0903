//! The settings of a model on a server, and what they come to with those of its preset.

use super::{
    dialect::Dialect,
    key_command::KeyCommand,
    preset::{self, InstructionRole, Preset},
};
use crate::error::ModelError;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::PathBuf};

/// Parameters of a request that `omit` can name, beside the instruction and the question.
const OMITTED: [&str; 4] = ["temperature", "seed", "max_tokens", "stream"];
/// Members of a body that the settings cannot replace.
const RESERVED: [&str; 6] = [
    "model",
    "messages",
    "input",
    "instructions",
    "system",
    "prompt",
];
/// Most samples of an answer.
const SAMPLES_MAX: u8 = 16;
/// Any model may answer, see [`HostedConfig::accepted_models`].
const ANY_MODEL: &str = "*";

/// A model on a server. What is absent is as the preset has it.
#[derive(Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct HostedConfig {
    /// The preset, from the key `provider`.
    #[serde(skip)]
    pub provider: &'static str,
    /// Address up to and including the version, such as `https://host/v1`.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Model as the server names it.
    pub model: String,
    /// Name under which requests find the model; by default the server's.
    #[serde(default)]
    pub name: Option<String>,
    /// File with the key, mode 0600. It is read again when it changes, and when the server refuses the key.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// Command that prints the key, run when there is none, and when the one that there is was refused or is
    /// too old.
    #[serde(default)]
    pub api_key_command: Option<KeyCommand>,
    /// Age at which a key of the file or the command is renewed, seconds; 0: when it is refused.
    #[serde(default)]
    pub api_key_renew_after_s: u64,
    /// Environment variable with the key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// Header with the key.
    #[serde(default)]
    pub key_header: Option<String>,
    /// What stands before the key in its header, such as `Bearer `.
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// Further headers. They are shown with the settings, so no secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Further headers with their values in environment variables, for secrets.
    #[serde(default)]
    pub headers_env: BTreeMap<String, String>,
    /// The query of the address. No secrets.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Further members of a request's body, such as `reasoning_effort`.
    #[serde(default)]
    pub body: Map<String, Value>,
    /// Parameters that are not sent: `temperature`, `seed`, `max_tokens`, `stream`.
    #[serde(default)]
    pub omit: Option<Vec<String>>,
    /// Name of the parameter that limits the tokens.
    #[serde(default)]
    pub max_tokens_parameter: Option<String>,
    /// Name of the parameter with the seed.
    #[serde(default)]
    pub seed_parameter: Option<String>,
    /// Where the instruction stands: `system`, `developer` or `user`.
    #[serde(default)]
    pub instruction: Option<InstructionRole>,
    /// Tokens for thinking, on top of those that the request allows.
    #[serde(default)]
    pub thinking_tokens: Option<u32>,
    /// Whether the likelihoods of tokens are asked for, from which the confidence of an answer comes. By
    /// default where the preset's server gives them and the model has no room for thinking.
    #[serde(default)]
    pub logprobs: Option<bool>,
    /// Whether the server is told the JSON schema of a question that has one.
    #[serde(default)]
    pub structured: Option<bool>,
    /// How often a question is put, 1 to 16, each time with its labels in another order; most samples
    /// decide. Each of them costs as much as one alone.
    #[serde(default = "one_sample")]
    pub samples: u8,
    /// Further names that the server may report as the model that answered; `*` for any.
    #[serde(default)]
    pub accepted_models: Vec<String>,
    /// Whether a prompt counts as cut when the server reports fewer tokens than it has words.
    #[serde(default = "yes")]
    pub check_prompt_tokens: bool,
    /// Longest time for one request to the server, milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

fn one_sample() -> u8 {
    1
}

fn yes() -> bool {
    true
}

/// Models that think take minutes, and some servers load the model while the first request waits.
fn default_timeout_ms() -> u64 {
    300_000
}

impl HostedConfig {
    /// The name of a provider on a server, if this is one.
    pub(crate) fn known_name(provider: &str) -> Option<&'static str> {
        preset::named(provider).map(|preset| preset.name)
    }

    /// The names of all of them.
    pub(crate) fn known() -> impl Iterator<Item = &'static str> {
        preset::PRESETS.iter().map(|preset| preset.name)
    }
}

/// How a server is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerProfile {
    pub(super) dialect: Dialect,
    pub(super) base_url: String,
    pub(super) model: String,
    pub(super) name: String,
    pub(super) key_header: String,
    pub(super) key_prefix: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Map<String, Value>,
    pub(super) omit: Vec<String>,
    pub(super) max_tokens_parameter: String,
    pub(super) seed_parameter: String,
    pub(super) instruction: InstructionRole,
    pub(super) thinking_tokens: u32,
    pub(super) logprobs: bool,
    pub(super) structured: bool,
    pub(super) samples: u8,
    pub(super) accepted_models: Vec<String>,
    pub(super) accepts_any_model: bool,
    pub(super) check_prompt_tokens: bool,
}

impl ServerProfile {
    /// The settings with what the preset says where they say nothing.
    ///
    /// # Errors
    /// `NotConfigured` with the setting that cannot be used.
    pub(super) fn new(config: &HostedConfig) -> Result<Self, ModelError> {
        let preset = preset::named(config.provider).ok_or_else(|| {
            refused(format!(
                "provider '{}' is unknown",
                config.provider.escape_default()
            ))
        })?;
        let base_url = config
            .base_url
            .clone()
            .or_else(|| preset.base_url.map(str::to_owned))
            .ok_or_else(|| {
                refused(format!(
                    "`base_url` is missing, and '{}' has no common one",
                    preset.name
                ))
            })?;
        let preset = preset::at_address(&base_url, preset);
        check(config)?;
        Ok(Self::filled(config, preset, base_url))
    }

    fn filled(config: &HostedConfig, preset: &Preset, base_url: String) -> Self {
        let or = |own: &Option<String>, preset: &str| own.clone().unwrap_or(preset.to_owned());
        let mut query = config.query.clone();
        if preset::is_azure_dated(&base_url) {
            let (name, version) = preset::AZURE_VERSION;
            query.entry(name.to_owned()).or_insert(version.to_owned());
        }
        let omit = config.omit.clone();
        let thinking_tokens = config.thinking_tokens.unwrap_or(preset.thinking_tokens);
        // The likelihoods of thousands of thoughts are megabytes of a response.
        let logprobs = preset.logprobs && thinking_tokens == 0;
        Self {
            dialect: preset.dialect,
            base_url,
            model: config.model.clone(),
            name: or(&config.name, &config.model),
            key_header: or(&config.key_header, preset.key_header),
            key_prefix: or(&config.key_prefix, preset.key_prefix),
            query,
            body: config.body.clone(),
            omit: omit.unwrap_or_else(|| preset.omit.iter().map(|&name| name.to_owned()).collect()),
            max_tokens_parameter: or(&config.max_tokens_parameter, preset.max_tokens_parameter),
            seed_parameter: or(&config.seed_parameter, preset.seed_parameter),
            instruction: config.instruction.unwrap_or(preset.instruction),
            thinking_tokens,
            logprobs: config.logprobs.unwrap_or(logprobs),
            structured: config.structured.unwrap_or(preset.structured),
            samples: config.samples,
            accepts_any_model: preset.reports_other_names
                || config.accepted_models.iter().any(|name| name == ANY_MODEL),
            accepted_models: config.accepted_models.clone(),
            check_prompt_tokens: config.check_prompt_tokens,
        }
    }

    /// Whether the parameter with this name of ours is sent.
    pub(super) fn sends(&self, parameter: &str) -> bool {
        !self.omit.iter().any(|name| name == parameter)
    }
}

fn check(config: &HostedConfig) -> Result<(), ModelError> {
    let omitted = config.omit.iter().flatten();
    if let Some(name) = omitted
        .clone()
        .find(|name| !OMITTED.contains(&name.as_str()))
    {
        return Err(refused(format!(
            "`omit` names '{}', and only {} can be omitted",
            name.escape_default(),
            OMITTED.join(", ")
        )));
    }
    if let Some(name) = RESERVED
        .iter()
        .find(|name| config.body.contains_key(**name))
    {
        return Err(refused(format!(
            "`body` has '{name}', which the question itself sets"
        )));
    }
    if !(1..=SAMPLES_MAX).contains(&config.samples) {
        return Err(refused(format!(
            "`samples` is {}: give 1 to {SAMPLES_MAX}",
            config.samples
        )));
    }
    if config.timeout_ms == 0 {
        return Err(refused(
            "`timeout_ms` is 0: give the model some time".to_owned(),
        ));
    }
    Ok(())
}

fn refused(reason: String) -> ModelError {
    ModelError::NotConfigured(reason)
}

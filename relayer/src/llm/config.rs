//! Which provider, from the configuration file.

use super::{
    openai::OpenAi,
    scripted::{self, Scripted},
    ModelError, Provider,
};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

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
        /// a decimal, a text, a JSON document, or `abstain` (also `abstain:too_soon`, `abstain:refused`).
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

impl ProviderConfig {
    /// Its name in the configuration file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Local { .. } => "local",
            Self::Openai { .. } => "openai",
            Self::Scripted { .. } => "scripted",
        }
    }
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
        #[cfg(feature = "local")]
        ProviderConfig::Local {
            path,
            threads,
            name,
        } => Ok(Arc::new(super::local::Local::load(
            path,
            *threads,
            name.as_deref(),
        )?)),
        #[cfg(not(feature = "local"))]
        ProviderConfig::Local { .. } => Err(ModelError::NotConfigured(
            "this build has no model engine: build with the feature 'local', or choose 'openai'"
                .to_owned(),
        )),
        ProviderConfig::Openai {
            base_url,
            model,
            api_key_file,
            api_key_env,
            timeout_ms,
        } => Ok(Arc::new(OpenAi::new(
            base_url,
            model,
            api_key_file.as_deref(),
            api_key_env.as_deref(),
            Duration::from_millis(*timeout_ms),
        )?)),
        ProviderConfig::Scripted {
            answer,
            answers,
            delay_ms,
            calls_file,
            name,
        } => {
            scripted::check_allowed(std::env::var(scripted::ALLOW).ok().as_deref())?;
            let name = name.clone().unwrap_or_else(|| "scripted".to_owned());
            let mut provider = Scripted::from_table(name, answer.clone(), answers.clone())
                .with_delay(Duration::from_millis(*delay_ms));
            if let Some(path) = calls_file {
                provider = provider.with_calls_file(path.clone());
            }
            Ok(Arc::new(provider))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_reads_from_toml_and_unknown_keys_are_refused() {
        let local: ProviderConfig = toml::from_str("provider = 'local'\npath = 'm.gguf'").unwrap();
        let expected = ProviderConfig::Local {
            path: "m.gguf".into(),
            threads: 2,
            name: None,
        };
        assert_eq!(local, expected);
        let openai =
            "provider = 'openai'\nbase_url = 'https://host/v1'\nmodel = 'm'\napi_key_env = 'K'";
        assert!(toml::from_str::<ProviderConfig>(openai).is_ok());
        let scripted =
            "provider = 'scripted'\nanswer = 'yes'\ndelay_ms = 5\n[answers]\n'p q?' = 'no'";
        assert!(toml::from_str::<ProviderConfig>(scripted).is_ok());
        for (bad, word) in [
            ("provider = 'local'\npath = 'm'\nthread = 2", "thread"),
            ("provider = 'other'", "other"),
            ("provider = 'openai'\nmodel = 'm'", "base_url"),
        ] {
            let error = toml::from_str::<ProviderConfig>(bad)
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}

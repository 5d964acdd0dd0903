//! Which provider, from the configuration file.

use super::{
    hosted::{Dialect, Hosted},
    scripted::{self, Scripted},
    CallLimits, Fallback, ModelError, Provider,
};
use serde::{de::Error as _, Deserialize, Deserializer};
use serde_json::{Map, Value};
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
    /// Anthropic's server, or another one with the messages API; the keys are those of `openai`.
    Anthropic {
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
            Self::Anthropic { .. } => "anthropic",
            Self::Scripted { .. } => "scripted",
        }
    }
}

/// One provider with its limits: one table of the file holds both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// Who answers.
    pub provider: ProviderConfig,
    /// How much of it may be used.
    pub limits: CallLimits,
}

impl<'de> Deserialize<'de> for ModelConfig {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        // `flatten` would accept unknown keys, so the keys are distributed by name.
        let mut provider = Map::deserialize(input)?;
        let limits: Map<String, Value> = CallLimits::KEYS
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), provider.remove(key)?)))
            .collect();
        let read = |part| serde_json::from_value(Value::Object(part)).map_err(D::Error::custom);
        let limits = serde_json::from_value(Value::Object(limits)).map_err(D::Error::custom)?;
        Ok(Self {
            provider: read(provider)?,
            limits,
        })
    }
}

impl From<ProviderConfig> for ModelConfig {
    fn from(provider: ProviderConfig) -> Self {
        let limits = CallLimits::default();
        Self { provider, limits }
    }
}

/// The providers in the order in which they are asked; in the file one table, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Models(pub Vec<ModelConfig>);

impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let read = |value| serde_json::from_value(value).map_err(D::Error::custom);
        let models = match Value::deserialize(input)? {
            Value::Array(list) => list.into_iter().map(read).collect::<Result<Vec<_>, _>>()?,
            one => vec![read(one)?],
        };
        if models.is_empty() {
            return Err(D::Error::custom("no model: name at least one provider"));
        }
        Ok(Self(models))
    }
}

impl From<ProviderConfig> for Models {
    fn from(provider: ProviderConfig) -> Self {
        Self(vec![provider.into()])
    }
}

impl Models {
    /// The file of the first local model, if there is one.
    pub fn local_path(&self) -> Option<&std::path::Path> {
        self.0.iter().find_map(|model| match &model.provider {
            ProviderConfig::Local { path, .. } => Some(path.as_path()),
            _ => None,
        })
    }
}

/// Makes all providers, see [`build`].
///
/// # Errors
/// When one of them cannot be used.
pub fn build_all(models: &Models) -> Result<Arc<dyn Provider>, ModelError> {
    let made = models
        .0
        .iter()
        .map(|model| Ok((build(&model.provider)?, model.limits)));
    Ok(Arc::new(Fallback::new(
        made.collect::<Result<_, ModelError>>()?,
    )?))
}

fn dialect(config: &ProviderConfig) -> Dialect {
    match config {
        ProviderConfig::Anthropic { .. } => Dialect::Anthropic,
        _ => Dialect::OpenAi,
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
        } => Ok(Arc::new(super::local::LocalModel::load(
            path,
            *threads,
            name.as_deref(),
        )?)),
        #[cfg(not(feature = "local"))]
        ProviderConfig::Local { .. } => Err(ModelError::NotConfigured(
            "this build has no model engine: build with the feature 'local', or choose 'openai' or 'anthropic'"
                .to_owned(),
        )),
        ProviderConfig::Openai {
            base_url,
            model,
            api_key_file,
            api_key_env,
            timeout_ms,
        }
        | ProviderConfig::Anthropic {
            base_url,
            model,
            api_key_file,
            api_key_env,
            timeout_ms,
        } => Ok(Arc::new(Hosted::new(
            dialect(config),
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
        let anthropic = openai.replace("openai", "anthropic");
        let anthropic: ProviderConfig = toml::from_str(&anthropic).unwrap();
        assert_eq!(anthropic.name(), "anthropic");
        let scripted =
            "provider = 'scripted'\nanswer = 'yes'\ndelay_ms = 5\n[answers]\n'p q?' = 'no'";
        assert!(toml::from_str::<ProviderConfig>(scripted).is_ok());
        let limited = "provider = 'scripted'\nanswer = 'yes'\nmoney_a_day = '20000000000000000000'\ncalls_at_once = 2";
        let model: ModelConfig = toml::from_str(limited).unwrap();
        assert_eq!(model.limits.max_spend_per_day, 20_000_000_000_000_000_000);
        assert_eq!(model.limits.max_concurrent_calls, 2);
        for (bad, word) in [
            (
                "provider = 'local'\npath = 'm'\nmax_spent_per_day = 2",
                "max_spent_per_day",
            ),
            (
                "provider = 'local'\npath = 'm'\nmoney_a_day = 'x'",
                "planck",
            ),
        ] {
            let error = toml::from_str::<ModelConfig>(bad).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
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

    #[test]
    fn old_names_of_limits_are_read_for_one_release() {
        let read = |line: &str| {
            let text = format!("provider = 'scripted'\nanswer = 'yes'\n{line}");
            toml::from_str::<ModelConfig>(&text).map(|model| model.limits)
        };
        for (old, new) in [
            ("calls_at_once = 7", "max_concurrent_calls = 7"),
            ("requests_a_minute = 7", "max_requests_per_minute = 7"),
            ("tokens_a_day = 7", "max_tokens_per_day = 7"),
            ("money_a_day = '7'", "max_spend_per_day = '7'"),
        ] {
            let limits = read(old).unwrap();
            assert_ne!(limits, CallLimits::default(), "{old}");
            assert_eq!(limits, read(new).unwrap(), "{old}");
            // Two values for one setting: neither of them wins.
            let error = read(&format!("{old}\n{new}")).unwrap_err().to_string();
            assert!(error.contains("duplicate field"), "{error}");
        }
    }
}

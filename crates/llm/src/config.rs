//! Which provider, from the configuration file.

use super::{
    hosted::{Hosted, HostedConfig},
    scripted::{self, Scripted},
    CallLimits, ModelError, Provider,
};
use serde::{de::Error as _, Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// One provider, as the configuration file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderConfig {
    /// A GGUF file run in this process.
    Local {
        /// The file.
        path: PathBuf,
        /// Threads of one question. Scores can differ in the last digits between thread counts, so
        /// it is fixed and recorded.
        threads: u16,
        /// Name under which requests find the model; by default the file's name without `.gguf`.
        name: Option<String>,
    },
    /// A model on a server.
    Hosted(Box<HostedConfig>),
    /// Fixed answers, for tests only.
    Scripted {
        /// Answer to every prompt that `answers` does not list: `yes`, `no`, the text of an option,
        /// a decimal, a text, a JSON document, or `abstain` (also `abstain:too_soon`, `abstain:refused`).
        answer: String,
        /// Answers by exact prompt.
        answers: BTreeMap<String, String>,
        /// Time taken by each answer, milliseconds.
        delay_ms: u64,
        /// File that gets one line for each call.
        calls_file: Option<PathBuf>,
        /// Name under which requests find it; by default `scripted`.
        name: Option<String>,
    },
}

/// The providers that are no servers.
#[derive(Deserialize)]
#[serde(tag = "provider", rename_all = "lowercase", deny_unknown_fields)]
enum ProviderHere {
    Local {
        path: PathBuf,
        #[serde(default = "default_threads")]
        threads: u16,
        #[serde(default)]
        name: Option<String>,
    },
    Scripted {
        answer: String,
        #[serde(default)]
        answers: BTreeMap<String, String>,
        #[serde(default)]
        delay_ms: u64,
        #[serde(default)]
        calls_file: Option<PathBuf>,
        #[serde(default)]
        name: Option<String>,
    },
}

impl From<ProviderHere> for ProviderConfig {
    fn from(provider: ProviderHere) -> Self {
        match provider {
            ProviderHere::Local {
                path,
                threads,
                name,
            } => Self::Local {
                path,
                threads,
                name,
            },
            ProviderHere::Scripted {
                answer,
                answers,
                delay_ms,
                calls_file,
                name,
            } => Self::Scripted {
                answer,
                answers,
                delay_ms,
                calls_file,
                name,
            },
        }
    }
}

impl<'de> Deserialize<'de> for ProviderConfig {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut keys = Map::deserialize(input)?;
        let name = keys
            .get("provider")
            .ok_or(D::Error::missing_field("provider"))?;
        let name = name.as_str().unwrap_or_default().to_owned();
        if matches!(name.as_str(), "local" | "scripted") {
            let provider = serde_json::from_value::<ProviderHere>(Value::Object(keys));
            return provider.map(Self::from).map_err(D::Error::custom);
        }
        let Some(provider) = HostedConfig::known_name(&name) else {
            let known: Vec<_> = HostedConfig::known().collect();
            return Err(D::Error::custom(format!(
                "unknown provider '{}': choose local, {}; for a server that is not listed, openai, responses or anthropic with `base_url`",
                name.escape_default(),
                known.join(", ")
            )));
        };
        keys.remove("provider");
        let config = serde_json::from_value::<HostedConfig>(Value::Object(keys));
        let mut config = config.map_err(D::Error::custom)?;
        config.provider = provider;
        Ok(Self::Hosted(Box::new(config)))
    }
}

impl ProviderConfig {
    /// Its name in the configuration file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Local { .. } => "local",
            Self::Hosted(config) => config.provider,
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
    /// Whether the same local models are loaded for both.
    pub fn has_same_local(&self, other: &Self) -> bool {
        let local = |models: &Self| {
            let providers = models.0.iter().map(|model| model.provider.clone());
            let local = providers.filter(|one| matches!(one, ProviderConfig::Local { .. }));
            local.collect::<Vec<_>>()
        };
        local(self) == local(other)
    }

    /// Whether all of them are on servers, which answer several questions at a time.
    pub fn are_hosted(&self) -> bool {
        let mut models = self.0.iter();
        models.all(|model| matches!(model.provider, ProviderConfig::Hosted(_)))
    }

    /// The file of the first local model, if there is one.
    pub fn local_path(&self) -> Option<&std::path::Path> {
        self.0.iter().find_map(|model| match &model.provider {
            ProviderConfig::Local { path, .. } => Some(path.as_path()),
            _ => None,
        })
    }
}

fn default_threads() -> u16 {
    2
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
            "this build has no model engine: build with the feature 'local', or choose a server"
                .to_owned(),
        )),
        ProviderConfig::Hosted(config) => Ok(Arc::new(Hosted::new(config)?)),
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
            ("provider = 'other'", "openrouter"),
            ("path = 'm'", "provider"),
            ("provider = 'openai'\nbase_url = 'https://h'", "model"),
            (
                "provider = 'mistral'\nmodel = 'm'\nthinking = 2",
                "thinking",
            ),
        ] {
            let error = toml::from_str::<ProviderConfig>(bad)
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn every_setting_of_a_server_is_read() {
        let text = r#"
            provider = "anthropic"
            base_url = "https://models.example/v1"
            model = "some-model"
            name = "some-name"
            api_key_command = ["program", "argument"]
            api_key_renew_after_s = 3000
            key_header = "authorization"
            key_prefix = "Bearer "
            headers = { "X-Project" = "oracle" }
            headers_env = { "X-Gateway-Key" = "GATEWAY_KEY" }
            query = { "api-version" = "2024-10-21" }
            body = { reasoning_effort = "low", thinking = { type = "enabled", budget_tokens = 4096 } }
            omit = ["temperature"]
            max_tokens_parameter = "max_tokens"
            seed_parameter = "seed"
            instruction = "user"
            thinking_tokens = 4096
            accepted_models = ["*"]
            check_prompt_tokens = false
            timeout_ms = 9
            planck_per_million_input_tokens = 2
            planck_per_million_output_tokens = "10"
        "#;
        let model: ModelConfig = toml::from_str(text).unwrap();
        let ProviderConfig::Hosted(server) = model.provider else {
            unreachable!("it is on a server");
        };
        assert_eq!((server.provider, server.timeout_ms), ("anthropic", 9));
        assert_eq!(server.api_key_renew_after_s, 3_000);
        assert!(!format!("{server:?}").contains("argument"));
        assert_eq!(server.body["thinking"]["budget_tokens"], 4_096);
        assert_eq!(model.limits.planck_per_million_output_tokens, 10);
        let plain = "provider = 'mistral'\nmodel = 'm'";
        let plain: ProviderConfig = toml::from_str(plain).unwrap();
        assert_eq!(build(&plain).unwrap().name(), "m");
        for (line, word) in [
            ("omit = ['model']", "`omit` names 'model'"),
            ("body = { messages = [] }", "`body` has 'messages'"),
            ("timeout_ms = 0", "`timeout_ms` is 0"),
            ("headers = { 'a b' = 'c' }", "'a b' is no header"),
            ("headers = { a = \"\\n\" }", "`headers`"),
            ("provider = 'azure'", "`base_url` is missing"),
        ] {
            let provider = if line.starts_with("provider") {
                ""
            } else {
                "provider = 'openai'\n"
            };
            let text = format!("{provider}model = 'm'\n{line}");
            let config: ProviderConfig = toml::from_str(&text).unwrap();
            let Err(error) = build(&config) else {
                unreachable!("{line} is refused");
            };
            assert!(error.to_string().contains(word), "{error}");
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

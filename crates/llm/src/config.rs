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
#[path = "config_tests.rs"]
mod tests;

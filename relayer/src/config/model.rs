//! Which model answers, from the file's `[model]` and from `model_file`.

use super::{paths, ConfigError};
use crate::llm::ProviderConfig;
use std::path::PathBuf;

/// One line about a model's configuration, without secrets and without addresses.
pub fn describe_model(model: &ProviderConfig) -> String {
    match model {
        ProviderConfig::Local { path, .. } => format!("local {}", path.display()),
        ProviderConfig::Openai { model, .. } => format!("openai {model}"),
        ProviderConfig::Scripted { .. } => "scripted".to_owned(),
    }
}

/// The configuration of a model file with everything else at its default.
fn local_model(path: PathBuf) -> ProviderConfig {
    ProviderConfig::Local {
        path,
        threads: 2,
        name: None,
    }
}

/// The model, and the key that decided about it. A file from the environment or a flag is the file
/// of the local model and never puts it in the place of another provider: `setup.sh` exports the
/// variable for everybody.
pub(super) fn choose(
    model: Option<ProviderConfig>,
    file: Option<PathBuf>,
    file_rank: u8,
) -> Result<(ProviderConfig, &'static str), ConfigError> {
    Ok(match (model, file) {
        (None, None) => (local_model(paths::model()), "model"),
        (None, Some(file)) => (local_model(file), "model_file"),
        (Some(ProviderConfig::Local { threads, name, .. }), Some(path)) if file_rank > 0 => {
            let model = ProviderConfig::Local {
                path,
                threads,
                name,
            };
            (model, "model_file")
        }
        (Some(model), Some(_)) if file_rank > 1 => {
            return Err(ConfigError::ModelFlag(model.name()));
        }
        (Some(model), _) => (model, "model"),
    })
}

/// The model's configuration with its paths as `beside` resolves them.
pub(super) fn beside_file(
    mut model: ProviderConfig,
    beside: &dyn Fn(PathBuf) -> PathBuf,
) -> ProviderConfig {
    let path = match &mut model {
        ProviderConfig::Local { path, .. } => Some(path),
        ProviderConfig::Openai { api_key_file, .. } => api_key_file.as_mut(),
        ProviderConfig::Scripted { calls_file, .. } => calls_file.as_mut(),
    };
    if let Some(path) = path {
        *path = beside(std::mem::take(path));
    }
    model
}

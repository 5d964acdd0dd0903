//! Which models answer, from the file's `[model]` or `[[models]]` and from `model_file`.

use super::{error::ConfigError, paths};
use llm_oracle_llm::{Models, ProviderConfig};
use std::path::PathBuf;

/// One line about the models' configuration, without secrets and without addresses.
pub fn describe_model(models: &Models) -> String {
    let each = models.0.iter().map(|model| describe(&model.provider));
    each.collect::<Vec<_>>().join(", then ")
}

fn describe(config: &ProviderConfig) -> String {
    match config {
        ProviderConfig::Local { path, .. } => format!("local {}", path.display()),
        ProviderConfig::Hosted(server) => format!("{} {}", server.provider, server.model),
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

/// The models, and the key that decided about them. A file from the environment or a flag is the file
/// of the first local model and never puts it in the place of another provider: `setup.sh` exports
/// the variable for everybody.
pub(super) fn choose(
    models: Option<(Models, &'static str)>,
    file: Option<PathBuf>,
    file_rank: u8,
) -> Result<(Models, &'static str), ConfigError> {
    let Some((mut models, key)) = models else {
        return Ok(match file {
            None => (local_model(paths::model()).into(), "model"),
            Some(file) => (local_model(file).into(), "model_file"),
        });
    };
    let Some(file) = file.filter(|_| file_rank > 0) else {
        return Ok((models, key));
    };
    let local = models
        .0
        .iter_mut()
        .find_map(|model| match &mut model.provider {
            ProviderConfig::Local { path, .. } => Some(path),
            _ => None,
        });
    if let Some(path) = local {
        *path = file;
        return Ok((models, "model_file"));
    }
    if file_rank > 1 {
        let first = models.0.first().map(|model| model.provider.name());
        return Err(ConfigError::ModelFlag(first.unwrap_or_default()));
    }
    Ok((models, key))
}

/// The models' configuration with its paths as `beside` resolves them.
pub(super) fn beside_file(mut models: Models, beside: &dyn Fn(PathBuf) -> PathBuf) -> Models {
    for model in &mut models.0 {
        let path = match &mut model.provider {
            ProviderConfig::Local { path, .. } => Some(path),
            ProviderConfig::Hosted(server) => server.api_key_file.as_mut(),
            ProviderConfig::Scripted { calls_file, .. } => calls_file.as_mut(),
        };
        if let Some(path) = path {
            *path = beside(std::mem::take(path));
        }
    }
    models
}

//! Settings: flags over environment over one TOML file, each value with its origin.
//!
//! The file is the one named by `--config` or `LLM_ORACLE_CONFIG`; without either, the first that
//! exists of `config.toml` and `dev.toml` (written by `llm-oracle dev`) in
//! `$XDG_CONFIG_HOME/llm-oracle`. Files are never mixed: a key for one chain and a contract of
//! another would be worse than a missing setting.

mod changes;
mod error;
mod explain;
mod figment_origin;
mod file;
pub mod key;
mod layer;
mod log_filter;
mod model;
mod origins;
mod overrides;
pub mod paths;
mod settings;
mod shared_store;

pub use changes::{change_effect, ChangeEffect};
pub use error::ConfigError;
pub use file::{ConfigFile, DEFAULT_URL};
pub use model::describe_model;
pub use overrides::Overrides;
pub use settings::Settings;

#[cfg(test)]
pub(crate) use origins::OLD_KEYS;

use figment2::{
    providers::{Format, Toml},
    Figment,
};
use llm_oracle_llm::Models;
use overrides::{first_not_text, from_environment};
use std::path::{Path, PathBuf};

/// The settings file without a flag: the first of the two that exists.
fn usual_file() -> Option<PathBuf> {
    [paths::config_dir().join("config.toml"), paths::dev_config()]
        .into_iter()
        .find(|file| file.is_file())
}

/// The settings file of a run: the one that is named, or the usual one.
pub fn settings_file(named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(usual_file)
}

/// Loads the settings.
///
/// # Errors
/// When the named file cannot be read, a key in it is unknown or of a wrong type, or a value is not text.
pub fn load(file: Option<&Path>, flags: &Overrides) -> Result<Settings, ConfigError> {
    let set = |name: &str| std::env::var_os(name);
    if let Some(name) = first_not_text(&set) {
        let reason = format!("the environment variable {name} is not valid UTF-8");
        return Err(ConfigError::Wrong(reason));
    }
    if let Some(flag) = flags.first_not_text() {
        let reason =
            format!("the path given with {flag} is not valid UTF-8; rename it or link to it");
        return Err(ConfigError::Wrong(reason));
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    load_with(settings_file(file), flags, &variable)
}

/// The models of a settings file alone: neither flags nor variables change them.
///
/// # Errors
/// As [`load`].
pub fn load_models(file: &Path) -> Result<Models, ConfigError> {
    let file = Some(file.to_owned());
    load_with(file, &Overrides::default(), &|_| None).map(|settings| settings.model)
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
    for layer in from_environment(variable).chain(flags.layers()) {
        figment = figment.merge(layer);
    }
    let raw = figment
        .extract()
        .map_err(|error| ConfigError::Wrong(explain::explain(&error)))?;
    Settings::check(raw, figment)
}

#[cfg(test)]
mod tests;

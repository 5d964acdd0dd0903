//! Errors of settings.

use llm_oracle_signing::KeyError;
use std::path::PathBuf;

/// Why settings cannot be loaded or used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named file cannot be read.
    #[error("settings file '{}' cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        reason: std::io::Error,
    },
    /// A file cannot be written.
    #[error("settings file '{}' cannot be written: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        reason: std::io::Error,
    },
    /// A value of a wrong type, or a key that does not exist.
    #[error("{0}")]
    Wrong(String),
    /// A flag for the local model, and another provider in the settings.
    #[error("--model-file names a file for the local model, and [model] in the settings has provider = \"{0}\"")]
    ModelFlag(&'static str),
    /// No key was set where one is needed.
    #[error("no key is set")]
    NoKey,
    /// No contract was set where one is needed.
    #[error("no contract is set")]
    NoContract,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

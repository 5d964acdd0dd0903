//! Default paths of files.

use std::{env, path::PathBuf};

/// Name of the embedded model's file.
pub const MODEL_FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

fn set(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn home() -> PathBuf {
    set("HOME").unwrap_or_else(|| PathBuf::from("."))
}

/// Files that can be rebuilt: `$LLM_ORACLE_CACHE`, by default `~/.cache/llm-oracle`.
pub fn cache() -> PathBuf {
    set("LLM_ORACLE_CACHE").unwrap_or_else(|| {
        set("XDG_CACHE_HOME")
            .unwrap_or_else(|| home().join(".cache"))
            .join("llm-oracle")
    })
}

/// The user's settings: `$XDG_CONFIG_HOME/llm-oracle`.
pub fn config_dir() -> PathBuf {
    set("XDG_CONFIG_HOME")
        .unwrap_or_else(|| home().join(".config"))
        .join("llm-oracle")
}

/// Files that must not be lost, such as stores: `$XDG_STATE_HOME/llm-oracle`.
pub fn state_dir() -> PathBuf {
    set("XDG_STATE_HOME")
        .unwrap_or_else(|| home().join(".local/state"))
        .join("llm-oracle")
}

/// The settings that `dev` writes.
pub fn dev_config() -> PathBuf {
    config_dir().join("dev.toml")
}

/// Built contracts.
pub fn artifacts() -> PathBuf {
    cache().join("artifacts")
}

/// The embedded model.
pub fn model() -> PathBuf {
    cache().join("models").join(MODEL_FILE)
}

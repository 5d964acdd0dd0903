//! Signing keys: a secret URI, or a file that only its owner can read.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, str::FromStr};
use subxt_signer::{polkadot_js_compat, sr25519::Keypair, SecretUri};

/// Variable with the password of a key file in JSON form.
pub const PASSWORD_VARIABLE: &str = "LLM_ORACLE_KEY_PASSWORD";

/// A secret URI as written; shown as `***`.
#[derive(Clone, Debug)]
pub struct SecretUriText(SecretString);

impl SecretUriText {
    /// Takes the text of a secret URI.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }
}

impl<'de> Deserialize<'de> for SecretUriText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Where a key comes from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A secret URI: a phrase, a 0x-seed, or a development path such as `//Alice`.
    Uri(SecretUriText),
    /// A file with a secret URI, or the JSON that polkadot.js exports.
    File(PathBuf),
}

/// Why a key cannot be used. No text carries any part of the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no secret URI.
    #[error("the secret URI {0} is not valid: give a phrase, 0x and 64 hex digits, or a development path such as //Alice")]
    Uri(String),
    /// The file cannot be read.
    #[error("key file '{}' cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Others may read the file.
    #[error("key file '{}' can be read by others (mode {mode:04o}): run chmod 600 on it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The JSON cannot be decrypted.
    #[error("key file '{}' cannot be decrypted: put its password into {PASSWORD_VARIABLE}", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
}

impl KeySource {
    /// Loads the key.
    ///
    /// # Errors
    /// When the URI is not valid, or the file is missing, readable by others or locked.
    pub fn load(&self) -> Result<Keypair, KeyError> {
        match self {
            Self::Uri(text) => pair(text.0.expose_secret(), "that was given"),
            Self::File(path) => load_file(path.clone()),
        }
    }

    /// What may be shown of it.
    pub fn describe(&self) -> String {
        match self {
            Self::Uri(_) => "***".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

fn pair(text: &str, which: &str) -> Result<Keypair, KeyError> {
    SecretUri::from_str(text.trim())
        .ok()
        .and_then(|uri| Keypair::from_uri(&uri).ok())
        .ok_or_else(|| KeyError::Uri(which.to_owned()))
}

fn load_file(path: PathBuf) -> Result<Keypair, KeyError> {
    let unreadable = |reason| KeyError::Unreadable { path: path.clone(), reason };
    let mode = fs::metadata(&path).map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path, mode });
    }
    let text = SecretString::from(fs::read_to_string(&path).map_err(unreadable)?);
    if text.expose_secret().trim_start().starts_with('{') {
        let password = SecretString::from(std::env::var(PASSWORD_VARIABLE).unwrap_or_default());
        return polkadot_js_compat::decrypt_json(text.expose_secret(), password.expose_secret())
            .map_err(|_| KeyError::Locked { path });
    }
    pair(text.expose_secret(), &format!("in key file '{}'", path.display()))
}

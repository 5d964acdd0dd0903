//! The key that signs transactions: a secret URI, or a file that only its owner can read.

use llm_oracle_signing::{key_of_uri, load_key, KeyError, KeySource};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;
use subxt_signer::sr25519::Keypair;

/// Variable with the password of a key file that polkadot.js exported.
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

/// Where the signing key comes from.
#[derive(Clone, Debug)]
pub enum SignerSource {
    /// A secret URI: a phrase, a 0x-seed, or a development path such as `//Alice`.
    Uri(SecretUriText),
    /// A file with a secret URI, or one that polkadot.js exported.
    File(PathBuf),
}

impl SignerSource {
    /// Loads the key.
    ///
    /// # Errors
    /// When the URI is not valid, or the file is missing, readable by others or locked.
    pub fn load(&self) -> Result<Keypair, KeyError> {
        match self {
            Self::Uri(text) => key_of_uri(&text.0).map_err(|reason| KeyError::Uri {
                origin: "suri".to_owned(),
                reason,
            }),
            // The content tells which of the two it is.
            Self::File(path) => load_key(&KeySource {
                suri_file: Some(path.clone()),
                password_env: Some(PASSWORD_VARIABLE.to_owned()),
                ..KeySource::default()
            }),
        }
    }

    /// The source as it may be shown.
    pub fn describe(&self) -> String {
        match self {
            Self::Uri(_) => "***".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

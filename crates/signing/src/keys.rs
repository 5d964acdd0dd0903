//! Operators' keys: from a file, the environment, a JSON keystore or a signing daemon, never from the
//! command line.

use crate::{
    secret_uri::{key_of_uri, without_final_line_break, SecretUriError},
    Keypair, RemoteSigner, Signer,
};
use llm_oracle_support::{
    address::{parse_account, AddressError},
    credential,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};
use subxt_signer::polkadot_js_compat::decrypt_json;

/// Where one key comes from: exactly one of `suri`, `suri_file`, `suri_env`, `keystore` and `signer`.
#[derive(Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct KeySource {
    /// A development key such as `//Alice`. Real keys are refused in a configuration file.
    pub suri: Option<String>,
    /// File with a secret URI, mode 0600.
    pub suri_file: Option<PathBuf>,
    /// Environment variable with a secret URI.
    pub suri_env: Option<String>,
    /// JSON keystore as polkadot.js exports it, mode 0600.
    pub keystore: Option<PathBuf>,
    /// File with the keystore's password, mode 0600.
    pub password_file: Option<PathBuf>,
    /// Environment variable with the keystore's password.
    pub password_env: Option<String>,
    /// Socket of a signing daemon that has the key of `account`.
    pub signer: Option<PathBuf>,
    /// The account whose key is in the daemon at `signer`, SS58 or 0x-hex.
    pub account: Option<String>,
}

/// Why a key cannot be loaded. No message contains a part of the key.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum KeyError {
    #[error(
        "give exactly one of suri, suri_file, suri_env, keystore and signer for each operator"
    )]
    NotOneSource,
    #[error("suri takes development keys such as //Alice only; put a real one into a file of mode 0600 and name it with suri_file")]
    NotADevelopmentKey,
    #[error("{} has mode {mode:03o} and holds a key; run chmod 600 on it", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("cannot read {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is a credential of systemd, and CREDENTIALS_DIRECTORY is not set; start this as a service with LoadCredential=, or name a file", path.display())]
    NoCredentials { path: PathBuf },
    #[error("the environment variable {0} is not set")]
    NoVariable(String),
    #[error("the key from {origin} {reason}")]
    Uri {
        origin: String,
        reason: SecretUriError,
    },
    #[error("the environment variable {0} is not valid UTF-8")]
    VariableNotText(String),
    #[error("the keystore {} needs password_file or password_env", path.display())]
    NoPassword { path: PathBuf },
    #[error("{} is not a JSON keystore; a file with a secret URI is named by suri_file", path.display())]
    NotAKeystore { path: PathBuf },
    #[error("this key is in the signing daemon at {}, which signs for `relayer run` only; give the key itself here", path.display())]
    HeldByDaemon { path: PathBuf },
    #[error(
        "give signer and account together: the socket, and the account whose key is behind it"
    )]
    SignerWithoutAccount,
    #[error(transparent)]
    Account(#[from] AddressError),
    #[error("the keystore {} does not open: {reason}; check the password and that it holds an sr25519 key", path.display())]
    Keystore { path: PathBuf, reason: String },
}

/// Loads one key, or makes the client of the daemon that has it. It does not connect to the daemon.
///
/// # Errors
/// See [`KeyError`].
pub fn load_signer(source: &KeySource) -> Result<Arc<dyn Signer>, KeyError> {
    match (&source.signer, &source.account) {
        (None, None) => Ok(Arc::new(load_key(source)?)),
        (Some(socket), Some(account)) => {
            let alone = KeySource {
                signer: source.signer.clone(),
                account: source.account.clone(),
                ..KeySource::default()
            };
            if *source != alone {
                return Err(KeyError::NotOneSource);
            }
            Ok(Arc::new(RemoteSigner::new(
                socket.clone(),
                parse_account(account)?,
            )))
        }
        _ => Err(KeyError::SignerWithoutAccount),
    }
}

/// Loads one key into this process.
///
/// # Errors
/// See [`KeyError`].
pub fn load_key(source: &KeySource) -> Result<Keypair, KeyError> {
    if let Some(path) = source.signer.clone() {
        return Err(KeyError::HeldByDaemon { path });
    }
    if source.account.is_some() {
        return Err(KeyError::SignerWithoutAccount);
    }
    match (
        &source.suri,
        &source.suri_file,
        &source.suri_env,
        &source.keystore,
    ) {
        (Some(suri), None, None, None) => {
            if !suri.starts_with("//") {
                return Err(KeyError::NotADevelopmentKey);
            }
            from_uri("suri", &SecretString::from(suri.as_str()))
        }
        (None, Some(path), None, None) => from_file(path, source),
        (None, None, Some(name), None) => from_uri(name, &read_variable(name)?),
        (None, None, None, Some(path)) => from_keystore(path, source),
        _ => Err(KeyError::NotOneSource),
    }
}

fn from_uri(origin: &str, secret: &SecretString) -> Result<Keypair, KeyError> {
    key_of_uri(secret).map_err(|reason| KeyError::Uri {
        origin: origin.to_owned(),
        reason,
    })
}

/// The key of a file, which its content tells to be a keystore or a secret URI.
fn from_file(path: &Path, source: &KeySource) -> Result<Keypair, KeyError> {
    let text = read_secret(path)?;
    if is_json(&text) {
        return open_keystore(path, &text, source);
    }
    let line = without_final_line_break(text.expose_secret());
    from_uri(&path.display().to_string(), &SecretString::from(line))
}

fn is_json(text: &SecretString) -> bool {
    text.expose_secret().trim_start().starts_with('{')
}

fn from_keystore(path: &Path, source: &KeySource) -> Result<Keypair, KeyError> {
    let text = read_secret(path)?;
    if !is_json(&text) {
        return Err(KeyError::NotAKeystore {
            path: path.to_owned(),
        });
    }
    open_keystore(path, &text, source)
}

fn open_keystore(
    path: &Path,
    json: &SecretString,
    source: &KeySource,
) -> Result<Keypair, KeyError> {
    // The library does not check that the parameters are complete.
    let encoded = serde_json::from_str::<EncodedKeystore>(json.expose_secret());
    if encoded.is_ok_and(|keystore| keystore.encoded.len() < ENCODED_CHARS_MIN) {
        return Err(KeyError::Keystore {
            path: path.to_owned(),
            reason: "it is cut off".to_owned(),
        });
    }
    // A password is taken as it is: blanks at its ends belong to it.
    let password = match (&source.password_file, &source.password_env) {
        (Some(file), None) => {
            let text = read_secret(file)?;
            SecretString::from(without_final_line_break(text.expose_secret()))
        }
        (None, Some(name)) => read_variable(name)?,
        _ => {
            return Err(KeyError::NoPassword {
                path: path.to_owned(),
            })
        }
    };
    decrypt_json(json.expose_secret(), password.expose_secret()).map_err(|error| {
        KeyError::Keystore {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    })
}

/// The part of a keystore that holds the key: base64 of 68 bytes of parameters and the ciphertext.
#[derive(Deserialize)]
struct EncodedKeystore {
    encoded: String,
}

/// A shorter text has no room for a key after the parameters.
const ENCODED_CHARS_MIN: usize = 96;

fn read_variable(name: &str) -> Result<SecretString, KeyError> {
    match env::var(name) {
        Ok(value) => Ok(SecretString::from(value)),
        Err(env::VarError::NotPresent) => Err(KeyError::NoVariable(name.to_owned())),
        Err(env::VarError::NotUnicode(_)) => Err(KeyError::VariableNotText(name.to_owned())),
    }
}

/// Reads a file, if only its owner may read it.
fn read_secret(path: &Path) -> Result<SecretString, KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let io = |source| KeyError::Io {
        path: path.to_owned(),
        source,
    };
    if credential::is_credential(path) {
        return Err(KeyError::NoCredentials {
            path: path.to_owned(),
        });
    }
    let mut file = File::open(path).map_err(io)?;
    // Of the opened file, not of the name: the name may point elsewhere a moment later.
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
    if mode & credential::forbidden_mode(path) != 0 {
        return Err(KeyError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(io)?;
    Ok(SecretString::from(text))
}

#[cfg(test)]
#[path = "keys_tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;

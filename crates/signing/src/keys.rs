//! Operators' keys: from a file, the environment, a JSON keystore or a signing daemon, never from the
//! command line.

use crate::{Keypair, RemoteSigner, Signer};
use llm_oracle_support::{
    address::{parse_account, AddressError},
    credential,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};
use subxt_signer::{polkadot_js_compat::decrypt_json, SecretUri};

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
    #[error("the secret from {0} is not a secret URI (a phrase or 0x-seed, with //derivations)")]
    BadUri(String),
    #[error("the keystore {} needs password_file or password_env", path.display())]
    NoPassword { path: PathBuf },
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
        (None, Some(path), None, None) => {
            from_uri(&path.display().to_string(), &read_secret(path)?)
        }
        (None, None, Some(name), None) => from_uri(name, &read_variable(name)?),
        (None, None, None, Some(path)) => from_keystore(path, source),
        _ => Err(KeyError::NotOneSource),
    }
}

fn from_uri(origin: &str, secret: &SecretString) -> Result<Keypair, KeyError> {
    let bad = || KeyError::BadUri(origin.to_owned());
    let uri = SecretUri::from_str(secret.expose_secret()).map_err(|_| bad())?;
    Keypair::from_uri(&uri).map_err(|_| bad())
}

fn from_keystore(path: &Path, source: &KeySource) -> Result<Keypair, KeyError> {
    let json = read_secret(path)?;
    // The library does not check that the parameters are complete.
    let encoded = serde_json::from_str::<EncodedKeystore>(json.expose_secret());
    if encoded.is_ok_and(|keystore| keystore.encoded.len() < ENCODED_CHARS_MIN) {
        return Err(KeyError::Keystore {
            path: path.to_owned(),
            reason: "it is cut off".to_owned(),
        });
    }
    let password = match (&source.password_file, &source.password_env) {
        (Some(file), None) => read_secret(file)?,
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
    let value = std::env::var(name).map_err(|_| KeyError::NoVariable(name.to_owned()))?;
    Ok(SecretString::from(value.trim()))
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
    Ok(SecretString::from(text.trim()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn development_keys_are_the_well_known_ones() {
        let source = KeySource {
            suri: Some("//Alice".into()),
            ..KeySource::default()
        };
        let alice = load_key(&source).unwrap();
        assert_eq!(
            llm_oracle_support::address::ss58(&crate::account_of(&alice)),
            "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
        );
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "//Bob\n").unwrap();
        let source = KeySource {
            suri_file: Some(path.clone()),
            ..KeySource::default()
        };
        for mode in [0o644, 0o640, 0o604] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = load_key(&source).err().unwrap();
            assert!(matches!(error, KeyError::Exposed { mode: found, .. } if found == mode));
            let text = error.to_string();
            assert!(
                text.contains(&format!("{mode:03o}")) && text.contains("chmod 600"),
                "{text}"
            );
            assert!(!text.contains("Bob"), "{text}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(load_key(&source).is_ok());
    }

    #[test]
    fn secrets_in_the_configuration_file_are_refused() {
        let phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
        let source = KeySource {
            suri: Some(phrase.into()),
            ..KeySource::default()
        };
        let error = load_key(&source).err().unwrap();
        assert!(matches!(error, KeyError::NotADevelopmentKey));
        assert!(!error.to_string().contains("bottom"));
        assert!(matches!(
            load_key(&KeySource::default()),
            Err(KeyError::NotOneSource)
        ));
    }
    #[test]
    fn a_signer_stands_alone_and_with_its_account() {
        let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        let source = KeySource {
            signer: Some("signer.sock".into()),
            account: Some(alice.into()),
            ..KeySource::default()
        };
        let signer = load_signer(&source).unwrap();
        assert_eq!(llm_oracle_support::address::ss58(&signer.account()), alice);
        assert!(matches!(
            load_key(&source),
            Err(KeyError::HeldByDaemon { .. })
        ));
        for (wrong, part) in [
            (
                KeySource {
                    account: None,
                    ..source.clone()
                },
                "together",
            ),
            (
                KeySource {
                    signer: None,
                    ..source.clone()
                },
                "together",
            ),
            (
                KeySource {
                    suri: Some("//Bob".into()),
                    ..source.clone()
                },
                "exactly one",
            ),
            (
                KeySource {
                    account: Some("5Grw".into()),
                    ..source.clone()
                },
                "'5Grw'",
            ),
        ] {
            let refused = load_signer(&wrong).err().unwrap().to_string();
            assert!(refused.contains(part), "{refused}");
        }
    }
}

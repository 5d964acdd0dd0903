//! The secrets that go to a server, in headers and nowhere else.

use super::settings::{HostedConfig, ServerProfile};
use crate::{error::ModelError, secret};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// Headers with secret values: the key's first.
#[derive(Debug)]
pub(super) struct Secrets(Vec<SecretHeader>);

#[derive(Debug)]
struct SecretHeader {
    name: String,
    prefix: String,
    secret: SecretString,
}

impl Secrets {
    /// Reads the key and the other secret headers.
    ///
    /// # Errors
    /// `NotConfigured` when one of them is named and cannot be read.
    pub(super) fn read(profile: &ServerProfile, config: &HostedConfig) -> Result<Self, ModelError> {
        let (file, variable) = (
            config.api_key_file.as_deref(),
            config.api_key_env.as_deref(),
        );
        let mut all = Vec::new();
        if let Some(secret) = secret::api_key(file, variable)? {
            all.push(SecretHeader {
                name: profile.key_header.clone(),
                prefix: profile.key_prefix.clone(),
                secret,
            });
        }
        for (name, variable) in &config.headers_env {
            if let Some(secret) = secret::api_key(None, Some(variable))? {
                all.push(SecretHeader {
                    name: name.clone(),
                    prefix: String::new(),
                    secret,
                });
            }
        }
        Ok(Self(all))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn headers(
        &self,
    ) -> impl Iterator<Item = (&str, Result<HeaderValue, ModelError>)> + '_ {
        self.0.iter().map(|header| {
            let text = format!("{}{}", header.prefix, header.secret.expose_secret());
            let value = HeaderValue::from_str(&text).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            let value =
                value.map_err(|_| refused("the API key has characters that no header can have"));
            (header.name.as_str(), value)
        })
    }

    /// A text with the secrets replaced, also where a slash in them was escaped as some servers do.
    pub(super) fn struck_out(&self, text: String) -> String {
        self.0.iter().fold(text, |text, header| {
            let secret = header.secret.expose_secret();
            let escaped = secret.replace('/', "\\/");
            if text.contains(secret) || text.contains(&escaped) {
                text.replace(secret, "***").replace(&escaped, "***")
            } else {
                text
            }
        })
    }
}

pub(super) fn refused(reason: &str) -> ModelError {
    ModelError::NotConfigured(reason.to_owned())
}

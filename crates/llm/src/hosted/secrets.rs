//! The secrets that go to a server, in headers and nowhere else.

use super::{
    key::{ApiKey, IssuedKey},
    settings::{HostedConfig, ServerProfile},
};
use crate::{error::ModelError, secret};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

/// The key, and headers with secret values.
#[derive(Debug)]
pub(super) struct Secrets {
    key: ApiKey,
    key_header: HeaderName,
    key_prefix: String,
    others: Vec<(HeaderName, SecretString)>,
}

impl Secrets {
    /// Reads the key and the other secret headers.
    ///
    /// # Errors
    /// `NotConfigured` when one of them is named and cannot be read.
    pub(super) fn read(profile: &ServerProfile, config: &HostedConfig) -> Result<Self, ModelError> {
        let mut others = Vec::new();
        for (name, variable) in &config.headers_env {
            others.push((header_name(name)?, secret::from_variable(variable)?));
        }
        Ok(Self {
            key: ApiKey::new(config, &profile.name)?,
            key_header: header_name(&profile.key_header)?,
            key_prefix: profile.key_prefix.clone(),
            others,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.key.is_none() && self.others.is_empty()
    }

    /// The key to ask with, if one is sent.
    ///
    /// # Errors
    /// `NoKey` when none can be had now.
    pub(super) async fn key(&self) -> Result<Option<IssuedKey>, ModelError> {
        self.key.current().await
    }

    /// Another key than the one that was refused, if there is one.
    pub(super) async fn after_refusal(&self, refused: Option<&IssuedKey>) -> Option<IssuedKey> {
        self.key.after_refusal(refused?).await
    }

    /// Puts this key and the other secrets into the headers of a request.
    ///
    /// # Errors
    /// `NotConfigured` when one of them has characters that no header can have.
    pub(super) fn put_into(
        &self,
        headers: &mut HeaderMap,
        key: Option<&IssuedKey>,
    ) -> Result<(), ModelError> {
        if let Some(key) = key {
            let text = format!("{}{}", self.key_prefix, key.secret.expose_secret());
            headers.insert(self.key_header.clone(), sensitive(&text)?);
        }
        for (name, secret) in &self.others {
            headers.insert(name.clone(), sensitive(secret.expose_secret())?);
        }
        Ok(())
    }

    /// A text with the secrets replaced.
    pub(super) fn struck_out(&self, text: String) -> String {
        let others = self.others.iter().map(|(_, secret)| secret);
        others.fold(self.key.struck_out(text), secret::without)
    }
}

fn sensitive(text: &str) -> Result<HeaderValue, ModelError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| refused("the API key has characters that no header can have"))?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, ModelError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| refused(&format!("'{}' is no header", name.escape_default())))
}

pub(super) fn refused(reason: &str) -> ModelError {
    ModelError::NotConfigured(reason.to_owned())
}

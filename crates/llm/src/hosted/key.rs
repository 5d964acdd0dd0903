//! The API key, and how it is renewed: read again from a file that somebody rewrites, or asked for again from a
//! command. It is kept until the server refuses it, the file changes, or it is older than the settings allow.

use super::{key_command::KeyCommand, settings::HostedConfig};
use crate::{
    error::ModelError,
    secret::{self, FileVersion},
};
use llm_oracle_support::clock::Instant;
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Pause after a renewal that failed while there is an older key to try.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);
/// Earlier keys that are still struck out of what a server says.
const ISSUED_MAX: usize = 8;

/// Where the key is had.
#[derive(Debug)]
enum KeyOrigin {
    /// No key is sent, which servers on this machine accept.
    Nowhere,
    /// It was in the environment, which does not change.
    Environment,
    File(PathBuf),
    Command(KeyCommand),
}

/// A key as it was given out.
#[derive(Clone, Debug)]
pub(super) struct IssuedKey {
    pub(super) secret: SecretString,
    /// Counts renewals, so that one that was refused several times at once is renewed once.
    number: u64,
}

/// The key in use.
#[derive(Debug)]
struct HeldKey {
    key: IssuedKey,
    read_at: Instant,
    file: Option<FileVersion>,
    is_refused: bool,
    /// The last renewal since then that failed.
    failed_at: Option<Instant>,
}

/// The key of one server.
#[derive(Debug)]
pub(super) struct ApiKey {
    model: String,
    origin: KeyOrigin,
    renew_after: Option<Duration>,
    /// Locked over a renewal, so that there is one at a time and all others wait for what it brings.
    held: tokio::sync::Mutex<Option<HeldKey>>,
    issued: Mutex<VecDeque<SecretString>>,
}

impl ApiKey {
    /// Reads the key of a file or variable. A command is run when the key is needed.
    ///
    /// # Errors
    /// `NotConfigured` when more than one origin is set, or the one that is set cannot be used.
    pub(super) fn new(config: &HostedConfig, model: &str) -> Result<Self, ModelError> {
        let origin = origin(config)?;
        let first = match (&origin, &config.api_key_env) {
            (KeyOrigin::File(path), _) => {
                let (secret, version) = secret::from_file(path)?;
                Some((secret, Some(version)))
            }
            (KeyOrigin::Environment, Some(name)) => Some((secret::from_variable(name)?, None)),
            _ => None,
        };
        let renew_after = Duration::from_secs(config.api_key_renew_after_s);
        let key = Self {
            model: model.to_owned(),
            origin,
            renew_after: (!renew_after.is_zero()).then_some(renew_after),
            held: tokio::sync::Mutex::default(),
            issued: Mutex::default(),
        };
        let held = first.map(|(secret, file)| key.held(secret, file, 0));
        Ok(Self {
            held: tokio::sync::Mutex::new(held),
            ..key
        })
    }

    /// Whether no key is sent.
    pub(super) fn is_none(&self) -> bool {
        matches!(self.origin, KeyOrigin::Nowhere)
    }

    /// The key to ask with; `None` where no key is sent. It is renewed before, if it is due.
    ///
    /// # Errors
    /// `NoKey` when there is none yet and none can be had now.
    pub(super) async fn current(&self) -> Result<Option<IssuedKey>, ModelError> {
        let mut held = self.held.lock().await;
        if self.is_due(held.as_ref()) {
            let renewed = self.fetch().await;
            match (renewed, held.as_mut()) {
                (Ok((secret, file)), old) => {
                    let number = old.map_or(0, |old| old.key.number.saturating_add(1));
                    *held = Some(self.held(secret, file, number));
                }
                (Err(reason), Some(old)) => self.keep(old, &reason),
                (Err(reason), None) => {
                    let model = self.model.clone();
                    return Err(ModelError::NoKey { model, reason });
                }
            }
        }
        Ok(held.as_ref().map(|held| held.key.clone()))
    }

    /// Another key than the one that the server has refused; `None` when there is none.
    pub(super) async fn after_refusal(&self, refused: &IssuedKey) -> Option<IssuedKey> {
        if matches!(self.origin, KeyOrigin::Nowhere | KeyOrigin::Environment) {
            return None;
        }
        let mut held = self.held.lock().await;
        let old = held.as_mut()?;
        // Another question had it renewed meanwhile.
        if old.key.number != refused.number {
            return Some(old.key.clone());
        }
        old.is_refused = true;
        let (secret, file) = match self.fetch().await {
            Ok(renewed) => renewed,
            Err(reason) => {
                self.keep(old, &reason);
                return None;
            }
        };
        if secret.expose_secret() == refused.secret.expose_secret() {
            old.file = file;
            self.keep(old, "it is the same key as before");
            return None;
        }
        tracing::info!(model = self.model, "the API key was refused and is renewed");
        let renewed = self.held(secret, file, refused.number.saturating_add(1));
        let key = renewed.key.clone();
        *held = Some(renewed);
        Some(key)
    }

    /// A text without this key and those before it, also where a slash in them was escaped as some servers do.
    pub(super) fn struck_out(&self, text: String) -> String {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.iter().fold(text, secret::without)
    }

    /// Whether a key is to be had before the next request.
    fn is_due(&self, held: Option<&HeldKey>) -> bool {
        let Some(held) = held else {
            return matches!(self.origin, KeyOrigin::Command(_));
        };
        let has_changed = match &self.origin {
            KeyOrigin::Nowhere | KeyOrigin::Environment => return false,
            KeyOrigin::File(path) => FileVersion::of(path) != held.file,
            KeyOrigin::Command(_) => false,
        };
        let is_old = self
            .renew_after
            .is_some_and(|most| held.read_at.elapsed() >= most);
        let is_pausing = held
            .failed_at
            .is_some_and(|at| at.elapsed() < RENEWAL_PAUSE);
        has_changed || ((is_old || held.is_refused) && !is_pausing)
    }

    async fn fetch(&self) -> Result<(SecretString, Option<FileVersion>), String> {
        match &self.origin {
            KeyOrigin::Nowhere | KeyOrigin::Environment => Err("it cannot change".to_owned()),
            KeyOrigin::File(path) => {
                let read = secret::from_file(path);
                let (secret, version) = read.map_err(|error| error.to_string())?;
                Ok((secret, Some(version)))
            }
            KeyOrigin::Command(command) => Ok((command.run().await?, None)),
        }
    }

    fn held(&self, secret: SecretString, file: Option<FileVersion>, number: u64) -> HeldKey {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |one: &SecretString| one.expose_secret() == secret.expose_secret();
        if !issued.iter().any(is_known) {
            issued.push_back(secret.clone());
        }
        if issued.len() > ISSUED_MAX {
            issued.pop_front();
        }
        HeldKey {
            key: IssuedKey { secret, number },
            read_at: Instant::now(),
            file,
            is_refused: false,
            failed_at: None,
        }
    }

    /// Nothing better is to be had: the older key stays for now.
    fn keep(&self, old: &mut HeldKey, reason: &str) {
        if old.failed_at.is_none() {
            let model = self.model.as_str();
            tracing::warn!(model, reason, "the API key is not renewed");
        }
        old.failed_at = Some(Instant::now());
    }
}

fn origin(config: &HostedConfig) -> Result<KeyOrigin, ModelError> {
    let named = [
        (config.api_key_file.is_some(), "`api_key_file`"),
        (config.api_key_env.is_some(), "`api_key_env`"),
        (config.api_key_command.is_some(), "`api_key_command`"),
    ];
    let named: Vec<_> = named
        .into_iter()
        .filter_map(|(is_set, name)| is_set.then_some(name))
        .collect();
    if named.len() > 1 {
        let named = named.join(" and ");
        return Err(refused(format!("{named} are set: keep one")));
    }
    let origin = match (
        &config.api_key_file,
        &config.api_key_env,
        &config.api_key_command,
    ) {
        (Some(path), _, _) => KeyOrigin::File(path.clone()),
        (_, Some(_), _) => KeyOrigin::Environment,
        (_, _, Some(command)) if command.program().is_empty() => {
            return Err(refused(
                "`api_key_command` names no program: write it like [\"PROGRAM\", \"ARGUMENT\"]"
                    .to_owned(),
            ))
        }
        (_, _, Some(command)) => KeyOrigin::Command(command.clone()),
        (None, None, None) => KeyOrigin::Nowhere,
    };
    let is_renewed = matches!(origin, KeyOrigin::File(_) | KeyOrigin::Command(_));
    if config.api_key_renew_after_s > 0 && !is_renewed {
        return Err(refused(format!(
            "`api_key_renew_after_s` is {}, and no key is renewed: set `api_key_command` or `api_key_file`",
            config.api_key_renew_after_s
        )));
    }
    Ok(origin)
}

fn refused(reason: String) -> ModelError {
    ModelError::NotConfigured(reason)
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;

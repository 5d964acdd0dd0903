//! A relayer as a task of this process: started, watched, stopped.

use crate::{config::describe_model, exit::CliError};
use llm_oracle_chain::CheckedOracle;
use llm_oracle_llm::{BuiltModels, Models, Provider};
use llm_oracle_peers::PeersConfig;
use llm_oracle_relayer::{
    reload_channel, CodeHashes, Limits, PolicyConfig, RationaleConfig, Relayer, RelayerConfig,
    RelayerError, Reloader, RetentionConfig, SourceReadingProvider,
};
use llm_oracle_signing::KeySource;
use llm_oracle_sources::SourcesConfig;
use llm_oracle_support::address::{hex0x, ss58};
use std::{collections::BTreeMap, fs, future::Future, io, path::Path, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{signal, Signal, SignalKind},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Maximum time of an orderly stop. What the relayer has stored by then is enough to continue later.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// A relayer that runs as a task. Dropping it aborts the task.
pub struct RelayerHandle {
    task: JoinHandle<Result<(), RelayerError>>,
    cancel: CancellationToken,
    reloader: Reloader,
}

impl RelayerHandle {
    /// Starts the main loop of a relayer as a task.
    pub fn spawn(relayer: Relayer) -> Self {
        let cancel = CancellationToken::new();
        let (reloader, reloads) = reload_channel();
        let task = tokio::spawn(relayer.run(cancel.clone(), reloads));
        Self {
            task,
            cancel,
            reloader,
        }
    }

    /// Where other settings are handed in.
    pub fn reloader(&self) -> &Reloader {
        &self.reloader
    }

    /// How it ended, if it has. Without an error it was drained.
    pub async fn ended(&mut self) -> Option<Result<(), CliError>> {
        if !self.task.is_finished() {
            return None;
        }
        Some(match (&mut self.task).await {
            Ok(ended) => ended.map_err(CliError::from),
            Err(panic) => Err(CliError::bug(format!("the relayer failed: {panic}"))),
        })
    }

    /// Stops it and waits, for a limited time.
    pub async fn stop(&mut self) {
        self.cancel.cancel();
        if !self.task.is_finished()
            && tokio::time::timeout(STOP_TIMEOUT, &mut self.task)
                .await
                .is_err()
        {
            self.task.abort();
        }
    }
}

impl Drop for RelayerHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a relayer of a development machine needs.
pub struct DevRelayer<'a> {
    /// Address of the node.
    pub url: &'a str,
    /// The contract.
    pub checked: &'a CheckedOracle,
    /// Development keys of the operators.
    pub operators: &'a [String],
    /// Folder that contains its store.
    pub folder: &'a Path,
    /// Configuration of the model.
    pub model: &'a Models,
    /// The provider of that model.
    pub provider: Arc<dyn Provider>,
}

/// Starts a relayer for development keys.
///
/// # Errors
/// When its store or the chain refuses.
pub async fn start(options: DevRelayer<'_>) -> Result<RelayerHandle, CliError> {
    let key = |suri: &String| KeySource {
        suri: Some(suri.clone()),
        ..KeySource::default()
    };
    let config = RelayerConfig {
        url: options.url.to_owned(),
        urls: Vec::new(),
        block_time_ms: None,
        backup_dir: None,
        recover: false,
        forget_finalized: false,
        contract: ss58(&options.checked.oracle.address),
        code_hash: CodeHashes(vec![hex0x(&options.checked.code_hash)]),
        store: options.folder.join("relayer"),
        shared: None,
        operators: options.operators.iter().map(key).collect(),
        model: options.model.clone(),
        operator_models: BTreeMap::new(),
        limits: Limits::default(),
        policy: PolicyConfig::default(),
        peers: PeersConfig::default(),
        retention: RetentionConfig::default(),
    };
    Ok(RelayerHandle::spawn(
        Relayer::start(config, options.provider).await?,
    ))
}

/// Builds the provider that the settings name.
///
/// # Errors
/// When its model cannot be used.
pub fn provider(model: &Models) -> Result<Arc<dyn Provider>, CliError> {
    Ok(built_models(model)?.provider()?)
}

/// Puts the reading of sources before a provider, and the question for a rationale behind it.
///
/// # Errors
/// When a setting is wrong.
pub fn reading_sources(
    provider: Arc<dyn Provider>,
    sources: &SourcesConfig,
    rationale: RationaleConfig,
) -> Result<Arc<dyn Provider>, CliError> {
    let reading =
        SourceReadingProvider::new(provider, sources, rationale).map_err(CliError::usage)?;
    Ok(Arc::new(reading))
}

/// The same with the default settings and the attachments of a relayer's store.
///
/// # Errors
/// As [`reading_sources`].
pub fn reading_attachments(
    provider: Arc<dyn Provider>,
    store: &Path,
) -> Result<Arc<dyn Provider>, CliError> {
    let sources = SourcesConfig::held_in(store);
    reading_sources(provider, &sources, RationaleConfig::default())
}

/// Builds each provider that the settings name.
///
/// # Errors
/// When its model cannot be used.
pub fn built_models(model: &Models) -> Result<BuiltModels, CliError> {
    BuiltModels::build(model).map_err(|error| {
        CliError::from(error).help(format!(
            "the model in use is {}; give another with --model-file or [model] in the settings",
            describe_model(model)
        ))
    })
}

/// A future that is ready on Ctrl-C or SIGTERM, and on SIGHUP unless the process was started to ignore it, as
/// `nohup` does.
///
/// # Errors
/// When signals cannot be listened to.
pub fn stop_signal() -> Result<impl Future<Output = ()>, CliError> {
    let is_ignored = is_hang_up_ignored(&fs::read_to_string("/proc/self/status"));
    let mut hang_up = (!is_ignored).then(hang_ups).transpose()?;
    let end = end_signal()?;
    Ok(async move {
        let hung_up = async {
            match &mut hang_up {
                Some(signals) => drop(signals.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end => {}
            () = hung_up => {}
        }
    })
}

/// A future that is ready on Ctrl-C or SIGTERM.
///
/// # Errors
/// When signals cannot be listened to.
pub fn end_signal() -> Result<impl Future<Output = ()>, CliError> {
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The SIGHUPs that arrive.
///
/// # Errors
/// When signals cannot be listened to.
pub fn hang_ups() -> Result<Signal, CliError> {
    listen(SignalKind::hangup())
}

fn listen(kind: SignalKind) -> Result<Signal, CliError> {
    signal(kind).map_err(|error| CliError::bug(format!("no signals: {error}")))
}

/// Whether SIGHUP is ignored, by what Linux says about the process. Elsewhere it is taken not to be.
fn is_hang_up_ignored(status: &io::Result<String>) -> bool {
    let mask = status.as_ref().ok().and_then(|text| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix("SigIgn:"))
    });
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is signal 1, which is SIGHUP.
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hang_up_is_read_from_the_signal_mask() {
        for (mask, ignored) in [("0000000000000001", true), ("0000000000001006", false)] {
            let status = format!("Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
            assert_eq!(is_hang_up_ignored(&Ok(status)), ignored, "{mask}");
        }
        assert!(!is_hang_up_ignored(&Err(io::ErrorKind::NotFound.into())));
    }
}

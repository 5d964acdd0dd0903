//! A relayer as a task of this process: started, watched, stopped.

use crate::{config::describe_model, exit::CliError};
use llm_oracle_chain::CheckedOracle;
use llm_oracle_llm::{self as llm, Models, Provider};
use llm_oracle_peers::PeersConfig;
use llm_oracle_relayer::{Limits, PolicyConfig, Relayer, RelayerConfig, RelayerError};
use llm_oracle_signing::KeySource;
use llm_oracle_support::address::{hex0x, ss58};
use std::{future::Future, path::Path, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{signal, SignalKind},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Maximum time of an orderly stop. What the relayer has stored by then is enough to continue later.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// A relayer that runs as a task. Dropping it aborts the task.
pub struct RelayerHandle {
    task: JoinHandle<Result<(), RelayerError>>,
    cancel: CancellationToken,
}

impl RelayerHandle {
    /// Starts the main loop of a relayer as a task.
    pub fn spawn(relayer: Relayer) -> Self {
        let cancel = CancellationToken::new();
        let task = tokio::spawn(relayer.run(cancel.clone()));
        Self { task, cancel }
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
        code_hash: Some(hex0x(&options.checked.code_hash)),
        store: options.folder.join("relayer"),
        shared: None,
        operators: options.operators.iter().map(key).collect(),
        model: options.model.clone(),
        limits: Limits::default(),
        policy: PolicyConfig::default(),
        peers: PeersConfig::default(),
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
    llm::build_all(model).map_err(|error| {
        CliError::from(error).help(format!(
            "the model in use is {}; give another with --model-file or [model] in the settings",
            describe_model(model)
        ))
    })
}

/// A future that is ready on Ctrl-C, SIGTERM or SIGHUP.
///
/// # Errors
/// When signals cannot be listened to.
pub fn stop_signal() -> Result<impl Future<Output = ()>, CliError> {
    let listen = |kind| signal(kind).map_err(|error| CliError::bug(format!("no signals: {error}")));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

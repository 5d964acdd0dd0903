//! `relayer run`, and relayers inside other verbs.

use super::{
    context::Context,
    exit::{self, Failure, Outcome},
};
use crate::{
    chain::{hex0x, ss58, CheckedOracle},
    config::describe_model,
    llm::{self, Models, Provider},
    ops::{self, Desk},
    peers::{self, PeersConfig},
    pipeline::{KeySource, Limits, PolicyConfig, Relayer, RelayerConfig, RelayerError},
};
use serde_json::json;
use std::{
    fs,
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    signal::unix::{signal, SignalKind},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Longest orderly end of a relayer; what it has stored by then is enough to go on later.
const STOP_PATIENCE: Duration = Duration::from_secs(25);

/// Time between two looks whether a relayer still runs.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A relayer inside this process.
pub struct Running {
    task: JoinHandle<Result<(), RelayerError>>,
    cancel: CancellationToken,
}

/// What a relayer inside this process works on.
pub struct Service<'a> {
    /// Address of the node.
    pub url: &'a str,
    /// The contract.
    pub checked: &'a CheckedOracle,
    /// Development keys of the operators.
    pub operators: &'a [String],
    /// Folder under which its store lives.
    pub folder: &'a Path,
    /// What the model is.
    pub model: &'a Models,
    /// The model itself.
    pub provider: Arc<dyn Provider>,
}

/// Makes the provider that the settings name.
///
/// # Errors
/// When its model cannot be used.
pub fn provider(model: &Models) -> Result<Arc<dyn Provider>, Failure> {
    llm::build_all(model).map_err(|error| {
        Failure::from(error).help(format!(
            "the model in use is {}; give another with --model or [model] in the settings",
            describe_model(model)
        ))
    })
}

impl Running {
    fn spawn(relayer: Relayer) -> Self {
        let cancel = CancellationToken::new();
        let task = tokio::spawn(relayer.run(cancel.clone()));
        Self { task, cancel }
    }

    /// Why it has ended, if it has.
    pub async fn ended(&mut self) -> Option<Failure> {
        if !self.task.is_finished() {
            return None;
        }
        Some(match (&mut self.task).await {
            Ok(Ok(())) => Failure::bug("the relayer ended without a reason"),
            Ok(Err(error)) => error.into(),
            Err(panic) => Failure::bug(format!("the relayer failed: {panic}")),
        })
    }

    /// Stops it and waits.
    pub async fn stop(&mut self) {
        self.cancel.cancel();
        if !self.task.is_finished()
            && tokio::time::timeout(STOP_PATIENCE, &mut self.task)
                .await
                .is_err()
        {
            self.task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a relayer for development keys.
///
/// # Errors
/// When its store or the chain refuses.
pub async fn start(service: Service<'_>) -> Result<Running, Failure> {
    let key = |suri: &String| KeySource {
        suri: Some(suri.clone()),
        ..KeySource::default()
    };
    let config = RelayerConfig {
        url: service.url.to_owned(),
        urls: Vec::new(),
        block_time_ms: None,
        backup_dir: None,
        recover: false,
        contract: ss58(&service.checked.oracle.address),
        code_hash: Some(hex0x(&service.checked.code_hash)),
        store: service.folder.join("relayer"),
        operators: service.operators.iter().map(key).collect(),
        model: service.model.clone(),
        limits: Limits::default(),
        policy: PolicyConfig::default(),
        peers: PeersConfig::default(),
    };
    Ok(Running::spawn(
        Relayer::start(config, service.provider).await?,
    ))
}

/// Runs a relayer until it is told to stop.
///
/// # Errors
/// When its settings are wrong, or it ends by itself.
pub async fn run(context: &Context, recover: bool) -> Outcome {
    let mut config = context.settings.relayer()?;
    config.recover = recover;
    // Before anything is started: a port that is taken is a mistake in the settings.
    let listener = listen(context).await?;
    let for_peers = listen_for_peers(&config.peers).await?;
    let provider = provider(&config.model)?;
    let stop = stop_signal()?;
    let contract = config.contract.clone();
    let model = provider.name().to_owned();
    let relayer = Relayer::start(config, provider).await?;
    relayer.introduce(&contract, &model);
    let mut window = Window::open(&relayer, listener)?;
    window.open_to_peers(&relayer, for_peers);
    tracing::info!(model, contract, "started");
    ops::ready(&format!("answers with {model}"));
    let ops = relayer.ops().clone();
    let mut running = Running::spawn(relayer);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(LOOK_EVERY) => {
                if let Some(failure) = running.ended().await {
                    return Err(failure);
                }
                window.check()?;
            }
        }
    }
    ops.stops();
    window.say_goodbye().await;
    running.stop().await;
    window.close();
    context.out.result("", &json!({ "stopped": true }))?;
    Ok(exit::OK)
}

async fn listen(context: &Context) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = context.settings.ops.address().map_err(Failure::usage)? else {
        return Ok(None);
    };
    bind(address, "ops").await.map(Some)
}

async fn listen_for_peers(config: &PeersConfig) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = config.address().map_err(Failure::usage)? else {
        return Ok(None);
    };
    bind(address, "peers").await.map(Some)
}

async fn bind(address: SocketAddr, table: &str) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| {
        Failure::usage(format!("cannot listen at {address}: {error}")).help(format!(
            "another relayer may have it: give this one another `listen` in [{table}], or off"
        ))
    })
}

/// What the outside sees of a running relayer.
struct Window {
    tasks: Vec<JoinHandle<()>>,
    notifier: JoinHandle<()>,
    goodbye: CancellationToken,
    closed: CancellationToken,
    address_file: PathBuf,
}

impl Window {
    fn open(relayer: &Relayer, listener: Option<TcpListener>) -> Result<Self, Failure> {
        let (ops, store) = (relayer.ops().clone(), relayer.store().clone());
        let (goodbye, closed) = (CancellationToken::new(), CancellationToken::new());
        let notifier = tokio::spawn(ops::keep_notified(ops.clone(), goodbye.clone()));
        let address_file = store.directory().join(ops::ADDRESS_FILE);
        let mut tasks = Vec::new();
        if let Some(listener) = listener {
            let address = listener.local_addr();
            let written = address.and_then(|address| fs::write(&address_file, address.to_string()));
            written.map_err(|error| {
                let path = address_file.display();
                Failure::new(exit::STORE, format!("cannot write {path}: {error}"))
            })?;
            let desk = Arc::new(Desk { ops, store });
            tasks.push(tokio::spawn(ops::serve(listener, desk, closed.clone())));
        } else {
            // That of an earlier run would lead nowhere.
            let _ = fs::remove_file(&address_file);
        }
        Ok(Self {
            tasks,
            notifier,
            goodbye,
            closed,
            address_file,
        })
    }

    /// Takes entries of peers, if there are any.
    fn open_to_peers(&mut self, relayer: &Relayer, listener: Option<TcpListener>) {
        if let (Some(listener), Some(endpoint)) = (listener, relayer.peers_endpoint()) {
            let serving = peers::serve(listener, endpoint, self.closed.clone());
            self.tasks.push(tokio::spawn(serving));
        }
    }

    /// Neither task ends by itself.
    fn check(&self) -> Result<(), Failure> {
        if self.notifier.is_finished() || self.tasks.iter().any(JoinHandle::is_finished) {
            return Err(Failure::bug(
                "a server of [ops] or [peers] has ended by itself",
            ));
        }
        Ok(())
    }

    async fn say_goodbye(&mut self) {
        self.goodbye.cancel();
        // It has one datagram to send.
        let _ = tokio::time::timeout(LOOK_EVERY, &mut self.notifier).await;
    }

    fn close(&self) {
        self.closed.cancel();
        let _ = fs::remove_file(&self.address_file);
    }
}

/// Ends with Ctrl-C, SIGTERM or SIGHUP.
///
/// # Errors
/// When signals cannot be listened to.
pub fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::bug(format!("no signals: {error}")));
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

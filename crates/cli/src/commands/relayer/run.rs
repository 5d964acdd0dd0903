//! `relayer run`, and relayers inside other verbs.

use super::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
};
use crate::config::describe_model;
use llm_oracle_chain::CheckedOracle;
use llm_oracle_llm::{self as llm, Models, Provider};
use llm_oracle_peers::{self as peers, PeersConfig};
use llm_oracle_relayer::{
    ops::{self, Desk},
    Limits, PolicyConfig, Relayer, RelayerConfig, RelayerError,
};
use llm_oracle_signing::KeySource;
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::json;
use std::{
    fs,
    future::Future,
    io,
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

/// Pause before a port is tried again.
const SERVE_AGAIN: Duration = Duration::from_secs(2);

/// A relayer inside this process.
pub struct RelayerHandle {
    task: JoinHandle<Result<(), RelayerError>>,
    cancel: CancellationToken,
}

/// What a relayer inside this process works on.
pub struct RelayerSpec<'a> {
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
pub fn provider(model: &Models) -> Result<Arc<dyn Provider>, CliError> {
    llm::build_all(model).map_err(|error| {
        CliError::from(error).help(format!(
            "the model in use is {}; give another with --model or [model] in the settings",
            describe_model(model)
        ))
    })
}

impl RelayerHandle {
    fn spawn(relayer: Relayer) -> Self {
        let cancel = CancellationToken::new();
        let task = tokio::spawn(relayer.run(cancel.clone()));
        Self { task, cancel }
    }

    /// Why it has ended, if it has.
    pub async fn ended(&mut self) -> Option<CliError> {
        if !self.task.is_finished() {
            return None;
        }
        Some(match (&mut self.task).await {
            Ok(Ok(())) => CliError::bug("the relayer ended without a reason"),
            Ok(Err(error)) => error.into(),
            Err(panic) => CliError::bug(format!("the relayer failed: {panic}")),
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

impl Drop for RelayerHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a relayer for development keys.
///
/// # Errors
/// When its store or the chain refuses.
pub async fn start(service: RelayerSpec<'_>) -> Result<RelayerHandle, CliError> {
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
        shared: None,
        operators: service.operators.iter().map(key).collect(),
        model: service.model.clone(),
        limits: Limits::default(),
        policy: PolicyConfig::default(),
        peers: PeersConfig::default(),
    };
    Ok(RelayerHandle::spawn(
        Relayer::start(config, service.provider).await?,
    ))
}

/// Runs a relayer until it is told to stop.
///
/// # Errors
/// When its settings are wrong, or it ends by itself.
pub async fn run(context: &CommandContext, recover: bool) -> CommandResult {
    let mut config = context.settings.relayer()?;
    config.recover = recover;
    // Before anything is started: an address that can't be one is a mistake in the settings.
    let for_people = context.settings.ops.address().map_err(CliError::usage)?;
    let for_people = listen(for_people, "ops").await?;
    let for_peers = config.peers.address().map_err(CliError::usage)?;
    let for_peers = listen(for_peers, "peers").await?;
    let provider = provider(&config.model)?;
    let stop = stop_signal()?;
    let contract = config.contract.clone();
    let model = provider.name().to_owned();
    let relayer = Relayer::start(config, provider).await?;
    relayer.introduce(&contract, &model);
    let mut window = RelayerServers::open(&relayer, for_people);
    window.open_to_peers(&relayer, for_peers);
    tracing::info!(model, contract, "started");
    ops::ready(&format!("answers with {model}"));
    let ops = relayer.ops().clone();
    let mut running = RelayerHandle::spawn(relayer);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(LOOK_EVERY) => {
                if let Some(failure) = running.ended().await {
                    return Err(failure);
                }
            }
        }
    }
    ops.stops();
    window.say_goodbye().await;
    running.stop().await;
    window.close().await;
    context.out.result("", &json!({ "stopped": true }))?;
    Ok(exit::OK)
}

/// Where the outside is served.
struct Place {
    address: SocketAddr,
    /// The table of the settings that names it.
    table: &'static str,
    /// None while another process has the port.
    listener: Option<TcpListener>,
}

/// Takes the port. One that another process has, or an address that the machine has not got yet, is
/// tried again later: nobody's seat may depend on whether metrics can be read, or a peer can come.
async fn listen(
    address: Option<SocketAddr>,
    table: &'static str,
) -> Result<Option<Place>, CliError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let remedy = format!("give this relayer another `listen` in [{table}], or off");
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => Some(listener),
        Err(error) if comes_later(&error) => {
            tracing::error!(%address, %error, table, remedy, "nothing is served yet; trying again");
            None
        }
        Err(error) => {
            let refused = CliError::usage(format!("cannot listen at {address}: {error}"));
            return Err(refused.help(remedy));
        }
    };
    Ok(Some(Place {
        address,
        table,
        listener,
    }))
}

fn comes_later(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable};
    matches!(error.kind(), AddrInUse | AddrNotAvailable)
}

/// Serves until the window is closed, whatever becomes of the port or of the server.
async fn keep_serving<F>(
    place: Place,
    closed: CancellationToken,
    serve: impl Fn(TcpListener) -> F + Send,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let Place {
        address,
        table,
        mut listener,
    } = place;
    loop {
        let bound = match listener.take() {
            Some(listener) => Ok(listener),
            None => TcpListener::bind(address).await,
        };
        if let Ok(listener) = bound {
            let served = tokio::spawn(serve(listener)).await;
            if closed.is_cancelled() {
                return;
            }
            tracing::error!(
                table,
                ?served,
                "a server has ended by itself; it starts again"
            );
        }
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(SERVE_AGAIN) => {}
        }
    }
}

/// For `relayer status`, which can be told the address as well.
fn note_address(listener: &TcpListener, file: &Path) {
    let address = listener.local_addr();
    let written = address.and_then(|address| fs::write(file, address.to_string()));
    if let Err(error) = written {
        tracing::warn!(file = %file.display(), %error, "the address of [ops] can't be written");
    }
}

/// What the outside sees of a running relayer.
struct RelayerServers {
    servers: Vec<JoinHandle<()>>,
    notifier: JoinHandle<()>,
    goodbye: CancellationToken,
    closed: CancellationToken,
    address_file: PathBuf,
}

impl RelayerServers {
    fn open(relayer: &Relayer, place: Option<Place>) -> Self {
        let (ops, store) = (relayer.ops().clone(), relayer.store().clone());
        let (goodbye, closed) = (CancellationToken::new(), CancellationToken::new());
        let notifier = tokio::spawn(ops::keep_notified(ops.clone(), goodbye.clone()));
        let address_file = store.directory().join(ops::ADDRESS_FILE);
        // That of an earlier run would lead nowhere.
        let _ = fs::remove_file(&address_file);
        let server = place.map(|place| {
            let (desk, file) = (Arc::new(Desk { ops, store }), address_file.clone());
            let stop = closed.clone();
            let serve = move |listener| {
                note_address(&listener, &file);
                ops::serve(listener, desk.clone(), stop.clone())
            };
            tokio::spawn(keep_serving(place, closed.clone(), serve))
        });
        Self {
            servers: server.into_iter().collect(),
            notifier,
            goodbye,
            closed,
            address_file,
        }
    }

    /// Takes entries of peers, if there are any.
    fn open_to_peers(&mut self, relayer: &Relayer, place: Option<Place>) {
        if let (Some(place), Some(endpoint)) = (place, relayer.peers_endpoint()) {
            let stop = self.closed.clone();
            let serve = move |listener| peers::serve(listener, endpoint.clone(), stop.clone());
            let serving = keep_serving(place, self.closed.clone(), serve);
            self.servers.push(tokio::spawn(serving));
        }
    }

    async fn say_goodbye(&mut self) {
        self.goodbye.cancel();
        // It has one datagram to send.
        let _ = tokio::time::timeout(LOOK_EVERY, &mut self.notifier).await;
    }

    async fn close(&mut self) {
        self.closed.cancel();
        for server in &mut self.servers {
            let _ = tokio::time::timeout(LOOK_EVERY, server).await;
        }
        let _ = fs::remove_file(&self.address_file);
    }
}

/// Ends with Ctrl-C, SIGTERM or SIGHUP.
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

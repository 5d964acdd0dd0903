//! The HTTP servers of a running relayer: for operators and for peers.

use crate::exit::CliError;
use llm_oracle_peers as peers;
use llm_oracle_relayer::{
    ops::{self, StatusHandler},
    Relayer,
};
use llm_oracle_sources::attachments::HeldAttachments;
use std::{
    fs,
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Pause before an address is bound again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// Maximum time for each server to close.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// An address of the settings at which a server listens.
pub struct ListenAddress {
    address: SocketAddr,
    /// The table of the settings that names it.
    table: &'static str,
    /// `None` while the address cannot be bound.
    listener: Option<TcpListener>,
}

/// Binds the address. If another process uses the port, or the machine does not have the address yet,
/// the server tries again later: no seat may depend on whether metrics can be read or peers can connect.
///
/// # Errors
/// When the address can never be bound.
pub async fn listen(
    address: Option<SocketAddr>,
    table: &'static str,
) -> Result<Option<ListenAddress>, CliError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let remedy = format!("give this relayer another `listen` in [{table}], or off");
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => Some(listener),
        Err(error) if is_transient(&error) => {
            tracing::error!(%address, %error, table, remedy, "address not bound yet; retrying");
            None
        }
        Err(error) => {
            let refused = CliError::usage(format!("cannot listen at {address}: {error}"));
            return Err(refused.help(remedy));
        }
    };
    Ok(Some(ListenAddress {
        address,
        table,
        listener,
    }))
}

fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable};
    matches!(error.kind(), AddrInUse | AddrNotAvailable)
}

/// Serves until closed. Binds the address again when that failed before, or when the server stopped.
async fn keep_serving<F>(
    listen: ListenAddress,
    closed: CancellationToken,
    serve: impl Fn(TcpListener) -> F + Send,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let ListenAddress {
        address,
        table,
        mut listener,
    } = listen;
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
            tracing::error!(table, ?served, "HTTP server stopped; restarting");
        }
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(RETRY_PAUSE) => {}
        }
    }
}

/// Writes down the bound address, where `relayer status` finds it.
fn write_address(listener: &TcpListener, file: &Path) {
    let address = listener.local_addr();
    let written = address.and_then(|address| fs::write(file, address.to_string()));
    if let Err(error) = written {
        tracing::warn!(file = %file.display(), %error, "the address of [ops] cannot be written");
    }
}

/// The HTTP servers of a running relayer, and its messages to the service manager.
pub struct RelayerServers {
    servers: Vec<JoinHandle<()>>,
    notifier: JoinHandle<()>,
    stopping: CancellationToken,
    closed: CancellationToken,
    address_file: PathBuf,
}

impl RelayerServers {
    /// Serves operators at the address, and starts the messages to the service manager. `attachments` is the folder
    /// of those that are given out.
    pub fn start(relayer: &Relayer, address: Option<ListenAddress>, attachments: &Path) -> Self {
        let (ops, store) = (relayer.ops().clone(), relayer.store().clone());
        let (stopping, closed) = (CancellationToken::new(), CancellationToken::new());
        let notifier = tokio::spawn(ops::keep_notified(ops.clone(), stopping.clone()));
        let address_file = store.directory().join(ops::ADDRESS_FILE);
        // The address of an earlier run is out of date.
        let _ = fs::remove_file(&address_file);
        let server = address.map(|address| {
            let attachments = HeldAttachments::new(attachments);
            let handler = Arc::new(StatusHandler {
                ops,
                store,
                attachments,
            });
            let file = address_file.clone();
            let stop = closed.clone();
            let serve = move |listener| {
                write_address(&listener, &file);
                ops::serve(listener, handler.clone(), stop.clone())
            };
            tokio::spawn(keep_serving(address, closed.clone(), serve))
        });
        Self {
            servers: server.into_iter().collect(),
            notifier,
            stopping,
            closed,
            address_file,
        }
    }

    /// Serves peers at the address, if the settings name peers.
    pub fn serve_peers(&mut self, relayer: &Relayer, address: Option<ListenAddress>) {
        if let (Some(address), Some(endpoint)) = (address, relayer.peers_endpoint()) {
            let stop = self.closed.clone();
            let serve = move |listener| peers::serve(listener, endpoint.clone(), stop.clone());
            let serving = keep_serving(address, self.closed.clone(), serve);
            self.servers.push(tokio::spawn(serving));
        }
    }

    /// Tells the service manager that the relayer is stopping.
    pub async fn notify_stopping(&mut self) {
        self.stopping.cancel();
        // The notifier has one datagram to send.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, &mut self.notifier).await;
    }

    /// Stops the servers.
    pub async fn close(&mut self) {
        self.closed.cancel();
        for server in &mut self.servers {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, server).await;
        }
        let _ = fs::remove_file(&self.address_file);
    }
}

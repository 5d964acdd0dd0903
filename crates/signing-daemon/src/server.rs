//! The socket: one request and one response on each connection, from processes of the same user only.

use crate::{
    daemon::SigningDaemon,
    error::SigningDaemonError,
    private_folder::{io_error, private_folder},
};
use llm_oracle_signing::{
    wire::{self, SignRequest, SignResponse},
    SIGN_TIMEOUT,
};
use std::{
    fs,
    future::Future,
    io::{Error, ErrorKind},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    pin::pin,
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
};

/// Most connections that are served at the same time. More wait.
const CONNECTIONS_MAX: usize = 64;

/// Makes the socket with mode 0600, in a folder of mode 0700: no other user can connect before the mode is
/// set.
///
/// # Errors
/// `SocketInUse` when another process answers there, `OpenFolder`, or what the file system says.
pub fn bind(path: &Path) -> Result<UnixListener, SigningDaemonError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    private_folder(folder.unwrap_or(Path::new(".")))?;
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(io_error(path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io_error(path))?;
    Ok(listener)
}

/// Removes the socket of a process that was killed.
fn remove_stale(path: &Path) -> Result<(), SigningDaemonError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => {
            return Err(io_error(path)(Error::other(
                "it exists and is not a socket",
            )))
        }
        Err(error) => return Err(io_error(path)(error)),
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(io_error(path))
        }
        Err(error) => Err(io_error(path)(error)),
        Ok(_) => Err(SigningDaemonError::SocketInUse {
            path: path.to_owned(),
        }),
    }
}

/// Serves connections until `stop` completes, then finishes those that are open.
pub async fn serve(
    daemon: Arc<SigningDaemon>,
    listener: UnixListener,
    stop: impl Future<Output = ()> + Send,
) {
    let mut stop = pin!(stop);
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            continue;
        };
        let daemon = daemon.clone();
        connections.spawn(async move {
            let served = tokio::time::timeout(SIGN_TIMEOUT, serve_connection(daemon, stream)).await;
            let served = served.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    while connections.join_next().await.is_some() {}
}

async fn accept(
    listener: &UnixListener,
    permits: &Arc<Semaphore>,
) -> Option<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            // Most likely out of descriptors; other connections end meanwhile.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            None
        }
    }
}

async fn serve_connection(daemon: Arc<SigningDaemon>, mut stream: UnixStream) -> Result<(), Error> {
    let peer = stream.peer_cred()?;
    if peer.uid() != rustix::process::geteuid().as_raw() {
        tracing::warn!(uid = peer.uid(), "refused a process of another user");
        return Ok(());
    }
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await?;
    let response = match wire::length(prefix) {
        Ok(length) => {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            match wire::unpack::<SignRequest>(&body) {
                Ok(request) => {
                    let handled =
                        tokio::task::spawn_blocking(move || daemon.handle(&request)).await;
                    handled.map_err(Error::other)?
                }
                Err(error) => malformed(&error),
            }
        }
        Err(error) => malformed(&error),
    };
    let frame = wire::pack(&response).map_err(Error::other)?;
    stream.write_all(&frame).await?;
    stream.shutdown().await
}

fn malformed(error: &wire::FrameError) -> SignResponse {
    tracing::warn!(%error, "malformed request");
    SignResponse::Refused {
        name: "malformed".to_owned(),
        reason: error.to_string(),
    }
}

//! The socket: one question and one answer on each connection, from processes of the same user only.

use super::{
    record::{io, private_folder},
    Guard, GuardError,
};
use llm_oracle_signing::{
    wire::{self, Ask, Told},
    PATIENCE,
};
use std::{
    fs,
    io::{Error, ErrorKind},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Connections served at the same time; more wait.
const CONNECTIONS_MAX: usize = 64;

/// Makes the socket with mode 0600, in a folder of mode 0700, so that nobody gets in between the two.
///
/// # Errors
/// `SocketInUse` when another process answers there, `OpenFolder`, or what the file system says.
pub fn bind(path: &Path) -> Result<UnixListener, GuardError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    private_folder(folder.unwrap_or(Path::new(".")))?;
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(io(path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io(path))?;
    Ok(listener)
}

/// What a process left behind that ended without warning.
fn remove_stale(path: &Path) -> Result<(), GuardError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => return Err(io(path)(Error::other("it is there, and no socket"))),
        Err(error) => return Err(io(path)(error)),
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(io(path))
        }
        Err(error) => Err(io(path)(error)),
        Ok(_) => Err(GuardError::SocketInUse {
            path: path.to_owned(),
        }),
    }
}

/// Answers until it is told to stop; questions that have begun are answered.
pub async fn serve(guard: Arc<Guard>, listener: UnixListener, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut talks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = talks.join_next() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            continue;
        };
        let guard = guard.clone();
        talks.spawn(async move {
            let talked = tokio::time::timeout(PATIENCE, talk(guard, stream)).await;
            let talked = talked.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
            if let Err(error) = talked {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    while talks.join_next().await.is_some() {}
}

async fn accept(
    listener: &UnixListener,
    room: &Arc<Semaphore>,
) -> Option<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    // Never closed.
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            tracing::warn!(%error, "no connection could be taken");
            // Out of descriptors, most likely: others end meanwhile.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            None
        }
    }
}

async fn talk(guard: Arc<Guard>, mut stream: UnixStream) -> Result<(), Error> {
    let peer = stream.peer_cred()?;
    if peer.uid() != rustix::process::geteuid().as_raw() {
        tracing::warn!(
            uid = peer.uid(),
            "a process of another user was turned away"
        );
        return Ok(());
    }
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await?;
    let told = match wire::length(prefix) {
        Ok(length) => {
            let mut frame = vec![0; length];
            stream.read_exact(&mut frame).await?;
            match wire::unpack::<Ask>(&frame) {
                Ok(ask) => {
                    let answered = tokio::task::spawn_blocking(move || guard.answer(&ask)).await;
                    answered.map_err(Error::other)?
                }
                Err(error) => malformed(&error),
            }
        }
        Err(error) => malformed(&error),
    };
    let answer = wire::pack(&told).map_err(Error::other)?;
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

fn malformed(error: &wire::FrameError) -> Told {
    tracing::warn!(%error, "malformed");
    Told::Refused {
        name: "malformed".to_owned(),
        reason: error.to_string(),
    }
}

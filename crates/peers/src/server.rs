//! Where peers hand their entries over: one path, one method, everything bounded.

use super::{
    config::Directory,
    counts::Counts,
    guard::{Guard, Refusal},
    wire::{self, DeploymentId, Handed, Id, Receipt, LETTER_BYTES_MAX},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    Method, Request, Response, StatusCode,
};
use llm_oracle_http::{self as http, Patience};
use llm_oracle_primitives::BlockNumber;
use llm_oracle_signing::Signer;
use llm_oracle_support::clock::Instant;
use scale::Encode;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::sync::CancellationToken;

/// A connection carries one letter.
const PATIENCE: Patience = Patience {
    connection: Duration::from_secs(5),
    head: Duration::from_secs(2),
};
/// Entries that wait for the next turn.
const INBOX_MAX: usize = 1_024;

/// What answers peers.
pub struct Endpoint {
    deployment: DeploymentId,
    keys: Vec<(Id, Arc<dyn Signer>)>,
    guard: Mutex<Guard>,
    inbox: Mutex<Vec<(usize, Handed)>>,
    counts: Counts,
    wake: Arc<Notify>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain values: a panic elsewhere leaves them readable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Endpoint {
    /// An endpoint of the operators with these keys.
    pub fn new(
        deployment: DeploymentId,
        directory: Arc<Directory>,
        keys: Vec<(Id, Arc<dyn Signer>)>,
        counts: Counts,
    ) -> Self {
        Self {
            deployment,
            keys,
            guard: Mutex::new(Guard::new(deployment, directory)),
            inbox: Mutex::default(),
            counts,
            wake: Arc::default(),
        }
    }

    /// Notes the finalized block: letters must not be far from it.
    pub fn looks(&self, finalized: BlockNumber) {
        locked(&self.guard).looks(finalized);
    }

    /// What has come since this was last asked, with the peer that brought it.
    pub fn collect(&self) -> Vec<(usize, Handed)> {
        std::mem::take(&mut *locked(&self.inbox))
    }

    /// A peer handed over what no honest relayer does.
    pub fn fault(&self, peer: usize) {
        locked(&self.guard).fault(peer, Instant::now());
    }

    /// Waits until something has come, or one of our letters was answered.
    pub async fn come(&self) {
        self.wake.notified().await;
    }

    /// What wakes [`Self::come`].
    pub fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// Takes a letter and returns its receipt.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn take(&self, letter: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (peer, head, entries) = locked(&self.guard).admit(letter, Instant::now())?;
        let key = self.keys.iter().find(|(id, _)| *id == head.receiver);
        let (_, key) = key.ok_or(Refusal::NotHere)?;
        let encoded = entries.encode();
        let taken: Vec<bool> = {
            let mut inbox = locked(&self.inbox);
            let put = |handed| {
                let room = inbox.len() < INBOX_MAX;
                if room {
                    inbox.push((peer, handed));
                }
                room
            };
            entries.into_iter().map(put).collect()
        };
        let full = taken.iter().filter(|taken| !**taken).count();
        for _ in 0..full {
            self.counts.refused(Refusal::Full.name());
        }
        self.wake.notify_one();
        let message = wire::receipt(&self.deployment, &head, &encoded, &taken);
        let signature = key.sign_peer(&message).map_err(|error| {
            tracing::warn!(%error, "a receipt could not be signed");
            Refusal::NoSignature
        })?;
        Ok(Receipt { taken, signature }.encode())
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
        if request.method() != Method::POST || request.uri().path() != "/entries" {
            return Err(Refusal::NoSuchPath);
        }
        let body = Limited::new(request.into_body(), LETTER_BYTES_MAX);
        let body = body.collect().await.map_err(|_| Refusal::TooLarge)?;
        self.take(&body.to_bytes())
    }
}

fn status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::NoSuchPath => StatusCode::NOT_FOUND,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Garbage => StatusCode::BAD_REQUEST,
        Refusal::Unknown | Refusal::NotHere | Refusal::Forged => StatusCode::UNAUTHORIZED,
        Refusal::NotTheirs => StatusCode::FORBIDDEN,
        Refusal::Stale | Refusal::Replayed => StatusCode::CONFLICT,
        Refusal::TooMany | Refusal::CoolsDown => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Full | Refusal::NoSignature => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Serves until it is told to stop.
pub async fn serve(listener: TcpListener, endpoint: Arc<Endpoint>, stop: CancellationToken) {
    let respond = move |request| respond(endpoint.clone(), request);
    http::serve(listener, stop, PATIENCE, respond).await;
}

async fn respond(endpoint: Arc<Endpoint>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let answered = endpoint.answer(request).await;
    let (status, body) = match answered {
        Ok(receipt) => (StatusCode::OK, receipt),
        Err(refusal) => {
            endpoint.counts.refused(refusal.name());
            tracing::debug!(reason = refusal.name(), "a letter is refused");
            (status(refusal), refusal.name().as_bytes().to_vec())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;

//! The HTTP endpoint for peers: one path, one method, everything bounded.

use super::{
    config::PeerDirectory,
    counters::PeerCounters,
    message_guard::{MessageGuard, RejectReason},
    wire::{self, Acknowledgement, DeploymentId, OperatorId, SignedEntry, MESSAGE_BYTES_MAX},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    Method, Request, Response, StatusCode,
};
use llm_oracle_http::{self as http, Timeouts};
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

/// A connection takes one message.
const TIMEOUTS: Timeouts = Timeouts {
    connection: Duration::from_secs(5),
    head: Duration::from_secs(2),
};
/// Entries that wait for the next iteration.
const INBOX_MAX: usize = 1_024;

/// Receives the messages of peers.
pub struct PeerEndpoint {
    deployment: DeploymentId,
    keys: Vec<(OperatorId, Arc<dyn Signer>)>,
    guard: Mutex<MessageGuard>,
    inbox: Mutex<Vec<(usize, SignedEntry)>>,
    counters: PeerCounters,
    wake: Arc<Notify>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain values: a panic elsewhere leaves them readable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PeerEndpoint {
    /// An endpoint of the operators with these keys.
    pub fn new(
        deployment: DeploymentId,
        directory: Arc<PeerDirectory>,
        keys: Vec<(OperatorId, Arc<dyn Signer>)>,
        counters: PeerCounters,
    ) -> Self {
        Self {
            deployment,
            keys,
            guard: Mutex::new(MessageGuard::new(deployment, directory)),
            inbox: Mutex::default(),
            counters,
            wake: Arc::default(),
        }
    }

    /// Sets the finalized block: messages must not be far from it.
    pub fn set_finalized(&self, finalized: BlockNumber) {
        locked(&self.guard).set_finalized(finalized);
    }

    /// The entries that have arrived since the last call, each with the peer that sent it.
    pub fn collect(&self) -> Vec<(usize, SignedEntry)> {
        std::mem::take(&mut *locked(&self.inbox))
    }

    /// Counts a fault: a peer handed off an entry that no honest relayer would.
    pub fn record_fault(&self, peer: usize) {
        locked(&self.guard).record_fault(peer, Instant::now());
    }

    /// Waits until entries have arrived, or one of our messages was answered.
    pub async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Wakes [`Self::changed`].
    pub fn waker(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// Accepts a message and returns the acknowledgement.
    ///
    /// # Errors
    /// Why it is rejected.
    pub fn accept(&self, message: &[u8]) -> Result<Vec<u8>, RejectReason> {
        let (peer, head, entries) = locked(&self.guard).admit(message, Instant::now())?;
        let key = self.keys.iter().find(|(id, _)| *id == head.receiver);
        let (_, key) = key.ok_or(RejectReason::OtherRecipient)?;
        let encoded = entries.encode();
        let accepted: Vec<bool> = {
            let mut inbox = locked(&self.inbox);
            let put = |entry| {
                let room = inbox.len() < INBOX_MAX;
                if room {
                    inbox.push((peer, entry));
                }
                room
            };
            entries.into_iter().map(put).collect()
        };
        let full = accepted.iter().filter(|accepted| !**accepted).count();
        for _ in 0..full {
            self.counters.rejected(RejectReason::Full.name());
        }
        self.wake.notify_one();
        let message = wire::ack_to_sign(&self.deployment, &head, &encoded, &accepted);
        let signature = key.sign_peer_message(&message).map_err(|error| {
            tracing::warn!(%error, "acknowledgement could not be signed");
            RejectReason::NoSignature
        })?;
        Ok(Acknowledgement {
            accepted,
            signature,
        }
        .encode())
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Vec<u8>, RejectReason> {
        if request.method() != Method::POST || request.uri().path() != "/entries" {
            return Err(RejectReason::NoSuchPath);
        }
        let body = Limited::new(request.into_body(), MESSAGE_BYTES_MAX);
        let body = body.collect().await.map_err(|_| RejectReason::TooLarge)?;
        self.accept(&body.to_bytes())
    }
}

fn status(reason: RejectReason) -> StatusCode {
    match reason {
        RejectReason::NoSuchPath => StatusCode::NOT_FOUND,
        RejectReason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RejectReason::Malformed => StatusCode::BAD_REQUEST,
        RejectReason::UnknownPeer | RejectReason::OtherRecipient | RejectReason::Forged => {
            StatusCode::UNAUTHORIZED
        }
        RejectReason::NotTheirEntry => StatusCode::FORBIDDEN,
        RejectReason::Stale | RejectReason::Replayed => StatusCode::CONFLICT,
        RejectReason::TooMany | RejectReason::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        RejectReason::Full | RejectReason::NoSignature => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Serves peers until `stop` is cancelled.
pub async fn serve(listener: TcpListener, endpoint: Arc<PeerEndpoint>, stop: CancellationToken) {
    let respond = move |request| respond(endpoint.clone(), request);
    http::serve(listener, stop, TIMEOUTS, respond).await;
}

async fn respond(endpoint: Arc<PeerEndpoint>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let answered = endpoint.answer(request).await;
    let (status, body) = match answered {
        Ok(ack) => (StatusCode::OK, ack),
        Err(reason) => {
            endpoint.counters.rejected(reason.name());
            tracing::debug!(reason = reason.name(), "peer message rejected");
            (status(reason), reason.wire_text().as_bytes().to_vec())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;

//! Handing entries off to peers: one message of a kind in flight to each peer, everything bounded. Nobody
//! waits for the answers.

use super::{
    config::PeersError,
    wire::{
        self, Acknowledgement, DeploymentId, EntryKey, EntryKind, OperatorId, PeerMessage,
        SignedEntry,
    },
};
use llm_oracle_http as http;
use llm_oracle_primitives::BlockNumber;
use llm_oracle_signing::Signer;
use llm_oracle_support::clock::Instant;
use reqwest::{header, Client, Response, StatusCode, Url};
use scale::DecodeAll;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
};

/// Longest time to open a connection.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// Longest time for a message and its acknowledgement.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest acknowledgement, bytes.
const ACK_BYTES_MAX: usize = 256;

/// Why it is not known that a message was accepted. It may be sent again: a transmitter that has it
/// nevertheless does no harm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// No connection, or no answer in time.
    #[error("the relayer is not reached")]
    Unreachable,
    /// The peer rejects the message with this HTTP status.
    #[error("the relayer answers with status {0}; compare the operators and the contract in both settings")]
    Rejected(u16),
    /// The answer is not a valid acknowledgement of this message.
    #[error("the relayer's acknowledgement is not signed by the receiving operator")]
    BadAcknowledgement,
    /// The message could not be signed.
    #[error("the message could not be signed: {0}")]
    Unsigned(String),
}

/// Outcome of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitOutcome {
    /// The receiving peer.
    pub peer: usize,
    /// The entries in it.
    pub keys: Vec<EntryKey>,
    /// Which of them were accepted, as the peer says.
    pub accepted: Result<Vec<bool>, SubmitError>,
}

/// An HTTP client that follows no redirect and uses no proxy from the environment.
///
/// # Errors
/// When the system's certificates can't be read.
pub fn client() -> Result<Client, PeersError> {
    client_within(SUBMIT_TIMEOUT)
}

fn client_within(longest: Duration) -> Result<Client, PeersError> {
    let built = http::client(longest)
        .no_proxy()
        .connect_timeout(CONNECT_MAX.min(longest))
        .build();
    built.map_err(|error| PeersError::Client(error.to_string()))
}

/// Sends a message, and returns which of its entries were accepted.
///
/// # Errors
/// See [`SubmitError`].
pub async fn submit_to_peer(
    client: &Client,
    deployment: &DeploymentId,
    url: Url,
    message: &PeerMessage,
) -> Result<Vec<bool>, SubmitError> {
    let request = client
        .post(url)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(message.bytes());
    let response = request.send().await.map_err(|_| SubmitError::Unreachable)?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(SubmitError::Rejected(status.as_u16()));
    }
    let bytes = body(response).await?;
    let ack =
        Acknowledgement::decode_all(&mut &*bytes).map_err(|_| SubmitError::BadAcknowledgement)?;
    let expected = wire::ack_to_sign(deployment, &message.head, &message.entries, &ack.accepted);
    if !wire::is_signed_by_peer(&expected, &ack.signature) || ack.accepted.len() != message.count {
        return Err(SubmitError::BadAcknowledgement);
    }
    Ok(ack.accepted)
}

async fn body(response: Response) -> Result<Vec<u8>, SubmitError> {
    let body = http::body(response, ACK_BYTES_MAX).await;
    body.map_err(|_| SubmitError::Unreachable)?
        .ok_or(SubmitError::BadAcknowledgement)
}

/// Messages in flight. The main loop does not wait for them; it collects outcomes in a later iteration.
pub struct PeerOutbox {
    client: Client,
    deployment: DeploymentId,
    sender: Option<(OperatorId, Arc<dyn Signer>)>,
    messages: JoinSet<SubmitOutcome>,
    busy: HashMap<(usize, EntryKind), AbortHandle>,
}

impl PeerOutbox {
    /// Messages are signed by `sender`.
    ///
    /// # Errors
    /// When the HTTP client can't be set up.
    pub fn new(
        deployment: DeploymentId,
        sender: Option<(OperatorId, Arc<dyn Signer>)>,
    ) -> Result<Self, PeersError> {
        Ok(Self {
            client: client()?,
            deployment,
            sender,
            messages: JoinSet::new(),
            busy: HashMap::new(),
        })
    }

    /// Whether a message with entries of this kind is in flight to this peer. Entries that wait for it fill
    /// the next message.
    pub fn is_busy(&self, peer: usize, kind: EntryKind) -> bool {
        let message = self.busy.get(&(peer, kind));
        message.is_some_and(|message| !message.is_finished())
    }

    /// Sends a message in the background, and wakes the main loop when it is answered.
    pub fn send(
        &mut self,
        (peer, url, receiver): (usize, Url, OperatorId),
        block: BlockNumber,
        entries: Vec<SignedEntry>,
        wake: Arc<Notify>,
    ) {
        let Some((sender, key)) = self.sender.clone() else {
            return;
        };
        let (client, deployment) = (self.client.clone(), self.deployment);
        let keys: Vec<EntryKey> = entries.iter().map(SignedEntry::key).collect();
        let Some(kind) = keys.first().map(|key| key.kind) else {
            return;
        };
        let task = async move {
            let started = Instant::now();
            let sides = (sender, receiver);
            let message = PeerMessage::sign(&deployment, sides, block, &entries, key.as_ref());
            let accepted = match &message {
                Ok(message) => submit_to_peer(&client, &deployment, url, message).await,
                Err(reason) => Err(SubmitError::Unsigned(reason.clone())),
            };
            let took_ms = started.elapsed().as_millis();
            match &accepted {
                Ok(_) => tracing::debug!(peer, entries = keys.len(), took_ms, "entries handed off"),
                Err(error) => tracing::warn!(peer, %error, "hand-off failed"),
            }
            wake.notify_one();
            SubmitOutcome {
                peer,
                keys,
                accepted,
            }
        };
        let handle = self.messages.spawn(task);
        self.busy.insert((peer, kind), handle);
    }

    /// Outcomes since the last call.
    pub fn outcomes(&mut self) -> Vec<SubmitOutcome> {
        let mut outcomes = Vec::new();
        while let Some(ended) = self.messages.try_join_next() {
            outcomes.extend(ended.ok());
        }
        outcomes
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;

//! Handing over: one letter at a time to each peer, everything bounded, nothing waited for.

use super::{
    config::PeersError,
    wire::{self, DeploymentId, Handed, Id, Key, Kind, Letter, Receipt},
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
/// Longest time for a letter and its receipt.
const LETTER_MAX: Duration = Duration::from_secs(3);
/// Largest receipt, bytes.
const RECEIPT_BYTES_MAX: usize = 256;

/// Why it is not known that a letter was taken. Nothing follows but that it may be written again: a
/// carrier that has it nevertheless does no harm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// No connection, or none in time.
    #[error("the relayer is not reached")]
    Unreachable,
    /// It refuses.
    #[error("the relayer answers with status {0}; compare the operators and the contract in both settings")]
    Refused(u16),
    /// What came back is no receipt for this letter.
    #[error("the relayer's receipt is not signed by the operator that was written to")]
    Receipt,
    /// We could not sign.
    #[error("the letter could not be signed: {0}")]
    Unsigned(String),
}

/// What came of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Who was written to.
    pub peer: usize,
    /// What was in it.
    pub keys: Vec<Key>,
    /// Which of it was taken, as the peer says.
    pub taken: Result<Vec<bool>, Lost>,
}

/// A client that follows no redirect and takes no proxy from the environment.
///
/// # Errors
/// When the system's certificates can't be read.
pub fn client() -> Result<Client, PeersError> {
    client_within(LETTER_MAX)
}

fn client_within(longest: Duration) -> Result<Client, PeersError> {
    let built = http::client(longest)
        .no_proxy()
        .connect_timeout(CONNECT_MAX.min(longest))
        .build();
    built.map_err(|error| PeersError::Client(error.to_string()))
}

/// Hands a letter over, and says which of its entries were taken.
///
/// # Errors
/// See [`Lost`].
pub async fn hand_over(
    client: &Client,
    deployment: &DeploymentId,
    url: Url,
    letter: &Letter,
) -> Result<Vec<bool>, Lost> {
    let request = client
        .post(url)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(letter.bytes());
    let response = request.send().await.map_err(|_| Lost::Unreachable)?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(Lost::Refused(status.as_u16()));
    }
    let bytes = body(response).await?;
    let receipt = Receipt::decode_all(&mut &*bytes).map_err(|_| Lost::Receipt)?;
    let wanted = wire::receipt(deployment, &letter.head, &letter.entries, &receipt.taken);
    if !wire::is_signed(&wanted, &receipt.signature) || receipt.taken.len() != letter.count {
        return Err(Lost::Receipt);
    }
    Ok(receipt.taken)
}

async fn body(response: Response) -> Result<Vec<u8>, Lost> {
    let body = http::body(response, RECEIPT_BYTES_MAX).await;
    body.map_err(|_| Lost::Unreachable)?.ok_or(Lost::Receipt)
}

/// Letters under way. The wheel does not wait for them; what came of them is there at a later turn.
pub struct Post {
    client: Client,
    deployment: DeploymentId,
    sender: Option<(Id, Arc<dyn Signer>)>,
    letters: JoinSet<Outcome>,
    busy: HashMap<(usize, Kind), AbortHandle>,
}

impl Post {
    /// Letters are signed by `sender`.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(
        deployment: DeploymentId,
        sender: Option<(Id, Arc<dyn Signer>)>,
    ) -> Result<Self, PeersError> {
        Ok(Self {
            client: client()?,
            deployment,
            sender,
            letters: JoinSet::new(),
            busy: HashMap::new(),
        })
    }

    /// Whether a letter with entries of this kind is under way to this peer. Those that wait for it fill the
    /// next one.
    pub fn is_busy(&self, peer: usize, kind: Kind) -> bool {
        let letter = self.busy.get(&(peer, kind));
        letter.is_some_and(|letter| !letter.is_finished())
    }

    /// Sends a letter on its way, and wakes the wheel when it is answered.
    pub fn send(
        &mut self,
        (peer, url, receiver): (usize, Url, Id),
        block: BlockNumber,
        entries: Vec<Handed>,
        wake: Arc<Notify>,
    ) {
        let Some((sender, key)) = self.sender.clone() else {
            return;
        };
        let (client, deployment) = (self.client.clone(), self.deployment);
        let keys: Vec<Key> = entries.iter().map(Handed::key).collect();
        let Some(kind) = keys.first().map(|key| key.kind) else {
            return;
        };
        let task = async move {
            let started = Instant::now();
            let sides = (sender, receiver);
            let letter = Letter::sign(&deployment, sides, block, &entries, key.as_ref());
            let taken = match &letter {
                Ok(letter) => hand_over(&client, &deployment, url, letter).await,
                Err(reason) => Err(Lost::Unsigned(reason.clone())),
            };
            let took_ms = started.elapsed().as_millis();
            match &taken {
                Ok(_) => tracing::debug!(peer, entries = keys.len(), took_ms, "handed over"),
                Err(error) => tracing::warn!(peer, %error, "nothing was handed over"),
            }
            wake.notify_one();
            Outcome { peer, keys, taken }
        };
        let handle = self.letters.spawn(task);
        self.busy.insert((peer, kind), handle);
    }

    /// What came of letters since this was last asked.
    pub fn outcomes(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some(ended) = self.letters.try_join_next() {
            outcomes.extend(ended.ok());
        }
        outcomes
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

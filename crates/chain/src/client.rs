//! The connection: heads, blocks by their hash, and the helpers of development nodes.

use super::{
    error::ChainError,
    health::Sight,
    transport::{Line, Watched},
    wire,
};
use futures::{stream::BoxStream, Stream, StreamExt};
use llm_oracle_primitives::{BlockNumber, Hash};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use subxt::{
    backend::LegacyBackend,
    client::{ClientAtBlock, OnlineClient, OnlineClientAtBlockImpl},
    config::{Header, RpcConfigFor, SubstrateConfig},
    events::Events,
    rpcs::{client::rpc_params, LegacyRpcMethods, RpcClient, RpcClientT},
    utils::H256,
};

/// How long to wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a single request may stay unanswered before the line counts as dead.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Blocks whose client is kept: a tick of the relayer reads one finalized and one best block, and the
/// finalized ones since the last tick with their parents.
const KEPT_BLOCKS: usize = 6;

pub(super) type Client = OnlineClient<SubstrateConfig>;
pub(super) type AtBlock = ClientAtBlock<SubstrateConfig, OnlineClientAtBlockImpl<SubstrateConfig>>;
/// The last blocks looked at, oldest first.
type Kept = VecDeque<(Hash, Arc<AtBlock>)>;
type Rpc = LegacyRpcMethods<RpcConfigFor<SubstrateConfig>>;

/// A block by hash and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub number: BlockNumber,
}

/// A connection to one node. Cheap to clone. A lost connection stays lost: connect again.
#[derive(Clone)]
pub struct Chain {
    client: Client,
    pub(super) rpc: Rpc,
    pub(super) raw: RpcClient,
    line: Line,
    url: Arc<str>,
    kept: Arc<Mutex<Kept>>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Chain")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// Connects to a node's WebSocket.
    ///
    /// # Errors
    /// `Unreachable` when nothing answers within [`CONNECT_TIMEOUT`]; `Unsupported` when the chain
    /// has no pallet-contracts.
    pub async fn connect(url: &str) -> Result<Self, ChainError> {
        Self::connect_within(url, REQUEST_TIMEOUT).await
    }

    /// The same, with a deadline of one's own for every later answer.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_within(url: &str, answer_within: Duration) -> Result<Self, ChainError> {
        let shown: Arc<str> = redact(url).into();
        let unreachable = |reason: String| ChainError::Unreachable {
            url: shown.to_string(),
            reason,
        };
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, wire::connect(url));
        let inner = connecting
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))?
            // The transport's message is kept, the URL in it is not ours to repeat.
            .map_err(|reason| unreachable(reason.replace(url, &shown)))?;
        let chain = Self::over(inner, shown.clone(), answer_within).await?;
        let head = chain.finalized().await?;
        let at = chain.at(head.hash).await?;
        if at
            .metadata()
            .runtime_api_trait_by_name("ContractsApi")
            .is_none()
        {
            return Err(ChainError::Unsupported(
                "the runtime API ContractsApi".into(),
            ));
        }
        Ok(chain)
    }

    /// Speaks over any line.
    pub(super) async fn over<C: RpcClientT>(
        inner: C,
        url: Arc<str>,
        answer_within: Duration,
    ) -> Result<Self, ChainError> {
        let line = Line::default();
        let raw = RpcClient::new(Watched {
            inner,
            line: line.clone(),
            timeout: answer_within,
        });
        let backend = Arc::new(LegacyBackend::builder().build(raw.clone()));
        let client = Client::from_backend_with_config(SubstrateConfig::new(), backend)
            .await
            .map_err(|error| ChainError::Unreachable {
                url: url.to_string(),
                reason: error.to_string(),
            })?;
        let rpc = Rpc::new(raw.clone());
        Ok(Self {
            client,
            rpc,
            raw,
            line,
            url,
            kept: Arc::default(),
        })
    }

    /// The URL without credentials, for people.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Hash of the chain's first block.
    pub fn genesis(&self) -> Hash {
        self.client.genesis_hash().0
    }

    /// The newest block the node follows.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn best(&self) -> Result<Head, ChainError> {
        let hash = self
            .rpc
            .chain_get_block_hash(None)
            .await
            .map_err(|e| self.lift("a hash", &e))?;
        let hash = hash.ok_or_else(|| ChainError::decode("the best block", "the node has none"))?;
        self.head(hash).await
    }

    /// The newest finalized block.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn finalized(&self) -> Result<Head, ChainError> {
        let hash = self
            .rpc
            .chain_get_finalized_head()
            .await
            .map_err(|e| self.lift("a head", &e))?;
        self.head(hash).await
    }

    async fn head(&self, hash: H256) -> Result<Head, ChainError> {
        let header = self.rpc.chain_get_header(Some(hash)).await;
        let header = header
            .map_err(|error| self.lift("a header", &error))?
            .ok_or_else(|| ChainError::decode("a header", format!("no block {hash:?}")))?;
        Ok(Head {
            hash: hash.0,
            number: height(header.number())?,
        })
    }

    /// Hash of the block at a height, on the chain that the node calls best.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError> {
        let hash = self.rpc.chain_get_block_hash(Some(number.into())).await;
        Ok(hash
            .map_err(|error| self.lift("a hash", &error))?
            .map(|hash| hash.0))
    }

    /// Wake-ups at finalized heads: they say that something may have happened, never what.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn wake_ups(&self) -> Result<WakeUps, ChainError> {
        let stream = self.rpc.chain_subscribe_finalized_heads().await;
        let stream = stream.map_err(|error| self.lift("finalized heads", &error))?;
        Ok(WakeUps::over(stream.map(|header| {
            let number = header.ok()?.number();
            height(number).ok()
        })))
    }

    /// Makes an empty block on a development node that seals on demand; `false` when the node has
    /// no such method (then send a remark instead).
    ///
    /// # Errors
    /// `Node` when the node has the method and refuses, connection errors.
    pub async fn create_block(&self, finalize: bool) -> Result<bool, ChainError> {
        let parent: Option<H256> = None;
        let params = rpc_params![true, finalize, parent];
        let made: Result<serde_json::Value, _> =
            self.raw.request("engine_createBlock", params).await;
        match made {
            Ok(_) => Ok(true),
            Err(error) if is_no_method(&error) => Ok(false),
            Err(error) => Err(self.lift("an empty block", &error)),
        }
    }

    /// Looks at the node's state: what it says of itself, its heads, and its block where `seen` was
    /// final. How long its head has stood still is for the caller to add.
    ///
    /// # Errors
    /// Connection errors.
    pub(super) async fn sight(&self, seen: Option<Head>) -> Result<Sight, ChainError> {
        // The finalized head first: asked for beside it, the best one could be below.
        let health = async {
            let health = self.rpc.system_health().await;
            health.map_err(|error| self.lift("its health", &error))
        };
        let (health, finalized) = futures::try_join!(health, self.finalized())?;
        let best = self.best().await?;
        let at_seen = match seen {
            Some(seen) if seen == finalized => Some(seen.hash),
            Some(seen) if seen.number <= finalized.number => self.hash_at(seen.number).await?,
            _ => None,
        };
        Ok(Sight {
            genesis: self.genesis(),
            syncing: health.is_syncing,
            peers: health.peers as u64,
            wants_peers: health.should_have_peers,
            best,
            finalized,
            still_ms: 0,
            at_seen,
            at_common: None,
        })
    }

    /// Whether the node still answers.
    ///
    /// # Errors
    /// `Lost`.
    pub async fn alive(&self) -> Result<(), ChainError> {
        self.rpc
            .system_health()
            .await
            .map(drop)
            .map_err(|error| self.lift("its health", &error))
    }

    /// Whether this connection is gone for good.
    pub fn is_lost(&self) -> bool {
        self.line.dead().is_some()
    }

    /// Tells connections apart: clones share what they keep, and nothing else does.
    pub(super) fn line(&self) -> usize {
        Arc::as_ptr(&self.kept).addr()
    }

    pub(super) async fn at_or_best(&self, at: Option<Hash>) -> Result<Arc<AtBlock>, ChainError> {
        match at {
            Some(hash) => self.at(hash).await,
            None => self.at(self.best().await?.hash).await,
        }
    }

    pub(super) async fn at(&self, hash: Hash) -> Result<Arc<AtBlock>, ChainError> {
        if let Some((_, at)) = self.lock().iter().find(|(kept, _)| *kept == hash) {
            return Ok(at.clone());
        }
        let at = self.client.at_block(H256(hash)).await;
        let at = Arc::new(at.map_err(|error| self.lift("a block", &error))?);
        let mut kept = self.lock();
        if kept.len() >= KEPT_BLOCKS {
            kept.pop_front();
        }
        kept.push_back((hash, at.clone()));
        Ok(at)
    }

    /// The runtime that ran a block: what its transactions and events are encoded for. The state after
    /// a block that upgrades the runtime has the new code already, and its parent's the code that ran.
    pub(super) async fn ran_by(&self, block: Hash) -> Result<Arc<AtBlock>, ChainError> {
        let at = self.at(block).await?;
        let header = self.rpc.chain_get_header(Some(H256(block))).await;
        let header = header.map_err(|error| self.lift("a header", &error))?;
        let Some(header) = header.filter(|header| header.number > 0) else {
            return Ok(at);
        };
        match self.at(header.parent_hash.0).await {
            Ok(parent) if parent.spec_version() != at.spec_version() => Ok(parent),
            Err(error) if error.is_connection() => Err(error),
            // The same one; or the node has pruned the parent's state, and upgrades are rare.
            _ => Ok(at),
        }
    }

    /// The events of a block, to be read by the runtime that made them, which comes with them.
    pub(super) async fn events_of(
        &self,
        block: Hash,
    ) -> Result<(Arc<AtBlock>, Events<SubstrateConfig>), ChainError> {
        let fetched = self.at(block).await?.events().fetch().await;
        let fetched = fetched.map_err(|error| self.lift("a block's events", &error))?;
        let ran = self.ran_by(block).await?;
        let events = ran.events().from_bytes(fetched.bytes().to_vec());
        Ok((ran, events))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // The queue is whole between any two statements, so a panic elsewhere left it usable.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names an error of subxt: lost when the line is dead, the node's own word otherwise.
    pub(super) fn lift(&self, what: &str, error: &dyn std::fmt::Display) -> ChainError {
        match self.line.dead() {
            Some(reason) => ChainError::Lost {
                url: self.url.to_string(),
                reason: reason.to_owned(),
            },
            None => ChainError::Node {
                what: what.to_owned(),
                reason: error.to_string(),
            },
        }
    }
}

/// Stream of finalized heads, used as an alarm clock.
pub struct WakeUps {
    /// In a mutex, which is never locked, so that whoever holds this can be shared between threads.
    stream: Mutex<BoxStream<'static, Option<BlockNumber>>>,
}

impl WakeUps {
    /// Wake-ups from a stream that ends, or gives nothing, when the connection is gone.
    pub fn over(stream: impl Stream<Item = Option<BlockNumber>> + Send + 'static) -> Self {
        Self {
            stream: Mutex::new(stream.boxed()),
        }
    }

    /// Waits for the next finalized head; `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<BlockNumber> {
        let stream = self
            .stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        stream.next().await?
    }
}

/// Whether the node says that it has no such method, or none for us.
fn is_no_method(error: &subxt::rpcs::Error) -> bool {
    // JSON-RPC 2.0: -32601 is 'method not found'.
    matches!(error, subxt::rpcs::Error::User(user) if user.code == -32601)
}

fn height(number: u64) -> Result<BlockNumber, ChainError> {
    BlockNumber::try_from(number).map_err(|error| ChainError::decode("a block's height", error))
}

/// The URL without user, password, path and query: keys of hosted nodes stand in any of them.
pub fn redact(url: &str) -> String {
    let parted = url.split_once("://");
    // What stands before the first '://' of some other text may be a secret too.
    let parted = parted.filter(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()));
    let (scheme, rest) = parted.unwrap_or(("ws", url));
    // A backslash is a slash to those who connect.
    let authority = rest.split(['/', '\\', '?', '#']).next();
    let authority = authority.unwrap_or_default();
    let after = rest.get(authority.len()..).unwrap_or_default();
    if after.contains('@') {
        // A path, or a password with such a character in it: nobody can tell, so neither is shown.
        return format!("{scheme}://***");
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn urls_are_shown_without_anything_secret() {
        for (url, shown) in [
            ("ws://127.0.0.1:9944", "ws://127.0.0.1:9944"),
            (
                "wss://user:pass@node.example:443/key?token=1",
                "wss://node.example:443",
            ),
            ("wss://node.example/v1/0123abcd", "wss://node.example"),
            ("wss://user:pa/ss@node.example", "wss://***"),
            ("wss://us@er:pa#ss@node.example", "wss://***"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }
}

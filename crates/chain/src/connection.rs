//! One connection to one node: requests, heads, and the blocks whose metadata it caches.

use super::{
    error::ChainError,
    heads::{HeadFeed, HeadSubscription, PushedHeads},
    quick_ack,
    redact::redact,
    refusal::RpcRefusal,
    transport::{ConnectionState, TimeoutRpcClient},
    types::{block_number, Head, Rpc},
};
use llm_oracle_primitives::{AccountId, BlockNumber, Hash};
use std::{
    collections::{HashMap, VecDeque},
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use subxt::{
    backend::LegacyBackend,
    client::{ClientAtBlock, OnlineClient, OnlineClientAtBlockImpl},
    config::{Header, SubstrateConfig},
    events::Events,
    rpcs::{RpcClient, RpcClientT},
    utils::H256,
};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a single request may stay unanswered before the connection counts as lost.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Blocks whose client is cached: an iteration of the relayer reads one finalized and one best block, and
/// the finalized ones since the last iteration with their parents.
const CACHED_BLOCKS: usize = 6;

/// A block, with the metadata of its runtime.
pub(super) type AtBlock = ClientAtBlock<SubstrateConfig, OnlineClientAtBlockImpl<SubstrateConfig>>;
/// The blocks that were read last, oldest first.
type BlockCache = VecDeque<(Hash, Arc<AtBlock>)>;

/// A connection to one node. Cheap to clone; clones share it. A lost connection stays lost.
#[derive(Clone)]
pub(super) struct Connection {
    client: OnlineClient<SubstrateConfig>,
    /// The node's usual RPC methods.
    pub(super) rpc: Rpc,
    /// Any other RPC method.
    pub(super) raw: RpcClient,
    state: ConnectionState,
    feed: Arc<HeadFeed>,
    url: Arc<str>,
    cache: Arc<Mutex<BlockCache>>,
    /// Where contracts have their entries: it is the same for as long as a contract exists.
    pub(super) tries: Arc<Mutex<HashMap<AccountId, Vec<u8>>>>,
}

impl Connection {
    /// Connects to a node's WebSocket. Later requests fail after `request_timeout`.
    pub(super) async fn open(url: &str, request_timeout: Duration) -> Result<Self, ChainError> {
        let shown: Arc<str> = redact(url).into();
        let unreachable = |reason: String| ChainError::Unreachable {
            url: shown.to_string(),
            reason,
        };
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, quick_ack::connect(url));
        let inner = connecting
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))?
            // The transport's message is kept, without the URL, which may hold credentials.
            .map_err(|reason| unreachable(reason.replace(url, &shown)))?;
        Self::over(inner, shown.clone(), request_timeout).await
    }

    /// A connection over any RPC client.
    pub(super) async fn over<C: RpcClientT>(
        inner: C,
        url: Arc<str>,
        request_timeout: Duration,
    ) -> Result<Self, ChainError> {
        let state = ConnectionState::default();
        let raw = RpcClient::new(TimeoutRpcClient {
            inner,
            state: state.clone(),
            timeout: request_timeout,
        });
        let backend = Arc::new(LegacyBackend::builder().build(raw.clone()));
        let client = OnlineClient::from_backend_with_config(SubstrateConfig::new(), backend)
            .await
            .map_err(|error| match state.failure() {
                Some(_) => ChainError::Unreachable {
                    url: url.to_string(),
                    reason: error.to_string(),
                },
                // The node is there, and refused.
                None => lift(&state, &url, "a look at the chain", &error),
            })?;
        let rpc = Rpc::new(raw.clone());
        Ok(Self {
            client,
            rpc,
            raw,
            state,
            feed: Arc::default(),
            url,
            cache: Arc::default(),
            tries: Arc::default(),
        })
    }

    /// The URL without credentials.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Hash of the chain's first block.
    pub(super) fn genesis(&self) -> Hash {
        self.client.genesis_hash().0
    }

    /// Whether the connection is lost.
    pub(super) fn is_lost(&self) -> bool {
        self.state.failure().is_some()
    }

    /// What is known of the connection: requests so far, pauses that the node wants.
    pub(super) fn state(&self) -> &ConnectionState {
        &self.state
    }

    /// Subscribes to the node's heads: it says them by itself from then on.
    pub(super) async fn subscribe(&self) -> Result<HeadSubscription, ChainError> {
        let subscribed = self.feed.subscribe(&self.rpc).await;
        subscribed.map_err(|error| self.lift("finalized heads", &error))
    }

    /// What the node has said of its heads by itself.
    pub(super) fn pushed_heads(&self) -> Option<PushedHeads> {
        self.feed.heads().filter(|_| !self.is_lost())
    }

    /// The finalized block at a height, if the node has said it by itself.
    pub(super) fn known_hash(&self, number: BlockNumber) -> Option<Hash> {
        self.feed.finalized_at(number)
    }

    /// Identifies the connection: clones share the cache, other connections have their own.
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.cache).addr()
    }

    pub(super) async fn best(&self) -> Result<Head, ChainError> {
        let hash = self.rpc.chain_get_block_hash(None).await;
        let hash = hash.map_err(|error| self.lift("a hash", &error))?;
        let hash = hash.ok_or_else(|| ChainError::decode("the best block", "the node has none"))?;
        self.head(hash).await
    }

    pub(super) async fn finalized(&self) -> Result<Head, ChainError> {
        let hash = self.rpc.chain_get_finalized_head().await;
        self.head(hash.map_err(|error| self.lift("a head", &error))?)
            .await
    }

    async fn head(&self, hash: H256) -> Result<Head, ChainError> {
        if let Some(number) = self.feed.number_of(&hash.0) {
            return Ok(Head {
                hash: hash.0,
                number,
            });
        }
        let header = self.rpc.chain_get_header(Some(hash)).await;
        let header = header
            .map_err(|error| self.lift("a header", &error))?
            .ok_or_else(|| ChainError::decode("a header", format!("no block {hash:?}")))?;
        let number = block_number(header.number())?;
        self.feed.note(hash.0, number, header.parent_hash.0);
        Ok(Head {
            hash: hash.0,
            number,
        })
    }

    /// Hash of the block at a height, on the node's best chain.
    pub(super) async fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError> {
        let hash = self.rpc.chain_get_block_hash(Some(number.into())).await;
        let hash = hash.map_err(|error| self.lift("a hash", &error))?;
        Ok(hash.map(|hash| hash.0))
    }

    pub(super) async fn at_or_best(&self, at: Option<Hash>) -> Result<Arc<AtBlock>, ChainError> {
        match at {
            Some(hash) => self.at(hash).await,
            None => self.at(self.best().await?.hash).await,
        }
    }

    pub(super) async fn at(&self, hash: Hash) -> Result<Arc<AtBlock>, ChainError> {
        if let Some((_, at)) = self.lock().iter().find(|(cached, _)| *cached == hash) {
            return Ok(at.clone());
        }
        let at = match self.feed.number_of(&hash) {
            Some(number) => {
                let client = &self.client;
                client
                    .at_block_hash_and_number(H256(hash), number.into())
                    .await
            }
            None => self.client.at_block(H256(hash)).await,
        };
        let at = Arc::new(at.map_err(|error| self.lift("a block", &error))?);
        let mut cache = self.lock();
        if cache.len() >= CACHED_BLOCKS {
            cache.pop_front();
        }
        cache.push_back((hash, at.clone()));
        Ok(at)
    }

    /// The runtime that executed a block: its transactions and events are encoded for this one. The state
    /// after a block that upgrades the runtime has the new code already; the state of its parent has the
    /// code that executed it.
    pub(super) async fn executed_by(&self, block: Hash) -> Result<Arc<AtBlock>, ChainError> {
        let at = self.at(block).await?;
        let parent = match self.feed.parent_of(&block) {
            Some(parent) => parent,
            None => {
                let header = self.rpc.chain_get_header(Some(H256(block))).await;
                let header = header.map_err(|error| self.lift("a header", &error))?;
                let Some(header) = header.filter(|header| header.number > 0) else {
                    return Ok(at);
                };
                header.parent_hash.0
            }
        };
        match self.at(parent).await {
            Ok(parent) if parent.spec_version() != at.spec_version() => Ok(parent),
            Err(error) if error.is_connection() => Err(error),
            // The same runtime; or the node has pruned the parent's state, and upgrades are rare.
            _ => Ok(at),
        }
    }

    /// The events of a block, with the runtime that emitted them, which decodes them.
    pub(super) async fn events_of(
        &self,
        block: Hash,
    ) -> Result<(Arc<AtBlock>, Events<SubstrateConfig>), ChainError> {
        let fetched = self.at(block).await?.events().fetch().await;
        let fetched = fetched.map_err(|error| self.lift("a block's events", &error))?;
        let runtime = self.executed_by(block).await?;
        let events = runtime.events().from_bytes(fetched.bytes().to_vec());
        Ok((runtime, events))
    }

    fn lock(&self) -> MutexGuard<'_, BlockCache> {
        // The queue is whole between any two statements, so a panic elsewhere left it usable.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns an error of subxt into `Lost` when the connection has failed, and by the node's refusal
    /// otherwise.
    pub(super) fn lift(&self, what: &str, error: &dyn Display) -> ChainError {
        lift(&self.state, &self.url, what, error)
    }
}

fn lift(state: &ConnectionState, url: &str, what: &str, error: &dyn Display) -> ChainError {
    let (what, reason) = (what.to_owned(), error.to_string());
    if let Some(lost) = state.failure() {
        return ChainError::Lost {
            url: url.to_owned(),
            reason: lost.to_owned(),
        };
    }
    match state.refusal_in(&reason) {
        Some(RpcRefusal::RateLimited(_)) => ChainError::RateLimited {
            url: url.to_owned(),
            what,
            reason,
            pause_ms: state.pause().map_or(0, |pause| {
                u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
            }),
        },
        Some(RpcRefusal::StateGone) => ChainError::StateGone { what, reason },
        Some(RpcRefusal::MethodNotFound) => ChainError::MethodNotFound { what, reason },
        Some(RpcRefusal::Internal | RpcRefusal::Other) | None => ChainError::Node { what, reason },
    }
}

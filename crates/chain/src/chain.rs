//! A node behind a WebSocket.

use super::{
    api::ChainApi,
    changes::block_events,
    connection::{Connection, REQUEST_TIMEOUT},
    contracts_api,
    error::ChainError,
    event::{oracle_events, LocatedEvent},
    fee,
    heads::{HeadSubscription, PushedHeads},
    health::NodeStatus,
    inclusion::submit,
    inputs,
    node_health::NodeHealth,
    properties::{self, ChainProperties},
    sign, state,
    transport::RpcCount,
    types::{BlockEvents, DryRunOutcome, DryRunRequest, Head, SignedTx, TxTerms, Weight},
};
use async_trait::async_trait;
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Hash};
use llm_oracle_rules::Key;
use llm_oracle_signing::Signer;
use llm_oracle_support::address::account32;
use std::{sync::Arc, time::Duration};
use subxt::utils::MultiAddress;

/// A connection to one node. Cheap to clone. A lost connection stays lost: connect again.
#[derive(Clone)]
pub struct Chain {
    pub(super) connection: Connection,
    health: Arc<NodeHealth>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Chain")
            .field("url", &self.connection.url())
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// Connects to a node's WebSocket.
    ///
    /// # Errors
    /// `Unreachable` when nothing answers within 10 seconds; `Unsupported` when the chain has no
    /// pallet-contracts; `Unhealthy` when it may only not have got that far.
    pub async fn connect(url: &str) -> Result<Self, ChainError> {
        Self::connect_within(url, REQUEST_TIMEOUT).await
    }

    /// The same, with another timeout for every later request.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_within(url: &str, request_timeout: Duration) -> Result<Self, ChainError> {
        let connection = Connection::open(url, request_timeout).await?;
        let head = connection.finalized().await?;
        let at = connection.at(head.hash).await?;
        let metadata = at.metadata();
        let serves_contracts = metadata.runtime_api_trait_by_name("ContractsApi").is_some();
        let chain = Self::over(connection);
        if serves_contracts {
            return Ok(chain);
        }
        // The runtime of old blocks may lack what that of today has.
        if head.number == 0 || chain.health.get(&chain.connection).await?.is_syncing {
            return Err(ChainError::Unhealthy {
                url: chain.connection.url().to_owned(),
                reason: "it is still syncing, and its finalized block has no ContractsApi".into(),
            });
        }
        Err(ChainError::Unsupported(
            "the runtime API ContractsApi".into(),
        ))
    }

    /// A chain over a connection that stands.
    pub(super) fn over(connection: Connection) -> Self {
        Self {
            connection,
            health: Arc::default(),
        }
    }

    /// The newest finalized block.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn finalized(&self) -> Result<Head, ChainError> {
        self.connection.finalized().await
    }

    /// Timestamp of a block, milliseconds since 1970; 0 before the first block that has one.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn timestamp_ms(&self, at: Hash) -> Result<u64, ChainError> {
        state::timestamp_ms(&self.connection, at).await
    }

    /// The oracle's events of one block, in their order.
    ///
    /// # Errors
    /// Connection errors; `Decode` when an event with a topic of the oracle does not decode.
    pub async fn oracle_events(
        &self,
        contract: &AccountId,
        block: Hash,
    ) -> Result<Vec<LocatedEvent>, ChainError> {
        oracle_events(&self.connection, contract, block).await
    }

    /// Indices of the pallet and the call by which this chain calls contracts.
    ///
    /// # Errors
    /// Connection errors; `Unsupported` when there is no such call.
    pub async fn contracts_call(&self) -> Result<[u8; 2], ChainError> {
        sign::contracts_call(&self.connection).await
    }
}

impl AsRef<dyn ChainApi> for Chain {
    fn as_ref(&self) -> &(dyn ChainApi + 'static) {
        self
    }
}

#[async_trait]
impl ChainApi for Chain {
    fn url(&self) -> &str {
        self.connection.url()
    }

    fn genesis(&self) -> Hash {
        self.connection.genesis()
    }

    fn is_lost(&self) -> bool {
        self.connection.is_lost()
    }

    fn connection_id(&self) -> usize {
        self.connection.id()
    }

    async fn properties(&self) -> Result<ChainProperties, ChainError> {
        properties::read(&self.connection).await
    }

    async fn best(&self) -> Result<Head, ChainError> {
        self.connection.best().await
    }

    async fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError> {
        match self.connection.known_hash(number) {
            Some(hash) => Ok(Some(hash)),
            None => self.connection.hash_at(number).await,
        }
    }

    async fn finalized_heads(&self) -> Result<HeadSubscription, ChainError> {
        self.connection.subscribe().await
    }

    fn pushed_heads(&self) -> Option<PushedHeads> {
        self.connection.pushed_heads()
    }

    fn known_hash(&self, number: BlockNumber) -> Option<Hash> {
        self.connection.known_hash(number)
    }

    fn rpc_count(&self) -> RpcCount {
        self.connection.state().count()
    }

    fn pause(&self) -> Option<Duration> {
        self.connection.state().pause()
    }

    async fn block_events(
        &self,
        contract: &AccountId,
        block: Hash,
    ) -> Result<BlockEvents, ChainError> {
        block_events(&self.connection, contract, block).await
    }

    async fn node_status(&self, seen: Option<Head>) -> Result<NodeStatus, ChainError> {
        let connection = &self.connection;
        // The finalized head first: read at the same time, the best one could be below.
        let health = self.health.get(connection);
        let (health, finalized) = futures::try_join!(health, connection.finalized())?;
        let best = connection.best().await?;
        let at_seen = match seen {
            Some(seen) if seen == finalized => Some(seen.hash),
            Some(seen) if seen.number <= finalized.number => {
                connection.hash_at(seen.number).await?
            }
            _ => None,
        };
        Ok(NodeStatus {
            genesis: connection.genesis(),
            syncing: health.is_syncing,
            peers: health.peers,
            expects_peers: health.expects_peers,
            best,
            finalized,
            stalled_for_ms: 0,
            at_seen,
        })
    }

    async fn nonce_at(&self, account: &AccountId, at: Hash) -> Result<u64, ChainError> {
        let info = state::account_info(&self.connection, account, Some(at)).await?;
        Ok(info.map_or(0, |info| info.nonce))
    }

    async fn next_nonce(&self, account: &AccountId) -> Result<u64, ChainError> {
        let account = account32(account);
        let nonce = self
            .connection
            .rpc
            .system_account_next_index(&account)
            .await;
        nonce.map_err(|error| self.connection.lift("the account's nonce", &error))
    }

    async fn free_balance(&self, account: &AccountId) -> Result<Balance, ChainError> {
        let info = state::account_info(&self.connection, account, None).await?;
        Ok(info.map_or(0, |info| info.data.free))
    }

    async fn code_hash(
        &self,
        contract: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<Hash>, ChainError> {
        let info = state::contract_info(&self.connection, contract, at).await?;
        Ok(info.map(|info| info.code_hash.0))
    }

    async fn storage_entries(
        &self,
        contract: &AccountId,
        keys: &[Key],
        at: Hash,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        state::storage_entries(&self.connection, contract, keys, at).await
    }

    async fn max_extrinsic(&self, at: Hash) -> Result<Option<Weight>, ChainError> {
        let at = self.connection.at(at).await?;
        fee::max_extrinsic(&at)
    }

    async fn contract_inputs(
        &self,
        contract: &AccountId,
        block: Hash,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        inputs::contract_inputs(&self.connection, contract, block).await
    }

    async fn run_call(&self, request: DryRunRequest<'_>) -> Result<DryRunOutcome, ChainError> {
        contracts_api::run_call(&self.connection, request).await
    }

    async fn sign_call_with(
        &self,
        signer: &dyn Signer,
        terms: TxTerms,
        contract: &AccountId,
        value: Balance,
        input: &[u8],
        gas_limit: Weight,
        storage_deposit_limit: Option<Balance>,
    ) -> Result<SignedTx, ChainError> {
        let call = sign::CallArguments {
            dest: MultiAddress::Id(account32(contract)),
            value,
            gas_limit,
            storage_deposit_limit,
            data: input.to_vec(),
        };
        sign::sign_call(&self.connection, signer, terms, call).await
    }

    async fn fee_of(&self, bytes: &[u8]) -> Result<Balance, ChainError> {
        fee::fee_of(&self.connection, bytes).await
    }

    async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError> {
        submit(&self.connection, bytes).await
    }
}

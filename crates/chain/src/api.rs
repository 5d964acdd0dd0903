//! What the relayer needs of a node, as a trait.
//!
//! [`Chain`](crate::Chain) implements it over a WebSocket; the simulation implements it in memory.

use super::{
    call::Call,
    error::ChainError,
    heads::{HeadSubscription, PushedHeads},
    health::NodeStatus,
    properties::ChainProperties,
    transport::RpcCount,
    types::{
        BlockEvents, DryRun, DryRunLimits, DryRunOutcome, DryRunRequest, Head, SignedTx, TxTerms,
        Weight,
    },
};
use async_trait::async_trait;
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Hash};
use llm_oracle_rules::Key;
use llm_oracle_signing::Signer;
use scale::Decode;
use std::{sync::Arc, time::Duration};

/// Any chain that the relayer can work on. Cheap to clone.
pub type AnyChain = Arc<dyn ChainApi>;

/// The calls of one connection to one node.
#[async_trait]
#[allow(clippy::missing_errors_doc)] // All: connection errors, and `Node` when the node refuses.
pub trait ChainApi: Send + Sync {
    /// The URL without credentials, for logs.
    fn url(&self) -> &str;
    /// Hash of the chain's first block.
    fn genesis(&self) -> Hash;
    /// Whether this connection is lost; a lost one never recovers.
    fn is_lost(&self) -> bool;
    /// Identifies the connection among those that exist at the same time; clones share it.
    fn connection_id(&self) -> usize;

    /// What the chain says about its coin and its addresses.
    async fn properties(&self) -> Result<ChainProperties, ChainError> {
        Ok(ChainProperties::default())
    }
    /// The node's best block.
    async fn best(&self) -> Result<Head, ChainError>;
    /// Hash of the block at a height, on the node's best chain.
    async fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError>;
    /// Subscribes to finalized heads.
    async fn finalized_heads(&self) -> Result<HeadSubscription, ChainError>;
    /// What the node has said of its heads by itself; without a subscription nothing.
    fn pushed_heads(&self) -> Option<PushedHeads> {
        None
    }
    /// The finalized block at a height, if it is known without asking.
    fn known_hash(&self, _number: BlockNumber) -> Option<Hash> {
        None
    }
    /// Requests sent over this connection so far.
    fn rpc_count(&self) -> RpcCount {
        RpcCount::default()
    }
    /// How long the node wants no request.
    fn pause(&self) -> Option<Duration> {
        None
    }
    /// Which requests of an oracle a block has changed, by its events. `Unknown` is always right.
    async fn block_events(
        &self,
        _contract: &AccountId,
        _block: Hash,
    ) -> Result<BlockEvents, ChainError> {
        Ok(BlockEvents::UNKNOWN)
    }
    /// The node's own state, its heads, and its block at the height of `seen`. The caller adds for how
    /// long the best block has not changed.
    async fn node_status(&self, seen: Option<Head>) -> Result<NodeStatus, ChainError>;

    /// Nonce of an account after a block, without transactions in the pool.
    async fn nonce_at(&self, account: &AccountId, at: Hash) -> Result<u64, ChainError>;
    /// Next free nonce of an account, counting transactions in the node's pool.
    async fn next_nonce(&self, account: &AccountId) -> Result<u64, ChainError>;
    /// Free balance of an account at the best block, planck.
    async fn free_balance(&self, account: &AccountId) -> Result<Balance, ChainError>;
    /// Hash of a contract's code, at a block or the best one; `None` when there is no contract.
    async fn code_hash(
        &self,
        contract: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<Hash>, ChainError>;
    /// Raw entries of an oracle's storage after a block, in the order of the keys. `Node` when the node
    /// does not serve them, or has pruned this block's state.
    async fn storage_entries(
        &self,
        contract: &AccountId,
        keys: &[Key],
        at: Hash,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError>;
    /// Greatest weight of one transaction on this chain at a block, if it has a limit.
    async fn max_extrinsic(&self, at: Hash) -> Result<Option<Weight>, ChainError>;
    /// Selector and arguments of every call of a contract in a block: failed calls too, and calls in
    /// batches of the pallet Utility.
    async fn contract_inputs(
        &self,
        contract: &AccountId,
        block: Hash,
    ) -> Result<Vec<Vec<u8>>, ChainError>;

    /// Runs a call without sending it. A call that the contract reverts is not an error here.
    async fn run_call(&self, request: DryRunRequest<'_>) -> Result<DryRunOutcome, ChainError>;
    /// Signs a call of a contract. Nothing is sent. `Node` when the chain has a fee extension that is
    /// not known here, with its name; `Immortal` if the transaction would never expire; `Signer`.
    #[allow(clippy::too_many_arguments)] // The transaction's own fields, each needed.
    async fn sign_call_with(
        &self,
        signer: &dyn Signer,
        terms: TxTerms,
        contract: &AccountId,
        value: Balance,
        input: &[u8],
        gas_limit: Weight,
        storage_deposit_limit: Option<Balance>,
    ) -> Result<SignedTx, ChainError>;
    /// The same without a tip, valid for as long as the chain allows.
    #[allow(clippy::too_many_arguments)] // As above.
    async fn sign_call(
        &self,
        signer: &dyn Signer,
        nonce: u64,
        contract: &AccountId,
        value: Balance,
        input: &[u8],
        gas_limit: Weight,
        storage_deposit_limit: Option<Balance>,
    ) -> Result<SignedTx, ChainError> {
        let (terms, deposit) = (nonce.into(), storage_deposit_limit);
        self.sign_call_with(signer, terms, contract, value, input, gas_limit, deposit)
            .await
    }
    /// The most that signed bytes can cost beside deposits, planck, as the chain estimates it: the fee
    /// for the whole gas limit, of which the unused part is paid back. Nothing is sent.
    async fn fee_of(&self, bytes: &[u8]) -> Result<Balance, ChainError>;
    /// Adds bytes to the node's pool. Sending the same bytes again does no harm. `Pool` when the pool
    /// rejects them.
    async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError>;
}

impl std::fmt::Debug for dyn ChainApi {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ChainApi({})", self.url())
    }
}

impl dyn ChainApi {
    /// Runs a call at a block (the best one without `at`) without sending it.
    ///
    /// # Errors
    /// `Contract` when the oracle refuses, `Dispatch` when the call fails in another way,
    /// `NoContract` when nothing is deployed there, connection errors.
    pub async fn dry_run<T: Decode>(
        &self,
        origin: &AccountId,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
        at: Option<Hash>,
    ) -> Result<DryRun<T>, ChainError> {
        self.dry_run_within(origin, contract, value, call, DryRunLimits::default(), at)
            .await
    }

    /// The same under limits, for calls that read how much gas is left, or that run code of strangers.
    ///
    /// # Errors
    /// As [`Self::dry_run`].
    pub async fn dry_run_within<T: Decode>(
        &self,
        origin: &AccountId,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
        limits: DryRunLimits,
        at: Option<Hash>,
    ) -> Result<DryRun<T>, ChainError> {
        let request = DryRunRequest {
            origin,
            contract,
            value,
            message: call.name(),
            input: call.input(),
            limits,
            at,
        };
        let outcome = self.run_call(request).await?;
        Ok(DryRun {
            value: call.decode(&outcome.data, outcome.reverted)?,
            gas_required: outcome.gas_required,
            gas_consumed: outcome.gas_consumed,
            deposit: outcome.deposit,
        })
    }

    /// Whether both use the same connection.
    pub fn is_same_connection(&self, other: &Self) -> bool {
        self.connection_id() == other.connection_id()
    }
}

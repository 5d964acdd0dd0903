//! The seam at the chain: what the pipeline asks of a node, and nothing more.
//!
//! [`Chain`] is the node behind a WebSocket. Tests put a chain of their own here.

use super::{
    call::Call,
    client::{Chain, Head, WakeUps},
    error::ChainError,
    exec::{Deposit, DryRun, Weight},
    health::Sight,
    tx::SignedTx,
};
use async_trait::async_trait;
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Hash};
use llm_oracle_rules::Key;
use llm_oracle_signing::Signer;
use scale::Decode;
use std::sync::Arc;

/// Any chain that the pipeline can work on. Cheap to clone.
pub type AnyChain = Arc<dyn Access>;

/// A call of a contract that is run and not sent.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Who would sign it.
    pub origin: &'a AccountId,
    /// Whom it calls.
    pub contract: &'a AccountId,
    /// Money sent along, planck.
    pub value: Balance,
    /// The message's name, for errors.
    pub message: &'static str,
    /// Its selector and arguments.
    pub input: &'a [u8],
    /// Most gas; as much as a block has without it.
    pub gas_limit: Option<Weight>,
    /// The block to run on top of; the best one without it.
    pub at: Option<Hash>,
}

/// What a call would return and cost, not yet read.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What it returned.
    pub data: Vec<u8>,
    /// Whether it undid everything.
    pub reverted: bool,
    /// Gas limit it needs.
    pub gas_required: Weight,
    /// Gas it used.
    pub gas_consumed: Weight,
    /// Its effect on storage deposits.
    pub deposit: Deposit,
}

/// What the pipeline needs of a chain, over one connection to one node.
#[async_trait]
#[allow(clippy::missing_errors_doc)] // All: connection errors, and what the node says.
pub trait Access: Send + Sync {
    /// The URL without credentials, for people.
    fn url(&self) -> &str;
    /// Hash of the chain's first block.
    fn genesis(&self) -> Hash;
    /// Whether this connection is gone for good.
    fn is_lost(&self) -> bool;
    /// Tells connections apart for as long as they are held.
    fn line(&self) -> usize;

    /// The newest block the node follows.
    async fn best(&self) -> Result<Head, ChainError>;
    /// Hash of the block at a height, on the chain that the node calls best.
    async fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError>;
    /// Wake-ups at finalized heads: they say that something may have happened, never what.
    async fn wake_ups(&self) -> Result<WakeUps, ChainError>;
    /// The node's own state, and its block where `seen` was final.
    async fn sight(&self, seen: Option<Head>) -> Result<Sight, ChainError>;

    /// Nonce of an account after a block, without what waits in the pool.
    async fn nonce_at(&self, account: &AccountId, at: Hash) -> Result<u64, ChainError>;
    /// Next free nonce of an account, counting what waits in the node's pool.
    async fn next_nonce(&self, account: &AccountId) -> Result<u64, ChainError>;
    /// Free balance of an account, planck.
    async fn free_balance(&self, account: &AccountId) -> Result<Balance, ChainError>;
    /// Hash of the code behind a contract's address; `None` when there is no contract.
    async fn code_hash(
        &self,
        contract: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<Hash>, ChainError>;
    /// What lies in these cells of an oracle's storage after a block, in their order.
    async fn cells(
        &self,
        contract: &AccountId,
        keys: &[Key],
        at: Hash,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError>;
    /// Greatest weight of one transaction on this chain at a block, if it has a limit.
    async fn max_extrinsic(&self, at: Hash) -> Result<Option<Weight>, ChainError>;
    /// Selector and arguments of every call of a contract in a block.
    async fn contract_inputs(
        &self,
        contract: &AccountId,
        block: Hash,
    ) -> Result<Vec<Vec<u8>>, ChainError>;

    /// Runs a call without sending it. A call that the contract reverts is no error here.
    async fn run(&self, run: Run<'_>) -> Result<Ran, ChainError>;
    /// Signs a call of a contract. Nothing is sent.
    #[allow(clippy::too_many_arguments)] // The transaction's own fields, each needed.
    async fn sign_call(
        &self,
        signer: &dyn Signer,
        nonce: u64,
        contract: &AccountId,
        value: Balance,
        input: &[u8],
        gas_limit: Weight,
        storage_deposit_limit: Option<Balance>,
    ) -> Result<SignedTx, ChainError>;
    /// The most that signed bytes may cost, planck, as the chain estimates it.
    async fn fee_of(&self, bytes: &[u8]) -> Result<Balance, ChainError>;
    /// Hands bytes to the node's pool. Sending the same bytes again does no harm.
    async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError>;
}

impl std::fmt::Debug for dyn Access {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Access({})", self.url())
    }
}

impl dyn Access {
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
        self.dry_run_within(origin, contract, value, call, None, at)
            .await
    }

    /// The same under a gas limit, for calls that look at what gas is left.
    ///
    /// # Errors
    /// As [`Self::dry_run`].
    pub async fn dry_run_within<T: Decode>(
        &self,
        origin: &AccountId,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
        gas_limit: Option<Weight>,
        at: Option<Hash>,
    ) -> Result<DryRun<T>, ChainError> {
        let ran = self
            .run(Run {
                origin,
                contract,
                value,
                message: call.name(),
                input: call.input(),
                gas_limit,
                at,
            })
            .await?;
        Ok(DryRun {
            value: call.decode(&ran.data, ran.reverted)?,
            gas_required: ran.gas_required,
            gas_consumed: ran.gas_consumed,
            deposit: ran.deposit,
        })
    }

    /// Whether both speak over one connection.
    pub fn is_same_line(&self, other: &Self) -> bool {
        self.line() == other.line()
    }
}

impl AsRef<dyn Access> for Chain {
    fn as_ref(&self) -> &(dyn Access + 'static) {
        self
    }
}

#[async_trait]
impl Access for Chain {
    fn url(&self) -> &str {
        Chain::url(self)
    }
    fn genesis(&self) -> Hash {
        Chain::genesis(self)
    }
    fn is_lost(&self) -> bool {
        Chain::is_lost(self)
    }
    fn line(&self) -> usize {
        Chain::line(self)
    }
    async fn best(&self) -> Result<Head, ChainError> {
        Chain::best(self).await
    }
    async fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError> {
        Chain::hash_at(self, number).await
    }
    async fn wake_ups(&self) -> Result<WakeUps, ChainError> {
        Chain::wake_ups(self).await
    }
    async fn sight(&self, seen: Option<Head>) -> Result<Sight, ChainError> {
        Chain::sight(self, seen).await
    }
    async fn nonce_at(&self, account: &AccountId, at: Hash) -> Result<u64, ChainError> {
        Chain::nonce_at(self, account, at).await
    }
    async fn next_nonce(&self, account: &AccountId) -> Result<u64, ChainError> {
        Chain::next_nonce(self, account).await
    }
    async fn free_balance(&self, account: &AccountId) -> Result<Balance, ChainError> {
        Chain::free_balance(self, account).await
    }
    async fn code_hash(
        &self,
        contract: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<Hash>, ChainError> {
        Chain::code_hash(self, contract, at).await
    }
    async fn cells(
        &self,
        contract: &AccountId,
        keys: &[Key],
        at: Hash,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        Chain::cells(self, contract, keys, at).await
    }
    async fn max_extrinsic(&self, at: Hash) -> Result<Option<Weight>, ChainError> {
        Chain::max_extrinsic(self, at).await
    }
    async fn contract_inputs(
        &self,
        contract: &AccountId,
        block: Hash,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        Chain::contract_inputs(self, contract, block).await
    }
    async fn run(&self, run: Run<'_>) -> Result<Ran, ChainError> {
        Chain::run(self, run).await
    }
    async fn sign_call(
        &self,
        signer: &dyn Signer,
        nonce: u64,
        contract: &AccountId,
        value: Balance,
        input: &[u8],
        gas_limit: Weight,
        deposit_limit: Option<Balance>,
    ) -> Result<SignedTx, ChainError> {
        Chain::sign_call(
            self,
            signer,
            nonce,
            contract,
            value,
            input,
            gas_limit,
            deposit_limit,
        )
        .await
    }
    async fn fee_of(&self, bytes: &[u8]) -> Result<Balance, ChainError> {
        Chain::fee_of(self, bytes).await
    }
    async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError> {
        Chain::submit(self, bytes).await
    }
}

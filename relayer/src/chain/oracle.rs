//! The oracle's read-only messages, at a block of one's choice.

use super::{
    access::Access,
    call::{oracle as messages, Call},
    client::Chain,
    error::ChainError,
};
use llm_oracle_primitives::{
    limits, AccountId, AnswerState, Balance, Config, Hash, LedgerView, OperatorView, Quote,
    RequestId, RequestView, Slot, Summary, Terms,
};
use scale::Decode;

/// One oracle contract on one chain: that of a node, or [`super::AnyChain`]. Reads take the block to
/// read at; `None` is the best block.
#[derive(Debug, Clone)]
pub struct Oracle<C = Chain> {
    /// The connection.
    pub chain: C,
    /// The contract's address.
    pub address: AccountId,
}

#[allow(missing_docs)] // Each is the contract's message of the same name.
#[allow(clippy::missing_errors_doc)] // All: connection errors, `NoContract`, `Decode`, refusals.
impl<C: AsRef<dyn Access>> Oracle<C> {
    pub fn new(chain: C, address: AccountId) -> Self {
        Self { chain, address }
    }

    /// Any read of this contract. Nobody in particular is its origin: reads need no account, and the
    /// contract itself would be refused a quote, because it can't ask itself.
    pub async fn read<T: Decode>(&self, call: &Call<T>, at: Option<Hash>) -> Result<T, ChainError> {
        let nobody = AccountId::from([0; 32]);
        let ran = self
            .chain
            .as_ref()
            .dry_run(&nobody, &self.address, 0, call, at)
            .await?;
        Ok(ran.value)
    }

    pub async fn interface_version(&self, at: Option<Hash>) -> Result<u32, ChainError> {
        self.read(&messages::interface_version(), at).await
    }
    pub async fn config(&self, at: Option<Hash>) -> Result<Config, ChainError> {
        self.read(&messages::config(), at).await
    }
    pub async fn quote(
        &self,
        terms: &Terms,
        reward: Balance,
        at: Option<Hash>,
    ) -> Result<Quote, ChainError> {
        self.read(&messages::quote(terms, reward), at).await
    }
    pub async fn next_id(&self, at: Option<Hash>) -> Result<RequestId, ChainError> {
        self.read(&messages::next_id(), at).await
    }
    pub async fn request(
        &self,
        id: RequestId,
        at: Option<Hash>,
    ) -> Result<Option<RequestView>, ChainError> {
        self.read(&messages::request(id), at).await
    }
    pub async fn terms(
        &self,
        id: RequestId,
        at: Option<Hash>,
    ) -> Result<Option<Terms>, ChainError> {
        self.read(&messages::terms(id), at).await
    }
    /// Looks at the ids `from..from + min(limit, MAX_PAGE)`.
    pub async fn summaries(
        &self,
        from: RequestId,
        limit: u32,
        at: Option<Hash>,
    ) -> Result<Vec<Summary>, ChainError> {
        self.read(&messages::summaries(from, limit), at).await
    }
    pub async fn answer_of(
        &self,
        id: RequestId,
        at: Option<Hash>,
    ) -> Result<AnswerState, ChainError> {
        self.read(&messages::answer_of(id), at).await
    }
    pub async fn operator(
        &self,
        account: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<OperatorView>, ChainError> {
        self.read(&messages::operator(*account), at).await
    }
    pub async fn operators(
        &self,
        from: Slot,
        limit: u32,
        at: Option<Hash>,
    ) -> Result<Vec<OperatorView>, ChainError> {
        self.read(&messages::operators(from, limit), at).await
    }
    pub async fn credit_of(
        &self,
        account: &AccountId,
        at: Option<Hash>,
    ) -> Result<Balance, ChainError> {
        self.read(&messages::credit_of(*account), at).await
    }
    pub async fn ledger(&self, at: Option<Hash>) -> Result<LedgerView, ChainError> {
        self.read(&messages::ledger(), at).await
    }

    /// Every request from `from` on that has not been pruned, page by page, all at one block.
    pub async fn summaries_from(
        &self,
        from: RequestId,
        at: Hash,
    ) -> Result<Vec<Summary>, ChainError> {
        let next = self.next_id(Some(at)).await?;
        let mut all = Vec::new();
        let mut id = from;
        while id < next {
            all.extend(self.summaries(id, limits::MAX_PAGE, Some(at)).await?);
            id = id.saturating_add(u64::from(limits::MAX_PAGE));
        }
        Ok(all)
    }
}

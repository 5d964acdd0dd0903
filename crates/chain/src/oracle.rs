//! The oracle's read-only messages, called at any block.

use super::{
    api::ChainApi,
    call::{oracle as messages, Call},
    chain::Chain,
    error::ChainError,
};
use futures::{stream, StreamExt, TryStreamExt};
use llm_oracle_primitives::{
    limits, AccountId, AnswerState, Balance, Config, Hash, LedgerView, OperatorView, Quote,
    RequestId, RequestView, SetView, Slot, Summary, Terms,
};
use scale::Decode;
use std::collections::BTreeSet;

/// Concurrent reads of one contract: a node has few processors, and other clients need some of them.
pub const READS_AT_ONCE: usize = 16;

/// One oracle contract over a connection: [`Chain`] or [`super::AnyChain`]. Reads take the block to read
/// at; `None` is the best block.
#[derive(Debug, Clone)]
pub struct OracleClient<C = Chain> {
    /// The connection.
    pub chain: C,
    /// The contract's address.
    pub address: AccountId,
}

#[allow(missing_docs)] // Each is the contract's message of the same name.
#[allow(clippy::missing_errors_doc)] // All: connection errors, `NoContract`, `Decode`, refusals.
impl<C: AsRef<dyn ChainApi>> OracleClient<C> {
    pub fn new(chain: C, address: AccountId) -> Self {
        Self { chain, address }
    }

    /// Any read of this contract. The origin is the zero account: reads need no account, and the
    /// contract as origin would be refused a quote, because it can't ask itself.
    pub async fn read<T: Decode>(&self, call: &Call<T>, at: Option<Hash>) -> Result<T, ChainError> {
        let origin = AccountId::from([0; 32]);
        let dry = self
            .chain
            .as_ref()
            .dry_run(&origin, &self.address, 0, call, at)
            .await?;
        Ok(dry.value)
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
    pub async fn lowest_open_id(&self, at: Option<Hash>) -> Result<RequestId, ChainError> {
        self.read(&messages::lowest_open_id(), at).await
    }
    pub async fn operators_count(&self, at: Option<Hash>) -> Result<u32, ChainError> {
        self.read(&messages::operators_count(), at).await
    }
    pub async fn set(&self, number: u32, at: Option<Hash>) -> Result<Option<SetView>, ChainError> {
        self.read(&messages::set(number), at).await
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
    /// Reads the ids `from..from + min(limit, MAX_PAGE)`.
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
        self.summaries_but(from, next, &BTreeSet::new(), at).await
    }

    /// The same for the requests `from..next`, without pages in which all are in `known`.
    pub async fn summaries_but(
        &self,
        from: RequestId,
        next: RequestId,
        known: &BTreeSet<RequestId>,
        at: Hash,
    ) -> Result<Vec<Summary>, ChainError> {
        let pages = pages(from, next, known).into_iter();
        let read = pages.map(|page| self.summaries(page, limits::MAX_PAGE, Some(at)));
        let read = stream::iter(read).buffered(READS_AT_ONCE);
        let pages: Vec<_> = read.try_collect().await?;
        Ok(pages.into_iter().flatten().collect())
    }
}

/// First ids of the pages that together hold every request of `from..next` that is not known.
fn pages(from: RequestId, next: RequestId, known: &BTreeSet<RequestId>) -> Vec<RequestId> {
    let mut pages = Vec::new();
    let mut id = from;
    while id < next {
        if known.contains(&id) {
            id = id.saturating_add(1);
        } else {
            pages.push(id);
            id = id.saturating_add(u64::from(limits::MAX_PAGE));
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_what_is_not_known_and_no_more() {
        let known = |ids: &[RequestId]| ids.iter().copied().collect();
        assert_eq!(pages(0, 0, &known(&[])), Vec::<RequestId>::new());
        assert_eq!(pages(3, 4, &known(&[])), [3]);
        assert_eq!(pages(0, 101, &known(&[])), [0, 50, 100]);
        // The first page begins with what is not known, and reaches over what is.
        assert_eq!(pages(0, 101, &known(&[0, 1, 5])), [2, 52]);
        assert_eq!(pages(0, 3, &known(&[0, 1, 2])), Vec::<RequestId>::new());
        let first: BTreeSet<_> = (1..500).collect();
        assert_eq!(pages(0, 501, &first), [0, 500]);
    }
}

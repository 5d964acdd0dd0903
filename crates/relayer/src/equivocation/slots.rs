//! Which account an operator's slot belongs to.

use crate::{error::RelayerError, node_session::ChainView};
use llm_oracle_primitives::{limits::MAX_PAGE, AccountId, Hash, Slot};
use std::collections::HashMap;

/// Accounts by slot; a slot keeps its account for ever.
#[derive(Default)]
pub(super) struct Slots {
    accounts: HashMap<Slot, AccountId>,
    /// How many slots there were at a block.
    count: Option<(Hash, Slot)>,
}

impl Slots {
    /// The account of a slot; `None` when there is no such slot. Costs one read for each block in which
    /// unknown slots come up, and one for each page of operators that there are.
    ///
    /// # Errors
    /// Errors of the chain.
    pub(super) async fn account(
        &mut self,
        chain: &ChainView,
        slot: Slot,
    ) -> Result<Option<AccountId>, RelayerError> {
        if let Some(account) = self.accounts.get(&slot) {
            return Ok(Some(*account));
        }
        if slot >= self.count(chain).await? {
            return Ok(None);
        }
        let place = slot.checked_rem(MAX_PAGE).unwrap_or_default();
        let first = slot.saturating_sub(place);
        let page = chain.oracle.operators(first, MAX_PAGE, None).await?;
        let found = page.into_iter().map(|view| (view.slot, view.operator));
        self.accounts.extend(found);
        Ok(self.accounts.get(&slot).copied())
    }

    async fn count(&mut self, chain: &ChainView) -> Result<Slot, RelayerError> {
        let at = chain.finalized.hash;
        if let Some((_, count)) = self.count.filter(|(block, _)| *block == at) {
            return Ok(count);
        }
        let count = chain.oracle.config(Some(at)).await?.operators;
        self.count = Some((at, count));
        Ok(count)
    }
}

//! Published sets of operators, each read once: a set never changes.

use crate::{error::RelayerError, node_session::ChainView};
use llm_oracle_primitives::SetView;
use std::{collections::HashMap, sync::Arc};

/// Sets that are kept, at most 1 KiB each; others are read again.
const SETS_MAX: usize = 256;

/// The sets that requests have named so far.
#[derive(Default)]
pub(crate) struct OperatorSets(HashMap<u32, Arc<SetView>>);

impl OperatorSets {
    /// The set with this number at the finalized block; `None` for a request that names none, and while
    /// there is no such set.
    ///
    /// # Errors
    /// Errors of the chain.
    pub(crate) async fn read(
        &mut self,
        chain: &ChainView,
        number: Option<u32>,
    ) -> Result<Option<Arc<SetView>>, RelayerError> {
        let Some(number) = number else {
            return Ok(None);
        };
        if let Some(set) = self.0.get(&number) {
            return Ok(Some(set.clone()));
        }
        let read = chain.oracle.set(number, Some(chain.finalized.hash));
        let set = read.await?.map(Arc::new);
        if let Some(set) = &set {
            self.keep(number, set);
        }
        Ok(set)
    }

    fn keep(&mut self, number: u32, set: &Arc<SetView>) {
        if self.0.len() >= SETS_MAX {
            self.0.clear();
        }
        self.0.insert(number, set.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut sets = OperatorSets::default();
        let set = Arc::new(SetView {
            publisher: [1; 32].into(),
            slots: vec![1],
        });
        for number in 0..1_000 {
            sets.keep(number, &set);
            assert!(sets.0.len() <= SETS_MAX && sets.0.contains_key(&number));
        }
    }
}

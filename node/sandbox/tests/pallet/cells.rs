//! The oracle's storage as it lies on the chain, read by the plain rules: what the contract's views
//! would show, without running it, and what lies there besides.

use std::collections::BTreeMap;

use codec::Decode;
use llm_oracle_primitives::{AccountId, BlockNumber, Config, OperatorView, RequestId, RequestView};
pub use llm_oracle_rules::Key;
use llm_oracle_rules::{
    Account, Counters, Oracle, Treasury,
    cells::{self, CellHost},
    codec as raw,
};

use super::world::{World, on_chain};

/// Bytes of the root key that ink! puts before the key of a mapping.
const ROOT_BYTES: usize = 4;

/// All cells of an oracle at one moment.
pub struct Cells {
    pub cells: BTreeMap<Key, Vec<u8>>,
    read: cells::Cells,
    block: BlockNumber,
    pub contract: AccountId,
}

impl World {
    /// The oracle's storage now.
    pub fn cells(&mut self) -> Cells {
        let oracle = on_chain(self.oracle);
        let stored = self.sandbox.storage_of(&oracle);
        let cells = stored.into_iter().filter_map(|(key, value)| {
            // ink!'s root struct, which holds nothing, is the one cell without a key of ours.
            let key = key.get(ROOT_BYTES..).filter(|key| !key.is_empty())?;
            Some((Key::decode(&mut &key[..]).unwrap(), value))
        });
        let cells: BTreeMap<_, _> = cells.collect();
        let balance = self.sandbox.spendable(&oracle);
        Cells {
            read: cells::Cells::whole(cells.clone(), balance),
            cells,
            block: self.block(),
            contract: self.oracle,
        }
    }
}

impl Cells {
    /// Reads through a view.
    pub fn view<T>(&self, view: impl FnOnce(&mut Oracle<&CellHost<'_>>) -> T) -> T {
        let read = self.read.view(self.block, view);
        read.expect("no cell that every oracle has is empty")
    }

    pub fn treasury(&self) -> Option<Treasury> {
        Treasury::read(self.cells.get(&Key::Treasury)?)
    }

    /// The latest block that anything reaches to.
    pub fn reach(&self) -> BlockNumber {
        let counters = self.cells.get(&Key::Counters);
        let counters = counters.and_then(|bytes| Counters::read(bytes));
        counters.unwrap_or_default().reach
    }

    pub fn config(&self) -> Config {
        self.view(|oracle| oracle.config())
    }

    /// Stored requests.
    pub fn ids(&self) -> impl Iterator<Item = RequestId> + '_ {
        self.cells.keys().filter_map(|key| match key {
            Key::Request(id) => Some(*id),
            _ => None,
        })
    }

    pub fn requests(&self) -> BTreeMap<RequestId, RequestView> {
        self.ids()
            .map(|id| (id, self.view(|oracle| oracle.request_view(id)).unwrap()))
            .collect()
    }

    pub fn operators(&self) -> Vec<OperatorView> {
        self.view(|oracle| oracle.operators_view(0, u32::MAX))
    }

    /// Accounts that are not operators'.
    pub fn accounts(&self) -> BTreeMap<AccountId, Account> {
        let account = |(key, bytes): (&Key, &Vec<u8>)| match key {
            Key::Account(id) => Some((*id, raw::decode(bytes)?)),
            _ => None,
        };
        self.cells.iter().filter_map(account).collect()
    }
}

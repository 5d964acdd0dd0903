//! The oracle's storage as it lies on the chain, read by the plain rules: what the contract's views
//! would show, without running it, and what lies there besides.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use llm_oracle_primitives::{
    AccountId, Balance, BlockNumber, CallbackLimits, Config, Hash, OperatorView, Outcome,
    RequestId, RequestView, Signature, Slot, Terms, event::Event,
};
use llm_oracle_rules::{
    Account, Announced, Counters, Host, House, Identity, Oracle, ParamsCell, Request, codec as raw,
};
use zerocopy::FromBytes;

use super::world::{World, on_chain};

/// Key of a cell, as the contract's `host.rs` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Key {
    Identity,
    Params,
    Counters,
    Request(RequestId),
    Terms(RequestId),
    Operators(u32),
    Slot(AccountId),
    Account(AccountId),
    Text(RequestId),
    House,
    Tickets(u32),
    OfferedTo,
    NextCode,
}

/// Bytes of the root key that ink! puts before the key of a mapping.
const ROOT_BYTES: usize = 4;

/// All cells of an oracle at one moment.
pub struct Cells {
    pub cells: BTreeMap<Key, Vec<u8>>,
    block: BlockNumber,
    balance: Balance,
    pub contract: AccountId,
}

impl World {
    /// Writes cells of the oracle's storage past the oracle, without a deposit.
    pub fn overwrite(&mut self, cells: &[(Key, Vec<u8>)]) {
        let oracle = on_chain(self.oracle);
        let stored = self.sandbox.storage_of(&oracle);
        // Every cell has the same root key.
        let root = &stored.keys().next_back().unwrap()[..ROOT_BYTES];
        for (key, value) in cells {
            let own = [root, &key.encode()].concat();
            self.sandbox.overwrite(&oracle, &own, value);
        }
    }

    /// The oracle's storage now.
    pub fn cells(&mut self) -> Cells {
        let oracle = on_chain(self.oracle);
        let stored = self.sandbox.storage_of(&oracle);
        let cells = stored.into_iter().filter_map(|(key, value)| {
            // ink!'s root struct, which holds nothing, is the one cell without a key of ours.
            let key = key.get(ROOT_BYTES..).filter(|key| !key.is_empty())?;
            Some((Key::decode(&mut &key[..]).unwrap(), value))
        });
        Cells {
            cells: cells.collect(),
            block: self.block(),
            balance: self.sandbox.spendable(&oracle),
            contract: self.oracle,
        }
    }
}

impl Cells {
    fn bytes(&self, key: Key) -> Option<&Vec<u8>> {
        self.cells.get(&key)
    }

    fn read<T: Decode>(&self, key: Key) -> Option<T> {
        raw::decode(self.bytes(key)?)
    }

    fn record<T: FromBytes>(&self, key: Key) -> Option<T> {
        T::read_from_bytes(self.bytes(key)?).ok()
    }

    /// Reads through a view.
    pub fn view<T>(&self, view: impl FnOnce(&mut Oracle<&Self>) -> T) -> T {
        view(&mut Oracle::new(self))
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
        let account = |key: &Key| match key {
            Key::Account(id) => Some((*id, self.account(id)?)),
            _ => None,
        };
        self.cells.keys().filter_map(account).collect()
    }
}

const NEVER: &str = "views write nothing";

/// For views only: nothing is written and nobody is called.
impl Host for &Cells {
    fn caller(&self) -> AccountId {
        unreachable!("{NEVER}")
    }
    fn caller_is_origin(&self) -> bool {
        true
    }
    fn value(&self) -> Balance {
        0
    }
    fn block(&self) -> BlockNumber {
        self.block
    }
    fn contract(&self) -> AccountId {
        self.contract
    }
    fn balance(&self) -> Balance {
        self.balance
    }
    fn gas_left(&self) -> u64 {
        u64::MAX
    }
    fn price_of(&self, ref_time: u64) -> Balance {
        Balance::from(ref_time)
    }
    fn verify(&self, _: &Signature, _: &[u8], _: &AccountId) -> bool {
        unreachable!("{NEVER}")
    }
    fn identity(&self) -> Identity {
        self.record(Key::Identity).unwrap()
    }
    fn set_identity(&mut self, _: &Identity) {
        unreachable!("{NEVER}")
    }
    fn params_cell(&self) -> ParamsCell {
        ParamsCell::read(self.bytes(Key::Params).unwrap()).unwrap()
    }
    fn set_params_cell(&mut self, _: &ParamsCell) {
        unreachable!("{NEVER}")
    }
    fn offered_to(&self) -> Option<AccountId> {
        self.read(Key::OfferedTo)
    }
    fn set_offered_to(&mut self, _: Option<&AccountId>) {
        unreachable!("{NEVER}")
    }
    fn next_code(&self) -> Option<Announced> {
        self.read(Key::NextCode)
    }
    fn set_next_code(&mut self, _: Option<&Announced>) {
        unreachable!("{NEVER}")
    }
    fn house(&self) -> Option<Box<House>> {
        self.record(Key::House).map(Box::new)
    }
    fn set_house(&mut self, _: &House) {
        unreachable!("{NEVER}")
    }
    fn read_ticket_cell(&self, cell: u32, bytes: &mut Vec<u8>) {
        *bytes = self.bytes(Key::Tickets(cell)).cloned().unwrap_or_default();
    }
    fn set_ticket_cell(&mut self, _: u32, _: &[u8]) {
        unreachable!("{NEVER}")
    }
    fn text(&self, id: RequestId) -> Option<Vec<u8>> {
        self.bytes(Key::Text(id)).cloned()
    }
    fn set_text(&mut self, _: RequestId, _: &[u8]) {
        unreachable!("{NEVER}")
    }
    fn counters(&self) -> Counters {
        self.record(Key::Counters).unwrap_or_default()
    }
    fn set_counters(&mut self, _: &Counters) {
        unreachable!("{NEVER}")
    }
    fn request(&self, id: RequestId) -> Option<Box<Request>> {
        self.read(Key::Request(id)).map(Box::new)
    }
    fn set_request(&mut self, _: RequestId, _: &Request) {
        unreachable!("{NEVER}")
    }
    fn terms(&self, id: RequestId) -> Option<Terms> {
        self.read(Key::Terms(id))
    }
    fn set_terms(&mut self, _: RequestId, _: &Terms) {
        unreachable!("{NEVER}")
    }
    fn remove_request(&mut self, _: RequestId) {
        unreachable!("{NEVER}")
    }
    fn read_operator_cell(&self, cell: u32, bytes: &mut Vec<u8>) {
        let stored = self.bytes(Key::Operators(cell));
        *bytes = stored.cloned().unwrap_or_default();
    }
    fn set_operator_cell(&mut self, _: u32, _: &[u8]) {
        unreachable!("{NEVER}")
    }
    fn slot_of(&self, operator: &AccountId) -> Option<Slot> {
        self.read(Key::Slot(*operator))
    }
    fn set_slot_of(&mut self, _: &AccountId, _: Slot) {
        unreachable!("{NEVER}")
    }
    fn account(&self, id: &AccountId) -> Option<Account> {
        self.read(Key::Account(*id))
    }
    fn set_account(&mut self, _: &AccountId, _: &Account) {
        unreachable!("{NEVER}")
    }
    fn remove_account(&mut self, _: &AccountId) {
        unreachable!("{NEVER}")
    }
    fn emit(&mut self, _: Event) {
        unreachable!("{NEVER}")
    }
    fn pay(&mut self, _: &AccountId, _: Balance) -> bool {
        unreachable!("{NEVER}")
    }
    fn set_code(&mut self, _: &Hash) -> bool {
        unreachable!("{NEVER}")
    }
    fn call_back(&mut self, _: &AccountId, _: &CallbackLimits, _: RequestId, _: &Outcome) -> bool {
        unreachable!("{NEVER}")
    }
}

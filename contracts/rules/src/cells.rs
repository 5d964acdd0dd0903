//! The contract's storage as bytes: what lies under which key, for whoever reads it without running the
//! contract.
//!
//! Any node gives the cells of a contract at a block. Over them [`CellHost`] runs the contract's own
//! views, at a hundredth of what a call of the contract costs the node.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use ink::env::hash::{Blake2x128, CryptoHash};
use llm_oracle_primitives::{
    event::Event, AccountId, Balance, BlockNumber, CallbackLimits, Hash, Outcome, Params,
    RequestId, Signature, Slot, Terms,
};
use scale::Decode;
use zerocopy::FromZeros;

use crate::{
    codec, Account, Announced, Counters, Host, Identity, Key, OperatorSet, Oracle, ParamsCell,
    Profile, Request, Treasury,
};

/// What ink! puts before the key of each cell: the key of the contract's one mapping.
pub const ROOT: u32 = 0x7c4b_c350;

/// The key of a cell in the contract's child trie. The pallet puts the BLAKE2b-128 digest of a key before
/// the key that the contract gives.
pub fn storage_key(key: &Key) -> Vec<u8> {
    let given = codec::encode(&(ROOT, key));
    let mut digest = [0; 16];
    Blake2x128::hash(&given, &mut digest);
    [digest.as_slice(), &given].concat()
}

/// Cells of one contract at one block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// What lies in each; `None`: nothing.
    known: BTreeMap<Key, Option<Vec<u8>>>,
    /// These are all there are; with the contract's free balance, planck.
    whole: Option<Balance>,
}

impl Cells {
    /// All cells that there are, and the contract's free balance, planck.
    pub fn whole(cells: impl IntoIterator<Item = (Key, Vec<u8>)>, balance: Balance) -> Self {
        let cells = cells.into_iter();
        Self {
            known: cells.map(|(key, bytes)| (key, Some(bytes))).collect(),
            whole: Some(balance),
        }
    }

    /// Adds what lies in a cell.
    pub fn insert(&mut self, key: Key, bytes: Option<Vec<u8>>) {
        self.known.insert(key, bytes);
    }

    /// Whether it is known what lies in a cell.
    pub fn knows(&self, key: &Key) -> bool {
        self.known.contains_key(key)
    }

    /// The keys of all that are known.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.known.keys()
    }

    /// Forgets all others.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key) -> bool) {
        self.known.retain(|key, _| keep(key));
    }

    /// Runs views in a block of this height.
    ///
    /// # Errors
    /// The keys of the cells that they looked for and that are not known. A cell that every oracle has
    /// and that is empty is among them each time.
    pub fn view<T>(
        &self,
        block: BlockNumber,
        views: impl FnOnce(&mut Oracle<&CellHost<'_>>) -> T,
    ) -> Result<T, Vec<Key>> {
        let host = CellHost {
            cells: self,
            block,
            missing: RefCell::default(),
        };
        let value = views(&mut Oracle::new(&host));
        let missing = host.missing.into_inner();
        match missing.is_empty() {
            true => Ok(value),
            false => Err(missing.into_iter().collect()),
        }
    }
}

/// The rules' world when all there is are cells. Nothing has an effect, and nobody is asked for a view.
pub struct CellHost<'a> {
    cells: &'a Cells,
    block: BlockNumber,
    missing: RefCell<BTreeSet<Key>>,
}

impl CellHost<'_> {
    fn bytes(&self, key: Key) -> Option<&[u8]> {
        match self.cells.known.get(&key) {
            Some(bytes) => bytes.as_deref(),
            None if self.cells.whole.is_some() => None,
            None => self.without(key, None),
        }
    }

    /// Stands in for a cell that every oracle has: what a view makes of it is not given out.
    fn without<T>(&self, key: Key, value: T) -> T {
        self.missing.borrow_mut().insert(key);
        value
    }

    fn load<T: Decode>(&self, key: Key) -> Option<T> {
        codec::decode(self.bytes(key)?)
    }

    fn packed(&self, key: Key, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(self.bytes(key).unwrap_or_default());
    }
}

impl Host for &CellHost<'_> {
    fn caller(&self) -> AccountId {
        [0; 32].into()
    }
    fn caller_is_origin(&self) -> bool {
        false
    }
    fn value(&self) -> Balance {
        0
    }
    fn block(&self) -> BlockNumber {
        self.block
    }
    fn contract(&self) -> AccountId {
        [0; 32].into()
    }
    fn balance(&self) -> Balance {
        self.cells.whole.unwrap_or_default()
    }
    fn gas_left(&self) -> u64 {
        u64::MAX
    }
    fn has_room(&self) -> bool {
        true
    }
    fn price_of(&self, _: u64) -> Balance {
        0
    }
    fn verify(&self, _: &Signature, _: &[u8], _: &AccountId) -> bool {
        false
    }

    fn identity(&self) -> Identity {
        let read = self.bytes(Key::Identity).and_then(Identity::read);
        match read {
            Some(identity) => identity,
            None => self.without(Key::Identity, Identity::new_zeroed()),
        }
    }
    fn params_cell(&self) -> ParamsCell {
        match self.bytes(Key::Params).and_then(ParamsCell::read) {
            Some(params) => params,
            None => self.without(
                Key::Params,
                ParamsCell::new(Params::for_unit(1_000_000_000_000)),
            ),
        }
    }
    fn offered_to(&self) -> Option<AccountId> {
        self.load(Key::OfferedTo)
    }
    fn next_code(&self) -> Option<Announced> {
        self.load(Key::NextCode)
    }
    fn treasury(&self) -> Option<Treasury> {
        Treasury::read(self.bytes(Key::Treasury)?)
    }
    fn profile(&self, slot: Slot) -> Option<Profile> {
        self.load(Key::Profile(slot))
    }
    fn operator_set(&self, set: u32) -> Option<OperatorSet> {
        self.load(Key::Set(set))
    }
    fn text(&self, id: RequestId) -> Option<Vec<u8>> {
        self.bytes(Key::Text(id)).map(<[u8]>::to_vec)
    }
    fn counters(&self) -> Counters {
        self.bytes(Key::Counters)
            .and_then(Counters::read)
            .unwrap_or_default()
    }
    fn request(&self, id: RequestId) -> Option<Box<Request>> {
        self.load(Key::Request(id)).map(Box::new)
    }
    fn terms(&self, id: RequestId) -> Option<Terms> {
        self.load(Key::Terms(id))
    }
    fn read_operator_cell(&self, cell: u32, bytes: &mut Vec<u8>) {
        self.packed(Key::Operators(cell), bytes);
    }
    fn slot_of(&self, operator: &AccountId) -> Option<Slot> {
        self.load(Key::Slot(*operator))
    }
    fn account(&self, id: &AccountId) -> Option<Account> {
        self.load(Key::Account(*id))
    }

    fn set_identity(&mut self, _: &Identity) {}
    fn set_params_cell(&mut self, _: &ParamsCell) {}
    fn set_offered_to(&mut self, _: Option<&AccountId>) {}
    fn set_next_code(&mut self, _: Option<&Announced>) {}
    fn set_treasury(&mut self, _: &Treasury) {}
    fn set_profile(&mut self, _: Slot, _: &Profile) {}
    fn set_operator_set(&mut self, _: u32, _: &OperatorSet) {}
    fn set_text(&mut self, _: RequestId, _: &[u8]) {}
    fn set_counters(&mut self, _: &Counters) {}
    fn set_request(&mut self, _: RequestId, _: &Request) {}
    fn set_terms(&mut self, _: RequestId, _: &Terms) {}
    fn remove_request(&mut self, _: RequestId) {}
    fn set_operator_cell(&mut self, _: u32, _: &[u8]) {}
    fn set_slot_of(&mut self, _: &AccountId, _: Slot) {}
    fn set_account(&mut self, _: &AccountId, _: &Account) {}
    fn remove_account(&mut self, _: &AccountId) {}
    fn emit(&mut self, _: Event) {}
    fn pay(&mut self, _: &AccountId, _: Balance) -> bool {
        false
    }
    fn has_code(&mut self, _: &Hash) -> bool {
        false
    }
    fn set_code(&mut self, _: &Hash) -> bool {
        false
    }
    fn call_back(&mut self, _: &AccountId, _: &CallbackLimits, _: RequestId, _: &Outcome) -> bool {
        false
    }
}

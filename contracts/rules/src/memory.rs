//! A host in memory: the rules without a chain, for tests and simulations.

use std::collections::BTreeMap;

use llm_oracle_primitives::{
    event::Event, AccountId, Balance, BlockNumber, CallbackLimits, Config, Error, Hash, Outcome,
    Params, RequestId, Signature, Slot, Terms,
};

use zerocopy::IntoBytes;

use crate::{
    codec, Account, Announced, Counters, Host, Identity, Key, OperatorSet, Oracle, ParamsCell,
    Profile, Refusal, Request, Treasury,
};

/// The contract's storage, its money and its surroundings.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryHost {
    /// Height of the block; the test moves it.
    pub block: BlockNumber,
    /// The contract's free balance, planck.
    pub balance: Balance,
    /// What accounts were paid out, planck.
    pub paid: BTreeMap<AccountId, Balance>,
    /// Events of successful calls, oldest first.
    pub events: Vec<Event>,
    /// Whether the next callbacks succeed.
    pub callbacks_succeed: bool,
    /// An account that the chain pays nothing out to.
    pub refused: Option<AccountId>,
    /// Whether there is memory for another entry of a batch.
    pub has_room: bool,
    /// Outcomes handed to consumers.
    pub delivered: Vec<(AccountId, RequestId, Outcome)>,
    caller: AccountId,
    value: Balance,
    identity: Identity,
    contract: AccountId,
    params: ParamsCell,
    offered_to: Option<AccountId>,
    next_code: Option<Announced>,
    treasury: Option<Treasury>,
    profiles: BTreeMap<Slot, Profile>,
    sets: BTreeMap<u32, OperatorSet>,
    texts: BTreeMap<RequestId, Vec<u8>>,
    counters: Counters,
    requests: BTreeMap<RequestId, Request>,
    terms: BTreeMap<RequestId, Terms>,
    cells: BTreeMap<u32, Vec<u8>>,
    slots: BTreeMap<AccountId, Slot>,
    accounts: BTreeMap<AccountId, Account>,
}

impl MemoryHost {
    /// Planck of one coin in [`Self::new`].
    pub const UNIT: Balance = 1_000_000_000_000;

    /// A fresh deployment in block 1 with owner and deployer `[0xee; 32]`.
    pub fn new(params: Params) -> Self {
        let deployer = AccountId::from([0xee; 32]);
        let (genesis, sink) = ([0x11; 32], AccountId::from([0xdd; 32]));
        let coin = (Self::UNIT, params.upgrade_delay_blocks);
        let identity = Identity::new(genesis, deployer, (1, 6_000), Some(sink), coin);
        Self::with_identity(identity, params, Self::address())
    }

    /// A fresh deployment like another one: with its domain and at its address, so that everything
    /// signed for one is valid for both.
    pub fn like(other: &Config, contract: AccountId) -> Self {
        let identity = Identity::new(
            other.genesis,
            other.deployer,
            (other.deployed_at, other.deployed_at_ms),
            Some(other.sink),
            (other.unit, other.min_notice_blocks),
        );
        Self::with_identity(identity, other.params, contract)
    }

    fn with_identity(identity: Identity, params: Params, contract: AccountId) -> Self {
        let deployer = identity.deployer();
        let mut host = Self {
            block: 1,
            balance: 0,
            paid: BTreeMap::new(),
            events: Vec::new(),
            callbacks_succeed: true,
            refused: None,
            has_room: true,
            delivered: Vec::new(),
            caller: deployer,
            value: 0,
            identity,
            contract,
            params: ParamsCell::new(params),
            offered_to: None,
            next_code: None,
            treasury: None,
            profiles: BTreeMap::new(),
            sets: BTreeMap::new(),
            texts: BTreeMap::new(),
            counters: Counters::default(),
            requests: BTreeMap::new(),
            terms: BTreeMap::new(),
            cells: BTreeMap::new(),
            slots: BTreeMap::new(),
            accounts: BTreeMap::new(),
        };
        let identity = host.identity.clone();
        let opened = Oracle::new(&mut host).open_treasury(&identity);
        debug_assert!(opened.is_ok(), "fresh accounts can't overflow");
        host
    }

    /// Address of the contract of [`Self::new`].
    pub fn address() -> AccountId {
        AccountId::from([0xcc; 32])
    }

    /// Calls a message as `caller` with `value`; an error undoes everything, as on the chain.
    ///
    /// # Errors
    /// What the message returns.
    pub fn call<T>(
        &mut self,
        caller: AccountId,
        value: Balance,
        message: impl FnOnce(&mut Oracle<&mut Self>) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let before = self.clone();
        (self.caller, self.value) = (caller, value);
        self.balance = self.balance.saturating_add(value);
        let mut oracle = Oracle::new(&mut *self);
        let result = message(&mut oracle);
        oracle.finish();
        if result.is_err() {
            *self = before;
        }
        result.map_err(|refusal| *refusal)
    }

    /// Reads through a view as nobody in particular.
    pub fn view<T>(&mut self, view: impl FnOnce(&mut Oracle<&mut Self>) -> T) -> T {
        view(&mut Oracle::new(self))
    }

    /// Bonds, escrows and credits found in storage, planck: what the ledger's total must equal.
    pub fn liabilities(&mut self) -> Balance {
        let accounts: Balance = self.accounts.values().map(|account| account.credit).sum();
        let count = self.counters.next_slot;
        let operators: Balance = (0..count)
            .step_by(llm_oracle_primitives::limits::MAX_PAGE as usize)
            .flat_map(|from| self.view(|oracle| oracle.operators_view(from, u32::MAX)))
            .map(|operator| operator.bond.saturating_add(operator.credit))
            .sum();
        let held: Balance = self.requests.values().map(Request::held).sum();
        let treasury = self.treasury.as_ref().map_or(0, |treasury| {
            treasury.owner_credit.saturating_add(treasury.sink_credit)
        });
        [operators, held, treasury]
            .iter()
            .fold(accounts, |sum, part| sum.saturating_add(*part))
    }

    /// What the contract would have in a cell.
    pub fn cell(&self, key: &Key) -> Option<Vec<u8>> {
        match key {
            Key::Identity => Some(self.identity.as_bytes().to_vec()),
            Key::Params => Some(codec::encode(&self.params)),
            Key::Counters => Some(self.counters.as_bytes().to_vec()),
            Key::Request(id) => self.requests.get(id).map(codec::encode),
            Key::Terms(id) => self.terms.get(id).map(codec::encode),
            Key::Operators(cell) => self.cells.get(cell).cloned(),
            Key::Slot(operator) => self.slots.get(operator).map(codec::encode),
            Key::Account(id) => self.accounts.get(id).map(codec::encode),
            Key::Text(id) => self.texts.get(id).cloned(),
            Key::Treasury => self.treasury.as_ref().map(|it| it.as_bytes().to_vec()),
            Key::Tickets(_) => None,
            Key::Profile(slot) => self.profiles.get(slot).map(codec::encode),
            Key::Set(set) => self.sets.get(set).map(codec::encode),
            Key::OfferedTo => self.offered_to.as_ref().map(codec::encode),
            Key::NextCode => self.next_code.as_ref().map(codec::encode),
        }
    }

    /// Puts what a contract of any version has in a cell. False: the bytes are not such a cell.
    pub fn set_cell(&mut self, key: Key, bytes: Vec<u8>) -> bool {
        let put = || {
            match key {
                Key::Identity => self.identity = Identity::read(&bytes)?,
                Key::Params => self.params = ParamsCell::read(&bytes)?,
                Key::Counters => self.counters = Counters::read(&bytes)?,
                Key::Treasury => self.treasury = Some(Treasury::read(&bytes)?),
                Key::Request(id) => drop(self.requests.insert(id, codec::decode(&bytes)?)),
                Key::Operators(cell) => drop(self.cells.insert(cell, bytes)),
                Key::Slot(id) => drop(self.slots.insert(id, codec::decode(&bytes)?)),
                Key::Account(id) => drop(self.accounts.insert(id, codec::decode(&bytes)?)),
                Key::Text(id) => drop(self.texts.insert(id, bytes)),
                Key::OfferedTo => self.offered_to = codec::decode(&bytes),
                Key::NextCode => self.next_code = codec::decode(&bytes),
                Key::Profile(slot) => drop(self.profiles.insert(slot, codec::decode(&bytes)?)),
                Key::Set(set) => drop(self.sets.insert(set, codec::decode(&bytes)?)),
                // Terms of earlier versions are not read, nor are their tickets.
                Key::Terms(_) | Key::Tickets(_) => {}
            }
            Some(())
        };
        put().is_some()
    }

    /// Number of storage cells of every kind but operators', to see that inserts are removed.
    pub fn cells(&self) -> usize {
        let (requests, terms) = (self.requests.len(), self.terms.len());
        [requests, terms, self.texts.len(), self.accounts.len()]
            .iter()
            .sum()
    }
}

impl Host for &mut MemoryHost {
    fn caller(&self) -> AccountId {
        self.caller
    }
    fn caller_is_origin(&self) -> bool {
        true
    }
    fn value(&self) -> Balance {
        self.value
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
    fn has_room(&self) -> bool {
        self.has_room
    }
    fn price_of(&self, ref_time: u64) -> Balance {
        Balance::from(ref_time)
    }
    fn verify(&self, signature: &Signature, message: &[u8], key: &AccountId) -> bool {
        ink::env::sr25519_verify(signature, message, key.as_ref()).is_ok()
    }
    fn identity(&self) -> Identity {
        self.identity.clone()
    }
    fn set_identity(&mut self, identity: &Identity) {
        self.identity = identity.clone();
    }
    fn params_cell(&self) -> ParamsCell {
        self.params
    }
    fn set_params_cell(&mut self, params: &ParamsCell) {
        self.params = *params;
    }
    fn offered_to(&self) -> Option<AccountId> {
        self.offered_to
    }
    fn set_offered_to(&mut self, to: Option<&AccountId>) {
        self.offered_to = to.copied();
    }
    fn next_code(&self) -> Option<Announced> {
        self.next_code
    }
    fn set_next_code(&mut self, code: Option<&Announced>) {
        self.next_code = code.copied();
    }
    fn treasury(&self) -> Option<Treasury> {
        self.treasury
    }
    fn set_treasury(&mut self, treasury: &Treasury) {
        self.treasury = Some(*treasury);
    }
    fn profile(&self, slot: Slot) -> Option<Profile> {
        self.profiles.get(&slot).cloned()
    }
    fn set_profile(&mut self, slot: Slot, profile: &Profile) {
        self.profiles.insert(slot, profile.clone());
    }
    fn operator_set(&self, set: u32) -> Option<OperatorSet> {
        self.sets.get(&set).cloned()
    }
    fn set_operator_set(&mut self, set: u32, operators: &OperatorSet) {
        self.sets.insert(set, operators.clone());
    }
    fn text(&self, id: RequestId) -> Option<Vec<u8>> {
        self.texts.get(&id).cloned()
    }
    fn set_text(&mut self, id: RequestId, bytes: &[u8]) {
        self.texts.insert(id, bytes.to_vec());
    }
    fn counters(&self) -> Counters {
        self.counters
    }
    fn set_counters(&mut self, counters: &Counters) {
        self.counters = *counters;
    }
    fn request(&self, id: RequestId) -> Option<Box<Request>> {
        self.requests.get(&id).cloned().map(Box::new)
    }
    fn set_request(&mut self, id: RequestId, request: &Request) {
        self.requests.insert(id, request.clone());
    }
    fn terms(&self, id: RequestId) -> Option<Terms> {
        self.terms.get(&id).cloned()
    }
    fn set_terms(&mut self, id: RequestId, terms: &Terms) {
        self.terms.insert(id, terms.clone());
    }
    fn remove_request(&mut self, id: RequestId) {
        self.requests.remove(&id);
        self.terms.remove(&id);
        self.texts.remove(&id);
    }
    fn read_operator_cell(&self, cell: u32, bytes: &mut Vec<u8>) {
        *bytes = self.cells.get(&cell).cloned().unwrap_or_default();
    }
    fn set_operator_cell(&mut self, cell: u32, bytes: &[u8]) {
        self.cells.insert(cell, bytes.to_vec());
    }
    fn slot_of(&self, operator: &AccountId) -> Option<Slot> {
        self.slots.get(operator).copied()
    }
    fn set_slot_of(&mut self, operator: &AccountId, slot: Slot) {
        self.slots.insert(*operator, slot);
    }
    fn account(&self, id: &AccountId) -> Option<Account> {
        self.accounts.get(id).copied()
    }
    fn set_account(&mut self, id: &AccountId, account: &Account) {
        self.accounts.insert(*id, *account);
    }
    fn remove_account(&mut self, id: &AccountId) {
        self.accounts.remove(id);
    }
    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }
    fn pay(&mut self, to: &AccountId, amount: Balance) -> bool {
        let rest = self.balance.checked_sub(amount);
        let Some(rest) = rest.filter(|_| self.refused != Some(*to)) else {
            return false;
        };
        self.balance = rest;
        let paid = self.paid.entry(*to).or_default();
        *paid = paid.saturating_add(amount);
        true
    }
    fn has_code(&mut self, code_hash: &Hash) -> bool {
        // Memory has no code; this hash stands for one that was never uploaded.
        *code_hash != [0; 32]
    }
    fn set_code(&mut self, code_hash: &Hash) -> bool {
        self.has_code(code_hash)
    }
    fn call_back(
        &mut self,
        to: &AccountId,
        _: &CallbackLimits,
        request_id: RequestId,
        outcome: &Outcome,
    ) -> bool {
        if self.callbacks_succeed {
            self.delivered.push((*to, request_id, outcome.clone()));
        }
        self.callbacks_succeed
    }
}

/// Digest helpers that every test of the rules needs.
impl MemoryHost {
    /// Domain of the deployment in memory.
    pub fn domain(&self) -> Hash {
        self.identity.domain
    }

    /// Makes it a deployment on a chain whose coin has `unit` planck.
    pub fn set_unit(&mut self, unit: Balance) {
        self.identity.unit = unit;
    }

    /// A stored request.
    pub fn stored(&self, id: RequestId) -> Option<&Request> {
        self.requests.get(&id)
    }
}

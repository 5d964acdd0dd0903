//! The ink! side of the rules: storage cells and the environment of a call.

use ink::{
    env::{self, DefaultEnvironment},
    prelude::vec::Vec,
    storage::{Lazy, Mapping},
};
use llm_oracle_primitives::{
    event::Event, AccountId, Balance, BlockNumber, CallbackLimits, Outcome, Params, RequestId,
    Signature, Slot, Terms, ON_ANSWER_SELECTOR,
};
use llm_oracle_rules::{Account, Counters, Host, Identity, Request};

type Env = DefaultEnvironment;

/// Handles to the storage cells. Handles only: ink! writes the root struct back after every
/// message, over whatever a callback changed in between.
#[ink::storage_item]
#[derive(Default)]
pub struct Cells {
    identity: Lazy<Identity>,
    params: Lazy<Params>,
    counters: Lazy<Counters>,
    requests: Mapping<RequestId, Request>,
    /// Apart from the requests: big, and rarely read.
    terms: Mapping<RequestId, Terms>,
    operators: Mapping<u32, Vec<u8>>,
    slots: Mapping<AccountId, Slot>,
    accounts: Mapping<AccountId, Account>,
}

impl Cells {
    /// Writes what the constructor fixes.
    pub fn open(&mut self, identity: &Identity, params: &Params) {
        self.identity.set(identity);
        self.params.set(params);
        self.counters.set(&Counters::default());
    }
}

impl Host for Cells {
    fn caller(&self) -> AccountId {
        env::caller::<Env>()
    }

    fn caller_is_origin(&self) -> bool {
        env::caller_is_origin::<Env>()
    }

    fn value(&self) -> Balance {
        env::transferred_value::<Env>()
    }

    fn block(&self) -> BlockNumber {
        env::block_number::<Env>()
    }

    fn contract(&self) -> AccountId {
        env::account_id::<Env>()
    }

    fn balance(&self) -> Balance {
        env::balance::<Env>()
    }

    fn gas_left(&self) -> u64 {
        env::gas_left::<Env>()
    }

    fn price_of(&self, ref_time: u64) -> Balance {
        env::weight_to_fee::<Env>(ref_time)
    }

    fn verify(&self, signature: &Signature, message: &[u8], key: &AccountId) -> bool {
        env::sr25519_verify(signature, message, key.as_ref()).is_ok()
    }

    #[allow(clippy::expect_used)] // Written by the constructor and never removed.
    fn identity(&self) -> Identity {
        self.identity.get().expect("identity")
    }

    #[allow(clippy::expect_used)] // Written by the constructor and never removed.
    fn params(&self) -> Params {
        self.params.get().expect("params")
    }

    fn counters(&self) -> Counters {
        self.counters.get().unwrap_or_default()
    }

    fn set_counters(&mut self, counters: &Counters) {
        self.counters.set(counters);
    }

    fn request(&self, id: RequestId) -> Option<Request> {
        self.requests.get(id)
    }

    fn set_request(&mut self, id: RequestId, request: &Request) {
        self.requests.insert(id, request);
    }

    fn terms(&self, id: RequestId) -> Option<Terms> {
        self.terms.get(id)
    }

    fn set_terms(&mut self, id: RequestId, terms: &Terms) {
        self.terms.insert(id, terms);
    }

    fn remove_request(&mut self, id: RequestId) {
        self.requests.remove(id);
        self.terms.remove(id);
    }

    fn operator_cell(&self, cell: u32) -> Vec<u8> {
        self.operators.get(cell).unwrap_or_default()
    }

    fn set_operator_cell(&mut self, cell: u32, bytes: &Vec<u8>) {
        self.operators.insert(cell, bytes);
    }

    fn slot_of(&self, operator: &AccountId) -> Option<Slot> {
        self.slots.get(operator)
    }

    fn set_slot_of(&mut self, operator: &AccountId, slot: Slot) {
        self.slots.insert(operator, &slot);
    }

    fn account(&self, id: &AccountId) -> Option<Account> {
        self.accounts.get(id)
    }

    fn set_account(&mut self, id: &AccountId, account: &Account) {
        self.accounts.insert(id, account);
    }

    fn remove_account(&mut self, id: &AccountId) {
        self.accounts.remove(id);
    }

    fn emit(&mut self, event: Event) {
        match event {
            Event::Asked(event) => env::emit_event::<Env, _>(event),
            Event::Committed(event) => env::emit_event::<Env, _>(event),
            Event::Revealed(event) => env::emit_event::<Env, _>(event),
            Event::Ended(event) => env::emit_event::<Env, _>(event),
            Event::Delivered(event) => env::emit_event::<Env, _>(event),
            Event::DeliveryFailed(event) => env::emit_event::<Env, _>(event),
            Event::Pruned(event) => env::emit_event::<Env, _>(event),
            Event::Registered(event) => env::emit_event::<Env, _>(event),
            Event::Bonded(event) => env::emit_event::<Env, _>(event),
            Event::Unbonding(event) => env::emit_event::<Env, _>(event),
            Event::Released(event) => env::emit_event::<Env, _>(event),
            Event::Withdrawn(event) => env::emit_event::<Env, _>(event),
        }
    }

    fn pay(&mut self, to: &AccountId, amount: Balance) -> bool {
        env::transfer::<Env>(*to, amount).is_ok()
    }

    fn call_back(
        &mut self,
        to: &AccountId,
        limits: &CallbackLimits,
        request_id: RequestId,
        outcome: &Outcome,
    ) -> bool {
        let mut input = ON_ANSWER_SELECTOR.to_vec();
        scale::Encode::encode_to(&(request_id, outcome), &mut input);
        call_without_output(to, limits, &input)
    }
}

/// Calls a contract and drops what it returns: ink!'s own call builder copies the return into a
/// 16 KiB buffer and traps when it is larger, which would let a consumer block its own delivery.
#[cfg(target_arch = "wasm32")]
fn call_without_output(to: &AccountId, limits: &CallbackLimits, input: &[u8]) -> bool {
    use pallet_contracts_uapi::{CallFlags, HostFn, HostFnImpl};
    HostFnImpl::call_v2(
        CallFlags::ALLOW_REENTRY,
        to.as_ref(),
        limits.ref_time,
        limits.proof_size,
        // A deposit limit of the sub-call would trap this contract when exceeded; the carrier sets
        // the limit on its transaction instead.
        None,
        &0u128.to_le_bytes(),
        input,
        None,
    )
    .is_ok()
}

/// Outside a chain there is nobody to call; the feature `std` only serves metadata.
#[cfg(not(target_arch = "wasm32"))]
fn call_without_output(_: &AccountId, _: &CallbackLimits, _: &[u8]) -> bool {
    false
}

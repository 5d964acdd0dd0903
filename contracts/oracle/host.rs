//! The ink! side of the rules: storage cells and the environment of a call.

use ink::{
    env::{self, DefaultEnvironment},
    prelude::{boxed::Box, vec, vec::Vec},
    storage::Mapping,
};
use llm_oracle_primitives::{
    event::Event, AccountId, Balance, BlockNumber, CallbackLimits, Hash, Outcome, Params,
    RequestId, Signature, Slot, Terms, ON_ANSWER_SELECTOR,
};
use llm_oracle_rules::{
    codec, Account, Announced, Counters, Host, Identity, Key, OperatorCell, OperatorSet,
    ParamsCell, Profile, Request, Treasury,
};
use scale::{Decode, Encode};
use zerocopy::{Immutable, IntoBytes};

type Env = DefaultEnvironment;

/// Everything the contract stores, as bytes under a [`Key`].
///
/// A handle only: ink! writes the root struct back after every message, over whatever a callback
/// changed in between. One mapping of bytes instead of one for each type, because ink!'s storage
/// code is generic over both: nine types of it would be a tenth of the contract's code.
#[ink::storage_item]
#[derive(Debug, Default)]
pub struct Cells {
    cells: Mapping<Key, Raw>,
}

/// Room for a request of three seats, bytes. Memory is never given back, so it is no more than that.
const REQUEST_BYTES: usize = 1_280;
/// Pages of 64 KiB from which on no entry of a batch is begun. What is left of the 16 that the pallet gives
/// is more than one entry can take: 34 cells of operators at 11 KiB, and a request of 32 seats.
#[cfg(target_arch = "wasm32")]
const FULL_PAGES: usize = 9;
/// Room for an event of three seats, bytes.
#[cfg(target_arch = "wasm32")]
const EVENT_BYTES: usize = 512;

/// What ink! puts before the keys of a mapping.
#[cfg(target_arch = "wasm32")]
fn root_key<R: ink::storage::traits::StorageKey>(_: &Mapping<Key, Raw, R>) -> u32 {
    R::KEY
}

/// Bytes of a storage cell, without a length.
#[derive(Debug)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub struct Raw(Vec<u8>);

impl Encode for Raw {
    fn encode_to<W: scale::Output + ?Sized>(&self, output: &mut W) {
        output.write(&self.0);
    }

    fn size_hint(&self) -> usize {
        self.0.len()
    }
}

impl scale::EncodeLike for Raw {}

impl Decode for Raw {
    fn decode<I: scale::Input>(input: &mut I) -> Result<Self, scale::Error> {
        let mut bytes = vec![0; input.remaining_len()?.unwrap_or_default()];
        input.read(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl Cells {
    /// Writes what the constructor fixes.
    pub fn open(&mut self, identity: &Identity, params: &Params) {
        self.store_record(Key::Identity, identity);
        self.set_params_cell(&ParamsCell::new(*params));
    }

    #[inline(never)]
    fn load_bytes(&self, key: Key) -> Option<Vec<u8>> {
        self.cells.get(key).map(|raw| raw.0)
    }

    /// Reads a cell into a buffer that has room for it, and gives its length; nothing if it was never
    /// written. ink!'s own way copies twice and takes new memory for each cell, and a contract's memory
    /// is never given back.
    #[cfg(target_arch = "wasm32")]
    #[inline(never)]
    fn read_into(&self, key: Key, mut output: &mut [u8]) -> Option<usize> {
        use pallet_contracts_uapi::{HostFn, HostFnImpl};
        let key = codec::encode(&(root_key(&self.cells), key));
        HostFnImpl::get_storage_v1(&key, &mut output).ok()?;
        Some(output.len())
    }

    /// Outside a chain the crate only serves its metadata.
    #[cfg(not(target_arch = "wasm32"))]
    fn read_into(&self, key: Key, output: &mut [u8]) -> Option<usize> {
        let bytes = self.load_bytes(key)?;
        output.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        Some(bytes.len())
    }

    /// Reads a packed cell of at most `most` bytes into a buffer that may have held another one.
    #[inline(never)]
    fn load_packed(&self, key: Key, most: usize, bytes: &mut Vec<u8>) {
        if bytes.capacity() == 0 {
            // New memory is zero already; `resize` would write the zeros once more, for 90 us.
            *bytes = vec![0; most];
        }
        bytes.resize(most, 0);
        let read = self.read_into(key, bytes);
        bytes.truncate(read.unwrap_or(0));
    }

    /// Writes a cell. ink!'s own way would copy it first.
    #[cfg(target_arch = "wasm32")]
    #[inline(never)]
    fn store_bytes(&mut self, key: Key, bytes: &[u8]) {
        use pallet_contracts_uapi::{HostFn, HostFnImpl};
        let key = codec::encode(&(root_key(&self.cells), key));
        HostFnImpl::set_storage_v2(&key, bytes);
    }

    /// Outside a chain the crate only serves its metadata.
    #[cfg(not(target_arch = "wasm32"))]
    fn store_bytes(&mut self, key: Key, bytes: &[u8]) {
        self.cells.insert(key, &Raw(bytes.to_vec()));
    }

    #[inline(never)]
    fn remove(&mut self, key: Key) {
        self.cells.remove(key);
    }

    fn load<T: Decode>(&self, key: Key) -> Option<T> {
        codec::decode(&self.load_bytes(key)?)
    }

    fn store_record<T: IntoBytes + Immutable>(&mut self, key: Key, value: &T) {
        self.store_bytes(key, value.as_bytes());
    }

    fn store<T: Encode>(&mut self, key: Key, value: &T) {
        self.store_bytes(key, &codec::encode(value));
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

    fn has_room(&self) -> bool {
        #[cfg(target_arch = "wasm32")]
        return core::arch::wasm32::memory_size(0) < FULL_PAGES;
        #[cfg(not(target_arch = "wasm32"))]
        true
    }

    fn price_of(&self, ref_time: u64) -> Balance {
        env::weight_to_fee::<Env>(ref_time)
    }

    fn verify(&self, signature: &Signature, message: &[u8], key: &AccountId) -> bool {
        env::sr25519_verify(signature, message, key.as_ref()).is_ok()
    }

    #[allow(clippy::expect_used)] // Written by the constructor and never removed.
    fn identity(&self) -> Identity {
        let bytes = self.load_bytes(Key::Identity);
        bytes
            .and_then(|bytes| Identity::read(&bytes))
            .expect("identity")
    }

    fn set_identity(&mut self, identity: &Identity) {
        self.store_record(Key::Identity, identity);
    }

    #[allow(clippy::expect_used)] // Written by the constructor and never removed.
    fn params_cell(&self) -> ParamsCell {
        let bytes = self.load_bytes(Key::Params);
        bytes
            .and_then(|bytes| ParamsCell::read(&bytes))
            .expect("params")
    }

    fn set_params_cell(&mut self, params: &ParamsCell) {
        self.store(Key::Params, params);
    }

    fn offered_to(&self) -> Option<AccountId> {
        self.load(Key::OfferedTo)
    }

    fn set_offered_to(&mut self, to: Option<&AccountId>) {
        match to {
            Some(to) => self.store(Key::OfferedTo, to),
            None => self.remove(Key::OfferedTo),
        }
    }

    fn next_code(&self) -> Option<Announced> {
        self.load(Key::NextCode)
    }

    fn set_next_code(&mut self, code: Option<&Announced>) {
        match code {
            Some(code) => self.store(Key::NextCode, code),
            None => self.remove(Key::NextCode),
        }
    }

    // A cell of another size is one of a version that this code does not know: to go on as if there was
    // nothing would forget what is owed.
    #[allow(clippy::expect_used)]
    fn treasury(&self) -> Option<Treasury> {
        let bytes = self.load_bytes(Key::Treasury)?;
        Some(Treasury::read(&bytes).expect("treasury"))
    }

    fn set_treasury(&mut self, treasury: &Treasury) {
        self.store_record(Key::Treasury, treasury);
    }

    fn profile(&self, slot: Slot) -> Option<Profile> {
        self.load(Key::Profile(slot))
    }

    fn set_profile(&mut self, slot: Slot, profile: &Profile) {
        self.store(Key::Profile(slot), profile);
    }

    fn operator_set(&self, set: u32) -> Option<OperatorSet> {
        self.load(Key::Set(set))
    }

    fn set_operator_set(&mut self, set: u32, operators: &OperatorSet) {
        self.store(Key::Set(set), operators);
    }

    fn text(&self, id: RequestId) -> Option<Vec<u8>> {
        self.load_bytes(Key::Text(id))
    }

    fn set_text(&mut self, id: RequestId, bytes: &[u8]) {
        self.store_bytes(Key::Text(id), bytes);
    }

    // As with the treasury: ids would start again at 0.
    #[allow(clippy::expect_used)]
    fn counters(&self) -> Counters {
        let bytes = self.load_bytes(Key::Counters);
        bytes.map_or(Counters::default(), |bytes| {
            Counters::read(&bytes).expect("counters")
        })
    }

    fn set_counters(&mut self, counters: &Counters) {
        self.store_record(Key::Counters, counters);
    }

    fn request(&self, id: RequestId) -> Option<Box<Request>> {
        self.load(Key::Request(id)).map(Box::new)
    }

    fn set_request(&mut self, id: RequestId, request: &Request) {
        self.store_bytes(Key::Request(id), &codec::encode_in(REQUEST_BYTES, request));
    }

    fn terms(&self, id: RequestId) -> Option<Terms> {
        self.load(Key::Terms(id))
    }

    fn set_terms(&mut self, id: RequestId, terms: &Terms) {
        self.store(Key::Terms(id), terms);
    }

    fn remove_request(&mut self, id: RequestId) {
        self.remove(Key::Request(id));
        self.remove(Key::Terms(id));
        self.remove(Key::Text(id));
    }

    fn read_operator_cell(&self, cell: u32, bytes: &mut Vec<u8>) {
        self.load_packed(Key::Operators(cell), OperatorCell::MOST_BYTES, bytes);
    }

    fn set_operator_cell(&mut self, cell: u32, bytes: &[u8]) {
        self.store_bytes(Key::Operators(cell), bytes);
    }

    fn slot_of(&self, operator: &AccountId) -> Option<Slot> {
        self.load(Key::Slot(*operator))
    }

    fn set_slot_of(&mut self, operator: &AccountId, slot: Slot) {
        self.store(Key::Slot(*operator), &slot);
    }

    fn account(&self, id: &AccountId) -> Option<Account> {
        self.load(Key::Account(*id))
    }

    fn set_account(&mut self, id: &AccountId, account: &Account) {
        self.store(Key::Account(*id), account);
    }

    fn remove_account(&mut self, id: &AccountId) {
        self.remove(Key::Account(*id));
    }

    fn emit(&mut self, event: Event) {
        match event {
            Event::Asked(event) => emit(event),
            Event::Committed(event) => emit(event),
            Event::Revealed(event) => emit(event),
            Event::Ended(event) => emit(event),
            Event::Delivered(event) => emit(event),
            Event::DeliveryFailed(event) => emit(event),
            Event::DeliveryFunded(event) => emit(event),
            Event::FamilyDeclared(event) => emit(event),
            Event::OwnerNamed(event) => emit(event),
            Event::SetPublished(event) => emit(event),
            Event::Pruned(event) => emit(event),
            Event::Registered(event) => emit(event),
            Event::Bonded(event) => emit(event),
            Event::Unbonding(event) => emit(event),
            Event::Released(event) => emit(event),
            Event::Withdrawn(event) => emit(event),
            Event::AnswerPublished(event) => emit(event),
            Event::Equivocated(event) => emit(event),
            Event::PauseSet(event) => emit(event),
            Event::OwnershipOffered(event) => emit(event),
            Event::OwnershipTaken(event) => emit(event),
            Event::ParamsAnnounced(event) => emit(event),
            Event::UpgradeAnnounced(event) => emit(event),
            Event::Upgraded(event) => emit(event),
        }
    }

    fn pay(&mut self, to: &AccountId, amount: Balance) -> bool {
        env::transfer::<Env>(*to, amount).is_ok()
    }

    fn has_code(&mut self, code_hash: &Hash) -> bool {
        // The chain has no other way to ask: the code is installed, and the present one again.
        let Ok(own) = env::own_code_hash::<Env>() else {
            return false;
        };
        self.set_code(code_hash) && env::set_code_hash::<Env>(&own).is_ok()
    }

    fn set_code(&mut self, code_hash: &Hash) -> bool {
        env::set_code_hash::<Env>(&(*code_hash).into()).is_ok()
    }

    fn call_back(
        &mut self,
        to: &AccountId,
        limits: &CallbackLimits,
        request_id: RequestId,
        outcome: &Outcome,
    ) -> bool {
        let mut input = ON_ANSWER_SELECTOR.to_vec();
        input.extend_from_slice(&codec::encode(&(request_id, outcome)));
        call_without_output(to, limits, &input)
    }
}

/// Emits an event with its signature topic. ink!'s own way builds a list of topics with code for
/// each type of event; ours have this one topic only.
///
/// A function of its own for each type: the chain compiles each function that a call enters and
/// charges for its bytes.
#[cfg(target_arch = "wasm32")]
#[inline(never)]
fn emit<E: env::Event + Encode>(event: E) {
    // A SCALE list of one item.
    let mut topics = Vec::with_capacity(33);
    topics.push(4u8);
    topics.extend_from_slice(&E::SIGNATURE_TOPIC.unwrap_or_default());
    deposit_event(&topics, &codec::encode_in(EVENT_BYTES, &event));
}

#[cfg(target_arch = "wasm32")]
#[inline(never)]
fn deposit_event(topics: &[u8], data: &[u8]) {
    use pallet_contracts_uapi::{HostFn, HostFnImpl};
    HostFnImpl::deposit_event(topics, data);
}

#[cfg(not(target_arch = "wasm32"))]
fn emit<E: env::Event + Encode>(event: E) {
    env::emit_event::<Env, _>(event);
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
        // A deposit limit of the sub-call would trap this contract when exceeded; the transmitter
        // sets the limit on its transaction instead.
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

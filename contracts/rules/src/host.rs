//! What the rules need from the world: the environment of a call, storage cells, and effects.

use ink::prelude::{boxed::Box, vec::Vec};
use llm_oracle_primitives::{
    digest, event::Event, AccountId, Balance, BlockNumber, CallbackLimits, Hash, Outcome,
    RequestId, Signature, Slot, Terms,
};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{params_cell::SECOND_UNIT, ParamsCell, Profile, Request};

/// What the constructor fixed, plus the owner, as it lies in its cell.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Identity {
    /// See [`digest::domain`].
    pub domain: Hash,
    /// Genesis hash that the deployer gave; relayers compare it with their node's.
    pub genesis: Hash,
    deployer: [u8; 32],
    owner: [u8; 32],
    sink: [u8; 32],
    /// Timestamp of the constructor's block, milliseconds.
    pub deployed_at_ms: u64,
    /// Block of the constructor.
    pub deployed_at: BlockNumber,
    /// Least number of blocks between an announcement and its effect, whatever the parameters say; 0 in
    /// deployments of version 2.
    pub min_notice_blocks: u32,
    /// Planck of one coin.
    pub unit: Balance,
}

/// Bytes of an identity that version 2 wrote: it lacked the unit.
const SECOND_IDENTITY_BYTES: usize = 5 * 32 + 8 + 4 + 4;

impl Identity {
    /// Reads the cell, of any version.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() == SECOND_IDENTITY_BYTES {
            let unit = SECOND_UNIT.to_le_bytes();
            return Self::read_from_bytes(&[bytes, &unit].concat()).ok();
        }
        Self::read_from_bytes(bytes).ok()
    }

    /// Identity of a deployment by `deployer`, who becomes the owner. Without a `sink` forfeits go
    /// to an account without a key.
    pub fn new(
        genesis: Hash,
        deployer: AccountId,
        (deployed_at, deployed_at_ms): (BlockNumber, u64),
        sink: Option<AccountId>,
        (unit, min_notice_blocks): (Balance, u32),
    ) -> Self {
        let nobody = || digest::blake2(b"llm-oracle/sink/1");
        Self {
            domain: digest::domain(&genesis, &deployer, deployed_at, deployed_at_ms),
            genesis,
            deployer: *deployer.as_ref(),
            owner: *deployer.as_ref(),
            sink: sink.map_or_else(nobody, |id| *id.as_ref()),
            deployed_at_ms,
            deployed_at,
            min_notice_blocks,
            unit,
        }
    }

    /// Who deployed.
    pub fn deployer(&self) -> AccountId {
        self.deployer.into()
    }

    /// Names another owner.
    pub fn set_owner(&mut self, owner: AccountId) {
        self.owner = *owner.as_ref();
    }

    /// Who gets the fee.
    pub fn owner(&self) -> AccountId {
        self.owner.into()
    }

    /// Where forfeits go.
    pub fn sink(&self) -> AccountId {
        self.sink.into()
    }
}

/// The few numbers that many messages change, as they lie in their cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Counters {
    /// The ledger's total: bonds, escrows and credits, planck.
    pub total: Balance,
    /// Number of the next request.
    pub next_id: RequestId,
    /// Number of the next operator slot.
    pub next_slot: Slot,
    paused: u32,
    /// Every request with a lower number has been settled.
    pub lowest_open_id: RequestId,
    /// The latest block to which any request or any bond that waits to be released reaches.
    pub reach: BlockNumber,
    /// Number of the next set.
    pub next_set: u32,
}

/// Bytes of the counters that version 2 wrote.
const SECOND_COUNTERS_BYTES: usize = 16 + 8 + 4 + 4;

impl Counters {
    /// Reads the cell, of any version.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() == SECOND_COUNTERS_BYTES {
            return Self::read_from_bytes(&[bytes, &[0; 16]].concat()).ok();
        }
        Self::read_from_bytes(bytes).ok()
    }

    /// Whether new requests and registrations are paused.
    pub fn is_paused(&self) -> bool {
        self.paused != 0
    }

    /// Pauses them, or lets them go on.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = u32::from(paused);
    }
}

/// Key of a storage cell.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, scale::Encode, scale::Decode,
)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub enum Key {
    /// [`Identity`].
    Identity,
    /// [`ParamsCell`].
    Params,
    /// [`Counters`].
    Counters,
    /// [`Request`].
    Request(RequestId),
    /// [`Terms`], apart from the request: big, and rarely read.
    Terms(RequestId),
    /// Packed accounts of operators, see [`crate::OperatorCell`].
    Operators(u32),
    /// [`Slot`] of an operator.
    Slot(AccountId),
    /// [`Account`] of anybody.
    Account(AccountId),
    /// The agreed text of a request.
    Text(RequestId),
    /// [`Treasury`].
    Treasury,
    /// Of version 2, which drew committees. Nothing reads it.
    Tickets(u32),
    /// Account that ownership was offered to.
    OfferedTo,
    /// [`Announced`] code.
    NextCode,
    /// [`Profile`] of the operator with this slot.
    Profile(Slot),
    /// [`OperatorSet`] with this number.
    Set(u32),
}

/// What owner and sink are owed besides what their own accounts hold, as it lies in its cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Treasury {
    /// Owed to the owner, planck.
    pub owner_credit: Balance,
    /// Owed to the sink, planck.
    pub sink_credit: Balance,
}

impl Treasury {
    /// Bytes of the cell that version 2 wrote: a beacon stood behind the two amounts.
    pub const SECOND_BYTES: usize = 32 + 48 + 40 * 64;

    /// Reads the cell, of any version.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() == Self::SECOND_BYTES {
            return Self::read_from_prefix(bytes).ok().map(|read| read.0);
        }
        Self::read_from_bytes(bytes).ok()
    }
}

/// A published list of operators.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
pub struct OperatorSet {
    /// Who published it.
    pub publisher: AccountId,
    /// Slots of its operators, ascending.
    pub slots: Vec<Slot>,
}

/// Code that the owner announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
pub struct Announced {
    /// Its hash.
    pub code_hash: Hash,
    /// First block in which it can be installed.
    pub from: BlockNumber,
}

/// Credit of an account that is not kept as an operator's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub struct Account {
    /// Owed to the account, planck.
    pub credit: Balance,
    /// Stored requests that may still credit it; the cell stays while there are any, so that
    /// settling moves no storage deposit.
    pub open: u32,
}

/// Environment, storage and effects of one call.
///
/// Reads return what was last written in this call. When a message fails, the caller of the rules
/// discards every write and effect.
pub trait Host {
    /// Who called.
    fn caller(&self) -> AccountId;
    /// Whether the caller signed the transaction itself.
    fn caller_is_origin(&self) -> bool;
    /// Money sent along, planck.
    fn value(&self) -> Balance;
    /// Height of the block.
    fn block(&self) -> BlockNumber;
    /// The contract's own address.
    fn contract(&self) -> AccountId;
    /// The contract's free balance without the existential deposit, planck.
    fn balance(&self) -> Balance;
    /// Execution time left, picoseconds.
    fn gas_left(&self) -> u64;
    /// Whether there is memory for one entry of a batch more, whatever it has to load. A contract that runs
    /// out of memory ends in a trap, which would undo all the others.
    fn has_room(&self) -> bool;
    /// Price of execution time, planck.
    fn price_of(&self, ref_time: u64) -> Balance;
    /// Verifies an sr25519 signature of `key` over `message`.
    fn verify(&self, signature: &Signature, message: &[u8], key: &AccountId) -> bool;

    /// Identity of the deployment.
    fn identity(&self) -> Identity;
    /// Writes the identity.
    fn set_identity(&mut self, identity: &Identity);
    /// The parameters.
    fn params_cell(&self) -> ParamsCell;
    /// Writes the parameters.
    fn set_params_cell(&mut self, params: &ParamsCell);
    /// Whom ownership was offered to.
    fn offered_to(&self) -> Option<AccountId>;
    /// Notes whom, or nobody.
    fn set_offered_to(&mut self, to: Option<&AccountId>);
    /// Announced code.
    fn next_code(&self) -> Option<Announced>;
    /// Notes announced code, or none.
    fn set_next_code(&mut self, code: Option<&Announced>);
    /// What owner and sink are owed; none in deployments of version 1 until an end changes it.
    fn treasury(&self) -> Option<Treasury>;
    /// Writes what owner and sink are owed.
    fn set_treasury(&mut self, treasury: &Treasury);
    /// The cell kept for the agreed text of a request.
    fn text(&self, id: RequestId) -> Option<Vec<u8>>;
    /// Writes that cell, always with as many bytes as at the ask.
    fn set_text(&mut self, id: RequestId, bytes: &[u8]);
    /// The counters.
    fn counters(&self) -> Counters;
    /// Writes the counters.
    fn set_counters(&mut self, counters: &Counters);
    /// A request.
    fn request(&self, id: RequestId) -> Option<Box<Request>>;
    /// Writes a request; its encoded size never changes between the ask and the removal.
    fn set_request(&mut self, id: RequestId, request: &Request);
    /// Terms of a request.
    fn terms(&self, id: RequestId) -> Option<Terms>;
    /// Writes the terms of a request, once.
    fn set_terms(&mut self, id: RequestId, terms: &Terms);
    /// Removes a request, its terms and its text.
    fn remove_request(&mut self, id: RequestId);
    /// Reads packed accounts of operators, see [`crate::OperatorCell`], in place of what `bytes` hold;
    /// nothing when never written.
    fn read_operator_cell(&self, cell: u32, bytes: &mut Vec<u8>);
    /// Writes packed accounts of operators.
    fn set_operator_cell(&mut self, cell: u32, bytes: &[u8]);
    /// Slot of a registered operator.
    fn slot_of(&self, operator: &AccountId) -> Option<Slot>;
    /// Gives an operator its slot, once.
    fn set_slot_of(&mut self, operator: &AccountId, slot: Slot);
    /// What an operator says of itself; none for those of earlier versions.
    fn profile(&self, slot: Slot) -> Option<Profile>;
    /// Writes what an operator says of itself.
    fn set_profile(&mut self, slot: Slot, profile: &Profile);
    /// A published set.
    fn operator_set(&self, set: u32) -> Option<OperatorSet>;
    /// Writes a set, once.
    fn set_operator_set(&mut self, set: u32, operators: &OperatorSet);
    /// Account of somebody who is owed money.
    fn account(&self, id: &AccountId) -> Option<Account>;
    /// Writes an account.
    fn set_account(&mut self, id: &AccountId, account: &Account);
    /// Removes an account.
    fn remove_account(&mut self, id: &AccountId);

    /// Emits an event.
    fn emit(&mut self, event: Event);
    /// Pays out; false when the chain refuses.
    fn pay(&mut self, to: &AccountId, amount: Balance) -> bool;
    /// Whether code with this hash is on the chain.
    fn has_code(&mut self, code_hash: &Hash) -> bool;
    /// Installs code for the calls after this one; false when there is none with this hash.
    fn set_code(&mut self, code_hash: &Hash) -> bool;
    /// Calls `on_answer` of a consumer with re-entry allowed and without taking its output; false
    /// when it fails. Every handle to storage is stale afterwards.
    fn call_back(
        &mut self,
        to: &AccountId,
        limits: &CallbackLimits,
        request_id: RequestId,
        outcome: &Outcome,
    ) -> bool;
}

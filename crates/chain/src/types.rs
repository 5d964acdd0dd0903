//! The values that the files of this crate, and its callers, pass to each other. Nothing here talks to a
//! node.

use super::error::ChainError;
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Hash, RequestId};
use std::collections::BTreeSet;
use subxt::{
    config::{RpcConfigFor, SubstrateConfig},
    ext::{scale_decode::DecodeAsType, scale_encode::EncodeAsType},
    rpcs::LegacyRpcMethods,
};

/// The usual RPC methods of a node.
pub(super) type Rpc = LegacyRpcMethods<RpcConfigFor<SubstrateConfig>>;

/// A block by hash and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub number: BlockNumber,
}

/// What a block has changed of an oracle, by its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// It changed these requests, or none, and whatever belongs to operators.
    Requests(BTreeSet<RequestId>),
    /// No event names the oracle.
    Nothing,
    /// Anything may have changed.
    Unknown,
}

/// What the events of a block say about an oracle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEvents {
    /// What the block has changed of it.
    pub changes: Changes,
    /// Whether the block has no call of it that succeeded, and none that failed with a pallet's error: no event
    /// names it, and none tells of such an error.
    pub is_quiet: bool,
}

impl BlockEvents {
    /// Of a block whose events are not read.
    pub const UNKNOWN: Self = Self {
        changes: Changes::Unknown,
        is_quiet: false,
    };
}

/// Execution time and proof size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EncodeAsType, DecodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub struct Weight {
    /// Picoseconds on reference hardware.
    pub ref_time: u64,
    /// Bytes.
    pub proof_size: u64,
}

impl Weight {
    /// The weight with `percent` on top.
    pub fn with_margin(self, percent: u64) -> Self {
        let more = |part: u64| part.saturating_add((part / 100).saturating_mul(percent));
        Self {
            ref_time: more(self.ref_time),
            proof_size: more(self.proof_size),
        }
    }

    /// The sum of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            ref_time: self.ref_time.saturating_add(other.ref_time),
            proof_size: self.proof_size.saturating_add(other.proof_size),
        }
    }

    /// So many percent of it.
    pub fn percent(self, percent: u64) -> Self {
        let share = |part: u64| (part / 100).saturating_mul(percent);
        Self {
            ref_time: share(self.ref_time),
            proof_size: share(self.proof_size),
        }
    }

    /// How many times `room` it needs, rounded up, in the dimension that needs more.
    pub fn in_units_of(self, room: Self) -> u64 {
        let times = |part: u64, room: u64| part.div_ceil(room.max(1));
        let (time, proof) = (self.ref_time, self.proof_size);
        times(time, room.ref_time).max(times(proof, room.proof_size))
    }

    /// In each dimension the smaller of both.
    pub fn at_most(self, other: Self) -> Self {
        Self {
            ref_time: self.ref_time.min(other.ref_time),
            proof_size: self.proof_size.min(other.proof_size),
        }
    }
}

/// What a call does to the origin's storage deposits, planck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub enum Deposit {
    /// Given back to the origin.
    Refund(u128),
    /// Taken from the origin.
    Charge(u128),
}

impl Deposit {
    /// What is taken, planck; 0 when something is given back.
    pub fn charge(&self) -> Balance {
        match self {
            Self::Charge(amount) => *amount,
            Self::Refund(_) => 0,
        }
    }
}

/// What a call that is run and not sent may use: what the transaction that sends it would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DryRunLimits {
    /// Most gas; without it, as much as a block has.
    pub gas: Option<Weight>,
    /// Most that its storage may take from the origin, planck; without it, the chain's own limit.
    pub deposit: Option<Balance>,
}

/// A call of a contract that is run and not sent.
#[derive(Debug, Clone, Copy)]
pub struct DryRunRequest<'a> {
    /// Who would sign it.
    pub origin: &'a AccountId,
    /// The contract to call.
    pub contract: &'a AccountId,
    /// Money sent along, planck.
    pub value: Balance,
    /// The message's name, for errors.
    pub message: &'static str,
    /// Its selector and arguments.
    pub input: &'a [u8],
    /// What it may use.
    pub limits: DryRunLimits,
    /// The block to run on top of; the best one without it.
    pub at: Option<Hash>,
}

/// What a call would return and cost, not decoded yet.
#[derive(Debug, Clone)]
pub struct DryRunOutcome {
    /// What it returned.
    pub data: Vec<u8>,
    /// Whether the contract reverted all changes.
    pub reverted: bool,
    /// Gas limit it needs.
    pub gas_required: Weight,
    /// Gas it used.
    pub gas_consumed: Weight,
    /// Its effect on storage deposits.
    pub deposit: Deposit,
}

/// What a call would return and cost, had it been sent.
#[derive(Debug, Clone)]
pub struct DryRun<T> {
    /// What it returned.
    pub value: T,
    /// Gas limit it needs.
    pub gas_required: Weight,
    /// Gas it used; what is left of a limit is given back.
    pub gas_consumed: Weight,
    /// Its effect on storage deposits.
    pub deposit: Deposit,
}

/// What a transaction is signed with beside its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxTerms {
    /// The signer's nonce.
    pub nonce: u64,
    /// Tip for the author of the block that includes it, planck.
    pub tip: Balance,
    /// Blocks for which it is valid, at most 4,096; see [`era_window`](crate::era_window).
    pub era_blocks: BlockNumber,
    /// Last block in which it is of any use, if there is one.
    pub last_block: Option<BlockNumber>,
}

impl Default for TxTerms {
    fn default() -> Self {
        Self {
            nonce: 0,
            tip: 0,
            era_blocks: 4096,
            last_block: None,
        }
    }
}

/// No tip, and valid for as long as the chain allows.
impl From<u64> for TxTerms {
    fn from(nonce: u64) -> Self {
        Self {
            nonce,
            ..Self::default()
        }
    }
}

/// A signed transaction, to be stored before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTx {
    /// The bytes to send.
    pub bytes: Vec<u8>,
    /// Their hash, by which the chain names the transaction.
    pub hash: Hash,
    /// Who signed and pays.
    pub signer: AccountId,
    /// The signer's nonce that it uses.
    pub nonce: u64,
    /// Last block that can include it.
    pub valid_until: BlockNumber,
}

/// Where a transaction was included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InBlock {
    /// Hash of the block.
    pub block: Hash,
    /// Height of the block.
    pub number: BlockNumber,
}

/// The height in a header. Chains with heights beyond 32 bits are not supported.
pub(super) fn block_number(number: u64) -> Result<BlockNumber, ChainError> {
    BlockNumber::try_from(number).map_err(|error| ChainError::decode("a block's height", error))
}

//! The values that the files of this crate, and its callers, pass to each other. Nothing here talks to a
//! node.

use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Hash};
use subxt::ext::{scale_decode::DecodeAsType, scale_encode::EncodeAsType};

/// A block by hash and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub number: BlockNumber,
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
    /// Gas limit; without it, as much as a block has.
    pub gas_limit: Option<Weight>,
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

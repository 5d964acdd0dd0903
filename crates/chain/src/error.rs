//! What can go wrong between us and the chain, sorted by what the caller does about it.

use super::remedy::{of_dispatch, Remedy};
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Error as ContractError, Hash};
use llm_oracle_signing::SignerError;
use llm_oracle_support::address::{hex0x, ss58};

/// Where an error leads: to an exit code, and to the question whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// No node, or no answer from it: connect again, later.
    Unreachable,
    /// The contract or the chain refused: trying the same again changes nothing.
    Rejected,
    /// The node or the contract is not the one that was meant: a person must decide.
    Wrong,
    /// The node said something that we cannot read.
    Unreadable,
}

/// An error of the chain or of the way to it.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum ChainError {
    /// No connection could be made. The URL is shown without credentials.
    #[error("no node answers at {url}: {reason}; start one, or give another --url")]
    Unreachable { url: String, reason: String },
    /// A connection that worked is gone, or a request stayed unanswered.
    #[error("the connection to {url} is lost: {reason}")]
    Lost { url: String, reason: String },
    /// A node answers and may not be acted on.
    #[error("the node at {url} is not acted on: {reason}; nothing is signed until it is well again, or give another one in `urls`")]
    Unfit { url: String, reason: String },
    /// Two nodes have different finalized blocks at one height.
    #[error("{one} and {other} have different blocks at the finalized height {number}; nothing is signed until they agree; find out which of them is on the right chain and take the other out of `urls`")]
    Disagree {
        one: String,
        other: String,
        number: BlockNumber,
    },
    /// The node answered with an error of its own.
    #[error("the node refuses {what}: {reason}")]
    Node { what: String, reason: String },
    /// The node's pool does not take a transaction.
    #[error("the node refuses the transaction ({name}): {reason}")]
    Pool {
        name: String,
        remedy: Remedy,
        reason: String,
    },
    /// Sending it would cost more than somebody has said it may.
    #[error("the transaction costs up to {fee} planck, and `max_fee` in [limits] is {most}; nothing was sent")]
    FeeTooHigh { fee: Balance, most: Balance },
    /// The oracle refused the call.
    #[error("the contract refused: {0}")]
    Contract(ContractError),
    /// A contract returned an error that is not the oracle's, SCALE-encoded.
    #[error("the contract refused {message} with the error {bytes}", bytes = hex0x(bytes))]
    ForeignContract { message: String, bytes: Vec<u8> },
    /// The call failed outside of the contract's own rules: trap, out of gas, no balance.
    #[error("{message} fails on chain with {name}{}", with_debug(debug))]
    Dispatch {
        message: String,
        name: String,
        debug: String,
    },
    /// The pool took the transaction and then gave it up.
    #[error("the node gave the transaction {hash} up: {reason}", hash = hex0x(hash))]
    Dropped { hash: Hash, reason: String },
    /// The block did not come in time.
    #[error("the transaction {hash} is in no block after {seconds} s; see whether it arrives later before sending it again", hash = hex0x(hash))]
    NotIncluded { hash: Hash, seconds: u64 },
    /// There is no contract at the address.
    #[error(
        "there is no contract at {} on this chain; give the address that `deploy` printed",
        ss58(address)
    )]
    NoContract { address: AccountId },
    /// A contract, but not ours.
    #[error("the contract at {} is no oracle of this version: {reason}; give the address that `deploy` printed", ss58(address))]
    NotAnOracle { address: AccountId, reason: String },
    /// The oracle has other code than expected.
    #[error("the contract at {} has the code {found}, and {expected} was recorded; check who upgraded it", ss58(address), found = hex0x(found), expected = hex0x(expected))]
    OtherCode {
        address: AccountId,
        expected: Hash,
        found: Hash,
    },
    /// The oracle was made for another chain.
    #[error("the oracle was deployed for the chain with genesis {expected}, and this node's is {found}; connect to the right node", expected = hex0x(expected), found = hex0x(found))]
    OtherChain { expected: Hash, found: Hash },
    /// The oracle's domain does not follow from what it says about itself.
    #[error("the oracle's domain is {found}, and its parts give {expected}; do not sign for it", expected = hex0x(expected), found = hex0x(found))]
    OtherDomain { expected: Hash, found: Hash },
    /// The node's metadata lacks something we need.
    #[error("this chain does not serve {0}; it must have pallet-contracts with its runtime API")]
    Unsupported(String),
    /// Bytes that do not decode.
    #[error("cannot read {what}: {reason}")]
    Decode { what: String, reason: String },
    /// Whoever has the key did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// Our own transaction came out without an end.
    #[error("refusing to send a transaction that never expires")]
    Immortal,
}

fn with_debug(debug: &str) -> String {
    if debug.is_empty() {
        String::new()
    } else {
        format!(" ({debug})")
    }
}

impl ChainError {
    /// What kind of trouble it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::Unfit { .. }
            | Self::Disagree { .. }
            | Self::NotIncluded { .. }
            | Self::Signer(SignerError::Unreachable { .. }) => Class::Unreachable,
            Self::Node { .. }
            | Self::Pool { .. }
            | Self::FeeTooHigh { .. }
            | Self::Contract(_)
            | Self::ForeignContract { .. }
            | Self::Dispatch { .. }
            | Self::Dropped { .. }
            | Self::Signer(SignerError::Refused { .. }) => Class::Rejected,
            Self::NoContract { .. }
            | Self::NotAnOracle { .. }
            | Self::OtherCode { .. }
            | Self::OtherChain { .. }
            | Self::OtherDomain { .. }
            | Self::Unsupported(_)
            | Self::Signer(SignerError::Wrong { .. }) => Class::Wrong,
            Self::Decode { .. } | Self::Immortal => Class::Unreadable,
        }
    }

    /// What may help against it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Pool { remedy, .. } => *remedy,
            Self::Dispatch { name, .. } => of_dispatch(name),
            _ if self.class() == Class::Wrong => Remedy::Wrong,
            _ => Remedy::Later,
        }
    }

    /// Whether a new connection may help, to the node or to the signer.
    pub fn is_connection(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } => true,
            Self::Signer(error) => error.may_pass(),
            _ => false,
        }
    }

    /// What a node gave does not decode.
    pub fn decode(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Decode {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

//! Errors of the chain and of the connection to it, classified by what the caller does about them.

use super::retry::{of_dispatch, TxRetry};
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Error as ContractError, Hash};
use llm_oracle_signing::SignerError;
use llm_oracle_support::address::{hex0x, ss58};

/// Kind of an error; it determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainErrorKind {
    /// No node, no answer from it, or only a refusal: try again later.
    Unreachable,
    /// The contract or the chain rejected the call: the same call would be rejected again.
    Rejected,
    /// The node or the contract is not the expected one: a person must decide.
    Mismatch,
    /// The node's answer can't be decoded.
    Unreadable,
}

/// An error of the chain or of the connection to it.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum ChainError {
    /// No connection could be made. The URL is shown without credentials.
    #[error("no node answers at {url}: {reason}; start one, or give another --url")]
    Unreachable { url: String, reason: String },
    /// A connection failed after it was made, or a request stayed unanswered.
    #[error("the connection to {url} is lost: {reason}")]
    Lost { url: String, reason: String },
    /// A node answers and is not healthy.
    #[error("the node at {url} is not used: {reason}; nothing is signed until it is healthy, or give another one in `urls`")]
    Unhealthy { url: String, reason: String },
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
    /// The node takes no more requests for a while.
    #[error("the node at {url} limits requests and refused {what}: {reason}; it is left alone for {pause_ms} ms; a node of your own, or a plan for more requests, has no such limit")]
    RateLimited {
        url: String,
        what: String,
        reason: String,
        pause_ms: u64,
    },
    /// The node has no state of a block, any more or yet.
    #[error(
        "the node has no state to read {what} from: {reason}; it is asked again at a newer block"
    )]
    StateGone { what: String, reason: String },
    /// The node does not serve a method.
    #[error("the node does not serve {what}: {reason}; use one that serves the usual methods")]
    MethodNotFound { what: String, reason: String },
    /// The node's pool rejects a transaction.
    #[error("the node refuses the transaction ({name}): {reason}")]
    Pool {
        name: String,
        retry: TxRetry,
        reason: String,
    },
    /// Sending it would cost more than the settings allow.
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
    /// The pool dropped a transaction that it had accepted.
    #[error("the node dropped the transaction {hash}: {reason}", hash = hex0x(hash))]
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
    #[error("the contract at {} is not an oracle of this version: {reason}; give the address that `deploy` printed", ss58(address))]
    NotAnOracle { address: AccountId, reason: String },
    /// The oracle has other code than expected.
    #[error("the contract at {} has the code {found}, and the settings expect {expected}; check who upgraded it", ss58(address), found = hex0x(found), expected = one_of(expected))]
    OtherCode {
        address: AccountId,
        expected: Vec<Hash>,
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
    /// The signer did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// Our own transaction would never expire.
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

fn one_of(hashes: &[Hash]) -> String {
    let hashes: Vec<_> = hashes.iter().map(|hash| hex0x(hash)).collect();
    hashes.join(" or ")
}

impl ChainError {
    /// Its kind.
    pub fn kind(&self) -> ChainErrorKind {
        match self {
            Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::Unhealthy { .. }
            | Self::Disagree { .. }
            | Self::NotIncluded { .. }
            | Self::Node { .. }
            | Self::RateLimited { .. }
            | Self::StateGone { .. }
            | Self::MethodNotFound { .. }
            | Self::Signer(SignerError::Unreachable { .. }) => ChainErrorKind::Unreachable,
            Self::Pool { .. }
            | Self::FeeTooHigh { .. }
            | Self::Contract(_)
            | Self::ForeignContract { .. }
            | Self::Dispatch { .. }
            | Self::Dropped { .. }
            | Self::Signer(SignerError::Refused { .. }) => ChainErrorKind::Rejected,
            Self::NoContract { .. }
            | Self::NotAnOracle { .. }
            | Self::OtherCode { .. }
            | Self::OtherChain { .. }
            | Self::OtherDomain { .. }
            | Self::Unsupported(_)
            | Self::Signer(SignerError::WrongKey { .. }) => ChainErrorKind::Mismatch,
            Self::Decode { .. } | Self::Immortal => ChainErrorKind::Unreadable,
        }
    }

    /// Whether, and when, to retry the transaction that failed with it.
    pub fn tx_retry(&self) -> TxRetry {
        match self {
            Self::Pool { retry, .. } => *retry,
            Self::Dispatch { name, .. } => of_dispatch(name),
            _ if self.kind() == ChainErrorKind::Mismatch => TxRetry::Fatal,
            _ => TxRetry::Backoff,
        }
    }

    /// Whether it says something about the node that was asked and nothing about what was asked for: ask
    /// again later, or another node. The connection stands.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Node { .. }
                | Self::RateLimited { .. }
                | Self::StateGone { .. }
                | Self::MethodNotFound { .. }
        )
    }

    /// Whether it can pass with time, so that the caller goes on: everything but a mismatch, which only a
    /// person can resolve.
    pub fn is_transient(&self) -> bool {
        self.kind() != ChainErrorKind::Mismatch
    }

    /// Whether the connection to the node or to the signer failed: a new one may help, and it is not known
    /// whether a request took effect.
    pub fn is_connection(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } => true,
            Self::Signer(error) => error.is_transient(),
            _ => false,
        }
    }

    /// A `Decode` error.
    pub fn decode(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Decode {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

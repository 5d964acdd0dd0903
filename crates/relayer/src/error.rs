//! Why a relayer stops.

use llm_oracle_chain::ChainError;
use llm_oracle_peers::PeersError;
use llm_oracle_primitives::{Hash, RequestId};
use llm_oracle_signing::{KeyError, SignerError};
use llm_oracle_store::{SeatId, StoreError};
use llm_oracle_support::address::{hex0x, AddressError};

/// An error that ends the relayer, or a turn of it when it is one of the connection.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum RelayerError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A wrong chain or contract that other connections and some minutes have not confirmed.
    #[error("{0}; this is looked at again before the relayer ends")]
    Unconfirmed(ChainError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// What one seat brings to a batch is not signed.
    #[error("request {}: {error}", entry.request_id)]
    Unsigned { entry: SeatId, error: SignerError },
    /// The salt secret that opens a seat is not in the store.
    #[error("request {}: {error}", entry.request_id)]
    Unopened { entry: SeatId, error: StoreError },
    #[error("the configuration names no operator; add one [[operators]] table")]
    NoOperators,
    /// The model that the configuration names for an operator can't be used.
    #[error("`operator_models`: {0}")]
    OperatorModel(String),
    #[error("the operator {0} is named twice in the configuration")]
    OperatorTwice(String),
    #[error(
        "{operator} is not registered with the oracle; run `operator register` with its key first"
    )]
    NotRegistered { operator: String },
    /// None of this process's operators may take a seat any more.
    #[error("{operator} signed two answers to one question and takes no seat any more; its open seats are opened; register another operator")]
    Barred { operator: String },
    /// The key is used by somebody else, or our own memory of using it is lost.
    #[error("request {request_id} holds a commitment of {operator} that is not in this store ({}{}); stop the other process that uses this key, or restore the store it was made with; nothing was revealed", hex0x(found), known(ours))]
    ForeignCommitment {
        request_id: RequestId,
        operator: String,
        found: Hash,
        ours: Option<Hash>,
    },
    /// An empty store, and seats whose answers it should hold.
    #[error("the store {store} is empty, and {operator} has an open seat in request {request_id} ({seats} in all); bring back the store it was made with, or its copy in `backup_dir`; if it is lost, stop every other process with this key and run once with --recover")]
    FreshStore {
        store: String,
        operator: String,
        request_id: RequestId,
        seats: usize,
    },
    /// An older store: the chain shows a commitment that it does not know.
    #[error("the store {store} is older than the chain: the commitment of {operator} in request {request_id} is not in this store ({seats} in all); bring back the newest one; if it is lost, stop every other process with this key and run once with --recover")]
    OldStore {
        store: String,
        operator: String,
        request_id: RequestId,
        seats: usize,
    },
    #[error(transparent)]
    Evidence(#[from] llm_oracle_evidence::EvidenceError),
    #[error("the contract's view of request {request_id} contradicts itself: {reason}; do not sign for it")]
    Inconsistent {
        request_id: RequestId,
        reason: String,
    },
}

fn known(ours: &Option<Hash>) -> String {
    ours.as_ref()
        .map_or_else(String::new, |ours| format!(", ours is {}", hex0x(ours)))
}

/// What one seat brings could not be signed or opened. It concerns no other operator.
pub(crate) struct SeatFault {
    pub(crate) entry: SeatId,
    /// Nothing of its operator can be signed now.
    pub(crate) is_signer_away: bool,
    pub(crate) reason: String,
}

impl RelayerError {
    /// The fault of one seat, if it is one.
    ///
    /// # Errors
    /// Any other error, as it is.
    pub(crate) fn into_seat_fault(self) -> Result<SeatFault, Self> {
        let (entry, is_signer_away) = match &self {
            Self::Unsigned { entry, error } => (*entry, error.is_transient()),
            Self::Unopened { entry, .. } => (*entry, false),
            _ => return Err(self),
        };
        Ok(SeatFault {
            entry,
            is_signer_away,
            reason: self.to_string(),
        })
    }

    /// Whether a new connection or some time may cure it. A chain or contract that is another one, and a store that
    /// fails on this machine, are not among such errors.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unconfirmed(_) => true,
            Self::Chain(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Whether a node only refused: the connection stands.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Chain(error) if error.is_refusal())
    }

    /// Whether an operator's signer is what failed.
    pub(crate) fn is_of_signer(&self) -> bool {
        matches!(self, Self::Chain(ChainError::Signer(_)))
    }

    /// Whether a new connection may help.
    pub fn is_connection(&self) -> bool {
        matches!(self, Self::Chain(error) if error.is_connection())
    }
}

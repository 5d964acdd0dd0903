//! Why the daemon does not start, and why it does not sign.

use crate::interchange::InterchangeError;
use llm_oracle_primitives::RequestId;
use llm_oracle_signing::KeyError;
use llm_oracle_support::address::AddressError;
use std::path::PathBuf;

/// Why the daemon does not start, or its record cannot be exported or imported.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum SigningDaemonError {
    #[error("the settings of the signing daemon {} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} line {line}: {reason}", path.display())]
    InvalidConfig {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("the settings give no key; add one [[operators]] table")]
    NoKeys,
    #[error("the key of {0} is given twice")]
    KeyTwice(String),
    #[error("the record of the signing daemon {} is in use by another process; stop that one first", path.display())]
    Locked { path: PathBuf },
    #[error("{} has mode {mode:03o} and other users could reach the daemon; run chmod 700 on it", path.display())]
    OpenFolder { path: PathBuf, mode: u32 },
    #[error("another process answers at {}; stop it, or give another `socket`", path.display())]
    SocketInUse { path: PathBuf },
    #[error("cannot use {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the record of the signing daemon {} fails: {reason}", path.display())]
    Database { path: PathBuf, reason: String },
    #[error("there is no record at {}; correct `store` in the settings", path.display())]
    NoRecord { path: PathBuf },
    #[error("the record at {} was exported with --retire and signs nothing again; use the record that has imported it, or import the file into another `store`", path.display())]
    Retired { path: PathBuf },
    #[error("{} {error}", path.display())]
    Interchange {
        path: PathBuf,
        error: InterchangeError,
    },
    #[error("{} is of another deployment (domain {domain}, contract {contract}); give the settings of that one", path.display())]
    OtherDeployment {
        path: PathBuf,
        domain: String,
        contract: String,
    },
    #[error("{} contradicts the record for operator {operator}, request {request_id}: {reason}; nothing was imported", path.display())]
    Conflict {
        path: PathBuf,
        operator: String,
        request_id: RequestId,
        reason: String,
    },
    #[error("the record is retired, but {} could not be written: {source}; export it again", path.display())]
    RetiredWithoutFile {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Why the daemon does not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub(crate) enum SigningRefusal {
    #[error("the daemon has no key of {0}")]
    UnknownAccount(String),
    #[error("the daemon signs for the contract {expected} only, not for {found}")]
    OtherContract { expected: String, found: String },
    #[error(
        "the daemon signs for another deployment of the contract; see `domain` in its settings"
    )]
    OtherDomain,
    #[error("this version does not know round {round} and phase {phase}")]
    OtherPhase { round: u8, phase: u8 },
    #[error("the contract takes nothing signed with the model number {0}; it is always 0")]
    OtherModel(u32),
    #[error("another commitment was signed for request {0} before")]
    ConflictingCommitment(RequestId),
    #[error("another answer was signed for request {0} before")]
    ConflictingAnswer(RequestId),
    #[error("the payload is not a call of a contract: {0}")]
    NotACall(&'static str),
    #[error("the call moves {0} planck; a relayer pays no contract")]
    Value(u128),
    #[error("the call offers a tip of {found} planck, and `max_tip` is {most} planck")]
    Tip { found: u128, most: u128 },
    #[error("the transaction would never expire")]
    Immortal,
    #[error("the call may take a storage deposit of {found}, and `max_deposit` is {most} planck")]
    Deposit { found: String, most: u128 },
    #[error("relayers do not call the message {0}")]
    Message(String),
    #[error("the record fails, and nothing is signed that is not recorded: {0}")]
    Record(String),
}

impl SigningRefusal {
    /// Machine-readable name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::UnknownAccount(_) => "unknown_account",
            Self::OtherContract { .. } => "other_contract",
            Self::OtherDomain => "other_domain",
            Self::OtherPhase { .. } => "other_phase",
            Self::OtherModel(_) => "other_model",
            Self::ConflictingCommitment(_) => "conflicting_commitment",
            Self::ConflictingAnswer(_) => "conflicting_answer",
            Self::NotACall(_) => "not_a_call",
            Self::Value(_) => "value",
            Self::Tip { .. } => "tip",
            Self::Immortal => "immortal",
            Self::Deposit { .. } => "deposit",
            Self::Message(_) => "message",
            Self::Record(_) => "record_failed",
        }
    }
}

//! Why a message is not signed.

use std::path::PathBuf;

/// Why a message is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum SignerError {
    /// The daemon does not answer at its socket, or not in time. A retry may help.
    #[error("the signer at {} does not answer: {reason}; start it with `llm-oracle-signer run`, or correct `signer` in [[operators]]", socket.display())]
    Unreachable { socket: PathBuf, reason: String },
    /// The daemon refuses this message. A retry gives the same answer.
    #[error("the signer refuses ({name}): {reason}")]
    Refused { name: String, reason: String },
    /// The daemon signed with the key of another account.
    #[error("the signer at {} signs with another key than that of {account}; stop it and check its keys", socket.display())]
    WrongKey { socket: PathBuf, account: String },
}

impl SignerError {
    /// Machine-readable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "signer_unreachable",
            Self::Refused { .. } => "signer_refused",
            Self::WrongKey { .. } => "signer_wrong",
        }
    }

    /// Whether a retry of the same request may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

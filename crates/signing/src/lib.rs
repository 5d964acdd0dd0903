//! Signing by kind: a caller says what it wants to be signed, and never hands over bytes of its own.
//!
//! A key of this process is a [`Signer`]; so is a [`Remote`], which asks another process over a unix
//! socket. That process (`llm_oracle_signer`) remembers what it signed and refuses a second, different answer,
//! whatever this one asks for.
//!
//! **Architecture invariant:** nothing here decides. The rules are those of the process that has the key.

mod account;
mod keys;
mod peer;
mod remote;
pub mod wire;

pub use account::{account_of, verifies};
pub use keys::{load_key, load_signer, KeyError, KeySource};
pub use peer::{Head, Id, PeerToSign};
pub use remote::{Remote, PATIENCE};

use llm_oracle_primitives::{
    digest::{self, Context},
    AccountId, Answer, BlockNumber, Hash, Signature,
};
use scale::{Decode, Encode};
use std::path::PathBuf;
pub use subxt_signer::sr25519::Keypair;

/// Why something is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum SignerError {
    /// Nobody answers at the socket, or not in time. Asking again may help.
    #[error("the signer at {} does not answer: {reason}; start it with `llm-oracle signer run`, or correct `signer` in [[operators]]", socket.display())]
    Unreachable { socket: PathBuf, reason: String },
    /// It has a reason not to sign this. Asking again for the same changes nothing.
    #[error("the signer refuses ({name}): {reason}")]
    Refused { name: String, reason: String },
    /// It signed, and not with the key it should have.
    #[error("the signer at {} gives signatures that are none of {account}; stop it and look at its keys", socket.display())]
    Wrong { socket: PathBuf, account: String },
}

impl SignerError {
    /// Name for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "signer_unreachable",
            Self::Refused { .. } => "signer_refused",
            Self::Wrong { .. } => "signer_wrong",
        }
    }

    /// Whether the same may be signed later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// A seat message: lets any carrier bring the commit.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct SeatToSign {
    /// What it is bound to; its operator signs.
    pub context: Context,
    /// See [`digest::commitment`].
    pub commitment: Hash,
    /// See [`digest::evidence`].
    pub evidence: Hash,
    /// Last block in which it counts.
    pub valid_until: BlockNumber,
}

/// An answer message, with what opens its commitment, so that whoever signs can compare the two.
// No `Debug`: the salt is a secret until the reveal.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct AnswerToSign {
    /// What it is bound to; its operator signs.
    pub context: Context,
    /// The answer.
    pub answer: Answer,
    /// See [`digest::evidence`].
    pub evidence: Hash,
    /// Salt of the commitment.
    pub salt: Hash,
}

/// The payload of an extrinsic that calls a contract.
pub struct CallToSign<'a> {
    /// What is signed: the payload, or its digest when it is longer than [`PAYLOAD_BYTES_MAX`].
    pub signed: &'a [u8],
    /// The payload itself: the encoded call, then the extensions' data. `None` on chains that only
    /// know transactions whose payload is not laid out so.
    pub whole: Option<&'a [u8]>,
}

/// Greatest payload that is signed as it is; of longer ones the digest is, bytes.
pub const PAYLOAD_BYTES_MAX: usize = 256;

/// What a chain wants to be signed for a payload.
pub fn signed_part(payload: &[u8]) -> Vec<u8> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        digest::blake2(payload).to_vec()
    } else {
        payload.to_vec()
    }
}

impl SeatToSign {
    /// The bytes that are signed.
    pub fn message(&self) -> Vec<u8> {
        digest::seat_message(
            &self.context,
            &self.commitment,
            &self.evidence,
            self.valid_until,
        )
    }
}

impl AnswerToSign {
    /// The bytes that are signed.
    pub fn message(&self) -> Vec<u8> {
        digest::answer_message(&self.context, &self.answer, &self.evidence)
    }

    /// The commitment that this answer opens.
    pub fn commitment(&self) -> Hash {
        digest::commitment(&self.context, &self.answer, &self.evidence, &self.salt)
    }
}

/// Signs for one account what a relayer brings to the oracle.
pub trait Signer: Send + Sync {
    /// The account, which is its sr25519 key.
    fn account(&self) -> AccountId;

    /// Whether it is ready to sign for its account.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn check(&self) -> Result<(), SignerError> {
        Ok(())
    }

    /// Signs a seat message.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_seat(&self, seat: &SeatToSign) -> Result<Signature, SignerError>;

    /// Signs an answer message.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_answer(&self, answer: &AnswerToSign) -> Result<Signature, SignerError>;

    /// Signs the message by which the account registers as an operator.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_registration(
        &self,
        domain: &Hash,
        contract: &AccountId,
    ) -> Result<Signature, SignerError>;

    /// Signs the payload of a contract call.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_call(&self, call: &CallToSign<'_>) -> Result<Signature, SignerError>;

    /// Signs a letter or a receipt for another relayer.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_peer(&self, message: &PeerToSign) -> Result<Signature, SignerError>;
}

/// The key is in this process: what the process asks for is signed.
impl Signer for Keypair {
    fn account(&self) -> AccountId {
        AccountId::from(self.public_key().0)
    }

    fn sign_seat(&self, seat: &SeatToSign) -> Result<Signature, SignerError> {
        Ok(self.sign(&seat.message()).0)
    }

    fn sign_answer(&self, answer: &AnswerToSign) -> Result<Signature, SignerError> {
        Ok(self.sign(&answer.message()).0)
    }

    fn sign_registration(
        &self,
        domain: &Hash,
        contract: &AccountId,
    ) -> Result<Signature, SignerError> {
        let message = digest::register_message(domain, contract, &self.account());
        Ok(self.sign(&message).0)
    }

    fn sign_call(&self, call: &CallToSign<'_>) -> Result<Signature, SignerError> {
        Ok(self.sign(call.signed).0)
    }

    fn sign_peer(&self, message: &PeerToSign) -> Result<Signature, SignerError> {
        Ok(self.sign(&message.message()).0)
    }
}

//! What is signed for the oracle contract.

use llm_oracle_primitives::{
    digest::{self, Context},
    AccountId, Answer, BlockNumber, Hash,
};
use scale::{Decode, Encode};

/// A seat message. With it any account can submit the operator's commitment.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct SeatToSign {
    /// What the message is bound to. The operator in it signs.
    pub context: Context,
    /// See [`digest::commitment`].
    pub commitment: Hash,
    /// See [`digest::evidence`].
    pub evidence: Hash,
    /// Last block in which the contract accepts it.
    pub valid_until: BlockNumber,
}

/// An answer message and the salt of its commitment, so that the signer can check that they match.
// No `Debug`: the salt is a secret until the reveal.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct AnswerToSign {
    /// What the message is bound to. The operator in it signs.
    pub context: Context,
    /// The answer.
    pub answer: Answer,
    /// How sure the model is, 0 to 100. `None` for a request that was asked under version 2.
    pub confidence: Option<u8>,
    /// See [`digest::evidence`].
    pub evidence: Hash,
    /// Salt of the commitment.
    pub salt: Hash,
}

/// A register message: the operator proves that its id is its key, and names its owner and its family.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RegistrationToSign {
    /// The deployment.
    pub domain: Hash,
    /// The oracle.
    pub contract: AccountId,
    /// The operator, which signs.
    pub operator: AccountId,
    /// The account that gets the operator's money.
    pub owner: AccountId,
    /// What the operator declares its model to be, UTF-8. Empty: nothing.
    pub family: Vec<u8>,
}

/// The payload of an extrinsic that calls a contract.
pub struct CallToSign<'a> {
    /// The bytes that are signed: the payload, or its digest when it is longer than 256 bytes. See
    /// [`signed_part`].
    pub signed: &'a [u8],
    /// The whole payload: the encoded call, then the data of the extensions. `None` on a chain that has
    /// no transactions with this layout.
    pub payload: Option<&'a [u8]>,
}

/// Longest payload that is signed as it is, bytes. Of a longer one the digest is signed.
const PAYLOAD_BYTES_MAX: usize = 256;

/// The bytes that the chain verifies for a payload: the payload itself, or its digest when it is longer than
/// 256 bytes.
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
        digest::answer_message(&self.context, &self.answer, self.confidence, &self.evidence)
    }

    /// The commitment that this answer opens.
    pub fn commitment(&self) -> Hash {
        digest::commitment(
            &self.context,
            &self.answer,
            self.confidence,
            &self.evidence,
            &self.salt,
        )
    }
}

impl RegistrationToSign {
    /// The bytes that are signed.
    pub fn message(&self) -> Vec<u8> {
        digest::register_message(
            &self.domain,
            &self.contract,
            &self.operator,
            &self.owner,
            &self.family,
        )
    }
}

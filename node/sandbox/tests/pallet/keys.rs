//! Operators' keys, and what they sign.

use llm_oracle_primitives::{
    AccountId, Answer, AnswerEntry, BlockNumber, CommitEntry, Hash, RevealEntry, Signature, Slot,
    digest,
};
use sp_core::{Pair, sr25519};

/// How sure operators are.
pub const SURE: Option<u8> = Some(90);

/// An operator with its key.
#[derive(Clone)]
pub struct Operator {
    pub key: sr25519::Pair,
    pub id: AccountId,
    pub slot: Slot,
}

impl Operator {
    pub fn new(seed: u8) -> Self {
        Self::of(sr25519::Pair::from_seed(&[seed; 32]))
    }

    /// One of many: seeds of a byte are too few.
    #[allow(dead_code)] // Only the bench needs a crowd.
    pub fn numbered(number: u16) -> Self {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&number.to_le_bytes());
        seed[31] = 1;
        Self::of(sr25519::Pair::from_seed(&seed))
    }

    fn of(key: sr25519::Pair) -> Self {
        let id = AccountId(key.public().0);
        Self {
            key,
            id,
            slot: Slot::MAX,
        }
    }

    pub fn sign(&self, message: &[u8]) -> Signature {
        self.key.sign(message).0
    }
}

/// Salt of an operator's seat, and its evidence.
pub fn secrets(context: &digest::Context) -> (Hash, Hash) {
    let salt = digest::salt(&[7; 32], context);
    (salt, digest::evidence(&salt, b"{}"))
}

pub fn commit_entry(
    operator: &Operator,
    context: &digest::Context,
    answer: &Answer,
    valid_until: BlockNumber,
) -> CommitEntry {
    let (salt, evidence) = secrets(context);
    let commitment = digest::commitment(context, answer, SURE, &evidence, &salt);
    let message = digest::seat_message(context, &commitment, &evidence, valid_until);
    CommitEntry {
        request_id: context.request_id,
        slot: operator.slot,
        commitment,
        evidence,
        signature: Some((valid_until, operator.sign(&message))),
    }
}

pub fn reveal_entry(
    operator: &Operator,
    context: &digest::Context,
    answer: &Answer,
) -> RevealEntry {
    let (salt, evidence) = secrets(context);
    let message = digest::answer_message(context, answer, SURE, &evidence);
    RevealEntry {
        request_id: context.request_id,
        slot: operator.slot,
        answer: answer.clone(),
        confidence: 90,
        salt,
        signature: operator.sign(&message),
    }
}

pub fn answer_entry(
    operator: &Operator,
    context: &digest::Context,
    answer: &Answer,
) -> AnswerEntry {
    let salt = digest::ONE_STEP_SALT;
    let evidence = digest::evidence(&salt, b"{}");
    let message = digest::answer_message(context, answer, SURE, &evidence);
    AnswerEntry {
        request_id: context.request_id,
        slot: operator.slot,
        answer: answer.clone(),
        confidence: 90,
        evidence,
        salt,
        signature: operator.sign(&message),
    }
}

/// Whether an operator signed a message.
pub fn verifies(operator: &AccountId, message: &[u8], signature: &Signature) -> bool {
    let (signature, key) = (
        sr25519::Signature::from_raw(*signature),
        sr25519::Public::from_raw(operator.0),
    );
    sr25519::Pair::verify(&signature, message, &key)
}

//! Arguments and results of the contract's messages.

use crate::{Answer, Balance, BlockNumber, Hash, RequestId, Signature, Slot};

/// One seat to take.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct CommitEntry {
    /// The request.
    pub request_id: RequestId,
    /// The operator's slot.
    pub slot: Slot,
    /// See [`crate::digest::commitment`].
    pub commitment: Hash,
    /// See [`crate::digest::evidence`].
    pub evidence: Hash,
    /// Who vouches for the entry.
    pub signature: Option<SeatSignature>,
}

/// The operator's permission for any transmitter to bring its commit; without one the caller must be the operator.
pub type SeatSignature = (BlockNumber, Signature);

/// One committed answer to open.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct RevealEntry {
    /// The request.
    pub request_id: RequestId,
    /// The operator's slot.
    pub slot: Slot,
    /// The answer committed to.
    pub answer: Answer,
    /// How sure the operator's model is, 0 to 100.
    pub confidence: u8,
    /// The salt of the commitment.
    pub salt: Hash,
    /// Over [`crate::digest::answer_message`].
    pub signature: Signature,
}

/// One answer to a one-step request.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct AnswerEntry {
    /// The request.
    pub request_id: RequestId,
    /// The operator's slot.
    pub slot: Slot,
    /// The answer.
    pub answer: Answer,
    /// How sure the operator's model is, 0 to 100.
    pub confidence: u8,
    /// See [`crate::digest::evidence`].
    pub evidence: Hash,
    /// Always [`crate::digest::ONE_STEP_SALT`].
    pub salt: Hash,
    /// Over [`crate::digest::answer_message`].
    pub signature: Signature,
}

/// What a request costs. Everything but the fees of taken seats and the price of a delivery that was
/// tried can come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct Quote {
    /// Rewards of all seats, planck.
    pub rewards: Balance,
    /// Seat fees of all seats, planck: for taking a seat, and for each block of both windows.
    pub seat_fees: Balance,
    /// Escrow for the delivery, planck: its reward, the price of an attempt, its storage deposit.
    pub delivery: Balance,
    /// The sum, planck, which is the least value to send.
    pub total: Balance,
    /// Storage cells that the ask opens. The chain takes a deposit for each from whoever signs the
    /// transaction, on top of the total, and gives it to whoever prunes.
    pub stored_items: u32,
    /// Bytes in those cells; the chain takes a deposit for them too.
    pub stored_bytes: u32,
    /// Block in which commits begin to count, if asked in this block.
    pub opens_at: BlockNumber,
    /// Last block for commits, if asked in this block.
    pub commit_deadline: BlockNumber,
    /// Last block for reveals when no phase ends early, if asked in this block.
    pub reveal_deadline: BlockNumber,
}

/// Proof that an operator signed two different answers to one question.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct Equivocation {
    /// The request; it may have been pruned.
    pub request_id: RequestId,
    /// Digest of its terms, see [`crate::digest::terms_digest`].
    pub terms_digest: Hash,
    /// The operator's slot.
    pub slot: Slot,
    /// One answer.
    pub first: SignedAnswer,
    /// Another one.
    pub second: SignedAnswer,
}

/// What an operator signed: the message is [`crate::digest::answer_message_of`].
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct SignedAnswer {
    /// [`crate::digest::answer_digest`].
    pub answer: Hash,
    /// The confidence that was signed; none for a request that was asked under version 2.
    pub confidence: Option<u8>,
    /// See [`crate::digest::evidence`].
    pub evidence: Hash,
    /// The operator's signature.
    pub signature: Signature,
}

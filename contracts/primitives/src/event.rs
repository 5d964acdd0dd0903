//! Events of the oracle. They carry their signature topic only (a topic costs as much as a storage
//! write) and ids in the data. Names and fields are part of the interface: they make the topic.

use crate::{
    AccountId, Answer, Balance, BlockNumber, Hash, Outcome, Params, RequestId, SeatAnswer,
    Signature, Slot, Terms,
};
use ink::prelude::vec::Vec;

/// A request was opened.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The new request.
    pub request_id: RequestId,
    /// Who asked and will be called back.
    pub requester: AccountId,
    /// What was asked.
    pub terms: Terms,
    /// Reward of one seat, planck.
    pub reward: Balance,
    /// Last block for commits.
    pub commit_deadline: BlockNumber,
}

/// Seats of one request were taken in one call.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The request.
    pub request_id: RequestId,
    /// The seats, in the order taken.
    pub seats: Vec<SeatCommitted>,
}

/// One seat taken.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct SeatCommitted {
    /// The operator.
    pub operator: AccountId,
    /// Its slot.
    pub slot: Slot,
    /// What it commits to.
    pub commitment: Hash,
    /// Digest of how the answer was made.
    pub evidence: Hash,
}

/// Answers of one request were revealed in one call.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revealed {
    /// The request.
    pub request_id: RequestId,
    /// The seats, in the order revealed.
    pub seats: Vec<SeatRevealed>,
}

/// One answer revealed.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct SeatRevealed {
    /// The operator.
    pub operator: AccountId,
    /// Its slot.
    pub slot: Slot,
    /// Its answer.
    pub answer: SeatAnswer,
    /// How sure it is, 0 to 100.
    pub confidence: u8,
    /// The salt of its commitment and evidence.
    pub salt: Hash,
    /// Its signature over the answer message.
    pub signature: Signature,
}

/// An open answer was revealed that no seat of the request had given before; the contract itself keeps
/// only the one that is agreed on.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerPublished {
    /// The request.
    pub request_id: RequestId,
    /// The first seat that gave it.
    pub slot: Slot,
    /// The whole answer.
    pub answer: Answer,
}

/// A request ended and was settled.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The request.
    pub request_id: RequestId,
    /// How.
    pub outcome: Outcome,
    /// What each taken seat got or lost, in seat order.
    pub payouts: Vec<Payout>,
    /// Credited to the requester or its `refund_to`, planck.
    pub refund: Balance,
    /// Credited to the owner, planck.
    pub fee: Balance,
    /// Forfeited to the sink, planck.
    pub to_sink: Balance,
}

/// What a seat got or lost at the end.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct Payout {
    /// The operator.
    pub operator: AccountId,
    /// Its slot.
    pub slot: Slot,
    /// Whether its answer agrees with the result.
    pub agreed: bool,
    /// Credited, planck.
    pub paid: Balance,
    /// Taken from its bond, planck.
    pub forfeited: Balance,
}

/// The requester's callback took the outcome.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The request.
    pub request_id: RequestId,
    /// Who sent the transaction.
    pub transmitter: AccountId,
    /// What it earned, planck.
    pub earned: Balance,
}

/// The requester's callback failed; it can be tried again.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryFailed {
    /// The request.
    pub request_id: RequestId,
    /// Failures so far; stops counting at 255.
    pub failures: u8,
    /// Who sent the transaction.
    pub transmitter: AccountId,
    /// What it earned, planck.
    pub earned: Balance,
}

/// Somebody paid for another attempt to deliver.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryFunded {
    /// The request.
    pub request_id: RequestId,
    /// What was added to its escrow, planck.
    pub amount: Balance,
}

/// Everything stored about a request was removed.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The request.
    pub request_id: RequestId,
    /// Delivery escrow credited back, planck.
    pub refund: Balance,
}

/// An operator registered.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The operator.
    pub operator: AccountId,
    /// Its slot.
    pub slot: Slot,
    /// Its bond, planck.
    pub bond: Balance,
    /// Who gets its money.
    pub owner: AccountId,
    /// What it declares its model to be, UTF-8.
    pub family: Vec<u8>,
}

/// An operator declares another model family.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyDeclared {
    /// The operator's slot.
    pub slot: Slot,
    /// What it declares its model to be, UTF-8.
    pub family: Vec<u8>,
}

/// An operator's owner named another one.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerNamed {
    /// The operator's slot.
    pub slot: Slot,
    /// Who gets its money now.
    pub owner: AccountId,
}

/// A list of operators was published.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPublished {
    /// Its number.
    pub set: u32,
    /// Who published it.
    pub publisher: AccountId,
    /// Slots of its operators, ascending.
    pub slots: Vec<Slot>,
}

/// An operator added to its bond.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bonded {
    /// The operator's slot.
    pub slot: Slot,
    /// Its bond now, planck.
    pub bond: Balance,
}

/// An operator asked for a part of its bond.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbonding {
    /// The operator's slot.
    pub slot: Slot,
    /// What waits in all, planck.
    pub amount: Balance,
    /// First block in which it can be released.
    pub until: BlockNumber,
}

/// A part of a bond became credit.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The operator's slot.
    pub slot: Slot,
    /// How much, planck.
    pub amount: Balance,
}

/// Credit was paid out.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The payee.
    pub account: AccountId,
    /// How much, planck.
    pub amount: Balance,
}

/// An operator was shown to have signed two answers to one question.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocated {
    /// The operator's slot.
    pub slot: Slot,
    /// The request.
    pub request_id: RequestId,
    /// Taken from its bond at once, planck; seats that are still open forfeit when they end.
    pub forfeited: Balance,
    /// Who reported it.
    pub reporter: AccountId,
    /// The reporter's part, planck.
    pub reward: Balance,
}

/// New requests and registrations were paused, or go on.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseSet {
    /// Whether they are paused now.
    pub paused: bool,
}

/// Ownership was offered to an account.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipOffered {
    /// To whom.
    pub to: AccountId,
}

/// Ownership was taken.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipTaken {
    /// The new owner.
    pub owner: AccountId,
}

/// New parameters were announced.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamsAnnounced {
    /// The parameters.
    pub params: Params,
    /// First block in which they hold, for requests asked from then on.
    pub from: BlockNumber,
}

/// New code was announced.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeAnnounced {
    /// Hash of the code.
    pub code_hash: Hash,
    /// First block in which it can be installed.
    pub from: BlockNumber,
}

/// Announced code was installed.
#[ink::event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// Hash of the code.
    pub code_hash: Hash,
}

/// Any event of the oracle, for code that passes them on. It is never encoded itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Each variant is documented at the type it holds.
#[allow(clippy::large_enum_variant)] // Lives for one call; a box would cost an allocation.
pub enum Event {
    Asked(Asked),
    Committed(Committed),
    Revealed(Revealed),
    Ended(Ended),
    Delivered(Delivered),
    DeliveryFailed(DeliveryFailed),
    DeliveryFunded(DeliveryFunded),
    Pruned(Pruned),
    Registered(Registered),
    FamilyDeclared(FamilyDeclared),
    OwnerNamed(OwnerNamed),
    SetPublished(SetPublished),
    Bonded(Bonded),
    Unbonding(Unbonding),
    Released(Released),
    Withdrawn(Withdrawn),
    AnswerPublished(AnswerPublished),
    Equivocated(Equivocated),
    PauseSet(PauseSet),
    OwnershipOffered(OwnershipOffered),
    OwnershipTaken(OwnershipTaken),
    ParamsAnnounced(ParamsAnnounced),
    UpgradeAnnounced(UpgradeAnnounced),
    Upgraded(Upgraded),
}

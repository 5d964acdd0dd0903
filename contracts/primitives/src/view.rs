//! What the contract's read-only messages return.

use crate::{
    AccountId, Balance, BlockNumber, CallbackLimits, Hash, LeastRecord, Outcome, Params, RequestId,
    SeatAnswer, Signature, Slot,
};
use ink::prelude::vec::Vec;

/// Identity and parameters of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct Config {
    /// [`crate::INTERFACE_VERSION`] of the code.
    pub interface_version: u32,
    /// See [`crate::digest::domain`].
    pub domain: Hash,
    /// Genesis hash that the deployer gave.
    pub genesis: Hash,
    /// Who deployed.
    pub deployer: AccountId,
    /// Block of the constructor.
    pub deployed_at: BlockNumber,
    /// Timestamp of that block, milliseconds.
    pub deployed_at_ms: u64,
    /// Who owns the parameters and gets the fee.
    pub owner: AccountId,
    /// Where forfeits go.
    pub sink: AccountId,
    /// Planck of one coin.
    pub unit: Balance,
    /// Least number of blocks between an announcement and its effect, whatever the parameters say.
    pub min_notice_blocks: u32,
    /// The parameters in force.
    pub params: Params,
    /// Number of the next request.
    pub next_id: RequestId,
    /// Every request with a lower number has been settled.
    pub lowest_open_id: RequestId,
    /// Number of slots given out.
    pub operators: u32,
    /// Number of sets published.
    pub sets: u32,
    /// Whether new requests and registrations are paused.
    pub paused: bool,
    /// Who may take the ownership.
    pub offered_to: Option<AccountId>,
    /// Announced parameters and the first block in which they hold.
    pub next_params: Option<(Params, BlockNumber)>,
    /// Hash of announced code and the first block in which it can be installed. It lapses after as many
    /// blocks more as `params.upgrade_delay_blocks`.
    pub next_code: Option<(Hash, BlockNumber)>,
}

/// Phase of a request: a function of stored state and block number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub enum Phase {
    /// Seats can't be taken before `opens_at`.
    Waiting,
    /// Seats can be taken.
    Committing,
    /// Committed answers can be revealed.
    Revealing,
    /// Over; see the outcome.
    Ended,
}

/// Where the callback of a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub enum DeliveryStatus {
    /// The requester wants no callback.
    None,
    /// Nothing was tried yet.
    Waiting,
    /// The callback is running in this very call.
    Delivering,
    /// The callback took the outcome.
    Delivered,
    /// The callback failed that many times; it can be tried again, see `delivery_price`.
    Failed(u8),
}

/// State of one seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub enum SeatState {
    /// Not taken.
    #[default]
    Vacant,
    /// Taken, not revealed.
    Committed,
    /// Revealed, not settled.
    Revealed,
    /// Settled: agreed with the result.
    Agreed,
    /// Settled: answered something else than the result.
    Dissented,
    /// Settled: abstained.
    Abstained,
    /// Settled: did not reveal in time.
    Silent,
    /// Settled: taken in a request that expired.
    Released,
    /// Settled: answered where there was no result.
    Inconclusive,
}

/// One seat of a request.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct SeatView {
    /// Who holds it.
    pub operator: AccountId,
    /// Slot of the holder.
    pub slot: Slot,
    /// Its state.
    pub state: SeatState,
    /// Family of its model when the seat was taken, see [`crate::digest::family_tag`].
    pub family: [u8; 4],
    /// What was committed to.
    pub commitment: Hash,
    /// Digest of how the answer was made.
    pub evidence: Hash,
    /// The answer, once revealed.
    pub answer: Option<SeatAnswer>,
    /// How sure it is, 0 to 100, once revealed.
    pub confidence: Option<u8>,
    /// Signature over the answer message, once revealed.
    pub signature: Option<Signature>,
    /// Salt of commitment and evidence, once revealed.
    pub salt: Option<Hash>,
    /// What the end credited, planck.
    pub paid: Balance,
    /// What the end took from the bond, planck.
    pub forfeited: Balance,
}

/// A request in a list: enough to decide whether there is something to do.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct Summary {
    /// The request.
    pub request_id: RequestId,
    /// Its phase in the block that was asked.
    pub phase: Phase,
    /// Whether the end has been settled (otherwise `advance` does it).
    pub settled: bool,
    /// Seats asked for.
    pub seats: u8,
    /// Seats taken.
    pub committed: u8,
    /// Seats revealed.
    pub revealed: u8,
    /// Where the callback stands.
    pub delivery: DeliveryStatus,
    /// Reward of one seat, planck.
    pub reward: Balance,
    /// First block in which commits count.
    pub opens_at: BlockNumber,
    /// Last block for commits.
    pub commit_deadline: BlockNumber,
    /// Last block for reveals, as far as known.
    pub reveal_deadline: BlockNumber,
}

/// Everything about a request but its prompt, which `terms` returns.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct RequestView {
    /// The request in short.
    pub summary: Summary,
    /// Who asked.
    pub requester: AccountId,
    /// Who gets refunds.
    pub beneficiary: AccountId,
    /// See [`crate::digest::terms_digest`].
    pub terms_digest: Hash,
    /// Version of the interface that it was asked under: what its commitments and signatures look like.
    pub interface_version: u32,
    /// Seats that must agree.
    pub threshold: u8,
    /// Answered in one step.
    pub one_step: bool,
    /// The record that an operator must have to take a seat.
    pub least_record: LeastRecord,
    /// Most seats of one model family, 0: any number.
    pub max_seats_per_family: u8,
    /// Least confidence of a result, 0 to 100.
    pub min_confidence: u8,
    /// Block of the ask.
    pub asked_at: BlockNumber,
    /// Block in which the reveals opened, once known.
    pub reveals_opened_at: Option<BlockNumber>,
    /// Block from which the end stands, once known.
    pub ended_at: Option<BlockNumber>,
    /// Fee of one seat, planck, credited when it is taken.
    pub seat_fee: Balance,
    /// Bond that one seat locks, planck.
    pub seat_bond: Balance,
    /// Least bond of an operator that takes a seat, planck.
    pub min_bond: Balance,
    /// The owner's part of what seats are paid, parts per million.
    pub fee_ppm: u32,
    /// Part of the reward for every answer, and for an abstention in `Undetermined`, parts per million.
    pub effort_ppm: u32,
    /// Blocks after the end before the requester may prune an answer that was not delivered.
    pub delivery_blocks: u32,
    /// Blocks after the end before anyone may prune.
    pub retention_blocks: u32,
    /// Escrow of the delivery that is still held, planck.
    pub delivery_escrow: Balance,
    /// Part of it that the next attempt of a transmitter with a seat earns, whether the callback takes
    /// the outcome or not, planck; 0 after such an attempt, until somebody funds another.
    pub delivery_price: Balance,
    /// Limits of the callback.
    pub callback: Option<CallbackLimits>,
    /// Taken seats in the order taken.
    pub seats: Vec<SeatView>,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
    /// What the end credited to the requester or its `refund_to`, planck.
    pub refund: Balance,
    /// What the end credited to the owner, planck.
    pub fee: Balance,
}

impl RequestView {
    /// Version of the interface from which on answers have a confidence.
    const FIRST_WITH_CONFIDENCE: u32 = 3;

    /// What an answer to this request binds and signs as its confidence: nothing where it was asked
    /// under version 2, which had none.
    pub fn signed_confidence(&self, confidence: u8) -> Option<u8> {
        (self.interface_version >= Self::FIRST_WITH_CONFIDENCE).then_some(confidence)
    }
}

/// A published list of operators.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct SetView {
    /// Who published it.
    pub publisher: AccountId,
    /// Slots of its operators, ascending.
    pub slots: Vec<Slot>,
}

/// What a consumer reads when it does not want a callback.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub enum AnswerState {
    /// Not ended.
    Pending,
    /// Ended; this never changes any more.
    Final(Outcome),
}

/// An operator's account in the contract.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct OperatorView {
    /// Its account id, which is its sr25519 public key.
    pub operator: AccountId,
    /// Its slot.
    pub slot: Slot,
    /// Who gets its money.
    pub owner: AccountId,
    /// What it declares its model to be, UTF-8; empty: nothing.
    pub family: Vec<u8>,
    /// Requests with a lower number can't concern it.
    pub first_id: RequestId,
    /// Bond, planck, with what is locked and what waits.
    pub bond: Balance,
    /// Locked by seats, planck.
    pub locked: Balance,
    /// Waiting to be released, planck.
    pub unbonding: Balance,
    /// First block in which the waiting part can be released.
    pub unbonding_until: BlockNumber,
    /// Earned and not paid out, planck.
    pub credit: Balance,
    /// Block of the registration.
    pub registered_at: BlockNumber,
    /// Seats that agreed with a result.
    pub agreed: u32,
    /// Seats that answered something else.
    pub dissented: u32,
    /// Seats that abstained.
    pub abstained: u32,
    /// Seats that did not reveal.
    pub silent: u32,
    /// Share of its ended seats that agreed, abstentions left out, parts per million.
    pub agreement_ppm: u32,
    /// Whether it signed two answers to one question and takes no seat any more.
    pub barred: bool,
    /// Earned in all, planck.
    pub earned: Balance,
    /// Forfeited in all, planck.
    pub forfeited: Balance,
}

/// The books: the free balance must cover the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct LedgerView {
    /// Bonds, escrows and credits together, planck.
    pub total: Balance,
    /// Free balance of the contract, planck.
    pub balance: Balance,
}

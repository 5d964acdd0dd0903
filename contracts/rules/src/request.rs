//! One request: its seats and the rules of its life.

use ink::prelude::{vec, vec::Vec};
use llm_oracle_primitives::{
    digest::Context, AccountId, Answer, Balance, BlockNumber, CallbackLimits, DeliveryStatus,
    Error, Hash, Outcome, Params, Phase, RequestId, Slot, Summary, Terms,
};
use scale::{Decode, Encode};

use crate::{
    codec, overflow, refuse,
    versions::{Added, Counts, Later},
    Form, Refusal, Seat,
};

/// State of a request. Its encoded size is fixed when it opens, so that nothing after the ask moves
/// a storage deposit: no field may change its length later.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Request {
    /// Domain of the deployment, copied here to spare each call a read.
    pub domain: Hash,
    /// Who asked.
    pub requester: AccountId,
    /// Who gets refunds.
    pub beneficiary: AccountId,
    /// Digest of requester and terms.
    pub terms_digest: Hash,
    /// What an answer must look like and how answers agree.
    pub form: Form,
    /// Seats that must agree.
    pub threshold: u8,
    /// Answered in one step.
    pub one_step: bool,
    /// Slots that may take a seat, when the terms name them; empty: see [`Self::set`], or any.
    pub named: Vec<Slot>,
    /// Reward of one seat, planck.
    pub reward: Balance,
    /// Fee of one seat, credited when it is taken, planck.
    pub seat_fee: Balance,
    /// Bond locked by one seat, planck.
    pub seat_bond: Balance,
    /// Least bond of an operator that takes a seat, planck.
    pub min_bond: Balance,
    /// The owner's part, parts per million.
    pub fee_ppm: u32,
    /// Held another share in earlier versions.
    pub(crate) reserved: u32,
    /// Part of the reward for every answer, and for abstaining in `Undetermined`, parts per million.
    pub effort_ppm: u32,
    /// Block of the ask.
    pub asked_at: BlockNumber,
    /// First block in which commits count.
    pub opens_at: BlockNumber,
    /// Last block for commits.
    pub commit_deadline: BlockNumber,
    /// Length of the reveal phase, blocks.
    pub reveal_blocks: u32,
    /// Blocks after the end before the requester may prune undelivered.
    pub delivery_blocks: u32,
    /// Blocks after the end before anyone may prune.
    pub retention_blocks: u32,
    /// Limits of the callback.
    pub callback: Option<CallbackLimits>,
    /// Escrow of the delivery that is still held, planck.
    pub escrow: Balance,
    /// Block of the last commit, when all seats are taken; otherwise 0.
    pub full_at: BlockNumber,
    /// Block of the last reveal, when all taken seats have revealed; otherwise 0.
    pub all_revealed_at: BlockNumber,
    /// Seats taken.
    pub committed: u8,
    /// Seats revealed.
    pub revealed: u8,
    /// How it ended, once settled.
    pub end: End,
    /// First block in which the end stands, once settled; otherwise 0.
    pub ended_at: BlockNumber,
    /// How clear the result is, once settled; the rest is in [`Added`].
    pub(crate) counts: Counts,
    /// The agreed answer, encoded and padded, or the digest of an open one.
    pub(crate) result: [u8; 32],
    /// Credited to the beneficiary at the end, planck.
    pub refund: Balance,
    /// Credited to the owner at the end, planck.
    pub fee: Balance,
    /// Where the callback stands.
    pub delivery: Delivery,
    /// Failed deliveries.
    pub failures: u8,
    /// All seats; the first `committed` are taken.
    pub seats: Vec<Seat>,
    /// What later versions of the code added.
    pub(crate) later: Later,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum End {
    /// Not settled.
    Open,
    /// At least `threshold` seats agree.
    Answered,
    /// At least `threshold` seats abstained.
    Undetermined,
    /// Neither.
    NoConsensus,
    /// Too few seats were taken in time.
    Expired,
}

/// Where the callback of a request stands; failures are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Delivery {
    /// None wanted.
    None,
    /// Not taken yet.
    Waiting,
    /// Running in this very call.
    Running,
    /// Taken.
    Done,
}

/// What one seat costs, and what is kept for the delivery, planck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// Reward of one seat.
    pub reward: Balance,
    /// Fee of one seat.
    pub seat_fee: Balance,
    /// Escrow of the delivery.
    pub escrow: Balance,
    /// Part of it that an attempt earns.
    pub delivery_price: Balance,
}

/// First and last block for commits.
fn windows(
    terms: &Terms,
    params: &Params,
    now: BlockNumber,
) -> Result<(BlockNumber, BlockNumber), Refusal> {
    let (least, most) = (params.min_window, params.max_window);
    for blocks in [terms.commit_blocks, terms.reveal_blocks] {
        if !(least..=most).contains(&blocks) {
            return refuse(Error::WindowOutOfRange {
                blocks,
                least,
                most,
            });
        }
    }
    let (not_before, most) = (terms.not_before, now.saturating_add(params.max_wait));
    if not_before > most {
        return refuse(Error::NotBeforeTooLate { not_before, most });
    }
    let soonest = now.checked_add(params.open_delay).ok_or_else(overflow)?;
    let opens_at = soonest.max(not_before);
    let commit_deadline = opens_at
        .checked_add(terms.commit_blocks)
        .ok_or_else(overflow)?;
    // The last block that this request can ever compute with.
    [1, terms.reveal_blocks, params.retention_blocks, 1]
        .iter()
        .try_fold(commit_deadline, |block, step| block.checked_add(*step))
        .ok_or_else(overflow)?;
    Ok((opens_at, commit_deadline))
}

impl Request {
    /// Opens a request whose terms have been checked.
    ///
    /// # Errors
    /// `WindowOutOfRange` when a phase is shorter or longer than the parameters allow,
    /// `NotBeforeTooLate`, `Overflow`.
    pub fn open(
        (domain, requester, terms_digest): (Hash, AccountId, Hash),
        terms: &Terms,
        named: Vec<Slot>,
        params: &Params,
        money: Money,
        now: BlockNumber,
    ) -> Result<Self, Refusal> {
        let (opens_at, commit_deadline) = windows(terms, params, now)?;
        Ok(Self {
            domain,
            requester,
            beneficiary: terms.beneficiary(requester),
            terms_digest,
            form: Form::of(&terms.answer),
            threshold: terms.threshold,
            one_step: terms.one_step,
            named,
            reward: money.reward,
            seat_fee: money.seat_fee,
            seat_bond: params.seat_bond,
            min_bond: params.min_bond,
            fee_ppm: params.fee_ppm,
            reserved: 0,
            effort_ppm: params.effort_ppm,
            asked_at: now,
            opens_at,
            commit_deadline,
            reveal_blocks: terms.reveal_blocks,
            delivery_blocks: params.delivery_blocks,
            retention_blocks: params.retention_blocks,
            callback: terms.callback,
            escrow: money.escrow,
            full_at: 0,
            all_revealed_at: 0,
            committed: 0,
            revealed: 0,
            end: End::Open,
            ended_at: 0,
            counts: Counts {
                seats: terms.seats,
                ..Counts::default()
            },
            result: [0; 32],
            refund: 0,
            fee: 0,
            delivery: if terms.callback.is_some() {
                Delivery::Waiting
            } else {
                Delivery::None
            },
            failures: 0,
            seats: vec![Seat::default(); usize::from(terms.seats)],
            later: Later::Third(Added {
                least: terms.assignment.least_record(),
                set: terms.assignment.set(),
                max_seats_per_family: terms.max_seats_per_family,
                min_confidence: terms.min_confidence,
                delivery_price: money.delivery_price,
                ..Added::default()
            }),
        })
    }

    /// Whether every seat is taken.
    pub fn is_full(&self) -> bool {
        usize::from(self.committed) == self.seats.len()
    }

    /// Whether the end has been worked out and paid.
    pub fn is_settled(&self) -> bool {
        self.end != End::Open
    }

    /// Taken seats, in the order taken.
    pub fn taken(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().take(usize::from(self.committed))
    }

    /// Block in which the reveals open, as far as `now` tells.
    pub fn reveals_opened_at(&self, now: BlockNumber) -> Option<BlockNumber> {
        if self.is_full() {
            Some(self.full_at)
        } else {
            (now > self.commit_deadline).then(|| self.commit_deadline.saturating_add(1))
        }
    }

    /// Last block for reveals; until the reveals open, the latest it can be.
    pub fn reveal_deadline(&self) -> BlockNumber {
        let opened = if self.is_full() {
            self.full_at
        } else {
            self.commit_deadline.saturating_add(1)
        };
        opened.saturating_add(self.reveal_blocks)
    }

    /// The phase in block `now`, whoever has called or not.
    pub fn phase(&self, now: BlockNumber) -> Phase {
        match self.ended_since(now) {
            Some(_) => Phase::Ended,
            None if now < self.opens_at => Phase::Waiting,
            None if self.reveals_opened_at(now).is_some() => Phase::Revealing,
            None => Phase::Committing,
        }
    }

    /// First block in which the end stands, if it has come by `now`.
    pub fn ended_since(&self, now: BlockNumber) -> Option<BlockNumber> {
        if self.is_void() {
            return Some(self.opens_at);
        }
        let opened = self.reveals_opened_at(now)?;
        if self.committed < self.threshold {
            return Some(opened);
        }
        if self.revealed == self.committed {
            return Some(self.all_revealed_at);
        }
        let deadline = self.reveal_deadline();
        (now > deadline).then(|| deadline.saturating_add(1))
    }

    /// Since which block it waits to be settled.
    pub fn due_since(&self, now: BlockNumber) -> Option<BlockNumber> {
        self.ended_since(now).filter(|_| !self.is_settled())
    }

    /// What a seat of this request binds its commitment and signatures to.
    pub fn context(
        &self,
        contract: AccountId,
        id: RequestId,
        operator: AccountId,
        model: u32,
    ) -> Context {
        Context {
            domain: self.domain,
            contract,
            request_id: id,
            terms_digest: self.terms_digest,
            round: 0,
            phase: 0,
            operator,
            model,
        }
    }

    /// The outcome, once settled. An open answer has its text in a cell of its own.
    pub fn outcome(&self, text: impl FnOnce() -> Option<Answer>) -> Option<Outcome> {
        let margin = self.margin();
        match self.end {
            End::Open => None,
            End::Answered => {
                let answer = match self.form.open_bytes() {
                    None => codec::decode(&self.result),
                    Some(_) => text(),
                };
                answer.map(|answer| Outcome::Answered { answer, margin })
            }
            End::Undetermined => Some(Outcome::Undetermined { margin }),
            End::NoConsensus => Some(Outcome::NoConsensus { margin }),
            End::Expired => Some(Outcome::Expired),
        }
    }

    /// Where the callback stands, as views return it.
    pub fn delivery_status(&self) -> DeliveryStatus {
        match self.delivery {
            Delivery::None => DeliveryStatus::None,
            Delivery::Running => DeliveryStatus::Delivering,
            Delivery::Done => DeliveryStatus::Delivered,
            Delivery::Waiting if self.failures > 0 => DeliveryStatus::Failed(self.failures),
            Delivery::Waiting => DeliveryStatus::Waiting,
        }
    }

    /// Money the request still holds, planck: its rewards and open seat fees until it is settled,
    /// and the delivery escrow.
    pub fn held(&self) -> Balance {
        if self.is_settled() {
            return self.escrow;
        }
        // The sums were checked at the ask.
        let seats = self.seats.len() as Balance;
        let vacant = seats.saturating_sub(Balance::from(self.committed));
        seats
            .saturating_mul(self.reward)
            .saturating_add(vacant.saturating_mul(self.seat_fee))
            .saturating_add(self.escrow)
    }

    /// The request in short, as it stands in block `now`.
    pub fn summary(&self, id: RequestId, now: BlockNumber) -> Summary {
        Summary {
            request_id: id,
            phase: self.phase(now),
            settled: self.is_settled(),
            seats: self.seats.len() as u8, // At most 32.
            committed: self.committed,
            revealed: self.revealed,
            delivery: self.delivery_status(),
            reward: self.reward,
            opens_at: self.opens_at,
            commit_deadline: self.commit_deadline,
            reveal_deadline: self.reveal_deadline(),
        }
    }
}

//! One request: its seats and the rules of its life.

use ink::prelude::{vec, vec::Vec};
use llm_oracle_primitives::{
    digest::Context, AccountId, Answer, Balance, BlockNumber, CallbackLimits, DeliveryStatus,
    Error, Hash, Margin, Outcome, Params, Phase, RequestId, SeatState, Signature, Slot, Summary,
    Terms,
};
use scale::{Decode, Encode};

use crate::{
    overflow, refuse,
    seat::{pad, unpad},
    tally, Form, Refusal, Seat, Settlement,
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
    /// Slots that may take a seat; empty: any.
    pub named: Vec<Slot>,
    /// Reward of one seat, planck.
    pub reward: Balance,
    /// Commit fee of one seat, planck.
    pub commit_fee: Balance,
    /// Bond locked by one seat, planck.
    pub seat_bond: Balance,
    /// Least bond of an operator that takes a seat, planck.
    pub min_bond: Balance,
    /// The owner's part, parts per million.
    pub fee_ppm: u32,
    /// Part of the reward for abstaining, parts per million.
    pub abstain_ppm: u32,
    /// Part of the reward without consensus, parts per million.
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
    /// How clear the result is, once settled.
    pub margin: Margin,
    /// The agreed answer, encoded and padded.
    pub result: [u8; 32],
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

impl Request {
    /// Opens a request whose terms have been checked.
    ///
    /// # Errors
    /// `WindowOutOfRange` when a phase is shorter or longer than the parameters allow, `Overflow`.
    pub fn open(
        (domain, requester, terms_digest): (Hash, AccountId, Hash),
        terms: &Terms,
        named: Vec<Slot>,
        params: &Params,
        (reward, escrow): (Balance, Balance),
        now: BlockNumber,
    ) -> Result<Self, Refusal> {
        for blocks in [terms.commit_blocks, terms.reveal_blocks] {
            if !(params.min_window..=params.max_window).contains(&blocks) {
                let (least, most) = (params.min_window, params.max_window);
                return refuse(Error::WindowOutOfRange {
                    blocks,
                    least,
                    most,
                });
            }
        }
        let opens_at = now.checked_add(params.open_delay).ok_or_else(overflow)?;
        let commit_deadline = opens_at
            .checked_add(terms.commit_blocks)
            .ok_or_else(overflow)?;
        // The last block that this request can ever compute with.
        [1, terms.reveal_blocks, params.retention_blocks, 1]
            .iter()
            .try_fold(commit_deadline, |block, step| block.checked_add(*step))
            .ok_or_else(overflow)?;
        Ok(Self {
            domain,
            requester,
            beneficiary: terms.beneficiary(requester),
            terms_digest,
            form: Form::of(&terms.answer)?,
            threshold: terms.threshold,
            one_step: terms.one_step,
            named,
            reward,
            commit_fee: params.commit_fee,
            seat_bond: params.seat_bond,
            min_bond: params.min_bond,
            fee_ppm: params.fee_ppm,
            abstain_ppm: params.abstain_ppm,
            effort_ppm: params.effort_ppm,
            asked_at: now,
            opens_at,
            commit_deadline,
            reveal_blocks: terms.reveal_blocks,
            delivery_blocks: params.delivery_blocks,
            retention_blocks: params.retention_blocks,
            callback: terms.callback,
            escrow,
            full_at: 0,
            all_revealed_at: 0,
            committed: 0,
            revealed: 0,
            end: End::Open,
            ended_at: 0,
            margin: Margin {
                seats: terms.seats,
                ..Margin::default()
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
            None if self.reveals_opened_at(now).is_some() => Phase::Revealing,
            None => Phase::Committing,
        }
    }

    /// First block in which the end stands, if it has come by `now`.
    pub fn ended_since(&self, now: BlockNumber) -> Option<BlockNumber> {
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

    fn seat_index(&self, slot: Slot) -> Option<usize> {
        self.taken().position(|seat| seat.slot == slot)
    }

    /// Checks that an operator may take a seat in block `now`. Its bond is checked apart.
    ///
    /// # Errors
    /// The reason why not.
    pub fn can_commit(&self, slot: Slot, one_step: bool, now: BlockNumber) -> Result<(), Refusal> {
        if self.seat_index(slot).is_some() {
            return refuse(Error::SeatTakenBySame { slot });
        }
        if self.one_step != one_step {
            return refuse(Error::OneStepMismatch);
        }
        if now < self.opens_at {
            return refuse(Error::NotOpenYet {
                opens_at: self.opens_at,
                now,
            });
        }
        if self.is_full() {
            return refuse(Error::SeatsTaken {
                seats: self.committed,
            });
        }
        if now > self.commit_deadline {
            return refuse(Error::CommitClosed {
                deadline: self.commit_deadline,
                now,
            });
        }
        if !self.named.is_empty() && !self.named.contains(&slot) {
            return refuse(Error::NotNamed { slot });
        }
        Ok(())
    }

    /// Takes the next seat, after [`Self::can_commit`].
    ///
    /// # Errors
    /// `SeatsTaken`.
    pub fn commit(
        &mut self,
        slot: Slot,
        model: u32,
        commitment: Hash,
        evidence: Hash,
        now: BlockNumber,
    ) -> Result<(), Refusal> {
        let seats = self.committed;
        let seat = self
            .seats
            .get_mut(usize::from(seats))
            .ok_or(Error::SeatsTaken { seats })?;
        *seat = Seat::committed(slot, model, commitment, evidence);
        self.committed = seats.saturating_add(1);
        if self.is_full() {
            self.full_at = now;
        }
        Ok(())
    }

    /// The committed seat of `slot`, if its answer may be revealed in block `now`.
    ///
    /// # Errors
    /// The reason why not.
    pub fn can_reveal(
        &self,
        slot: Slot,
        answer: &Answer,
        now: BlockNumber,
    ) -> Result<&Seat, Refusal> {
        let seat = self
            .seat_index(slot)
            .and_then(|index| self.seats.get(index));
        let seat = seat.ok_or(Error::NoSeat { slot })?;
        if seat.is_revealed() {
            return refuse(Error::AlreadyRevealed { slot });
        }
        match self.phase(now) {
            Phase::Revealing => {}
            Phase::Committing => {
                let opens_at = self.commit_deadline.saturating_add(1);
                return refuse(Error::RevealNotOpen { opens_at, now });
            }
            Phase::Ended => {
                return refuse(Error::RevealClosed {
                    deadline: self.reveal_deadline(),
                    now,
                })
            }
        }
        self.form.check(answer, slot)?;
        Ok(seat)
    }

    /// Records a reveal, after [`Self::can_reveal`] and the checks of commitment and signature.
    ///
    /// # Errors
    /// `NoSeat`.
    pub fn reveal(
        &mut self,
        slot: Slot,
        answer: &Answer,
        salt: Hash,
        signature: Signature,
        now: BlockNumber,
    ) -> Result<(), Refusal> {
        let index = self.seat_index(slot).ok_or(Error::NoSeat { slot })?;
        let seat = self.seats.get_mut(index).ok_or(Error::NoSeat { slot })?;
        seat.answer = pad(answer)?;
        seat.salt = salt;
        seat.signature = signature;
        seat.set_state(SeatState::Revealed);
        self.revealed = self.revealed.saturating_add(1);
        if self.revealed == self.committed {
            self.all_revealed_at = now;
        }
        Ok(())
    }

    /// Works out the end if it has come by `now` and is not settled yet, and marks every seat.
    /// `None`: nothing to do.
    ///
    /// # Errors
    /// `Overflow`, which the checks at the ask rule out.
    pub fn settle(&mut self, now: BlockNumber) -> Result<Option<Settlement>, Refusal> {
        let Some(ended_at) = self.ended_since(now).filter(|_| !self.is_settled()) else {
            return Ok(None);
        };
        let mut result = None;
        if self.committed < self.threshold {
            self.end = End::Expired;
        } else {
            let answers: Vec<Answer> = self.taken().filter_map(Seat::answer).collect();
            let seats = self.seats.len() as u8; // At most 32.
            let verdict = tally::tally(&self.form, seats, self.threshold, &answers);
            self.end = verdict.end;
            self.margin = verdict.margin;
            result = verdict.answer;
        }
        if let Some(answer) = &result {
            self.result = pad(answer)?;
        }
        let settlement = Settlement::new(self, self.end, result.as_ref())?;
        for (seat, one) in self.seats.iter_mut().zip(&settlement.seats) {
            seat.set_state(one.state);
            seat.paid = one.paid;
        }
        self.ended_at = ended_at;
        self.refund = settlement.refund;
        self.fee = settlement.fee;
        Ok(Some(settlement))
    }

    /// The outcome, once settled.
    pub fn outcome(&self) -> Option<Outcome> {
        let margin = self.margin;
        match self.end {
            End::Open => None,
            End::Answered => unpad(&self.result).map(|answer| Outcome::Answered { answer, margin }),
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

    /// Checks that `caller` may remove a settled request in block `now`.
    ///
    /// # Errors
    /// `Delivering`, `NotEnded`, `NotPrunableYet`.
    pub fn can_prune(&self, caller: &AccountId, now: BlockNumber) -> Result<(), Refusal> {
        if self.delivery == Delivery::Running {
            return refuse(Error::Delivering);
        }
        if !self.is_settled() {
            return refuse(Error::NotEnded);
        }
        let wait = if *caller != self.requester && *caller != self.beneficiary {
            self.retention_blocks
        } else if self.delivery == Delivery::Waiting {
            self.delivery_blocks
        } else {
            0
        };
        let from = self.ended_at.saturating_add(wait);
        if now < from {
            return refuse(Error::NotPrunableYet { from, now });
        }
        Ok(())
    }

    /// Money the request still holds, planck: its rewards and open commit fees until it is settled,
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
            .saturating_add(vacant.saturating_mul(self.commit_fee))
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

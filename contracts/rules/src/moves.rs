//! What moves a request: commits, reveals, its end.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{AccountId, Answer, BlockNumber, Error, Hash, Phase, Signature, Slot};

use crate::{
    draw::NOT_DRAWN,
    refuse,
    tally::{tally, Ballot},
    Delivery, End, Operator, Refusal, Request, Seat, Settlement,
};

impl Request {
    pub(crate) fn seat_index(&self, slot: Slot) -> Option<usize> {
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
        self.is_eligible(slot, now)
    }

    /// Checks that the committee is open to an operator in block `now`.
    fn is_eligible(&self, slot: Slot, now: BlockNumber) -> Result<(), Refusal> {
        let draw = self.draw();
        let listed = self.named.is_empty() || self.named.contains(&slot);
        if !draw.is_wanted() {
            return if listed {
                Ok(())
            } else {
                refuse(Error::NotNamed { slot })
            };
        }
        if now >= draw.opens_to_all_at || (draw.is_done() && listed) {
            return Ok(());
        }
        if draw.is_done() {
            let opens_at = draw.opens_to_all_at;
            return refuse(Error::NotDrawn { slot, opens_at });
        }
        let until = draw.until;
        refuse(Error::NotDrawnYet { until, now })
    }

    /// Checks that an operator, whoever it is, has the bond and the record that a seat asks for.
    ///
    /// # Errors
    /// `Barred`, `BondTooLow`, `BondNotFree`, `RecordTooLow`.
    pub fn admit(&self, slot: Slot, operator: &Operator) -> Result<(), Refusal> {
        operator.can_lock(slot, self.min_bond, self.seat_bond)?;
        let least = self.later.0.map(|added| added.least).unwrap_or_default();
        operator.check_record(&least)
    }

    /// Slots that were drawn and took no seat.
    pub fn no_shows(&self) -> impl Iterator<Item = Slot> + '_ {
        let drawn = self.draw().is_done();
        let listed = self.named.iter().filter(move |_| drawn).copied();
        listed.filter(|slot| *slot != NOT_DRAWN && self.seat_index(*slot).is_none())
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
        seat.reveal(answer, salt, signature);
        self.revealed = self.revealed.saturating_add(1);
        if self.revealed == self.committed {
            self.all_revealed_at = now;
        }
        Ok(())
    }

    /// Revealed seats with their ballots, in seat order.
    fn ballots(&self) -> impl Iterator<Item = (&Seat, Ballot)> {
        self.taken()
            .filter_map(|seat| Some((seat, Ballot::of_seat(&seat.answer()?))))
    }

    /// How many revealed seats gave this open answer.
    pub fn seats_with(&self, digest: &Hash) -> u8 {
        let same = self
            .ballots()
            .filter(|(_, ballot)| *ballot == Ballot::Digest(*digest));
        same.count() as u8 // At most 32.
    }

    /// Salts in seat order, zero for seats that did not reveal.
    pub fn salts(&self) -> Vec<Hash> {
        self.taken().map(|seat| seat.salt).collect()
    }

    /// Works out the end if it has come by `now` and is not settled yet, and marks every seat.
    /// `None`: nothing to do.
    ///
    /// # Errors
    /// `Overflow`, which the checks at the ask rule out.
    pub fn settle(&mut self, now: BlockNumber) -> Result<Option<Settlement>, Refusal> {
        let Some(ended_at) = self.due_since(now) else {
            return Ok(None);
        };
        let mut result = None;
        if self.committed < self.threshold {
            self.end = End::Expired;
        } else {
            let ballots: Vec<Ballot> = self.ballots().map(|(_, ballot)| ballot).collect();
            let seats = self.seats.len() as u8; // At most 32.
            let verdict = tally(&self.form, seats, self.threshold, &ballots);
            self.end = verdict.end;
            self.margin = verdict.margin;
            result = verdict.result;
        }
        let winner = self.ballots().find(|(_, ballot)| Some(*ballot) == result);
        if let Some(answer) = winner.map(|(seat, _)| seat.answer) {
            self.result = answer;
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
}

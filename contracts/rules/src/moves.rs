//! What moves a request: commits, reveals, its end.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    limits::MAX_CONFIDENCE, AccountId, Answer, Balance, BlockNumber, Error, Hash, Phase, Slot,
    INTERFACE_VERSION,
};

use crate::{
    refuse,
    seat::Opened,
    tally::{tally, Ballot, Rule, Verdict, Vote},
    Delivery, End, Operator, Refusal, Request, Seat, Settlement,
};

/// Checks that a confidence is one.
///
/// # Errors
/// `ConfidenceOutOfRange`.
pub(crate) fn check_confidence(confidence: u8) -> Result<(), Refusal> {
    if confidence > MAX_CONFIDENCE {
        return refuse(Error::ConfidenceOutOfRange { confidence });
    }
    Ok(())
}

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
        if self.interface_version() != INTERFACE_VERSION {
            return refuse(Error::AskedBefore {
                interface_version: self.interface_version(),
            });
        }
        if !self.named.is_empty() && !self.named.contains(&slot) {
            return refuse(Error::NotNamed { slot });
        }
        Ok(())
    }

    /// Checks that an operator, whoever it is, has the bond and the record that a seat asks for, and that
    /// its model family may have another seat.
    ///
    /// # Errors
    /// `Barred`, `BondTooLow`, `BondNotFree`, `RecordTooLow`, `FamilyFull`.
    pub fn admit(&self, slot: Slot, operator: &Operator) -> Result<(), Refusal> {
        operator.can_lock(slot, self.min_bond, self.seat_bond)?;
        operator.check_record(&self.least_record())?;
        let most = self.max_seats_per_family();
        if most > 0 {
            let same = self.taken().filter(|seat| seat.family == operator.family);
            if same.count() >= usize::from(most) {
                return refuse(Error::FamilyFull { slot, most });
            }
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
        family: [u8; 4],
        commitment: Hash,
        evidence: Hash,
        now: BlockNumber,
    ) -> Result<(), Refusal> {
        let seats = self.committed;
        let seat = self
            .seats
            .get_mut(usize::from(seats))
            .ok_or(Error::SeatsTaken { seats })?;
        *seat = Seat::committed(slot, family, commitment, evidence);
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
        (answer, confidence): (&Answer, u8),
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
            Phase::Waiting | Phase::Committing => {
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
        check_confidence(confidence)?;
        Ok(seat)
    }

    /// Records a reveal, after [`Self::can_reveal`] and the checks of commitment and signature.
    ///
    /// # Errors
    /// `NoSeat`.
    pub fn reveal(&mut self, slot: Slot, opened: &Opened, now: BlockNumber) -> Result<(), Refusal> {
        let index = self.seat_index(slot).ok_or(Error::NoSeat { slot })?;
        let seat = self.seats.get_mut(index).ok_or(Error::NoSeat { slot })?;
        seat.reveal(opened);
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

    fn verdict(&self) -> Verdict {
        let votes: Vec<Vote> = self
            .ballots()
            .map(|(seat, ballot)| Vote {
                ballot,
                confidence: seat.confidence,
                family: seat.family,
            })
            .collect();
        let rule = Rule {
            form: &self.form,
            seats: self.seats.len() as u8, // At most 32.
            threshold: self.threshold,
            min_confidence: self.min_confidence(),
        };
        tally(&rule, &votes)
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
        if self.is_void() || self.committed < self.threshold {
            self.end = End::Expired;
        } else {
            let verdict = self.verdict();
            self.end = verdict.end;
            self.set_margin(&verdict.margin);
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

    /// Notes that a seat's bond is lost whatever its answer.
    pub(crate) fn lose_bond(&mut self, index: usize) {
        if let Some(seat) = self.seats.get_mut(index) {
            seat.bond_lost = 1;
        }
    }

    /// Notes what the next attempt to deliver earns. Requests of earlier versions have no place for it:
    /// for them success alone is paid.
    pub(crate) fn set_delivery_price(&mut self, price: Balance) {
        if let Some(added) = self.added_mut() {
            added.delivery_price = price;
        }
    }

    /// Checks that the outcome waits to be delivered.
    ///
    /// # Errors
    /// `NoCallback`, `Delivering`, `AlreadyDelivered`.
    pub fn can_deliver(&self) -> Result<(), Refusal> {
        match self.delivery {
            Delivery::None => refuse(Error::NoCallback),
            Delivery::Running => refuse(Error::Delivering),
            Delivery::Done => refuse(Error::AlreadyDelivered),
            Delivery::Waiting => Ok(()),
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
        } else if self.delivery == Delivery::Done {
            0
        } else {
            // Without a callback whoever reads the answer has as long as a callback would.
            self.delivery_blocks
        };
        let from = self.ended_at.saturating_add(wait);
        if now < from {
            return refuse(Error::NotPrunableYet { from, now });
        }
        Ok(())
    }
}

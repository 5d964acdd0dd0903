//! An operator's account.

use core::mem::size_of;
use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    limits::PPM, AccountId, Balance, BlockNumber, Error, LeastRecord, OperatorView, RequestId,
    SeatState, Slot,
};
use scale::{Decode, Encode};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{add, packed::Packed, refuse, sub, Refusal};

/// Bytes of one account.
pub const OPERATOR_STRIDE: usize = 176;

const _: () = assert!(64 * OPERATOR_STRIDE <= 12 * 1024);

/// Accounts in one storage cell: 64 of 176 bytes stay under the 12 KiB that a cell may have.
pub type OperatorCell = Packed<Operator, 64>;

/// What an operator says of itself, in a cell of its own: rarely read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Profile {
    /// Who gets its money.
    pub owner: AccountId,
    /// What it declares its model to be, UTF-8; empty: nothing.
    pub family: Vec<u8>,
}

/// Account of one operator, as it lies in its cell: the fields in this order, numbers little-endian.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Operator {
    /// The bond with its locked and waiting parts, planck.
    pub bond: Balance,
    /// Locked by seats, planck.
    pub locked: Balance,
    /// Waiting to be released, planck.
    pub unbonding: Balance,
    /// Earned and not paid out, planck.
    pub credit: Balance,
    /// Earned in all, planck.
    pub earned: Balance,
    /// Forfeited in all, planck.
    pub forfeited: Balance,
    id: [u8; 32],
    /// First block in which the waiting part can be released.
    pub unbonding_until: BlockNumber,
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
    /// Requests with a lower number can't concern it.
    pub first_id: RequestId,
    /// See [`llm_oracle_primitives::digest::family_tag`].
    pub family: [u8; 4],
    reserved: [u8; 8],
    flags: u32,
}

/// It signed two answers to one question.
const BARRED: u32 = 1;
/// Version 3 wrote the account: until then other things stand in the last 24 bytes.
const THIRD_LAYOUT: u32 = 2;

// Numbers lie in the cell as the machine has them: no building for one of the other order.
const _: () = assert!(cfg!(target_endian = "little"));
const _: () = assert!(size_of::<Operator>() == OPERATOR_STRIDE);

impl Operator {
    /// A new account.
    pub fn new(id: AccountId, bond: Balance, now: BlockNumber) -> Self {
        Self {
            id: *id.as_ref(),
            bond,
            locked: 0,
            unbonding: 0,
            unbonding_until: 0,
            credit: 0,
            registered_at: now,
            agreed: 0,
            dissented: 0,
            abstained: 0,
            silent: 0,
            earned: 0,
            forfeited: 0,
            first_id: 0,
            family: [0; 4],
            reserved: [0; 8],
            flags: THIRD_LAYOUT,
        }
    }

    /// The account as this version reads it, whichever version wrote it.
    pub(crate) fn upgraded(mut self) -> Self {
        if self.flags & THIRD_LAYOUT == 0 {
            self.first_id = 0;
            self.family = [0; 4];
            self.reserved = [0; 8];
            self.flags = (self.flags & BARRED) | THIRD_LAYOUT;
        }
        self
    }

    /// Account id, which is the sr25519 public key.
    pub fn id(&self) -> AccountId {
        self.id.into()
    }

    /// The part of the bond that is neither locked nor waiting, planck.
    pub fn free(&self) -> Balance {
        self.bond
            .saturating_sub(self.locked)
            .saturating_sub(self.unbonding)
    }

    /// Whether it signed two answers to one question.
    pub fn is_barred(&self) -> bool {
        self.flags & BARRED != 0
    }

    /// Whether it may take seats, apart from what is locked: not barred, with the least bond.
    pub fn is_ready(&self, min_bond: Balance) -> bool {
        let bond = self.bond.saturating_sub(self.unbonding);
        !self.is_barred() && bond >= min_bond
    }

    /// Revealed seats of requests with a result.
    pub fn answers(&self) -> u32 {
        self.agreed
            .saturating_add(self.dissented)
            .saturating_add(self.abstained)
    }

    /// Share of ended seats that agreed, abstentions left out, parts per million; 0 without any.
    pub fn agreement_ppm(&self) -> u32 {
        let agreed = u64::from(self.agreed);
        let ended = agreed
            .saturating_add(u64::from(self.dissented))
            .saturating_add(u64::from(self.silent));
        // At most a million: `agreed` is part of `ended`, and both fit 34 bits.
        let share = agreed.saturating_mul(u64::from(PPM)).checked_div(ended);
        share.unwrap_or(0) as u32
    }

    /// Checks the track record.
    ///
    /// # Errors
    /// `RecordTooLow`.
    pub fn check_record(&self, least: &LeastRecord) -> Result<(), Refusal> {
        let (answers, agreement_ppm) = (self.answers(), self.agreement_ppm());
        if answers < least.answers || agreement_ppm < least.agreement_ppm {
            return refuse(Error::RecordTooLow {
                answers,
                agreement_ppm,
            });
        }
        Ok(())
    }

    /// Bars the operator for ever and takes the part of its bond that no seat has locked.
    pub fn bar(&mut self) -> Balance {
        let taken = self.bond.saturating_sub(self.locked);
        self.bond = self.locked;
        self.unbonding = 0;
        self.flags |= BARRED;
        self.forfeited = self.forfeited.saturating_add(taken);
        taken
    }

    /// Checks that a seat in which `seat_bond` is locked could be taken.
    ///
    /// # Errors
    /// `Barred`; `BondTooLow` when the bond without its waiting part is below `min_bond`, `BondNotFree` when
    /// not enough of it is free.
    pub fn can_lock(
        &self,
        slot: Slot,
        min_bond: Balance,
        seat_bond: Balance,
    ) -> Result<(), Refusal> {
        if self.is_barred() {
            return refuse(Error::Barred { slot });
        }
        let bond = sub(self.bond, self.unbonding)?;
        if bond < min_bond {
            return refuse(Error::BondTooLow {
                bond,
                least: min_bond,
            });
        }
        let free = self.free();
        if free < seat_bond {
            return refuse(Error::BondNotFree {
                free,
                needed: seat_bond,
            });
        }
        Ok(())
    }

    /// Takes a seat: locks its bond and earns the seat fee.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn lock(&mut self, seat_bond: Balance, seat_fee: Balance) -> Result<(), Refusal> {
        self.locked = add(self.locked, seat_bond)?;
        self.earn(seat_fee)
    }

    /// Ends a seat: frees its bond, pays or forfeits, and records how it went.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn unlock(
        &mut self,
        seat_bond: Balance,
        state: SeatState,
        paid: Balance,
        forfeited: Balance,
    ) -> Result<(), Refusal> {
        self.locked = sub(self.locked, seat_bond)?;
        self.bond = sub(self.bond, forfeited)?;
        self.forfeited = self.forfeited.saturating_add(forfeited);
        match state {
            SeatState::Agreed => self.agreed = self.agreed.saturating_add(1),
            SeatState::Dissented => self.dissented = self.dissented.saturating_add(1),
            SeatState::Abstained => self.abstained = self.abstained.saturating_add(1),
            SeatState::Silent => self.silent = self.silent.saturating_add(1),
            _ => {}
        }
        self.earn(paid)
    }

    /// Credits what the operator earned.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn earn(&mut self, amount: Balance) -> Result<(), Refusal> {
        self.credit = add(self.credit, amount)?;
        self.earned = self.earned.saturating_add(amount);
        Ok(())
    }

    /// Puts a part of the free bond aside until `until`, all that is free when `amount` is more; what
    /// already waits waits on with it. Returns what was put aside.
    ///
    /// # Errors
    /// `BondNotFree` when nothing is free; `BondTooLow` when what stays is neither a full bond nor only
    /// locked seats.
    pub fn unbond(
        &mut self,
        amount: Balance,
        min_bond: Balance,
        until: BlockNumber,
    ) -> Result<Balance, Refusal> {
        let free = self.free();
        let taken = amount.min(free);
        if taken == 0 {
            return refuse(Error::BondNotFree {
                free,
                needed: amount,
            });
        }
        let unbonding = add(self.unbonding, taken)?;
        let bond = sub(self.bond, unbonding)?;
        if bond < min_bond && taken != free {
            return refuse(Error::BondTooLow {
                bond,
                least: min_bond,
            });
        }
        self.unbonding = unbonding;
        self.unbonding_until = until;
        Ok(taken)
    }

    /// Turns the waiting part into credit and returns it.
    ///
    /// # Errors
    /// `NothingUnbonding`, `StillUnbonding`.
    pub fn release(&mut self, now: BlockNumber) -> Result<Balance, Refusal> {
        let amount = self.unbonding;
        if amount == 0 {
            return refuse(Error::NothingUnbonding);
        }
        if now < self.unbonding_until {
            return refuse(Error::StillUnbonding {
                until: self.unbonding_until,
                now,
            });
        }
        self.bond = sub(self.bond, amount)?;
        self.credit = add(self.credit, amount)?;
        self.unbonding = 0;
        Ok(amount)
    }

    /// The account as views return it.
    pub fn view(&self, slot: Slot, profile: Profile) -> OperatorView {
        OperatorView {
            operator: self.id(),
            slot,
            owner: profile.owner,
            family: profile.family,
            first_id: self.first_id,
            bond: self.bond,
            locked: self.locked,
            unbonding: self.unbonding,
            unbonding_until: self.unbonding_until,
            credit: self.credit,
            registered_at: self.registered_at,
            agreed: self.agreed,
            dissented: self.dissented,
            abstained: self.abstained,
            silent: self.silent,
            agreement_ppm: self.agreement_ppm(),
            barred: self.is_barred(),
            earned: self.earned,
            forfeited: self.forfeited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(byte: u8) -> Operator {
        Operator::new([byte; 32].into(), 1_000, 7)
    }

    #[test]
    fn a_locked_seat_is_never_unbonded() {
        let mut operator = operator(1);
        operator.lock(400, 0).unwrap();
        // What is asked for above it stays locked.
        assert_eq!(operator.clone().unbond(601, 100, 50), Ok(600));
        operator.unbond(600, 500, 50).unwrap();
        assert_eq!(
            operator.release(49),
            refuse(Error::StillUnbonding { until: 50, now: 49 })
        );
        assert_eq!(operator.release(50), Ok(600));
        assert_eq!(
            (operator.bond, operator.locked, operator.credit),
            (400, 400, 600)
        );
    }

    #[test]
    fn part_of_a_bond_leaves_only_above_the_least() {
        let mut operator = operator(1);
        assert_eq!(
            operator.unbond(600, 500, 9),
            refuse(Error::BondTooLow {
                bond: 400,
                least: 500
            })
        );
        assert_eq!(operator.unbond(500, 500, 9), Ok(500));
    }

    #[test]
    fn an_account_of_an_earlier_version_keeps_its_bar_and_nothing_else_of_its_tail() {
        for (flags, barred) in [(0, false), (1, true)] {
            let mut old = operator(1);
            (old.first_id, old.family, old.reserved, old.flags) = (77, [7; 4], [7; 8], flags);
            let new = old.upgraded();
            assert_eq!((new.first_id, new.family), (0, [0; 4]));
            assert_eq!(new.is_barred(), barred);
            let mut kept = new;
            kept.first_id = 5;
            assert_eq!(kept.clone().upgraded(), kept);
        }
    }
}

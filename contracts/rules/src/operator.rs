//! An operator's account.

use core::mem::size_of;
use llm_oracle_primitives::{
    limits::PPM, AccountId, Balance, BlockNumber, Error, LeastRecord, OperatorView, SeatState, Slot,
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{add, packed::Packed, refuse, sub, Refusal};

/// Bytes of one account.
pub const OPERATOR_STRIDE: usize = 176;

const _: () = assert!(64 * OPERATOR_STRIDE <= 12 * 1024);

/// Accounts in one storage cell: 64 of 176 bytes stay under the 12 KiB that a cell may have.
pub type OperatorCell = Packed<Operator, 64>;

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
    /// Tickets ever given to it, see [`crate::Lottery`].
    pub tickets: u64,
    /// How many of those are void, the oldest first.
    pub void_tickets: u64,
    /// Seats that it was drawn for and did not take.
    pub no_shows: u32,
    barred: u32,
}

/// Planck of bond for one ticket, as a power of two.
const TICKET_BITS: u32 = 20;

fn tickets_for(bond: Balance) -> u64 {
    u64::try_from(bond >> TICKET_BITS).unwrap_or(u64::MAX)
}

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
            tickets: 0,
            void_tickets: 0,
            no_shows: 0,
            barred: 0,
        }
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
        self.barred != 0
    }

    /// Tickets that its bond without the waiting part is worth.
    fn due_tickets(&self) -> u64 {
        if self.is_barred() {
            return 0;
        }
        let bond = self.bond.saturating_sub(self.unbonding);
        tickets_for(bond)
    }

    /// Tickets that can be drawn.
    pub fn valid_tickets(&self) -> u64 {
        self.tickets.saturating_sub(self.void_tickets)
    }

    /// Voids the tickets that the bond no longer covers.
    fn void_uncovered(&mut self) {
        let excess = self.valid_tickets().saturating_sub(self.due_tickets());
        self.void_tickets = self.void_tickets.saturating_add(excess);
    }

    /// Counts tickets for the part of the bond that has none yet, if it is worth at least `least`
    /// planck; the caller enters them into the lottery. Returns the first one and how many.
    pub(crate) fn take_tickets(&mut self, least: Balance) -> (u64, u64) {
        let first = self.tickets;
        let new = self.due_tickets().saturating_sub(self.valid_tickets());
        let count = if new < tickets_for(least) { 0 } else { new };
        self.tickets = first.saturating_add(count);
        (first, count)
    }

    /// Seats that revealed an answer or an abstention.
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
        self.barred = 1;
        self.forfeited = self.forfeited.saturating_add(taken);
        self.void_uncovered();
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

    /// Takes a seat: locks its bond and earns the commit fee.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn lock(&mut self, seat_bond: Balance, commit_fee: Balance) -> Result<(), Refusal> {
        self.locked = add(self.locked, seat_bond)?;
        self.earn(commit_fee)
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
        self.void_uncovered();
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

    /// Puts a part of the free bond aside until `until`; what already waits waits on with it.
    ///
    /// # Errors
    /// `BondNotFree`; `BondTooLow` when what stays is neither a full bond nor only locked seats.
    pub fn unbond(
        &mut self,
        amount: Balance,
        min_bond: Balance,
        until: BlockNumber,
    ) -> Result<(), Refusal> {
        let free = self.free();
        if amount == 0 || amount > free {
            return refuse(Error::BondNotFree {
                free,
                needed: amount,
            });
        }
        let unbonding = add(self.unbonding, amount)?;
        let bond = sub(self.bond, unbonding)?;
        if bond < min_bond && amount != free {
            return refuse(Error::BondTooLow {
                bond,
                least: min_bond,
            });
        }
        self.unbonding = unbonding;
        self.unbonding_until = until;
        self.void_uncovered();
        Ok(())
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
    pub fn view(&self, slot: Slot) -> OperatorView {
        OperatorView {
            operator: self.id(),
            slot,
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
            no_shows: self.no_shows,
            agreement_ppm: self.agreement_ppm(),
            barred: self.is_barred(),
            tickets: self.valid_tickets(),
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
    fn tickets_follow_the_bond_and_the_oldest_go_first() {
        let unit = 1 << TICKET_BITS;
        let mut operator = Operator::new([1; 32].into(), 10 * unit, 7);
        assert_eq!(operator.take_tickets(0), (0, 10));
        assert_eq!(operator.take_tickets(0), (10, 0));
        operator.unbond(4 * unit, unit, 50).unwrap();
        assert_eq!((operator.void_tickets, operator.valid_tickets()), (4, 6));
        operator.bond += 2 * unit;
        assert_eq!(operator.take_tickets(3 * unit), (10, 0));
        assert_eq!(operator.take_tickets(2 * unit), (10, 2));
        assert_eq!(operator.bar(), 12 * unit);
        assert_eq!((operator.valid_tickets(), operator.bond), (0, 0));
    }

    #[test]
    fn a_locked_seat_is_never_unbonded() {
        let mut operator = operator(1);
        operator.lock(400, 0).unwrap();
        assert_eq!(
            operator.unbond(601, 100, 50),
            refuse(Error::BondNotFree {
                free: 600,
                needed: 601
            })
        );
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
        assert_eq!(operator.unbond(500, 500, 9), Ok(()));
    }
}

//! An operator's account, and how accounts are packed into storage cells.

use core::mem::size_of;
use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    AccountId, Balance, BlockNumber, Error, OperatorView, SeatState, Slot,
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{add, refuse, sub, Refusal};

/// Accounts in one storage cell: 64 of 176 bytes stay under the 12 KiB that a cell may have.
pub const OPERATORS_PER_CELL: u32 = 64;
/// Bytes of one account.
pub const OPERATOR_STRIDE: usize = 176;

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
    /// Room for later records: storage layouts are dear to change.
    pub reserved: [u8; 24],
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
            reserved: [0; 24],
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

    /// Whether a seat that locks `seat_bond` could be taken.
    ///
    /// # Errors
    /// `BondTooLow` when the bond without its waiting part is below `min_bond`, `BondNotFree` when
    /// not enough of it is free.
    pub fn can_lock(&self, min_bond: Balance, seat_bond: Balance) -> Result<(), Refusal> {
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
            earned: self.earned,
            forfeited: self.forfeited,
        }
    }
}

/// One storage cell of packed accounts, read and written by offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorCell {
    bytes: Vec<u8>,
}

impl OperatorCell {
    /// Number of the cell that holds `slot`.
    pub fn number(slot: Slot) -> u32 {
        slot / OPERATORS_PER_CELL
    }

    /// Wraps what storage holds.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// What storage is to hold.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn range(slot: Slot) -> core::ops::Range<usize> {
        // At most 63 * 176: inside usize on every target.
        let start = ((slot % OPERATORS_PER_CELL) as usize).saturating_mul(OPERATOR_STRIDE);
        start..start.saturating_add(OPERATOR_STRIDE)
    }

    /// Account of a slot, if the cell reaches that far.
    pub fn get(&self, slot: Slot) -> Option<Operator> {
        Operator::read_from_bytes(self.bytes.get(Self::range(slot))?).ok()
    }

    /// Overwrites the account of a slot, or appends it as the next one.
    pub fn set(&mut self, slot: Slot, operator: &Operator) {
        let range = Self::range(slot);
        match self.bytes.get_mut(range) {
            // Both have the stride.
            Some(place) => place.copy_from_slice(operator.as_bytes()),
            None => self.bytes.extend_from_slice(operator.as_bytes()),
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
    fn an_account_has_the_stride() {
        assert_eq!(operator(1).as_bytes().len(), OPERATOR_STRIDE);
        assert!(OPERATOR_STRIDE * OPERATORS_PER_CELL as usize <= 12 * 1024);
    }

    #[test]
    fn a_cell_reads_what_was_written_and_keeps_its_neighbours() {
        let mut cell = OperatorCell::new(Vec::new());
        for slot in 64..128 {
            cell.set(slot, &operator(slot as u8));
        }
        let mut changed = operator(70);
        changed.bond = 5;
        cell.set(70, &changed);
        assert_eq!(cell.get(70), Some(changed));
        assert_eq!(cell.get(69), Some(operator(69)));
        assert_eq!(cell.get(71), Some(operator(71)));
        assert_eq!(cell.bytes().len(), 64 * OPERATOR_STRIDE);
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

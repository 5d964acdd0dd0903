//! Parameters of an oracle and the hard bounds that no owner can leave.

use crate::{Balance, Error};

/// What the owner sets. A request freezes every parameter that its life uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
#[cfg_attr(feature = "std", derive(ink::storage::traits::StorageLayout))]
pub struct Params {
    /// Least bond of an operator that takes seats, planck.
    pub min_bond: Balance,
    /// Part of the bond that one seat locks, planck.
    pub seat_bond: Balance,
    /// Least reward of a seat, planck.
    pub min_reward: Balance,
    /// Paid for taking a seat whatever comes of it, about the gas of a commit and a reveal, planck.
    pub commit_fee: Balance,
    /// Paid for taking a seat for each block of both windows, whatever comes of it, planck: the price
    /// of the bond that the seat locks.
    pub lock_fee: Balance,
    /// Paid to the transmitter of the first successful delivery, above the price of the limits, planck.
    pub delivery_reward: Balance,
    /// The owner's part of what operators are paid, parts per million.
    pub fee_ppm: u32,
    /// Part of the reward that every seat with an answer gets, whatever comes out, and that an
    /// abstention gets in `Undetermined`, parts per million.
    pub effort_ppm: u32,
    /// Part of a forfeit that the reporter of an equivocation gets, parts per million.
    pub report_ppm: u32,
    /// Blocks between the ask and the first block in which commits count.
    pub open_delay: u32,
    /// Greatest number of blocks that `not_before` may lie ahead.
    pub max_wait: u32,
    /// Least length of either phase, blocks.
    pub min_window: u32,
    /// Greatest length of either phase, blocks.
    pub max_window: u32,
    /// Blocks after the end before the requester may prune an answer that was not delivered.
    pub delivery_blocks: u32,
    /// Blocks after the end before anyone may prune.
    pub retention_blocks: u32,
    /// Blocks between asking for a bond back and getting it.
    pub unbonding_blocks: u32,
    /// Least number of blocks between announcing a change of parameters or code and its effect.
    pub upgrade_delay_blocks: u32,
}

impl Params {
    /// Defaults for a chain whose coin has `unit` planck, such as 10^12. Windows suit blocks of 6 s.
    pub const fn for_unit(unit: Balance) -> Self {
        Self {
            min_bond: unit.saturating_mul(100),
            seat_bond: unit,
            min_reward: unit / 100,
            commit_fee: unit / 200,
            lock_fee: unit / 250_000,
            delivery_reward: unit / 200,
            fee_ppm: 20_000,
            effort_ppm: 250_000,
            report_ppm: 50_000,
            open_delay: 0,
            max_wait: 100_800,
            min_window: 4,
            max_window: 14_400,
            delivery_blocks: 256,
            retention_blocks: 14_400,
            unbonding_blocks: 57_600,
            upgrade_delay_blocks: 115_200,
        }
    }

    /// Greatest number of blocks from the first commit to the end of a request.
    pub fn longest_life(&self) -> u32 {
        self.max_window
            .saturating_mul(2)
            .saturating_add(self.open_delay)
            .saturating_add(2)
    }

    /// Checks the hard bounds, for a coin of `unit` planck.
    ///
    /// # Errors
    /// `BadParameter` with the position of the first field out of bounds, counted from 0.
    pub fn check(&self, unit: Balance) -> Result<(), Error> {
        let most = unit.saturating_mul(1_000_000);
        let life = self.longest_life();
        let checks = [
            // A stranger may add a sixteenth of it to a bond.
            (16..=most).contains(&self.min_bond),
            (1..=self.min_bond).contains(&self.seat_bond),
            (1..=most).contains(&self.min_reward),
            self.commit_fee <= most,
            self.lock_fee <= unit,
            self.delivery_reward <= most,
            self.fee_ppm <= 200_000,
            self.effort_ppm <= 500_000,
            self.report_ppm <= 500_000,
            self.open_delay <= 1_000,
            self.max_wait <= 10_000_000,
            (1..=self.max_window).contains(&self.min_window),
            self.max_window <= 1_000_000,
            (1..=10_000_000).contains(&self.delivery_blocks),
            (self.delivery_blocks..=10_000_000).contains(&self.retention_blocks),
            (life..=10_000_000).contains(&self.unbonding_blocks),
            (self.unbonding_blocks.saturating_add(life)..=30_000_000)
                .contains(&self.upgrade_delay_blocks),
        ];
        match checks.iter().position(|inside| !inside) {
            // 17 fields: the position fits a byte.
            Some(field) => Err(Error::BadParameter { field: field as u8 }),
            None => Ok(()),
        }
    }
}

//! Parameters of an oracle and the hard bounds that no owner can leave.

use crate::{limits::MAX_FOLDS, Balance, Error};

/// One UNIT of the usual dev chain: 10^12 planck.
const UNIT: Balance = 1_000_000_000_000;

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
    /// Paid to the carrier of the first successful delivery, above the price of the limits, planck.
    pub delivery_reward: Balance,
    /// The owner's part of what operators are paid, parts per million.
    pub fee_ppm: u32,
    /// Part of the reward that an abstaining seat gets in `Undetermined`, parts per million.
    pub abstain_ppm: u32,
    /// Part of the reward that a revealed seat gets in `NoConsensus`, parts per million.
    pub effort_ppm: u32,
    /// Part of a forfeit that the reporter of an equivocation gets, parts per million.
    pub report_ppm: u32,
    /// Blocks between the ask and the first block in which commits count.
    pub open_delay: u32,
    /// Least length of either phase, blocks.
    pub min_window: u32,
    /// Greatest length of either phase, blocks.
    pub max_window: u32,
    /// Blocks after the end before the requester may prune an undelivered request.
    pub delivery_blocks: u32,
    /// Blocks after the end before anyone may prune.
    pub retention_blocks: u32,
    /// Blocks between asking for a bond back and getting it.
    pub unbonding_blocks: u32,
    /// Blocks between announcing a change of parameters or code and its effect.
    pub upgrade_delay_blocks: u32,
    /// Blocks between an ask and the first fold of the beacon that may draw its committee: at least
    /// the finality lag, so that nobody asks knowing the draw.
    pub draw_delay: u32,
    /// Blocks after an ask from which its committee is drawn without a fold, marked as weak.
    pub draw_timeout: u32,
}

impl Params {
    /// Defaults for a development chain with 12 decimals.
    pub const fn dev() -> Self {
        Self {
            min_bond: 100 * UNIT,
            seat_bond: UNIT,
            min_reward: UNIT / 100,
            commit_fee: UNIT / 200,
            delivery_reward: UNIT / 200,
            fee_ppm: 20_000,
            abstain_ppm: 250_000,
            effort_ppm: 250_000,
            report_ppm: 50_000,
            open_delay: 0,
            min_window: 4,
            max_window: 14_400,
            delivery_blocks: 256,
            retention_blocks: 14_400,
            unbonding_blocks: 57_600,
            upgrade_delay_blocks: 115_200,
            draw_delay: 2,
            draw_timeout: 8,
        }
    }

    /// Greatest number of blocks from an ask to the end of the request.
    pub fn longest_life(&self) -> u32 {
        self.max_window
            .saturating_mul(2)
            .saturating_add(self.open_delay)
            .saturating_add(self.draw_timeout)
            .saturating_add(2)
    }

    /// Checks the hard bounds.
    ///
    /// # Errors
    /// `BadParameter` with the position of the first field out of bounds, counted from 0.
    pub fn check(&self) -> Result<(), Error> {
        let most = 1_000_000 * UNIT;
        let life = self.longest_life();
        let checks = [
            (1..=most).contains(&self.min_bond),
            (1..=self.min_bond).contains(&self.seat_bond),
            (1..=most).contains(&self.min_reward),
            self.commit_fee <= most,
            self.delivery_reward <= most,
            self.fee_ppm <= 200_000,
            self.abstain_ppm <= 500_000,
            self.effort_ppm <= 500_000,
            self.report_ppm <= 500_000,
            self.open_delay <= 1_000,
            (1..=self.max_window).contains(&self.min_window),
            self.max_window <= 1_000_000,
            (1..=10_000_000).contains(&self.delivery_blocks),
            (self.delivery_blocks..=10_000_000).contains(&self.retention_blocks),
            (life..=10_000_000).contains(&self.unbonding_blocks),
            (self.unbonding_blocks.saturating_add(life)..=30_000_000)
                .contains(&self.upgrade_delay_blocks),
            (1..=self.draw_timeout).contains(&self.draw_delay),
            self.draw_timeout <= MAX_FOLDS,
        ];
        match checks.iter().position(|inside| !inside) {
            // 18 fields: the position fits a byte.
            Some(field) => Err(Error::BadParameter { field: field as u8 }),
            None => Ok(()),
        }
    }
}

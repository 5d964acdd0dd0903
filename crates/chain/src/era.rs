//! For which blocks a transaction is valid: a mortal era counts blocks, has a power of two of them, and
//! begins at a block that no reorganisation removes.

use super::types::TxTerms;
use llm_oracle_primitives::BlockNumber;

/// Greatest period that needs no rounding of its first block.
const PERIOD_MAX: u64 = 4096;
/// Smallest period.
const PERIOD_MIN: u64 = 4;

/// The blocks for which a transaction is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EraWindow {
    /// The block that the signature names, which is final.
    pub first: BlockNumber,
    /// Number of blocks, a power of two.
    pub period: u64,
}

impl EraWindow {
    /// Last block that can include the transaction.
    pub fn last(&self) -> BlockNumber {
        let period = BlockNumber::try_from(self.period).unwrap_or(BlockNumber::MAX);
        self.first.saturating_add(period).saturating_sub(1)
    }
}

/// The era of a transaction that is signed at these heads, on a chain that remembers the hashes of so many
/// blocks. It covers [`TxTerms::era_blocks`] from the finalized block on, and half as many above the best one
/// however far finality is behind; but it ends with [`TxTerms::last_block`]. To end there its first block may
/// lie below the finalized one.
pub fn era_window(
    finalized: BlockNumber,
    best: BlockNumber,
    remembered: u64,
    terms: &TxTerms,
) -> EraWindow {
    let longest = 1 << remembered.clamp(PERIOD_MIN, PERIOD_MAX).ilog2();
    let blocks = u64::from(terms.era_blocks).clamp(PERIOD_MIN, longest);
    let (finalized, best) = (u64::from(finalized), u64::from(best).max(finalized.into()));
    let wanted = finalized.saturating_add(blocks).saturating_sub(1);
    let mut last = wanted.max(best.saturating_add(blocks / 2));
    if let Some(end) = terms.last_block {
        // Whatever has just become too late is refused by the contract, not by its era.
        last = last.min(u64::from(end).max(best.saturating_add(1)));
    }
    let end = last.saturating_add(1);
    let span = end.saturating_sub(finalized);
    let period = span.next_power_of_two().clamp(PERIOD_MIN, longest);
    // On a chain that is shorter than the period it begins at the first block, and ends later.
    let first = end.saturating_sub(period).min(finalized);
    EraWindow {
        // Not above the finalized block.
        first: BlockNumber::try_from(first).unwrap_or(BlockNumber::MAX),
        period,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(finalized: BlockNumber, best: BlockNumber, terms: TxTerms) -> (BlockNumber, u64) {
        let era = era_window(finalized, best, 4096, &terms);
        assert!(era.first <= finalized);
        (era.last(), era.period)
    }

    fn short(last_block: Option<BlockNumber>) -> TxTerms {
        TxTerms {
            era_blocks: 64,
            last_block,
            ..TxTerms::default()
        }
    }

    #[test]
    fn an_era_ends_with_the_deadline_of_what_it_carries() {
        assert_eq!(window(5_000, 5_000, 1.into()), (9_095, 4096));
        assert_eq!(window(5_000, 5_003, short(None)), (5_063, 64));
        // Finality is far behind: half of the blocks are left all the same.
        assert_eq!(window(5_000, 5_040, short(None)), (5_072, 128));
        for deadline in [5_004, 5_005, 5_009, 5_020, 5_062] {
            assert_eq!(window(5_000, 5_003, short(Some(deadline))).0, deadline);
        }
        assert_eq!(window(5_000, 5_003, short(Some(9_000))).0, 5_063);
        // The deadline has just passed: one block is left to find out.
        assert_eq!(window(5_000, 5_003, short(Some(4_900))).0, 5_004);
        // A chain that is shorter than the period.
        assert_eq!(window(0, 2, short(Some(9))), (15, 16));
        // A chain that remembers few blocks.
        let era = era_window(5_000, 5_300, 256, &short(None));
        assert_eq!((era.last(), era.period), (5_255, 256));
    }
}

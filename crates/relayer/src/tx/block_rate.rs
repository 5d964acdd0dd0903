//! How fast blocks come, which decides how many of them a transaction is valid for: an era counts blocks, and
//! must last for minutes, whether a block takes twelve seconds or some milliseconds.

use llm_oracle_chain::TxTerms;
use llm_oracle_primitives::BlockNumber;
use llm_oracle_support::clock::Instant;
use std::collections::VecDeque;

/// Blocks that a transaction is valid for at least: six minutes of blocks of 6 s.
const ERA_BLOCKS_MIN: BlockNumber = 64;
/// Blocks are counted for so long at a time, seconds …
const WINDOW_SECS: u64 = 10;
/// … a transaction is valid for at least so many times that …
const ERA_WINDOWS: BlockNumber = 5;
/// … and the fastest of so many windows counts: chains that make blocks on demand come in bursts.
const WINDOWS: usize = 12;

/// Counts the blocks that come.
#[derive(Debug, Default)]
pub(super) struct BlockRate {
    /// Where the current window began.
    since: Option<(Instant, BlockNumber)>,
    /// Blocks in each of the last windows.
    counts: VecDeque<u32>,
}

impl BlockRate {
    /// Notes the best block.
    pub(super) fn note(&mut self, best: BlockNumber, now: Instant) {
        let (began, first) = *self.since.get_or_insert((now, best));
        let elapsed = now.saturating_duration_since(began);
        if elapsed.as_secs() < WINDOW_SECS {
            return;
        }
        // Of a longer time the part that a window has: nothing says that a look comes when one is over.
        let blocks = u128::from(best.saturating_sub(first));
        let blocks = blocks
            .saturating_mul(u128::from(WINDOW_SECS.saturating_mul(1_000)))
            .div_ceil(elapsed.as_millis().max(1));
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        if self.counts.len() >= WINDOWS {
            self.counts.pop_front();
        }
        self.counts.push_back(blocks);
        self.since = Some((now, best));
    }

    /// Blocks that a transaction signed now is to be valid for.
    pub(super) fn era_blocks(&self) -> BlockNumber {
        let fastest = self.counts.iter().max().copied().unwrap_or_default();
        let wanted = fastest.saturating_mul(ERA_WINDOWS);
        wanted.clamp(ERA_BLOCKS_MIN, TxTerms::default().era_blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// The era after two minutes of blocks that take so long.
    fn era(block_ms: u64) -> BlockNumber {
        let (mut rate, begin) = (BlockRate::default(), Instant::now());
        for second in 0..=120_u64 {
            let best = u32::try_from(second.saturating_mul(1_000).div_ceil(block_ms)).unwrap_or(0);
            rate.note(
                best,
                begin
                    .checked_add(Duration::from_secs(second))
                    .unwrap_or(begin),
            );
        }
        rate.era_blocks()
    }

    #[test]
    fn an_era_is_64_blocks_and_most_of_a_minute_where_blocks_are_fast() {
        for (block_ms, blocks) in [
            (12_000, 64),
            (6_000, 64),
            (2_000, 64),
            (200, 250),
            (10, 4096),
        ] {
            assert_eq!(era(block_ms), blocks, "{block_ms} ms");
        }
        assert_eq!(BlockRate::default().era_blocks(), 64);
        // A look that comes late counts the blocks of its whole time.
        let (mut rate, begin) = (BlockRate::default(), Instant::now());
        let late = begin.checked_add(Duration::from_secs(19)).unwrap_or(begin);
        rate.note(0, begin);
        rate.note(19, late);
        assert_eq!(rate.era_blocks(), 64);
    }
}

//! How fast the chain goes: time between blocks, and how far finality is behind.

use llm_oracle_chain::Head;
use llm_oracle_primitives::BlockNumber;
use llm_oracle_support::clock::Instant;
use std::{collections::VecDeque, time::Duration};

/// Looks that are remembered, at most.
const LOOKS_MAX: usize = 1_024;
/// How long a look counts.
const LOOK_AGE_MAX: Duration = Duration::from_secs(3_600);
/// Intervals between blocks of which the usual one is found.
const INTERVALS_MAX: usize = 64;
/// Fewer say nothing.
const INTERVALS_MIN: usize = 8;
/// Of a hundred looks so many had finality at most this far behind.
const LAG_PERCENT: usize = 99;
/// How many times as long as the short intervals the long ones may be: blocks that come when there is
/// something to do have no usual interval.
const INTERVAL_RATIO_MAX: u32 = 4;

/// How fast the chain goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ChainPace {
    /// Blocks that the finalized block is behind the best one, as a rule at most.
    pub(crate) finality_lag: BlockNumber,
    /// Time between two blocks; `None` while it is not known, or blocks come on demand.
    pub(crate) block_time: Option<Duration>,
}

impl ChainPace {
    /// Time until what is sent now is seen as final; zero while nobody knows.
    pub(crate) fn to_finality(self) -> Duration {
        let block = self.block_time.unwrap_or_default();
        block.saturating_mul(self.finality_lag.saturating_add(1))
    }

    /// Time that blocks take; `None` while nobody knows.
    pub(crate) fn time_of(&self, blocks: BlockNumber) -> Option<Duration> {
        Some(self.block_time?.saturating_mul(blocks))
    }
}

/// Watches how fast the chain goes.
#[derive(Default)]
pub(crate) struct PaceWatch {
    /// How far finality was behind, at each new finalized block.
    lags: VecDeque<(Instant, BlockNumber)>,
    finalized: BlockNumber,
    /// The last best block that was new, and when it was seen.
    best: Option<(Instant, BlockNumber)>,
    /// Time for each block between two looks, latest last.
    intervals: VecDeque<Duration>,
}

impl PaceWatch {
    /// Notes what a node shows.
    pub(crate) fn note(&mut self, finalized: Head, best: Head, now: Instant) {
        if finalized.number != self.finalized || self.lags.is_empty() {
            self.finalized = finalized.number;
            let lag = best.number.saturating_sub(finalized.number);
            self.lags.push_back((now, lag));
        }
        let old = |at: Instant| now.saturating_duration_since(at) > LOOK_AGE_MAX;
        while self.lags.len() > LOOKS_MAX
            || self.lags.len() > 1 && self.lags.front().is_some_and(|(at, _)| old(*at))
        {
            self.lags.pop_front();
        }
        match self.best {
            Some((_, number)) if best.number <= number => {}
            Some((at, number)) => {
                let blocks = best.number.saturating_sub(number);
                let passed = now.saturating_duration_since(at);
                self.intervals
                    .push_back(passed.checked_div(blocks).unwrap_or_default());
                if self.intervals.len() > INTERVALS_MAX {
                    self.intervals.pop_front();
                }
                self.best = Some((now, best.number));
            }
            None => self.best = Some((now, best.number)),
        }
    }

    /// How fast the chain goes.
    pub(crate) fn pace(&self) -> ChainPace {
        let mut lags: Vec<BlockNumber> = self.lags.iter().map(|(_, lag)| *lag).collect();
        lags.sort_unstable();
        ChainPace {
            finality_lag: at_percent(&lags, LAG_PERCENT).unwrap_or_default(),
            block_time: self.block_time(),
        }
    }

    fn block_time(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.intervals.iter().copied().collect();
        if sorted.len() < INTERVALS_MIN {
            return None;
        }
        sorted.sort_unstable();
        let (short, long) = (at_percent(&sorted, 10)?, at_percent(&sorted, 90)?);
        let regular = long <= short.saturating_mul(INTERVAL_RATIO_MAX);
        regular.then(|| at_percent(&sorted, 50)).flatten()
    }
}

/// Of sorted values the one below which so many of a hundred are.
fn at_percent<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    let index = last.saturating_mul(percent).div_ceil(100);
    sorted.get(index.min(last)).copied()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn head(number: BlockNumber) -> Head {
        Head {
            hash: [0; 32],
            number,
        }
    }

    /// Blocks at these times, milliseconds, with finality so far behind.
    fn watch(times: &[u64], lag: impl Fn(u32) -> u32) -> PaceWatch {
        let (mut watch, start) = (PaceWatch::default(), Instant::now());
        for (number, at) in (100..).zip(times) {
            let now = start + Duration::from_millis(*at);
            watch.note(head(number - lag(number)), head(number), now);
        }
        watch
    }

    #[test]
    fn regular_blocks_have_a_time_and_blocks_on_demand_have_none() {
        let regular: Vec<u64> = (0..20).map(|block| block * 6_000).collect();
        let pace = watch(&regular, |_| 3).pace();
        assert_eq!(pace.block_time, Some(Duration::from_secs(6)));
        assert_eq!(pace.to_finality(), Duration::from_secs(24));
        assert_eq!(pace.time_of(10), Some(Duration::from_secs(60)));
        // Missed slots change nothing; a few looks say nothing.
        let missed = [regular.clone(), vec![140_000, 146_000, 152_000]].concat();
        let missed = watch(&missed, |_| 3).pace();
        assert_eq!(missed.block_time, Some(Duration::from_secs(6)));
        assert_eq!(watch(&regular[..8], |_| 3).pace().block_time, None);
        let on_demand: Vec<u64> = (0..20)
            .map(|block| block / 4 * 60_000 + block * 9)
            .collect();
        let on_demand = watch(&on_demand, |_| 1).pace();
        assert_eq!(on_demand.block_time, None);
        assert_eq!(on_demand.to_finality(), Duration::ZERO);
    }

    #[test]
    fn the_lag_is_what_nearly_all_looks_of_the_last_hour_had() {
        let times: Vec<u64> = (0..300).map(|block| block * 6_000).collect();
        let lag = |number: u32| if number % 50 < 2 { 20 } else { 3 };
        assert_eq!(watch(&times, lag).pace().finality_lag, 20);
        let once = |number: u32| if number == 150 { 20 } else { 3 };
        assert_eq!(watch(&times, once).pace().finality_lag, 3);
        // An hour later the bad time is forgotten.
        let times: Vec<u64> = (0..1_000).map(|block| block * 6_000).collect();
        let bad = |number: u32| if number < 300 { 20 } else { 3 };
        assert_eq!(watch(&times, bad).pace().finality_lag, 3);
    }
}

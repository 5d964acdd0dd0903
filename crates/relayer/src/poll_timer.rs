//! When to look at the chain: at each finalized head, and without one only when none has come for two block
//! times, ever less often while nothing moves.

use llm_oracle_support::clock::Instant;
use std::time::Duration;

/// Longest time between two looks while nothing moves, in poll intervals.
const QUIET_POLLS_MAX: u32 = 5;
/// Longest time between two heads that is taken for a block time.
const BLOCK_TIME_MAX: Duration = Duration::from_secs(60);

/// The rhythm of a chain's heads.
pub(crate) struct PollTimer {
    /// Time between two blocks, by the settings or as observed.
    block_time: Option<Duration>,
    is_fixed: bool,
    last_head: Option<Instant>,
    woken_by_head: bool,
    /// Looks in a row at which nothing had moved.
    quiet: u32,
}

impl PollTimer {
    /// With the time between two blocks, milliseconds, if the settings say it.
    pub(crate) fn new(block_ms: Option<u64>) -> Self {
        Self {
            block_time: block_ms.map(Duration::from_millis),
            is_fixed: block_ms.is_some(),
            last_head: None,
            woken_by_head: false,
            quiet: 0,
        }
    }

    /// The node has said a finalized head.
    pub(crate) fn woken_by_head(&mut self) {
        let now = Instant::now();
        let since = self.last_head.replace(now);
        let gap = since.map(|since| now.saturating_duration_since(since));
        if let Some(gap) = gap.filter(|gap| !self.is_fixed && *gap <= BLOCK_TIME_MAX) {
            // The mean of the last few.
            let before = self.block_time.unwrap_or(gap);
            let four = before.saturating_mul(3).saturating_add(gap);
            self.block_time = four.checked_div(4);
        }
        self.woken_by_head = true;
        self.quiet = 0;
    }

    /// Whether the last look was woken by a head; once.
    pub(crate) fn was_woken_by_head(&mut self) -> bool {
        std::mem::take(&mut self.woken_by_head)
    }

    /// The finalized block is another one than at the last look.
    pub(crate) fn moved(&mut self) {
        self.quiet = 0;
    }

    /// How long to wait for a head, by the longest time between two looks of the settings.
    pub(crate) fn timer(&mut self, poll: Duration) -> Duration {
        let two_blocks = self.block_time.map(|time| time.saturating_mul(2));
        let usual = two_blocks.unwrap_or(poll).max(poll);
        let most = poll.saturating_mul(QUIET_POLLS_MAX).max(usual);
        let longer = 2_u32.saturating_pow(self.quiet.min(8));
        self.quiet = self.quiet.saturating_add(1);
        usual.saturating_mul(longer).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn heads_set_the_pace_and_silence_slows_it() {
        let mut timer = PollTimer::new(None);
        let seconds: Vec<u64> = (0..5).map(|_| timer.timer(POLL).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 10, 10]);
        timer.moved();
        assert_eq!(timer.timer(POLL).as_secs(), 2);
        // Heads every six seconds: without one for twelve somebody looks.
        for _ in 0..10 {
            tokio::time::advance(Duration::from_secs(6)).await;
            timer.woken_by_head();
        }
        assert!(timer.was_woken_by_head());
        assert!(!timer.was_woken_by_head(), "once");
        assert_eq!(timer.timer(POLL).as_secs(), 12);
        assert_eq!(PollTimer::new(Some(12_000)).timer(POLL).as_secs(), 24);
    }
}

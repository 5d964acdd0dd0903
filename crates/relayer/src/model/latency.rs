//! How long a model takes to answer.

use std::{collections::VecDeque, time::Duration};

/// Answers that are remembered.
const ANSWERS_MAX: usize = 32;
/// Of ten answers so many were given in the time that counts as usual.
const TENTHS: usize = 9;

/// How long the last answers took.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    took: VecDeque<Duration>,
}

impl Latency {
    /// Adds an answer.
    pub(super) fn add(&mut self, took: Duration) {
        self.took.push_back(took);
        if self.took.len() > ANSWERS_MAX {
            self.took.pop_front();
        }
    }

    /// The time in which nine of ten answers were given; `None` before the first one.
    pub(crate) fn usual(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.took.iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        sorted.get(last.saturating_mul(TENTHS) / 10).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_answer_of_ten_is_not_the_usual_one() {
        let mut latency = Latency::default();
        assert_eq!(latency.usual(), None);
        for second in [5, 5, 5, 5, 5, 5, 5, 5, 6, 90] {
            latency.add(Duration::from_secs(second));
        }
        assert_eq!(latency.usual(), Some(Duration::from_secs(6)));
        for _ in 0..ANSWERS_MAX {
            latency.add(Duration::from_secs(1));
        }
        assert_eq!(latency.usual(), Some(Duration::from_secs(1)));
    }
}

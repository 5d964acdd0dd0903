//! Questions that wait for time to pass: no model ran, so it costs nothing to try again.

use llm_oracle_store::SeatId;
use llm_oracle_support::clock::Instant;
use std::{collections::HashMap, time::Duration};

/// Longest pause before a provider that failed at no cost is asked again, without its own word.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Longest pause by a provider's word.
const NAMED_BACKOFF_MAX: Duration = Duration::from_secs(3_600);

struct Backoff {
    until: Instant,
    tries: u32,
    why: String,
}

/// Pauses of questions.
#[derive(Default)]
pub(super) struct Backoffs(HashMap<SeatId, Backoff>);

impl Backoffs {
    /// Whether a question still waits.
    pub(super) fn must_wait(&self, entry: &SeatId) -> bool {
        let backoff = self.0.get(entry);
        backoff.is_some_and(|pause| Instant::now() < pause.until)
    }

    /// Lets a question wait, for as long as the provider says or longer each time.
    pub(super) fn add(&mut self, entry: SeatId, named: Option<Duration>, why: String) {
        let tries = self.0.get(&entry).map_or(0, |pause| pause.tries);
        let own = Duration::from_secs(2_u64.saturating_pow(tries.min(6))).min(BACKOFF_MAX);
        let pause = named.map_or(own, |named| named.min(NAMED_BACKOFF_MAX));
        let now = Instant::now();
        let until = now.checked_add(pause).unwrap_or(now);
        let tries = tries.saturating_add(1);
        self.0.insert(entry, Backoff { until, tries, why });
    }

    /// Forgets a question; why it waited, if it did.
    pub(super) fn remove(&mut self, entry: &SeatId) -> Option<String> {
        self.0.remove(entry).map(|backoff| backoff.why)
    }
}

//! Questions that wait before the model is asked again: no model ran, so another try costs nothing.

use llm_oracle_store::SeatId;
use llm_oracle_support::clock::Instant;
use std::{collections::HashMap, time::Duration};

/// Longest pause before a provider that failed at no cost is asked again, unless it names one.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Longest pause that a provider may name.
const NAMED_BACKOFF_MAX: Duration = Duration::from_secs(3_600);

struct Backoff {
    until: Instant,
    tries: u32,
    reason: String,
}

/// The pauses, by seat.
#[derive(Default)]
pub(crate) struct Backoffs {
    pauses: HashMap<SeatId, Backoff>,
}

impl Backoffs {
    /// Whether this seat's question has to wait now.
    pub(crate) fn must_wait(&self, seat: &SeatId) -> bool {
        let backoff = self.pauses.get(seat);
        backoff.is_some_and(|pause| Instant::now() < pause.until)
    }

    /// Whether the model was not asked for this seat when its turn came.
    pub(crate) fn contains(&self, seat: &SeatId) -> bool {
        self.pauses.contains_key(seat)
    }

    /// Starts a pause: as long as the provider says, else twice as long as the one before.
    pub(super) fn start(&mut self, seat: SeatId, named: Option<Duration>, reason: String) {
        let tries = self.pauses.get(&seat).map_or(0, |pause| pause.tries);
        let own = Duration::from_secs(2_u64.saturating_pow(tries.min(6))).min(BACKOFF_MAX);
        let pause = named.map_or(own, |named| named.min(NAMED_BACKOFF_MAX));
        let now = Instant::now();
        let until = now.checked_add(pause).unwrap_or(now);
        let backoff = Backoff {
            until,
            tries: tries.saturating_add(1),
            reason,
        };
        self.pauses.insert(seat, backoff);
    }

    /// Ends a seat's pauses; returns the reason of the last one.
    pub(super) fn end(&mut self, seat: &SeatId) -> Option<String> {
        self.pauses.remove(seat).map(|backoff| backoff.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_a_limit_and_a_named_one_is_kept_up_to_an_hour() {
        let seat = SeatId {
            request_id: 1,
            operator: [1; 32],
        };
        let mut backoffs = Backoffs::default();
        let mut waited = Vec::new();
        for _ in 0..7 {
            backoffs.start(seat, None, "busy".to_owned());
            let started = Instant::now();
            while backoffs.must_wait(&seat) {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            waited.push(started.elapsed().as_secs());
        }
        assert_eq!(waited, [1, 2, 4, 8, 16, 30, 30]);
        backoffs.start(seat, Some(Duration::from_secs(7_200)), "quota".to_owned());
        tokio::time::advance(NAMED_BACKOFF_MAX - Duration::from_secs(1)).await;
        assert!(backoffs.must_wait(&seat));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!backoffs.must_wait(&seat));
        assert!(backoffs.contains(&seat));
        assert_eq!(backoffs.end(&seat).as_deref(), Some("quota"));
        assert_eq!(backoffs.end(&seat), None);
    }
}

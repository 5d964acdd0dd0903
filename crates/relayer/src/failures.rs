//! Failures of seats: how often, how long to back off, who tries next, and when to give up.

use crate::error::RelayerError;
use llm_oracle_store::{now_ms, JobState, Purpose, SeatId, Skip, Store};
use llm_oracle_support::address::ss58;
use std::sync::{
    atomic::{AtomicU32, Ordering},
    Arc,
};

/// The record of what failed and of what was skipped, on disk.
#[derive(Clone)]
pub(crate) struct FailureLog {
    store: Arc<Store>,
    /// Operators of this process: failures of others' entries are theirs.
    own: Vec<[u8; 32]>,
    /// Shared by all copies: it may change while the relayer runs.
    max_attempts: Arc<AtomicU32>,
}

impl FailureLog {
    pub(crate) fn new(store: Arc<Store>, own: Vec<[u8; 32]>, max_attempts: u32) -> Self {
        Self {
            store,
            own,
            max_attempts: Arc::new(max_attempts.into()),
        }
    }

    /// Takes another limit, in all copies.
    pub(crate) fn reload(&self, max_attempts: u32) {
        self.max_attempts.store(max_attempts, Ordering::Relaxed);
    }

    /// Counts a failure. At the last allowed one asking is given up, visibly. What was paid for, committing and
    /// revealing, goes on until its deadline, and shows why it has not succeeded yet.
    pub(crate) fn fail(
        &self,
        entry: &SeatId,
        purpose: Purpose,
        reason: &str,
    ) -> Result<(), RelayerError> {
        if self.is_of_peer(entry, purpose) {
            return Ok(());
        }
        let count = self.store.add_failure(entry, purpose, reason)?;
        let (request, purpose_name) = (entry.request_id, purpose.name());
        let operator = ss58(&entry.operator.into());
        if count < self.max_attempts.load(Ordering::Relaxed) {
            tracing::warn!(
                request,
                operator,
                purpose = purpose_name,
                count,
                reason,
                "failed"
            );
            return Ok(());
        }
        tracing::error!(
            request,
            operator,
            purpose = purpose_name,
            count,
            reason,
            "failed often"
        );
        let exhausted_because = exhausted(purpose, count, reason);
        let failed = format!("{purpose_name} failed {count} times, the last time: {reason}");
        match purpose {
            Purpose::Ask => self.skip(entry, &exhausted_because)?,
            Purpose::Commit | Purpose::Answer => {
                self.explain(entry, JobState::Answered, &failed)?
            }
            Purpose::Reveal => self.explain(entry, JobState::Committed, &failed)?,
            // Depends on whose seats they are about: `plan_ending` decides.
            Purpose::Advance | Purpose::Deliver => {}
            // Lost until the next signature of this kind; anyone else may report it.
            Purpose::Report => {}
        }
        Ok(())
    }

    /// Notes why a job is still in a state, not over what the chain has shown since.
    fn explain(&self, entry: &SeatId, state: JobState, reason: &str) -> Result<(), RelayerError> {
        let job = self.store.job(entry.request_id, &entry.operator)?;
        match job {
            Some(job) if job.state == state => self.note_job(entry, state, reason),
            _ => Ok(()),
        }
    }

    fn note_job(&self, entry: &SeatId, state: JobState, reason: &str) -> Result<(), RelayerError> {
        let SeatId {
            request_id,
            operator,
        } = entry;
        Ok(self
            .store
            .set_job_state(*request_id, operator, state, Some(reason))?)
    }

    /// Whether something failed so recently that it must wait; however often it failed, it comes
    /// back.
    pub(crate) fn is_backing_off(
        &self,
        entry: &SeatId,
        purpose: Purpose,
    ) -> Result<bool, RelayerError> {
        Ok(backs_off_now(self.store.failures(entry, purpose)?))
    }

    /// Skips a request for good, with the reason on record.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn skip(&self, entry: &SeatId, reason: &str) -> Result<(), RelayerError> {
        let operator = ss58(&entry.operator.into());
        tracing::info!(request = entry.request_id, operator, reason, "skipped");
        let SeatId {
            request_id,
            operator,
        } = *entry;
        Ok(self.store.skip(&Skip {
            request_id,
            operator,
            reason: reason.to_owned(),
        })?)
    }

    /// Whether an entry of a transaction is a peer's. Its failures are the peer's affair.
    fn is_of_peer(&self, entry: &SeatId, purpose: Purpose) -> bool {
        let submitted = matches!(purpose, Purpose::Commit | Purpose::Reveal);
        submitted && !self.own.contains(&entry.operator)
    }
}

/// Whether something failed too often, or so recently that it must wait: how often, and when last.
pub(crate) fn must_wait(failures: (u32, i64), most: u32) -> bool {
    failures.0 >= most || backs_off_now(failures)
}

/// Whether something failed so recently that it must wait: how often, and when last.
pub(crate) fn backs_off_now((count, at_ms): (u32, i64)) -> bool {
    backs_off(count, now_ms().saturating_sub(at_ms))
}

/// Longest pause before something that failed is tried again, milliseconds.
const BACKOFF_MS_MAX: i64 = 30_000;

/// Whether the pause after the last of `count` failures, `since_ms` ago, still lasts: 1 s after the
/// first, doubling up to [`BACKOFF_MS_MAX`].
fn backs_off(count: u32, since_ms: i64) -> bool {
    let pause = 500_i64
        .saturating_mul(2_i64.saturating_pow(count.min(6)))
        .min(BACKOFF_MS_MAX);
    // A failure in the future is a clock that was set back: nobody can say how long to wait.
    count > 0 && (0..pause).contains(&since_ms)
}

/// Why something was given up, for the record.
pub(crate) fn exhausted(purpose: Purpose, count: u32, reason: &str) -> String {
    format!(
        "gave up to {} after {count} attempts: {reason}",
        purpose.name()
    )
}

/// Which of the active operators acts: `first` counts them round, and each failure moves on by one.
pub(crate) fn in_turn(active: &[usize], first: u64, failures: u32) -> Option<usize> {
    let turn = first
        .wrapping_add(failures.into())
        .checked_rem(active.len() as u64)?;
    active.get(usize::try_from(turn).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_hands_the_batch_to_the_next_operator() {
        // The second of four operators is stopped.
        let active = [0, 2, 3];
        let senders: Vec<_> = (0..4)
            .map(|failures| in_turn(&active, 7, failures))
            .collect();
        assert_eq!(senders, [Some(2), Some(3), Some(0), Some(2)]);
        assert_eq!(in_turn(&active, u64::MAX, 1), Some(0));
        assert_eq!(in_turn(&[], 7, 0), None);
    }

    #[test]
    fn what_failed_backs_off_longer_each_time_and_always_comes_back() {
        assert!(!backs_off(0, 0));
        for (count, pause) in [
            (1, 1_000_i64),
            (2, 2_000),
            (5, 16_000),
            (6, 30_000),
            (99, 30_000),
        ] {
            assert!(backs_off(count, pause.saturating_sub(1)), "{count}");
            assert!(!backs_off(count, pause), "{count}");
        }
        // The clock was set back.
        assert!(!backs_off(99, -1));
    }
}

//! Records about many requests, read at once: one iteration of the relayer needs hundreds of them.

use super::{Job, Purpose, SeatId, Store, StoreError};
use llm_oracle_primitives::RequestId;
use std::collections::{HashMap, HashSet};

/// Count of failures of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatFailures {
    /// The seat.
    pub entry: SeatId,
    /// What failed.
    pub purpose: Purpose,
    /// Number of failures.
    pub count: u32,
    /// The last time, milliseconds since 1970.
    pub at_ms: i64,
}

/// Jobs, skips and failures of some requests, as one read of the store found them.
#[derive(Debug, Clone, Default)]
pub struct SeatRecords {
    jobs: HashMap<SeatId, Job>,
    skips: HashSet<SeatId>,
    failures: HashMap<(SeatId, Purpose), (u32, i64)>,
}

impl SeatRecords {
    /// All recorded answers.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// The recorded answer of a seat.
    pub fn job(&self, entry: &SeatId) -> Option<&Job> {
        self.jobs.get(entry)
    }

    /// Whether an operator skips a request.
    pub fn skipped(&self, entry: &SeatId) -> bool {
        self.skips.contains(entry)
    }

    /// All skips.
    pub fn skips(&self) -> impl Iterator<Item = SeatId> + '_ {
        self.skips.iter().copied()
    }

    /// How often something failed, and when last (milliseconds since 1970).
    pub fn failures(&self, entry: &SeatId, purpose: Purpose) -> (u32, i64) {
        let found = self.failures.get(&(*entry, purpose));
        found.copied().unwrap_or_default()
    }
}

/// Requests with a recorded answer that is not revealed, and not given up.
///
/// # Errors
/// `Database`, `Damaged`.
pub fn unrevealed_requests(store: &Store) -> Result<HashSet<RequestId>, StoreError> {
    Ok(store.database.unrevealed_requests()?.into_iter().collect())
}

impl Store {
    /// Jobs, skips and failures of these requests, of all operators.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn seat_records(&self, requests: &[RequestId]) -> Result<SeatRecords, StoreError> {
        let jobs = self.database.jobs_of(requests)?.into_iter();
        let failures = self.database.failures_of(requests)?.into_iter();
        Ok(SeatRecords {
            jobs: jobs.map(|job| (job.answered.seat_id(), job)).collect(),
            skips: self.skips_of(requests)?,
            failures: failures
                .map(|one| ((one.entry, one.purpose), (one.count, one.at_ms)))
                .collect(),
        })
    }

    /// Counts of failures of these seats for a purpose. Seats without one are absent.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn failures_of(
        &self,
        entries: &[SeatId],
        purpose: Purpose,
    ) -> Result<HashMap<SeatId, u32>, StoreError> {
        let mut requests: Vec<RequestId> = entries.iter().map(|entry| entry.request_id).collect();
        requests.dedup();
        let failures = self.database.failures_of(&requests)?;
        let failures = failures.into_iter().filter(|one| one.purpose == purpose);
        Ok(failures.map(|one| (one.entry, one.count)).collect())
    }

    /// Which operators skip which of these requests.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn skips_of(&self, requests: &[RequestId]) -> Result<HashSet<SeatId>, StoreError> {
        Ok(self.database.skips_of(requests)?.into_iter().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        sample::{answered, IDENTITY, OPERATOR},
        JobState, JobUpdate, Recorded, Skip,
    };
    use llm_oracle_fixtures::private_folder;
    use llm_oracle_primitives::Answer;

    #[test]
    fn what_is_recalled_is_what_single_reads_give() {
        let folder = private_folder();
        let store = Store::open(folder.path(), &IDENTITY).unwrap();
        let operator = OPERATOR;
        store.record_answer(&answered(3, true)).unwrap();
        store.record_answer(&answered(5, true)).unwrap();
        let reason = "too little".to_owned();
        let skip = |request_id| Skip {
            request_id,
            operator,
            reason: reason.clone(),
        };
        store.skip(&skip(4)).unwrap();
        store.skip(&skip(6)).unwrap();
        let failed = SeatId {
            request_id: 3,
            operator,
        };
        store.add_failure(&failed, Purpose::Commit, "no").unwrap();
        let records = store.seat_records(&[3, 4]).unwrap();
        for request_id in 3..=6 {
            let entry = SeatId {
                request_id,
                operator,
            };
            let wanted = request_id <= 4;
            let mut job = store.job(request_id, &operator).unwrap();
            // Documents are read one by one: nothing that is planned needs them.
            if let Some(job) = &mut job {
                job.answered.document.clear();
            }
            assert_eq!(records.job(&entry), job.as_ref().filter(|_| wanted));
            let skipped = store.skipped(request_id, &operator).unwrap().is_some();
            assert_eq!(records.skipped(&entry), skipped && wanted);
            for purpose in [Purpose::Commit, Purpose::Reveal] {
                let failures = store.failures(&entry, purpose).unwrap();
                assert_eq!(records.failures(&entry, purpose), failures);
            }
        }
        assert!(store.seat_records(&[]).unwrap().job(&failed).is_none());
    }

    #[test]
    fn answers_recorded_together_are_refused_one_by_one() {
        let folder = private_folder();
        let store = Store::open(folder.path(), &IDENTITY).unwrap();
        store.record_answer(&answered(1, true)).unwrap();
        let all = [answered(1, false), answered(1, true), answered(2, false)];
        let recorded = store.record_answers(&all).unwrap();
        let first = Box::new(answered(1, true));
        let expected = [Recorded::Conflict(first), Recorded::Same, Recorded::New];
        assert_eq!(recorded, expected);
        let records = store.seat_records(&[1, 2]).unwrap();
        let answer = |number| {
            let entry = answered(number, true).seat_id();
            records.job(&entry).map(|job| job.answered.answer.clone())
        };
        assert_eq!(answer(1), Some(Answer::Bool(true)));
        assert_eq!(answer(2), Some(Answer::Bool(false)));
    }

    #[test]
    fn states_and_times_are_noted_together() {
        let folder = private_folder();
        let store = Store::open(folder.path(), &IDENTITY).unwrap();
        store
            .record_answers(&[answered(1, true), answered(2, true)])
            .unwrap();
        let entries = [answered(1, true).seat_id(), answered(2, true).seat_id()];
        store.set_submitted(&entries, 9).unwrap();
        // The first time counts.
        store.set_submitted(&entries[..1], 10).unwrap();
        let note = |entry, state, reason| JobUpdate {
            entry,
            state,
            reason,
        };
        let notes = [
            note(entries[0], JobState::Committed, None),
            note(entries[1], JobState::Abandoned, Some("why".to_owned())),
        ];
        store.set_job_states(&notes).unwrap();
        let records = store.seat_records(&[1, 2]).unwrap();
        let job = |entry| records.job(entry).unwrap();
        for note in &notes {
            let job = job(&note.entry);
            assert_eq!((job.state, &job.reason), (note.state, &note.reason));
            assert_eq!(job.submitted_at_ms, Some(9));
        }
    }
}

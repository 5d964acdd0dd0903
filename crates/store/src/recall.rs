//! What is known about many requests, read at once: a turn of the relayer asks for hundreds of them.

use super::{Entry, Job, Purpose, Store, StoreError};
use llm_oracle_primitives::RequestId;
use std::collections::{HashMap, HashSet};

/// How often something failed for a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// The seat.
    pub entry: Entry,
    /// What failed.
    pub purpose: Purpose,
    /// So often.
    pub count: u32,
    /// The last time, milliseconds since 1970.
    pub at_ms: i64,
}

/// What the store knew about some requests at one moment.
#[derive(Debug, Clone, Default)]
pub struct Recall {
    jobs: HashMap<Entry, Job>,
    skips: HashSet<Entry>,
    failures: HashMap<(Entry, Purpose), (u32, i64)>,
}

impl Recall {
    /// The recorded answer of a seat.
    pub fn job(&self, entry: &Entry) -> Option<&Job> {
        self.jobs.get(entry)
    }

    /// Whether an operator leaves a request out.
    pub fn skipped(&self, entry: &Entry) -> bool {
        self.skips.contains(entry)
    }

    /// All omissions.
    pub fn skips(&self) -> impl Iterator<Item = Entry> + '_ {
        self.skips.iter().copied()
    }

    /// How often something failed, and when last (milliseconds since 1970).
    pub fn failures(&self, entry: &Entry, purpose: Purpose) -> (u32, i64) {
        let found = self.failures.get(&(*entry, purpose));
        found.copied().unwrap_or_default()
    }
}

impl Store {
    /// Jobs, omissions and failures of these requests, of every operator.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn recall(&self, requests: &[RequestId]) -> Result<Recall, StoreError> {
        let jobs = self.database.jobs_of(requests)?.into_iter();
        let failures = self.database.failures_of(requests)?.into_iter();
        Ok(Recall {
            jobs: jobs.map(|job| (job.answered.entry(), job)).collect(),
            skips: self.skips_of(requests)?,
            failures: failures
                .map(|one| ((one.entry, one.purpose), (one.count, one.at_ms)))
                .collect(),
        })
    }

    /// How often these seats have failed at something; those that have not are not in there.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn failures_of(
        &self,
        entries: &[Entry],
        purpose: Purpose,
    ) -> Result<HashMap<Entry, u32>, StoreError> {
        let mut requests: Vec<RequestId> = entries.iter().map(|entry| entry.request_id).collect();
        requests.dedup();
        let failures = self.database.failures_of(&requests)?;
        let failures = failures.into_iter().filter(|one| one.purpose == purpose);
        Ok(failures.map(|one| (one.entry, one.count)).collect())
    }

    /// Who leaves which of these requests out.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn skips_of(&self, requests: &[RequestId]) -> Result<HashSet<Entry>, StoreError> {
        Ok(self.database.skips_of(requests)?.into_iter().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        sample::{answered, IDENTITY, OPERATOR},
        JobNote, JobState, Recorded, Skip,
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
        let failed = Entry {
            request_id: 3,
            operator,
        };
        store.add_failure(&failed, Purpose::Commit, "no").unwrap();
        let recall = store.recall(&[3, 4]).unwrap();
        for request_id in 3..=6 {
            let entry = Entry {
                request_id,
                operator,
            };
            let wanted = request_id <= 4;
            let job = store.job(request_id, &operator).unwrap();
            assert_eq!(recall.job(&entry), job.as_ref().filter(|_| wanted));
            let skipped = store.skipped(request_id, &operator).unwrap().is_some();
            assert_eq!(recall.skipped(&entry), skipped && wanted);
            for purpose in [Purpose::Commit, Purpose::Reveal] {
                let failures = store.failures(&entry, purpose).unwrap();
                assert_eq!(recall.failures(&entry, purpose), failures);
            }
        }
        assert!(store.recall(&[]).unwrap().job(&failed).is_none());
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
        let recall = store.recall(&[1, 2]).unwrap();
        let answer = |number| {
            let entry = answered(number, true).entry();
            recall.job(&entry).map(|job| job.answered.answer.clone())
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
        let entries = [answered(1, true).entry(), answered(2, true).entry()];
        store.set_submitted(&entries, 9).unwrap();
        // The first time counts.
        store.set_submitted(&entries[..1], 10).unwrap();
        let note = |entry, state, reason| JobNote {
            entry,
            state,
            reason,
        };
        let notes = [
            note(entries[0], JobState::Committed, None),
            note(entries[1], JobState::Dead, Some("why".to_owned())),
        ];
        store.set_job_states(&notes).unwrap();
        let recall = store.recall(&[1, 2]).unwrap();
        let job = |entry| recall.job(entry).unwrap();
        for note in &notes {
            let job = job(&note.entry);
            assert_eq!((job.state, &job.reason), (note.state, &note.reason));
            assert_eq!(job.submitted_at_ms, Some(9));
        }
    }
}

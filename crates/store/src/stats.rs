//! Counts of what a store holds, and its evidence documents.

use super::{
    attempts::{AttemptState, Purpose},
    bytes32,
    database::Database,
    jobs::JobState,
    postgres, sqlite, SharedDatabase, Store, StoreError, StoreIdentity,
};
use llm_oracle_primitives::{Hash, RequestId};
use serde_json::{json, Map, Value};
use std::path::Path;

/// What a store holds, in numbers. They outlive the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Answers by state, every state.
    pub jobs: Vec<(JobState, u64)>,
    /// Transactions by purpose and state, those that there are.
    pub attempts: Vec<(Purpose, AttemptState, u64)>,
    /// Skipped requests, counted once for each operator.
    pub skipped: u64,
    /// Lowest request that may still need work.
    pub cursor: RequestId,
}

impl Stats {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let jobs = self
            .jobs
            .iter()
            .map(|(state, count)| (state.name().to_owned(), json!(count)));
        let attempts = self.attempts.iter().map(|(purpose, state, count)| {
            json!({ "purpose": purpose.name(), "state": state.name(), "count": count })
        });
        json!({
            "jobs": jobs.collect::<Map<_, _>>(),
            "transactions": attempts.collect::<Vec<_>>(),
            "skipped": self.skipped,
            "cursor": self.cursor,
        })
    }
}

/// One evidence document of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The request.
    pub request_id: RequestId,
    /// The operator's account.
    pub operator: [u8; 32],
    /// Its digest, as it stands on chain.
    pub digest: Hash,
    /// The document, canonical JSON.
    pub document: Vec<u8>,
    /// Whether its answer is revealed: before that, whoever reads the document could copy the answer.
    pub public: bool,
}

impl Store {
    /// What the store holds.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let database = &*self.database;
        Ok(Stats {
            jobs: jobs(database)?,
            attempts: attempts(database)?,
            skipped: database.count_skips()?,
            cursor: self.cursor()?,
        })
    }

    /// The document with a digest, if its answer is revealed.
    ///
    /// # Errors
    /// `Database`.
    pub fn published(&self, digest: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.published(digest)
    }
}

fn jobs(database: &dyn Database) -> Result<Vec<(JobState, u64)>, StoreError> {
    // Also those with a count of 0, so that each has a metric.
    let all = JobState::ALL.into_iter();
    all.map(|state| Ok((state, database.count_jobs(state)?)))
        .collect()
}

fn attempts(database: &dyn Database) -> Result<Vec<(Purpose, AttemptState, u64)>, StoreError> {
    let mut all = Vec::new();
    for purpose in Purpose::ALL {
        if purpose == Purpose::Ask {
            continue;
        }
        for state in AttemptState::ALL {
            all.push((purpose, state, database.count_attempts(purpose, state)?));
        }
    }
    Ok(all)
}

/// A store opened for reading, also while a relayer works with it.
pub struct Archive {
    database: Box<dyn Database>,
}

impl Archive {
    /// Opens the store in a folder.
    ///
    /// # Errors
    /// `Io` when there is none, `Database` when it does not open.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(sqlite::FILE);
        std::fs::metadata(&path).map_err(StoreError::io(&path))?;
        let database = Box::new(sqlite::Sqlite::open_to_read(&path)?);
        Ok(Self { database })
    }

    /// Opens the database that replicas share.
    ///
    /// # Errors
    /// `Unreachable`; `Io` when no relayer has ever worked with it; as [`Store::open_shared`].
    pub fn open_shared(shared: &SharedDatabase) -> Result<Self, StoreError> {
        let database = Box::new(postgres::Postgres::open_to_read(shared)?);
        Ok(Self { database })
    }

    /// What the store is made for; `None` before its first use.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn identity(&self) -> Result<Option<StoreIdentity>, StoreError> {
        let read = |what| {
            let value = self.database.meta(what)?;
            value.map(|bytes| bytes32(what, bytes)).transpose()
        };
        let parts = (read("chain")?, read("contract")?, read("deployment")?);
        let (Some(genesis), Some(contract), Some(domain)) = parts else {
            return Ok(None);
        };
        Ok(Some(StoreIdentity {
            genesis,
            contract,
            domain,
        }))
    }

    /// Whether the database's pages and constraints hold together.
    ///
    /// # Errors
    /// `Database`; `Damaged` with the database's words.
    pub fn check(&self) -> Result<(), StoreError> {
        self.database.check()
    }

    /// The evidence of a request, or of all.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn evidence(&self, request: Option<RequestId>) -> Result<Vec<Evidence>, StoreError> {
        self.database.evidence(request)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sample::{answered, IDENTITY, OPERATOR};
    use llm_oracle_fixtures::private_folder;

    #[test]
    fn a_store_in_use_can_be_read_beside_its_process_and_not_written() {
        let folder = private_folder();
        assert!(matches!(
            Archive::open(folder.path()),
            Err(StoreError::Io { .. })
        ));
        let store = Store::open(folder.path(), &IDENTITY).unwrap();
        store.record_answer(&answered(3, true)).unwrap();
        store.record_answer(&answered(4, true)).unwrap();
        store
            .set_job_state(3, &OPERATOR, JobState::Revealed, None)
            .unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        archive.check().unwrap();
        assert_eq!(archive.identity().unwrap(), Some(IDENTITY));
        let public: Vec<bool> = archive
            .evidence(None)
            .unwrap()
            .iter()
            .map(|one| one.public)
            .collect();
        assert_eq!(public, [true, false]);
        assert_eq!(archive.evidence(Some(4)).unwrap().len(), 1);
        assert!(archive.database.remove_meta("cursor").is_err());
        let stats = store.stats().unwrap();
        assert!(stats.jobs.contains(&(JobState::Revealed, 1)));
        assert!(stats.jobs.contains(&(JobState::Answered, 1)));
        assert!(stats.jobs.contains(&(JobState::Abandoned, 0)));
    }
}

//! The interface of a store's database.

use super::{
    attempts::{Attempt, AttemptState, NewAttempt, Purpose, SeatId},
    jobs::{Answered, Job, JobState, JobUpdate, Skip},
    retention::{PruneResult, PruneRule},
    seat_records::SeatFailures,
    stats::Evidence,
    StoreError,
};
use llm_oracle_primitives::{Hash, RequestId};

/// Count of failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRecord {
    /// Number of failures.
    pub count: u32,
    /// The last time, milliseconds since 1970.
    pub at_ms: i64,
    /// Why the last time.
    pub reason: String,
}

/// A durable database. Every write is on disk, synced, when its method returns `Ok`; after an error
/// it either happened as a whole or not at all.
///
/// The rules that must hold whatever calls this are the database's own: one answer for each request
/// and operator for ever, one live transaction for each nonce of an account, and, where several
/// processes share it, one live transaction for each thing to be done for a seat.
pub trait Database: Send + Sync {
    /// The value of a key.
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets the value of a key.
    fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Removes a key.
    fn remove_meta(&self, key: &str) -> Result<(), StoreError>;

    /// Inserts answers, all with one write. False for each that finds another one, which stays as it is.
    fn insert_answers(&self, answers: &[Answered]) -> Result<Vec<bool>, StoreError>;
    /// The job of an operator for a request.
    fn job(&self, request: RequestId, operator: &[u8; 32]) -> Result<Option<Job>, StoreError>;
    /// Jobs, newest request first.
    fn jobs(&self, limit: u32) -> Result<Vec<Job>, StoreError>;
    /// Whether any answer was ever inserted.
    fn has_jobs(&self) -> Result<bool, StoreError>;
    /// Jobs of these requests, of every operator, without their documents: these are large, and read one by one.
    fn jobs_of(&self, requests: &[RequestId]) -> Result<Vec<Job>, StoreError>;
    /// Sets states and reasons of jobs with one write. No job is named twice.
    fn set_job_states(&self, notes: &[JobUpdate]) -> Result<(), StoreError>;
    /// Sets when commits were handed to a node, for those of which it is not set, all with one write.
    fn set_submitted(&self, entries: &[SeatId], at_ms: i64) -> Result<(), StoreError>;

    /// Inserts the reason of a skip, unless there is one.
    fn insert_skip(&self, skip: &Skip) -> Result<(), StoreError>;
    /// Appends a reason to a skip, unless it is there.
    fn append_skip(&self, skip: &Skip) -> Result<(), StoreError>;
    /// Why an operator skips a request.
    fn skipped(
        &self,
        request: RequestId,
        operator: &[u8; 32],
    ) -> Result<Option<String>, StoreError>;
    /// Which operators skip which of these requests.
    fn skips_of(&self, requests: &[RequestId]) -> Result<Vec<SeatId>, StoreError>;

    /// Inserts a signed transaction with its seats and returns its row.
    fn insert_attempt(&self, attempt: &NewAttempt) -> Result<i64, StoreError>;
    /// Sets when a transaction was handed to a node.
    fn mark_sent(&self, id: i64) -> Result<(), StoreError>;
    /// Sets the state of a transaction. False when it has ended: then its state stays.
    fn set_attempt_state(
        &self,
        id: i64,
        state: AttemptState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError>;
    /// Nonces of an account's transactions that have not ended.
    fn live_nonces(&self, signer: &[u8; 32]) -> Result<Vec<u64>, StoreError>;
    /// Requests with a recorded answer that is not revealed, and not given up.
    fn unrevealed_requests(&self) -> Result<Vec<RequestId>, StoreError>;
    /// Transactions that have not ended, oldest first.
    fn live_attempts(&self) -> Result<Vec<Attempt>, StoreError>;

    /// Counts a failure and returns the count.
    fn add_failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
        reason: &str,
    ) -> Result<u32, StoreError>;
    /// What failed, if it did.
    fn failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
    ) -> Result<Option<FailureRecord>, StoreError>;
    /// What failed of these requests.
    fn failures_of(&self, requests: &[RequestId]) -> Result<Vec<SeatFailures>, StoreError>;

    /// Number of jobs in a state.
    fn count_jobs(&self, state: JobState) -> Result<u64, StoreError>;
    /// Number of transactions for a purpose in a state.
    fn count_attempts(&self, purpose: Purpose, state: AttemptState) -> Result<u64, StoreError>;
    /// Number of skipped requests, counted once for each operator.
    fn count_skips(&self) -> Result<u64, StoreError>;
    /// The document with a digest, if its answer is revealed.
    fn published(&self, digest: &Hash) -> Result<Option<Vec<u8>>, StoreError>;
    /// The evidence of a request, or of all.
    fn evidence(&self, request: Option<RequestId>) -> Result<Vec<Evidence>, StoreError>;
    /// Removes what may go, with one write.
    fn prune(&self, rule: &PruneRule) -> Result<PruneResult, StoreError>;
    /// Checks the integrity of the database.
    fn check(&self) -> Result<(), StoreError>;

    /// Takes and renews leases on requests, in this order, and returns those that are held now. A
    /// database of one process leases everything.
    fn lease(&self, wanted: &[RequestId]) -> Result<Vec<RequestId>, StoreError> {
        Ok(wanted.to_vec())
    }
    /// Releases all leases of this process.
    fn release_leases(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Rows of transactions that another live process tracks.
    fn held_elsewhere(&self) -> Result<Vec<i64>, StoreError> {
        Ok(Vec::new())
    }
}

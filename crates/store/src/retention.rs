//! Retention: what a store lets go of, so that it does not grow for ever.
//!
//! An answer's row stays for ever, with its commitment and the digest of its evidence: nobody can be made to answer a
//! request a second time. What goes is the evidence document of a request that has ended, transactions that have,
//! and failures and skips of requests below the cursor.

use super::{attempts::SeatId, Store, StoreError};
use llm_oracle_primitives::RequestId;
use llm_oracle_support::blocking::blocking;

/// Rows of one kind that are removed with one write: others wait for the database meanwhile.
const ROWS_MAX: u32 = 500;

/// What may go. Times are milliseconds since 1970; without one, that kind stays for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneRule {
    /// All requests below this one have ended.
    pub below: RequestId,
    /// Evidence documents of answers that were recorded before.
    pub documents_before_ms: Option<i64>,
    /// Transactions that ended before, and failures and skips that were noted before.
    pub records_before_ms: Option<i64>,
    /// Most rows of each kind.
    pub rows_max: u32,
}

/// What went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PruneResult {
    /// Answers whose document was removed.
    pub documents: Vec<SeatId>,
    /// Transactions.
    pub transactions: u64,
    /// Failures and skips.
    pub notes: u64,
}

impl PruneResult {
    /// Whether there may be more.
    pub fn is_full(&self) -> bool {
        let max = u64::from(ROWS_MAX);
        let documents = u64::try_from(self.documents.len()).unwrap_or(u64::MAX);
        documents >= max || self.transactions >= max || self.notes >= max
    }
}

/// Removes some of what is older than these times, in the backup too.
///
/// # Errors
/// `Database`, `Io`.
pub fn prune(
    store: &Store,
    documents_before_ms: Option<i64>,
    records_before_ms: Option<i64>,
) -> Result<PruneResult, StoreError> {
    let rule = PruneRule {
        below: store.cursor()?,
        documents_before_ms,
        records_before_ms,
        rows_max: ROWS_MAX,
    };
    blocking(|| {
        let pruned = store.database.prune(&rule)?;
        if let Some(backup) = &store.backup {
            // After a crash in between a file stays, which is harmless.
            for seat in &pruned.documents {
                backup.remove(seat.request_id, &seat.operator)?;
            }
        }
        Ok(pruned)
    })
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;

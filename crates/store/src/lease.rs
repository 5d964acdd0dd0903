//! Leases on requests, where several replicas share a database.

use super::{synced_write, Store, StoreError};
use llm_oracle_primitives::RequestId;

impl Store {
    /// Whether other replicas may work with the same database.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Takes leases on requests, in this order, up to a fair share, renews those that are held, and
    /// returns all that are held now. A replica only works on requests that it holds. A lease that is
    /// lost during the work costs double work but is safe: the database's constraints refuse what must
    /// not happen twice.
    ///
    /// # Errors
    /// `Database`, `Unreachable`.
    pub fn lease(&self, wanted: &[RequestId]) -> Result<Vec<RequestId>, StoreError> {
        synced_write(self, |database| database.lease(wanted))
    }

    /// Releases all leases, so that no other replica has to wait until they expire.
    ///
    /// # Errors
    /// `Database`, `Unreachable`.
    pub fn release_leases(&self) -> Result<(), StoreError> {
        synced_write(self, |database| database.release_leases())
    }

    /// Rows of transactions that another live replica tracks.
    ///
    /// # Errors
    /// `Database`, `Unreachable`.
    pub fn held_elsewhere(&self) -> Result<Vec<i64>, StoreError> {
        self.database.held_elsewhere()
    }
}

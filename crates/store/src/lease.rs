//! Who works on which request, where several replicas share a database.

use super::{Store, StoreError};
use llm_oracle_primitives::RequestId;

impl Store {
    /// Whether other replicas may work with the same database.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Takes leases on requests, in this order, up to a fair share of them, renews those that are
    /// held, and gives all that are held now. A replica works on what it holds and on nothing else.
    /// A lease that is lost while work goes on does no harm, it only costs work: what must not happen
    /// twice is refused by the database's constraints.
    ///
    /// # Errors
    /// `Database`, `Unreachable`.
    pub fn lease(&self, wanted: &[RequestId]) -> Result<Vec<RequestId>, StoreError> {
        self.database.lease(wanted)
    }

    /// Gives all leases back, so that nobody has to wait for their end.
    ///
    /// # Errors
    /// `Database`, `Unreachable`.
    pub fn release_leases(&self) -> Result<(), StoreError> {
        self.database.release_leases()
    }

    /// Transactions, by their rows, that another replica follows which is alive.
    ///
    /// # Errors
    /// `Database`, `Unreachable`.
    pub fn held_elsewhere(&self) -> Result<Vec<i64>, StoreError> {
        self.database.held_elsewhere()
    }
}

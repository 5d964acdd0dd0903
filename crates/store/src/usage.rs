//! Usage counters of models and requesters, kept over a restart.

use super::{backup, synced_write, Store, StoreError};
use llm_oracle_support::blocking::blocking;

/// Name of the row. Where the database is shared, name of a file in the replica's own directory: each
/// replica counts its own usage.
const KEY: &str = "usage";

impl Store {
    /// The usage that was recorded last, in the caller's format.
    ///
    /// # Errors
    /// `Database`, `Io`.
    pub fn usage(&self) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.is_shared() {
            return self.database.meta(KEY);
        }
        let path = self.directory.join(KEY);
        if !path.exists() {
            return Ok(None);
        }
        backup::read(&path).map(Some)
    }

    /// Records the usage.
    ///
    /// # Errors
    /// `Database`, `Io`.
    pub fn set_usage(&self, usage: &[u8]) -> Result<(), StoreError> {
        if self.is_shared() {
            return blocking(|| backup::write(&self.directory, KEY, usage));
        }
        synced_write(self, |database| database.set_meta(KEY, usage))
    }
}

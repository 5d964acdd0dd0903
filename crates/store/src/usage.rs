//! What models and requesters have used, kept over a restart.

use super::{backup, Store, StoreError};

/// The row's name; where the database is shared, that of a file in the replica's own folder: each
/// replica counts what it has used itself.
const KEY: &str = "usage";

impl Store {
    /// What was used when it was last noted, in the caller's own form.
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

    /// Notes what has been used.
    ///
    /// # Errors
    /// `Database`, `Io`.
    pub fn set_usage(&self, usage: &[u8]) -> Result<(), StoreError> {
        if self.is_shared() {
            return backup::write(&self.directory, KEY, usage);
        }
        self.database.set_meta(KEY, usage)
    }
}

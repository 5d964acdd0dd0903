//! What models and requesters have used, kept over a restart.

use super::{Store, StoreError};

/// The row's name.
const KEY: &str = "usage";

impl Store {
    /// What was used when it was last noted, in the caller's own form.
    ///
    /// # Errors
    /// `Database`.
    pub fn usage(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.meta(KEY)
    }

    /// Notes what has been used.
    ///
    /// # Errors
    /// `Database`.
    pub fn set_usage(&self, usage: &[u8]) -> Result<(), StoreError> {
        self.database.set_meta(KEY, usage)
    }
}

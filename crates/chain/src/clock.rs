//! What time the chain says it is.

use super::{client::Chain, error::ChainError};
use llm_oracle_primitives::Hash;

impl Chain {
    /// Timestamp of a block, milliseconds since 1970; 0 before the first block that has one.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn timestamp_ms(&self, at: Hash) -> Result<u64, ChainError> {
        let at = self.at(at).await?;
        let address = subxt::dynamic::storage::<(), u64>("Timestamp", "Now");
        let now = at.storage().try_fetch(address, ()).await;
        let Some(now) = now.map_err(|error| self.lift("the time", &error))? else {
            return Ok(0);
        };
        now.decode().map_err(|error| self.lift("the time", &error))
    }
}

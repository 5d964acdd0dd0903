//! The database that replicas share.

use super::error::ConfigError;
use llm_oracle_store::{SharedDatabase, UrlSource};
use std::path::PathBuf;

/// The shared database, if the settings have its address. The other settings of it need the address.
///
/// # Errors
/// When the address is missing, or the lease is out of its bounds.
pub(super) fn shared(
    url: Option<UrlSource>,
    ca_file: Option<PathBuf>,
    lease_ms: Option<u32>,
) -> Result<Option<SharedDatabase>, ConfigError> {
    let Some(url) = url else {
        if ca_file.is_some() || lease_ms.is_some() {
            let missing = "store_ca_file and store_lease_ttl_ms are for a shared database: set \
                           store_url or store_url_file, or omit them";
            return Err(ConfigError::Wrong(missing.to_owned()));
        }
        return Ok(None);
    };
    let lease_ms = lease_ms.unwrap_or(SharedDatabase::LEASE_MS);
    let (min, max) = (SharedDatabase::LEASE_MS_MIN, SharedDatabase::LEASE_MS_MAX);
    if !(min..=max).contains(&lease_ms) {
        let wrong = format!("store_lease_ttl_ms is {lease_ms}: give {min} to {max} milliseconds");
        return Err(ConfigError::Wrong(wrong));
    }
    Ok(Some(SharedDatabase {
        url,
        ca_file,
        lease_ms,
    }))
}

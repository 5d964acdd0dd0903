//! The keys of the operators that the settings name.

use crate::{config::RelayerConfig, error::RelayerError};
use llm_oracle_chain::ChainError;
use llm_oracle_signing::{load_signer, Signer};
use llm_oracle_support::address::ss58;
use std::sync::Arc;

/// Loads every key and checks that it can sign.
///
/// # Errors
/// What is wrong with a key, a key that is named twice, and settings without one.
pub(crate) fn load_keys(config: &RelayerConfig) -> Result<Vec<Arc<dyn Signer>>, RelayerError> {
    let mut keys: Vec<Arc<dyn Signer>> = Vec::new();
    for source in &config.operators {
        let key = load_signer(source)?;
        let account = key.account();
        if keys.iter().any(|known| known.account() == account) {
            return Err(RelayerError::OperatorTwice(ss58(&account)));
        }
        key.check().map_err(ChainError::from)?;
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(RelayerError::NoOperators);
    }
    Ok(keys)
}

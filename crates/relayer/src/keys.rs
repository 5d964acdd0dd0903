//! The keys of the operators that the settings name.

use crate::{config::RelayerConfig, error::RelayerError};
use llm_oracle_chain::ChainError;
use llm_oracle_signing::{load_signer, Signer};
use llm_oracle_support::address::ss58;
use std::sync::Arc;

/// Loads every key and checks that it can sign. A signing daemon that is away stops its own operators only; it is
/// asked again with each signature.
///
/// # Errors
/// What is wrong with a key, a key that is named twice, settings without one, and daemons that are all away.
pub(crate) fn load_keys(config: &RelayerConfig) -> Result<Vec<Arc<dyn Signer>>, RelayerError> {
    let mut keys: Vec<Arc<dyn Signer>> = Vec::new();
    let mut away = None;
    let mut present = 0_usize;
    for source in &config.operators {
        let key = load_signer(source)?;
        let account = key.account();
        if keys.iter().any(|known| known.account() == account) {
            return Err(RelayerError::OperatorTwice(ss58(&account)));
        }
        match key.check() {
            Err(error) if error.is_transient() => {
                tracing::warn!(operator = ss58(&account), %error, "its signer is away");
                away.get_or_insert(error);
            }
            checked => {
                checked.map_err(ChainError::from)?;
                present = present.saturating_add(1);
            }
        }
        keys.push(key);
    }
    if let (Some(error), 0) = (away, present) {
        return Err(ChainError::from(error).into());
    }
    if keys.is_empty() {
        return Err(RelayerError::NoOperators);
    }
    Ok(keys)
}

//! The keys of the operators that the settings name.

use crate::error::RelayerError;
use llm_oracle_chain::ChainError;
use llm_oracle_signing::{load_signer, KeySource, Signer};
use llm_oracle_support::address::ss58;
use std::sync::Arc;

/// The keys of the operators.
pub(crate) struct LoadedKeys {
    pub(crate) keys: Vec<Arc<dyn Signer>>,
    /// Operators whose signing daemon is away, SS58, with what it says.
    pub(crate) away: Vec<(String, String)>,
}

/// Loads every key and checks that it can sign. A signing daemon that is away stops its own operators only; it is
/// asked again with each signature.
///
/// # Errors
/// What is wrong with a key, a key that is named twice, settings without one, and daemons that are all away.
pub(crate) fn load_keys(sources: &[KeySource]) -> Result<LoadedKeys, RelayerError> {
    let mut keys: Vec<Arc<dyn Signer>> = Vec::new();
    let mut away = Vec::new();
    for source in sources {
        let key = load_signer(source)?;
        let account = key.account();
        if keys.iter().any(|known| known.account() == account) {
            return Err(RelayerError::OperatorTwice(ss58(&account)));
        }
        match key.check() {
            Err(error) if error.is_transient() => away.push((ss58(&account), error)),
            checked => checked.map_err(ChainError::from)?,
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(RelayerError::NoOperators);
    }
    if away.len() == keys.len() {
        if let Some((_, error)) = away.pop() {
            return Err(ChainError::from(error).into());
        }
    }
    let away = away.into_iter();
    let away = away.map(|(operator, error)| (operator, error.to_string()));
    Ok(LoadedKeys {
        keys,
        away: away.collect(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_is_away_at_the_start_stops_its_own_operator_only() {
        let here = KeySource {
            suri: Some("//Alice".to_owned()),
            ..KeySource::default()
        };
        let account = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
        let away = KeySource {
            signer: Some("/nowhere/socket".into()),
            account: Some(account.to_owned()),
            ..KeySource::default()
        };
        let loaded = load_keys(&[here, away.clone()]).unwrap();
        assert_eq!(loaded.keys.len(), 2);
        let [(operator, reason)] = loaded.away.as_slice() else {
            unreachable!("one is away");
        };
        assert_eq!(operator, account);
        assert!(reason.contains("/nowhere/socket"), "{reason}");
        // Nobody is left to work for.
        let refused = load_keys(&[away]).map(|loaded| loaded.keys.len());
        assert!(matches!(
            refused,
            Err(RelayerError::Chain(ChainError::Signer(_)))
        ));
    }
}

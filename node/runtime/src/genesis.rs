//! Presets of the genesis state.

use crate::{AccountId, Balance};
use alloc::{vec, vec::Vec};
use serde_json::{Value, json};
use sp_genesis_builder::{DEV_RUNTIME_PRESET, PresetId};
use sp_keyring::Sr25519Keyring;

/// What each of the well-known accounts owns: 2^60, about 1.15 million units.
pub const ENDOWMENT: Balance = 1 << 60;

/// Accounts with money at the start: Alice, Bob, Charlie, Dave, Eve, Ferdie and their stashes.
pub fn endowed_accounts() -> Vec<AccountId> {
    Sr25519Keyring::well_known().map(|key| key.to_account_id()).collect()
}

/// Every preset's name.
pub fn preset_names() -> Vec<PresetId> {
    vec![PresetId::from(DEV_RUNTIME_PRESET)]
}

/// The preset of that name as JSON, if there is one.
pub fn preset(id: &PresetId) -> Option<Vec<u8>> {
    (id.as_str() == DEV_RUNTIME_PRESET).then(|| development().to_string().into_bytes())
}

fn development() -> Value {
    let balances: Vec<_> =
        endowed_accounts().into_iter().map(|account| (account, ENDOWMENT)).collect();
    json!({
        "balances": { "balances": balances },
        "sudo": { "key": Sr25519Keyring::Alice.to_account_id() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Balances, Sudo};

    fn execute(test: impl FnOnce()) {
        sp_io::TestExternalities::default().execute_with(|| {
            let json = preset(&PresetId::from(DEV_RUNTIME_PRESET)).expect("the preset has a name");
            let patch = serde_json::from_slice(&json).expect("the preset is JSON");
            let mut config =
                serde_json::to_value(crate::RuntimeGenesisConfig::default()).expect("plain data");
            merge(&mut config, patch);
            let config = serde_json::to_vec(&config).expect("plain data");
            frame_support::genesis_builder_helper::build_state::<crate::RuntimeGenesisConfig>(
                config,
            )
            .expect("the preset fits the runtime");
            test();
        });
    }

    fn merge(into: &mut Value, patch: Value) {
        match (into, patch) {
            (Value::Object(into), Value::Object(patch)) => {
                for (key, value) in patch {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            },
            (into, patch) => *into = patch,
        }
    }

    #[test]
    fn the_well_known_accounts_have_money() {
        execute(|| {
            for key in ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"] {
                for suffix in ["", "//stash"] {
                    let seed = alloc::format!("//{key}{suffix}");
                    let pair: sp_core::sr25519::Pair =
                        sp_core::Pair::from_string(&seed, None).expect("a well-formed path");
                    let account = AccountId::from(sp_core::Pair::public(&pair).0);
                    assert_eq!(Balances::free_balance(account), ENDOWMENT, "{seed}");
                }
            }
        });
    }

    #[test]
    fn alice_is_sudo() {
        execute(|| {
            let alice = Sr25519Keyring::Alice.to_account_id();
            assert_eq!(pallet_sudo::Key::<crate::Runtime>::get(), Some(alice));
            let _: Option<Sudo> = None;
        });
    }

    #[test]
    fn an_unknown_preset_is_none() {
        assert_eq!(preset(&PresetId::from("mainnet")), None);
        assert_eq!(preset_names(), [PresetId::from("development")]);
    }
}

//! Presets of the genesis state.

use crate::{AccountId, Balance, BalancesConfig, RuntimeGenesisConfig, SudoConfig};
use alloc::{vec, vec::Vec};
use sp_genesis_builder::{DEV_RUNTIME_PRESET, PresetId};
use sp_keyring::Sr25519Keyring;

/// What each of the well-known accounts owns: 2^60, about 1.15 million units.
#[cfg(not(feature = "narrow"))]
pub const ENDOWMENT: Balance = 1 << 60;
/// What each of the well-known accounts owns, so that all the money there is fits 64 bits: 2^50.
#[cfg(feature = "narrow")]
pub const ENDOWMENT: Balance = 1 << 50;

/// Accounts with money at the start: Alice, Bob, Charlie, Dave, Eve, Ferdie and their stashes.
pub fn endowed_accounts() -> impl Iterator<Item = AccountId> {
    Sr25519Keyring::well_known().map(|key| key.to_account_id())
}

/// Genesis of the development chain: money for the well-known accounts, Alice for sudo.
pub fn development() -> RuntimeGenesisConfig {
    RuntimeGenesisConfig {
        balances: BalancesConfig {
            balances: endowed_accounts()
                .map(|account| (account, ENDOWMENT))
                .collect(),
            ..Default::default()
        },
        sudo: SudoConfig {
            key: Some(Sr25519Keyring::Alice.to_account_id()),
        },
        ..Default::default()
    }
}

/// Every preset's name.
pub fn preset_names() -> Vec<PresetId> {
    vec![PresetId::from(DEV_RUNTIME_PRESET)]
}

/// The preset of that name as JSON, if there is one.
pub fn preset(id: &PresetId) -> Option<Vec<u8>> {
    // Plain data with string keys: encoding can't fail.
    (id == DEV_RUNTIME_PRESET)
        .then(|| serde_json::to_vec(&development()).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Balances, Runtime};
    use frame_support::genesis_builder_helper::build_state;
    use sp_core::{Pair, sr25519};

    fn on_the_development_chain(test: impl FnOnce()) {
        sp_io::TestExternalities::default().execute_with(|| {
            let json = preset(&PresetId::from(DEV_RUNTIME_PRESET)).expect("the preset has a name");
            build_state::<RuntimeGenesisConfig>(json).expect("the preset fits the runtime");
            test();
        });
    }

    #[test]
    fn the_well_known_accounts_have_money() {
        on_the_development_chain(|| {
            for key in ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"] {
                for suffix in ["", "//stash"] {
                    let seed = alloc::format!("//{key}{suffix}");
                    let pair = sr25519::Pair::from_string(&seed, None).expect("a derivation path");
                    let account = AccountId::from(pair.public().0);
                    assert_eq!(Balances::free_balance(account), ENDOWMENT, "{seed}");
                }
            }
        });
    }

    #[test]
    fn alice_is_sudo() {
        on_the_development_chain(|| {
            let alice = Sr25519Keyring::Alice.to_account_id();
            assert_eq!(pallet_sudo::Key::<Runtime>::get(), Some(alice));
        });
    }

    #[test]
    fn an_unknown_preset_is_none() {
        assert_eq!(preset(&PresetId::from("mainnet")), None);
        assert_eq!(preset_names(), [PresetId::from("development")]);
    }
}

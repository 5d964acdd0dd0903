//! The runtime of the original `substrate-contracts-node`, as its authors published it, under the
//! names that the sandbox uses. Nothing of the runtime is changed here.

pub use contracts_node_runtime::*;

/// Event with its phase and topics, as kept in storage.
pub type EventRecord = frame_system::EventRecord<RuntimeEvent, Hash>;
/// What every signed transaction carries besides the call.
pub type TxExtension = SignedExtra;

/// The pallets' settings.
pub mod config {
    pub use contracts_node_runtime::RuntimeBlockWeights;
}

/// The settings of `pallet-contracts`.
pub mod contracts {
    use contracts_node_runtime::{Balance, Runtime};
    use pallet_contracts::Config;

    /// Deposit for so many storage items with so many bytes in all.
    pub fn deposit(items: u32, bytes: u32) -> Balance {
        let item = <Runtime as Config>::DepositPerItem::get();
        let byte = <Runtime as Config>::DepositPerByte::get();
        Balance::from(items) * item + Balance::from(bytes) * byte
    }
}

/// Presets of the genesis state.
pub mod genesis {
    use contracts_node_runtime::{BalancesConfig, RuntimeGenesisConfig, SudoConfig};
    use sp_keyring::Sr25519Keyring;

    /// What each of the well-known accounts owns, as on the original node's development chain.
    const ENDOWMENT: contracts_node_runtime::Balance = 1 << 60;

    /// Genesis of the development chain: money for the well-known accounts, Alice for sudo. The
    /// original has it in the node and not in the runtime.
    pub fn development() -> RuntimeGenesisConfig {
        RuntimeGenesisConfig {
            balances: BalancesConfig {
                balances: Sr25519Keyring::iter()
                    .filter(|key| !matches!(key, Sr25519Keyring::One | Sr25519Keyring::Two))
                    .map(|key| (key.to_account_id(), ENDOWMENT))
                    .collect(),
            },
            sudo: SudoConfig {
                key: Some(Sr25519Keyring::Alice.to_account_id()),
            },
            ..Default::default()
        }
    }
}

//! Contracts on the real pallet, in process.
//!
//! A [`Sandbox`] is the node's runtime over state in memory, without a node: no transactions to
//! sign, no fees, no waiting, and blocks that pass when the test says so. Contracts run in the
//! pallet that the chain runs, with its limits and its prices.
//!
//! ```no_run
//! use llm_oracle_sandbox::{Sandbox, account, Keyring};
//!
//! # fn main() -> Result<(), llm_oracle_sandbox::InstantiateError> {
//! # let (wasm, constructor, message) = (vec![], vec![], vec![]);
//! let alice = account(Keyring::Alice);
//! let mut sandbox = Sandbox::new();
//! let contract =
//!     sandbox.upload_and_instantiate(&wasm, constructor, 0, vec![], alice.clone())?;
//! let outcome = sandbox.call(alice, contract, message, 0);
//! assert!(outcome.succeeded());
//! # Ok(())
//! # }
//! ```

mod blocks;
mod contracts;
mod outcome;
mod storage;

pub use contracts::{Limits, extension};
pub use frame_support::{dispatch::DispatchResultWithPostInfo, weights::Weight};
pub use llm_oracle_runtime as runtime;
pub use llm_oracle_runtime::{
    AccountId, BlockNumber, EventRecord, Hash, RuntimeCall, RuntimeEvent, RuntimeOrigin,
};
pub use outcome::{CallOutcome, ContractEvent, InstantiateError, InstantiateOutcome};
pub use pallet_contracts::ExecReturnValue;
pub use sp_keyring::Sr25519Keyring as Keyring;
pub use sp_runtime::DispatchError;

/// Amount of money, however wide the runtime's own are. What does not fit those is their most: more
/// than anybody has.
pub type Balance = u128;

/// An account with less than this is removed.
#[allow(clippy::unnecessary_cast)] // The runtime's balances may be narrower.
pub const EXISTENTIAL_DEPOSIT: Balance = llm_oracle_runtime::EXISTENTIAL_DEPOSIT as Balance;

/// Deposit for so many storage items with so many bytes in all.
pub fn deposit(items: u32, bytes: u32) -> Balance {
    llm_oracle_runtime::contracts::deposit(items, bytes).saturated_into()
}

/// What a call pays for storage, or gets back for freeing it.
pub type StorageDeposit = pallet_contracts::StorageDeposit<Balance>;

use frame_support::traits::{
    fungible::{Inspect, InspectHold, Mutate},
    tokens::{Fortitude, Preservation},
};
use llm_oracle_runtime::{Balances, System, genesis};
use sp_core::Blake2Hasher;
use sp_io::TestExternalities;
use sp_runtime::{BuildStorage, SaturatedConversion, traits::Dispatchable};
use sp_state_machine::InMemoryBackend;

/// Account of a well-known key, with money at the start.
pub fn account(key: Keyring) -> AccountId {
    key.to_account_id()
}

/// The runtime over state in memory. Starts as the development chain does, in block 1.
pub struct Sandbox {
    state: TestExternalities,
}

/// State of a [`Sandbox`] at one moment.
pub struct Snapshot(InMemoryBackend<Blake2Hasher>);

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// A new chain from the development preset.
    ///
    /// # Panics
    /// If the runtime can't build its own preset, which the runtime's tests exclude.
    pub fn new() -> Self {
        let genesis = genesis::development()
            .build_storage()
            .unwrap_or_else(|error| panic!("the development preset doesn't build: {error}"));
        let mut sandbox = Self {
            state: TestExternalities::new(genesis),
        };
        sandbox.state.execute_with(blocks::start_first);
        sandbox
    }

    /// Runs `f` with the state at hand, for whatever has no method here: any pallet's storage
    /// and functions can be used inside.
    pub fn execute<R>(&mut self, f: impl FnOnce() -> R) -> R {
        self.state.execute_with(f)
    }

    /// What `account` can spend. Deposits held for storage are not part of it.
    pub fn free_balance(&mut self, account: &AccountId) -> Balance {
        self.execute(|| Balances::free_balance(account).saturated_into())
    }

    /// What a contract calls its balance: without the existential deposit and without deposits held.
    pub fn spendable(&mut self, account: &AccountId) -> Balance {
        self.execute(|| {
            Balances::reducible_balance(account, Preservation::Preserve, Fortitude::Polite)
                .saturated_into()
        })
    }

    /// Deposits held from an account.
    pub fn on_hold(&mut self, account: &AccountId) -> Balance {
        self.execute(|| Balances::total_balance_on_hold(account).saturated_into())
    }

    /// All the money there is.
    pub fn total_issuance(&mut self) -> Balance {
        self.execute(|| Balances::total_issuance().saturated_into())
    }

    /// Makes `amount` out of nothing for `account`.
    ///
    /// # Errors
    /// If the account would stay below the existential deposit, or the sum doesn't fit.
    pub fn mint(&mut self, account: &AccountId, amount: Balance) -> Result<(), DispatchError> {
        self.execute(|| Balances::mint_into(account, amount.saturated_into()).map(drop))
    }

    /// Does what the transaction would do, without its fee: all or nothing.
    /// [`Sandbox::events`] tells what happened.
    ///
    /// # Errors
    /// Those of the call, with the weight it used.
    pub fn dispatch(
        &mut self,
        origin: RuntimeOrigin,
        call: RuntimeCall,
    ) -> DispatchResultWithPostInfo {
        self.execute(|| {
            System::reset_events();
            call.dispatch(origin)
        })
    }

    /// All events since the last call, instantiation, dispatch or new block.
    pub fn events(&mut self) -> Vec<EventRecord> {
        self.execute(outcome::all_events)
    }

    /// What contracts emitted since the last call, instantiation, dispatch or new block.
    pub fn contract_events(&mut self) -> Vec<ContractEvent> {
        self.execute(outcome::contract_events)
    }

    /// The state as it is now, to [`Sandbox::restore`] later. Copies it all: milliseconds.
    pub fn snapshot(&mut self) -> Snapshot {
        Snapshot(self.state.as_backend())
    }

    /// Goes back to a snapshot, which stays usable.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.state = TestExternalities::default();
        self.state.backend = snapshot.0.clone();
    }
}

//! Runtime of the local chain: `pallet-contracts`, balances, fees and sudo, and nothing else.
//!
//! Pallet names and indices, extensions and amounts are those of the original
//! `substrate-contracts-node`, so that clients and tools see the chain they know. The limits on
//! contracts are those of a public chain instead: what runs here runs there.
//!
//! - [`config`]: the pallets' settings
//! - [`contracts`]: the settings of `pallet-contracts`
//! - [`apis`]: what the runtime answers to clients
//! - [`genesis`]: the preset of the development chain

#![cfg_attr(not(feature = "std"), no_std)]
#![recursion_limit = "256"]
// Half of what this crate exports is written by macros, without documentation.
#![allow(missing_docs)]

extern crate alloc;

#[cfg(all(feature = "std", not(feature = "narrow")))]
#[allow(dead_code)]
mod wasm {
    include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}

pub mod apis;
pub mod config;
pub mod contracts;
pub mod genesis;

pub use apis::RuntimeApi;
#[cfg(all(feature = "std", not(feature = "narrow")))]
pub use wasm::WASM_BINARY;

use alloc::vec::Vec; // for the macros
use sp_runtime::{
    MultiAddress, MultiSignature, generic, impl_opaque_keys,
    traits::{BlakeTwo256, IdentifyAccount, Verify},
};
use sp_version::RuntimeVersion;

/// Number of a block.
pub type BlockNumber = u32;
/// Signature of a transaction: sr25519, ed25519 or ECDSA.
pub type Signature = MultiSignature;
/// Account: the public key of its owner, or a contract's address.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// Amount of money in the smallest unit.
#[cfg(not(feature = "narrow"))]
pub type Balance = u128;
/// Amount of money in the smallest unit, as narrow as on some public chains.
#[cfg(feature = "narrow")]
pub type Balance = u64;
/// Count of an account's transactions.
pub type Nonce = u32;
/// Hash of blocks, code and storage.
pub type Hash = sp_core::H256;
/// How a transaction names an account.
pub type Address = MultiAddress<AccountId, ()>;
/// Block header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// Block with decoded transactions.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// Transaction whose signature is not checked yet.
pub type UncheckedExtrinsic =
    generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// What every signed transaction carries besides the call.
pub type TxExtension = (
    frame_system::CheckNonZeroSender<Runtime>,
    frame_system::CheckSpecVersion<Runtime>,
    frame_system::CheckTxVersion<Runtime>,
    frame_system::CheckGenesis<Runtime>,
    frame_system::CheckEra<Runtime>,
    frame_system::CheckNonce<Runtime>,
    frame_system::CheckWeight<Runtime>,
    pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
);
/// Runs blocks and transactions through the pallets.
pub type Executive = frame_executive::Executive<
    Runtime,
    Block,
    frame_system::ChainContext<Runtime>,
    Runtime,
    AllPalletsWithSystem,
>;
/// Event with its phase and topics, as kept in storage.
pub type EventRecord = frame_system::EventRecord<RuntimeEvent, Hash>;

/// Smallest unit times this is one `UNIT`, the token's name for people.
pub const UNIT: Balance = 1_000_000_000_000;
/// A thousandth of [`UNIT`].
pub const MILLIUNIT: Balance = UNIT / 1_000;
/// An account with less than this is removed.
pub const EXISTENTIAL_DEPOSIT: Balance = MILLIUNIT;

/// Types for code that handles blocks without looking into transactions, like the node's service.
pub mod opaque {
    use super::*;

    /// Transaction as bytes.
    pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;
    /// Block whose transactions are bytes.
    pub type Block = generic::Block<Header, UncheckedExtrinsic>;

    impl_opaque_keys! {
        /// No keys: blocks are not signed here. The node asks for them at its start all the same.
        pub struct SessionKeys {}
    }
}

/// Name and versions of this runtime.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: alloc::borrow::Cow::Borrowed("substrate-contracts-node"),
    impl_name: alloc::borrow::Cow::Borrowed("substrate-contracts-node"),
    authoring_version: 1,
    spec_version: 100,
    impl_version: 1,
    apis: apis::RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Runtime;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type RandomnessCollectiveFlip = pallet_insecure_randomness_collective_flip;
    #[runtime::pallet_index(2)]
    pub type Utility = pallet_utility;
    #[runtime::pallet_index(3)]
    pub type Timestamp = pallet_timestamp;
    #[runtime::pallet_index(4)]
    pub type Balances = pallet_balances;
    // The original has Authorship at 5; nothing here asks who made a block.
    #[runtime::pallet_index(6)]
    pub type TransactionPayment = pallet_transaction_payment;
    #[runtime::pallet_index(7)]
    pub type Sudo = pallet_sudo;
    #[runtime::pallet_index(8)]
    pub type Contracts = pallet_contracts;
}

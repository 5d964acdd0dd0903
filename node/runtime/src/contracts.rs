//! Settings of `pallet-contracts`: the dev chain's prices with a public chain's limits.

use crate::{
    Balance, Balances, MILLIUNIT, RandomnessCollectiveFlip, Runtime, RuntimeCall, RuntimeEvent,
    RuntimeHoldReason, Timestamp, TransactionPayment, UNIT,
};
use frame_support::{
    parameter_types,
    traits::{ConstBool, ConstU32, Nothing},
};
use frame_system::EnsureSigned;
use pallet_contracts::{DefaultAddressGenerator, Frame, Limits, weights::SubstrateWeight};
use sp_runtime::Perbill;

/// Frames of the call stack besides the first: how deep contracts can call each other.
pub const CALL_STACK_FRAMES: usize = 5;
/// Largest contract code, in bytes.
pub const CODE_BYTES_MAX: u32 = 128 * 1024;

/// Deposit for so many storage items with so many bytes in all.
pub const fn deposit(items: u32, bytes: u32) -> Balance {
    (items as Balance * UNIT + bytes as Balance * (5 * MILLIUNIT / 100)) / 10
}

/// Prices by measured weights; the memory figures are only bounds that the pallet checks
/// [`CALL_STACK_FRAMES`] and [`CODE_BYTES_MAX`] against.
fn schedule() -> pallet_contracts::Schedule<Runtime> {
    pallet_contracts::Schedule {
        limits: Limits {
            runtime_memory: 1024 * 1024 * 1024,
            validator_runtime_memory: 2 * 1024 * 1024 * 1024,
            ..Default::default()
        },
        ..Default::default()
    }
}

parameter_types! {
    /// Price of a storage item.
    pub const DepositPerItem: Balance = deposit(1, 0);
    /// Price of a byte in storage.
    pub const DepositPerByte: Balance = deposit(0, 1);
    /// Most that a call without an own limit may pay for storage.
    pub const DefaultDepositLimit: Balance = deposit(1024, 1024 * 1024);
    /// Nothing is locked for using a code that somebody else has uploaded.
    pub const CodeHashLockupDepositPercent: Perbill = Perbill::zero();
    /// Prices and limits of execution.
    pub Schedule: pallet_contracts::Schedule<Runtime> = schedule();
}

impl pallet_contracts::Config for Runtime {
    type AddressGenerator = DefaultAddressGenerator;
    type ApiVersion = ();
    // Contracts call contracts; no contract calls a pallet.
    type CallFilter = Nothing;
    type CallStack = [Frame<Self>; CALL_STACK_FRAMES];
    type ChainExtension = ();
    type CodeHashLockupDepositPercent = CodeHashLockupDepositPercent;
    type Currency = Balances;
    type Debug = ();
    type DefaultDepositLimit = DefaultDepositLimit;
    type DepositPerByte = DepositPerByte;
    type DepositPerItem = DepositPerItem;
    type Environment = ();
    type InstantiateOrigin = EnsureSigned<Self::AccountId>;
    type MaxCodeLen = ConstU32<CODE_BYTES_MAX>;
    type MaxDebugBufferLen = ConstU32<{ 2 * 1024 * 1024 }>;
    type MaxDelegateDependencies = ConstU32<32>;
    type MaxStorageKeyLen = ConstU32<128>;
    type MaxTransientStorageSize = ConstU32<{ 1024 * 1024 }>;
    type Migrations = ();
    type Randomness = RandomnessCollectiveFlip;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Schedule = Schedule;
    type Time = Timestamp;
    type UnsafeUnstableInterface = ConstBool<false>;
    type UploadOrigin = EnsureSigned<Self::AccountId>;
    type WeightInfo = SubstrateWeight<Self>;
    type WeightPrice = TransactionPayment;
    type Xcm = ();
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame_support::traits::Get;
    use pallet_contracts::Config;

    /// Length of an array type, for any [`Config::CallStack`].
    trait Frames {
        const COUNT: usize;
    }

    impl<T, const N: usize> Frames for [T; N] {
        const COUNT: usize = N;
    }

    #[test]
    fn contracts_may_nest_five_frames() {
        assert_eq!(<<Runtime as Config>::CallStack as Frames>::COUNT, 5);
    }

    #[test]
    fn code_is_at_most_128_kib() {
        assert_eq!(
            <<Runtime as Config>::MaxCodeLen as Get<u32>>::get(),
            131_072
        );
    }

    #[test]
    fn unstable_host_functions_are_off() {
        assert!(!<<Runtime as Config>::UnsafeUnstableInterface as Get<
            bool,
        >>::get());
    }

    #[test]
    fn a_storage_item_costs_a_tenth_of_a_unit() {
        assert_eq!(DepositPerItem::get(), UNIT / 10);
        assert_eq!(DepositPerByte::get(), 5_000_000);
    }
}

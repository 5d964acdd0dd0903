//! What came of a call.

use crate::{
    AccountId, DispatchError, EventRecord, ExecReturnValue, Hash, RuntimeEvent, StorageDeposit,
    Weight,
};
use llm_oracle_runtime::System;
use pallet_contracts::StorageDeposit as StorageDepositOf;
use sp_runtime::SaturatedConversion;
use std::fmt;

/// What a call did. After an error or a revert it did nothing, and there are no events.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOutcome {
    /// Flags and data that the contract returned, or why it was stopped. A revert is a return.
    pub result: Result<ExecReturnValue, DispatchError>,
    /// Weight that was used.
    pub gas_consumed: Weight,
    /// Weight that the transaction has to offer, which can be more than it uses.
    pub gas_required: Weight,
    /// What the caller paid for storage, or got back.
    pub storage_deposit: StorageDeposit,
    /// What contracts emitted, in order: the called one and those that it called.
    pub events: Vec<ContractEvent>,
    /// Size of a signed transaction that makes this call.
    pub transaction_bytes: usize,
}

/// What an instantiation did. After an error or a revert it did nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct InstantiateOutcome {
    /// The new contract and what its constructor returned, or why it was stopped.
    pub result: Result<(AccountId, ExecReturnValue), DispatchError>,
    /// Weight that was used.
    pub gas_consumed: Weight,
    /// Weight that the transaction has to offer.
    pub gas_required: Weight,
    /// What the caller paid for storage, code included.
    pub storage_deposit: StorageDeposit,
    /// What contracts emitted, in order.
    pub events: Vec<ContractEvent>,
}

/// Event of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractEvent {
    /// Who emitted it.
    pub contract: AccountId,
    /// Its topics; the first is the event's signature unless it is anonymous.
    pub topics: Vec<Hash>,
    /// Its fields, encoded.
    pub data: Vec<u8>,
}

/// Why there is no new contract.
#[derive(Clone, Debug, PartialEq)]
pub enum InstantiateError {
    /// The pallet refused or stopped it.
    Dispatch(DispatchError),
    /// The constructor returned with the revert flag; this is what it returned.
    Reverted(Vec<u8>),
}

impl fmt::Display for InstantiateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dispatch(error) => write!(f, "instantiation failed: {error:?}"),
            Self::Reverted(data) => write!(f, "constructor reverted with {data:02x?}"),
        }
    }
}

impl std::error::Error for InstantiateError {}

impl CallOutcome {
    /// Whether the call ran to its end without revert, so that its changes stay.
    pub fn succeeded(&self) -> bool {
        matches!(&self.result, Ok(returned) if !returned.did_revert())
    }

    /// Whether the contract returned with the revert flag, as ink! does for `Err`.
    pub fn reverted(&self) -> bool {
        matches!(&self.result, Ok(returned) if returned.did_revert())
    }

    /// What the contract returned; nothing if it was stopped.
    pub fn data(&self) -> &[u8] {
        self.result.as_ref().map_or(&[], |returned| &returned.data)
    }

    /// The events of one contract.
    pub fn events_of(&self, contract: &AccountId) -> impl Iterator<Item = &ContractEvent> {
        self.events
            .iter()
            .filter(move |event| event.contract == *contract)
    }

    /// What the caller paid for storage: negative if it got something back.
    pub fn deposit_signed(&self) -> i128 {
        deposit_signed(&self.storage_deposit)
    }
}

impl InstantiateOutcome {
    /// The new contract.
    ///
    /// # Errors
    /// If there is none.
    pub fn contract(self) -> Result<AccountId, InstantiateError> {
        match self.result {
            Err(error) => Err(InstantiateError::Dispatch(error)),
            Ok((_, returned)) if returned.did_revert() => {
                Err(InstantiateError::Reverted(returned.data))
            }
            Ok((contract, _)) => Ok(contract),
        }
    }
}

fn deposit_signed(deposit: &StorageDeposit) -> i128 {
    // All money there is fits 2^64, so the casts keep the value.
    match deposit {
        StorageDeposit::Charge(amount) => *amount as i128,
        StorageDeposit::Refund(amount) => -(*amount as i128),
    }
}

pub(crate) fn all_events() -> Vec<EventRecord> {
    System::read_events_no_consensus()
        .map(|event| *event)
        .collect()
}

pub(crate) fn contract_events() -> Vec<ContractEvent> {
    System::read_events_no_consensus()
        .filter_map(|record| match record.event {
            RuntimeEvent::Contracts(pallet_contracts::Event::ContractEmitted {
                contract,
                data,
            }) => Some(ContractEvent {
                contract,
                topics: record.topics,
                data,
            }),
            _ => None,
        })
        .collect()
}

/// Amounts that the pallet counts in.
pub(crate) type PalletResult<R> =
    pallet_contracts::ContractResult<R, llm_oracle_runtime::Balance, EventRecord>;

/// A deposit as the sandbox counts.
pub(crate) fn wide(
    deposit: pallet_contracts::StorageDeposit<llm_oracle_runtime::Balance>,
) -> StorageDeposit {
    match deposit {
        StorageDepositOf::Charge(amount) => StorageDeposit::Charge(amount.saturated_into()),
        StorageDepositOf::Refund(amount) => StorageDeposit::Refund(amount.saturated_into()),
    }
}

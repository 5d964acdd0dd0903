//! Which requests of an oracle a block has changed, read from its events.
//!
//! A block that does not name the contract costs one request to the node, whatever else is in it.

use super::{
    connection::Connection,
    error::ChainError,
    event::{read_emitted, Event},
    types::{BlockEvents, Changes},
};
use llm_oracle_primitives::{AccountId, Hash, RequestId};
use std::collections::BTreeSet;
use subxt::{config::SubstrateConfig, utils::H256};

/// Key of `System::Events`: the two hashes of the names.
const EVENTS_KEY: [u8; 32] = [
    0x26, 0xaa, 0x39, 0x4e, 0xea, 0x56, 0x30, 0xe0, 0x7c, 0x48, 0xae, 0x0c, 0x95, 0x58, 0xce, 0xf7,
    0x80, 0xd4, 0x1e, 0x5e, 0x16, 0x05, 0x67, 0x65, 0xbc, 0x84, 0x61, 0x85, 0x10, 0x72, 0xc9, 0xd7,
];
/// Events of the pallet that name a contract and change none of its entries.
const HARMLESS: [&str; 3] = [
    "Called",
    "StorageDepositTransferredAndHeld",
    "StorageDepositTransferredAndReleased",
];

/// What starts an error of a pallet in an encoded event: `DispatchError::Module`.
const MODULE_ERROR: u8 = 3;
/// Errors that a pallet has at most; the rest of an error's four bytes is 0.
const PALLET_ERRORS_MAX: u8 = 96;

pub(super) async fn block_events(
    connection: &Connection,
    contract: &AccountId,
    block: Hash,
) -> Result<BlockEvents, ChainError> {
    let stored = connection
        .rpc
        .state_get_storage(&EVENTS_KEY, Some(H256(block)));
    let stored = stored.await;
    let stored = stored.map_err(|error| connection.lift("a block's events", &error))?;
    let Some(bytes) = stored else {
        return Ok(BlockEvents::UNKNOWN);
    };
    if !names(&bytes, contract) {
        return Ok(BlockEvents {
            changes: Changes::Nothing,
            is_quiet: !has_pallet_error(&bytes),
        });
    }
    Ok(BlockEvents {
        changes: changes(connection, contract, block, bytes).await?,
        is_quiet: false,
    })
}

async fn changes(
    connection: &Connection,
    contract: &AccountId,
    block: Hash,
    bytes: Vec<u8>,
) -> Result<Changes, ChainError> {
    let runtime = connection.executed_by(block).await?;
    let events = runtime.events().from_bytes(bytes);
    let mut ids = BTreeSet::new();
    for event in events.iter() {
        let Ok(event) = event else {
            return Ok(Changes::Unknown);
        };
        match change(contract, &event) {
            Change::Request(id) => {
                ids.insert(id);
            }
            Change::None => {}
            Change::Unknown => return Ok(Changes::Unknown),
        }
    }
    Ok(Changes::Requests(ids))
}

enum Change {
    Request(RequestId),
    None,
    Unknown,
}

fn change(contract: &AccountId, event: &subxt::events::Event<'_, SubstrateConfig>) -> Change {
    if event.pallet_name() != "Contracts" || !names(event.field_bytes(), contract) {
        return Change::None;
    }
    match read_emitted(contract, event) {
        Some(Ok(Event::Upgraded(_))) => Change::Unknown,
        Some(Ok(read)) => request_of(&read).map_or(Change::None, Change::Request),
        Some(Err(_)) => Change::Unknown,
        // Another contract's event may quote the address, and so may one of a newer version of ours.
        None if HARMLESS.contains(&event.event_name()) => Change::None,
        None => Change::Unknown,
    }
}

/// The request that an event is about; events about operators and the owner are about none.
fn request_of(event: &Event) -> Option<RequestId> {
    Some(match event {
        Event::Asked(it) => it.request_id,
        Event::Committed(it) => it.request_id,
        Event::Revealed(it) => it.request_id,
        Event::Ended(it) => it.request_id,
        Event::Delivered(it) => it.request_id,
        Event::DeliveryFailed(it) => it.request_id,
        Event::Pruned(it) => it.request_id,
        Event::AnswerPublished(it) => it.request_id,
        Event::DeliveryFunded(it) => it.request_id,
        Event::Equivocated(it) => it.request_id,
        Event::Registered(_)
        | Event::FamilyDeclared(_)
        | Event::OwnerNamed(_)
        | Event::SetPublished(_)
        | Event::Bonded(_)
        | Event::Unbonding(_)
        | Event::Released(_)
        | Event::Withdrawn(_)
        | Event::PauseSet(_)
        | Event::OwnershipOffered(_)
        | Event::OwnershipTaken(_)
        | Event::ParamsAnnounced(_)
        | Event::UpgradeAnnounced(_)
        | Event::Upgraded(_) => return None,
    })
}

/// Whether an error of a pallet stands in these events: a call of a contract that failed leaves one, in
/// whatever event tells of it. Found as bytes, so it may find what only looks like one.
fn has_pallet_error(bytes: &[u8]) -> bool {
    let is_error = |part: &[u8]| match part {
        [MODULE_ERROR, _, error, 0, 0, 0] => *error <= PALLET_ERRORS_MAX,
        _ => false,
    };
    bytes.windows(6).any(is_error)
}

/// Whether an account stands anywhere in these bytes.
fn names(bytes: &[u8], contract: &AccountId) -> bool {
    let account: &[u8; 32] = contract.as_ref();
    bytes.windows(account.len()).any(|part| part == account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scale::Encode;

    /// `ExtrinsicFailed` of the first transaction by the error of a pallet, as `System::Events` has it.
    fn failed(pallet: u8, error: [u8; 4]) -> Vec<u8> {
        let phase = (0_u8, 1_u32).encode();
        let event = (0_u8, 1_u8, MODULE_ERROR, pallet, error).encode();
        [phase, event].concat()
    }

    /// `ExtrinsicSuccess` of the time's transaction, as a block without others has it.
    fn time_set() -> Vec<u8> {
        let phase = (0_u8, 0_u32).encode();
        let weight = (scale::Compact(2_000_000_u64), scale::Compact(1_493_u64));
        let event = (0_u8, 0_u8, weight, 2_u8, 0_u8, 0_u8).encode();
        [phase, event].concat()
    }

    #[test]
    fn a_call_that_failed_makes_a_block_loud() {
        assert!(!has_pallet_error(&time_set()));
        assert!(has_pallet_error(&failed(8, [26, 0, 0, 0])));
        // In whatever event, such as the interrupted batch of another pallet.
        let batch = [
            time_set(),
            vec![9, 0, 0, 0, 0, MODULE_ERROR, 8, 13, 0, 0, 0],
        ]
        .concat();
        assert!(has_pallet_error(&batch));
    }
}

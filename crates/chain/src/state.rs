//! What a node has in its state: accounts, contracts, and the entries of a contract's storage.

use super::{connection::Connection, error::ChainError};
use llm_oracle_primitives::{AccountId, Hash};
use llm_oracle_rules::{cells::storage_key, Key};
use llm_oracle_support::address::{account32, hex0x};
use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};
use subxt::{
    ext::scale_decode::DecodeAsType,
    rpcs::{client::rpc_params, methods::legacy::Bytes},
    utils::H256,
};

/// Prefix of the name of a child trie (`sp_storage::well_known_keys`).
const CHILD_STORAGE: &[u8] = b":child_storage:default:";

pub(super) async fn account_info(
    connection: &Connection,
    account: &AccountId,
    at: Option<Hash>,
) -> Result<Option<AccountInfo>, ChainError> {
    stored(connection, ("System", "Account"), account, at).await
}

pub(super) async fn contract_info(
    connection: &Connection,
    contract: &AccountId,
    at: Option<Hash>,
) -> Result<Option<ContractInfo>, ChainError> {
    let map = ("Contracts", "ContractInfoOf");
    stored(connection, map, contract, at).await
}

/// What a pallet has in a map under an account, at a block or the best one.
async fn stored<T: DecodeAsType>(
    connection: &Connection,
    (pallet, map): (&str, &str),
    account: &AccountId,
    at: Option<Hash>,
) -> Result<Option<T>, ChainError> {
    let at = connection.at_or_best(at).await?;
    let address = subxt::dynamic::storage::<_, T>(pallet, map);
    let found = at.storage().try_fetch(address, (account32(account),)).await;
    let found = found.map_err(|error| connection.lift(map, &error))?;
    let found = found.map(|found| found.decode()).transpose();
    found.map_err(|error| connection.lift(map, &error))
}

/// Raw entries of an oracle's storage after a block, in the order of the keys.
pub(super) async fn storage_entries(
    connection: &Connection,
    contract: &AccountId,
    keys: &[Key],
    at: Hash,
) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
    let known = tries(connection).get(contract).cloned();
    let was_known = known.is_some();
    let trie = match known {
        Some(trie) => trie,
        None => read_trie(connection, contract, at).await?,
    };
    let found = entries_of(connection, &trie, keys, at).await?;
    if !was_known || found.iter().any(Option::is_some) {
        return Ok(found);
    }
    // Nothing at all: the contract may have been made anew, or not be there at this block.
    tries(connection).remove(contract);
    let trie = read_trie(connection, contract, at).await?;
    entries_of(connection, &trie, keys, at).await
}

fn tries(connection: &Connection) -> MutexGuard<'_, HashMap<AccountId, Vec<u8>>> {
    // The map is whole between any two statements.
    let tries = connection.tries.lock();
    tries.unwrap_or_else(PoisonError::into_inner)
}

async fn read_trie(
    connection: &Connection,
    contract: &AccountId,
    at: Hash,
) -> Result<Vec<u8>, ChainError> {
    let info = contract_info(connection, contract, Some(at)).await?;
    let address = *contract;
    let info = info.ok_or(ChainError::NoContract { address })?;
    tries(connection).insert(*contract, info.trie_id.clone());
    Ok(info.trie_id)
}

async fn entries_of(
    connection: &Connection,
    trie: &[u8],
    keys: &[Key],
    at: Hash,
) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
    let trie = hex0x(&[CHILD_STORAGE, trie].concat());
    let keys: Vec<String> = keys.iter().map(|key| hex0x(&storage_key(key))).collect();
    let params = rpc_params![trie, &keys, H256(at)];
    let method = "childstate_getStorageEntries";
    let found: Result<Vec<Option<Bytes>>, _> = connection.raw.request(method, params).await;
    let found = found.map_err(|error| connection.lift("storage entries", &error))?;
    if found.len() != keys.len() {
        let reason = format!("the answer has {} of {}", found.len(), keys.len());
        return Err(ChainError::decode("storage entries", reason));
    }
    Ok(found
        .into_iter()
        .map(|one| one.map(|bytes| bytes.0))
        .collect())
}

/// Timestamp of a block, milliseconds since 1970; 0 before the first block that has one.
pub(super) async fn timestamp_ms(connection: &Connection, at: Hash) -> Result<u64, ChainError> {
    let at = connection.at(at).await?;
    let address = subxt::dynamic::storage::<(), u64>("Timestamp", "Now");
    let now = at.storage().try_fetch(address, ()).await;
    let Some(now) = now.map_err(|error| connection.lift("the time", &error))? else {
        return Ok(0);
    };
    now.decode()
        .map_err(|error| connection.lift("the time", &error))
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct ContractInfo {
    pub(super) code_hash: H256,
    trie_id: Vec<u8>,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct AccountInfo {
    pub(super) nonce: u64,
    pub(super) data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct AccountData {
    pub(super) free: u128,
}

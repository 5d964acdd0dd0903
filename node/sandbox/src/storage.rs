//! What a contract has stored, read past it.

use crate::{AccountId, Sandbox};
use frame_support::{
    Blake2_128Concat, StorageHasher, Twox64Concat, pallet_prelude::Decode, storage::storage_prefix,
};
use sp_core::storage::ChildInfo;
use std::collections::BTreeMap;

/// Bytes that the pallet puts before a key of variable length (`Blake2_128Concat`).
const KEY_HASH_BYTES: usize = 16;

impl Sandbox {
    /// Every storage cell of a contract, by the key that the contract gave it; empty when there is
    /// no such contract. Keys of fixed length (`seal0` functions), of which the pallet keeps hashes
    /// only, are not among them.
    pub fn storage_of(&mut self, contract: &AccountId) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.execute(|| {
            let mut cells = BTreeMap::new();
            let Some(trie) = trie_of(contract) else {
                return cells;
            };
            let child = ChildInfo::new_default(&trie);
            let id = child.storage_key();
            let mut last = Vec::new();
            while let Some(key) = sp_io::default_child_storage::next_key(id, &last) {
                let value = sp_io::default_child_storage::get(id, &key).unwrap_or_default();
                if let Some(own) = key.get(KEY_HASH_BYTES..) {
                    cells.insert(own.to_vec(), value);
                }
                last = key;
            }
            cells
        })
    }
}

impl Sandbox {
    /// What lies under a key of a contract's child trie, hash and all.
    pub fn stored(&mut self, contract: &AccountId, key: &[u8]) -> Option<Vec<u8>> {
        self.execute(|| {
            let child = ChildInfo::new_default(&trie_of(contract)?);
            let value = sp_io::default_child_storage::get(child.storage_key(), key)?;
            Some(value.to_vec())
        })
    }

    /// Writes a storage cell of a contract past it, without a deposit: for states that would take a test
    /// too long to reach.
    pub fn overwrite(&mut self, contract: &AccountId, key: &[u8], value: &[u8]) {
        self.execute(|| {
            if let Some(trie) = trie_of(contract) {
                let child = ChildInfo::new_default(&trie);
                let key = Blake2_128Concat::hash(key);
                sp_io::default_child_storage::set(child.storage_key(), &key, value);
            }
        });
    }
}

/// Id of a contract's own storage: the first field of what the pallet keeps about it, which it shows
/// nobody.
fn trie_of(contract: &AccountId) -> Option<Vec<u8>> {
    let mut key = storage_prefix(b"Contracts", b"ContractInfoOf").to_vec();
    key.extend(Twox64Concat::hash(contract.as_ref()));
    Vec::decode(&mut &sp_io::storage::get(&key)?[..]).ok()
}

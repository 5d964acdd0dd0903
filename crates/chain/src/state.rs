//! What a node has in its state: accounts, contracts, and the cells of a contract.

use super::{client::Chain, error::ChainError};
use llm_oracle_primitives::{AccountId, Hash};
use llm_oracle_rules::{cells::storage_key, Key};
use llm_oracle_support::address::{account32, hex0x};
use subxt::{
    ext::scale_decode::DecodeAsType,
    rpcs::{client::rpc_params, methods::legacy::Bytes},
    utils::H256,
};

/// What stands before the name of a child trie (`sp_storage::well_known_keys`).
const CHILD_STORAGE: &[u8] = b":child_storage:default:";

impl Chain {
    /// Nonce of an account after a block, without what waits in the pool.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn nonce_at(&self, account: &AccountId, at: Hash) -> Result<u64, ChainError> {
        let info = self.account_info(account, Some(at)).await?;
        Ok(info.map_or(0, |info| info.nonce))
    }

    /// Next free nonce of an account, counting what waits in the node's pool.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn next_nonce(&self, account: &AccountId) -> Result<u64, ChainError> {
        let nonce = self
            .rpc
            .system_account_next_index(&account32(account))
            .await;
        nonce.map_err(|error| self.lift("the account's nonce", &error))
    }

    /// Free balance of an account, planck.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn free_balance(&self, account: &AccountId) -> Result<u128, ChainError> {
        let info = self.account_info(account, None).await?;
        Ok(info.map_or(0, |info| info.data.free))
    }

    async fn account_info(
        &self,
        account: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<AccountInfo>, ChainError> {
        self.stored(("System", "Account"), account, at).await
    }

    /// What a pallet has in a map under an account, at a block or the best one.
    async fn stored<T: DecodeAsType>(
        &self,
        (pallet, map): (&str, &str),
        account: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<T>, ChainError> {
        let at = self.at_or_best(at).await?;
        let address = subxt::dynamic::storage::<_, T>(pallet, map);
        let found = at.storage().try_fetch(address, (account32(account),)).await;
        let found = found.map_err(|error| self.lift(map, &error))?;
        let found = found.map(|found| found.decode()).transpose();
        found.map_err(|error| self.lift(map, &error))
    }

    /// Hash of the code behind a contract's address; `None` when there is no contract.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn code_hash(
        &self,
        contract: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<Hash>, ChainError> {
        let info = self.contract_info(contract, at).await?;
        Ok(info.map(|info| info.code_hash.0))
    }

    async fn contract_info(
        &self,
        contract: &AccountId,
        at: Option<Hash>,
    ) -> Result<Option<ContractInfo>, ChainError> {
        let map = ("Contracts", "ContractInfoOf");
        self.stored(map, contract, at).await
    }

    /// What lies in these cells of an oracle's storage after a block, in their order.
    ///
    /// # Errors
    /// Connection errors; `Node` when the node hands out no cells, or has this block's no more.
    pub async fn cells(
        &self,
        contract: &AccountId,
        keys: &[Key],
        at: Hash,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        let info = self.contract_info(contract, Some(at)).await?;
        let address = *contract;
        let info = info.ok_or(ChainError::NoContract { address })?;
        let trie = hex0x(&[CHILD_STORAGE, &info.trie_id].concat());
        let keys: Vec<String> = keys.iter().map(|key| hex0x(&storage_key(key))).collect();
        let params = rpc_params![trie, &keys, H256(at)];
        let method = "childstate_getStorageEntries";
        let found: Result<Vec<Option<Bytes>>, _> = self.raw.request(method, params).await;
        let found = found.map_err(|error| self.lift("cells", &error))?;
        if found.len() != keys.len() {
            let reason = format!("{} of {} are in the answer", found.len(), keys.len());
            return Err(ChainError::decode("cells", reason));
        }
        Ok(found
            .into_iter()
            .map(|one| one.map(|bytes| bytes.0))
            .collect())
    }
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct ContractInfo {
    code_hash: H256,
    trie_id: Vec<u8>,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountInfo {
    nonce: u64,
    data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountData {
    free: u128,
}

//! Transfers, remarks and empty blocks: for funding accounts, and for passing time on development chains.

use super::{
    api::ChainApi,
    chain::Chain,
    error::ChainError,
    inclusion::{outcome, send_and_wait},
    sign::sign_payload,
    types::InBlock,
};
use llm_oracle_primitives::{AccountId, Balance};
use llm_oracle_signing::{account_of, Keypair};
use llm_oracle_support::address::account32;
use subxt::{
    ext::scale_encode::EncodeAsType,
    rpcs::client::rpc_params,
    utils::{AccountId32, MultiAddress, H256},
};

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct Transfer {
    dest: MultiAddress<AccountId32, ()>,
    value: u128,
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct Remark {
    remark: Vec<u8>,
}

impl Chain {
    /// Makes an empty block on a development node that seals on demand; `false` when the node has
    /// no such method (then send a remark instead).
    ///
    /// # Errors
    /// `Node` when the node has the method and refuses, connection errors.
    pub async fn create_block(&self, finalize: bool) -> Result<bool, ChainError> {
        let parent: Option<H256> = None;
        let params = rpc_params![true, finalize, parent];
        let raw = &self.connection.raw;
        let made: Result<serde_json::Value, _> = raw.request("engine_createBlock", params).await;
        match made {
            Ok(_) => Ok(true),
            Err(error) if is_method_not_found(&error) => Ok(false),
            Err(error) => Err(self.connection.lift("an empty block", &error)),
        }
    }

    /// Sends a transaction that does nothing and waits for its block: on a chain that does not
    /// make blocks on demand, this brings the next one.
    ///
    /// # Errors
    /// `Node` or `Dropped` when the chain refuses, `NotIncluded`, connection errors.
    pub async fn remark(&self, signer: &Keypair) -> Result<InBlock, ChainError> {
        let call = Remark { remark: Vec::new() };
        let payload = subxt::dynamic::transaction("System", "remark", call);
        let nonce = self.next_nonce(&account_of(signer)).await?;
        let tx = sign_payload(&self.connection, signer, nonce, &payload).await?;
        send_and_wait(&self.connection, &tx, false).await
    }

    /// Sends planck from the signer to an account and waits for the block.
    ///
    /// # Errors
    /// `Dispatch` when the chain refuses, connection errors.
    pub async fn transfer(
        &self,
        signer: &Keypair,
        to: &AccountId,
        amount: Balance,
    ) -> Result<InBlock, ChainError> {
        let call = Transfer {
            dest: MultiAddress::Id(account32(to)),
            value: amount,
        };
        let payload = subxt::dynamic::transaction("Balances", "transfer_keep_alive", call);
        let nonce = self.next_nonce(&account_of(signer)).await?;
        let tx = sign_payload(&self.connection, signer, nonce, &payload).await?;
        let included = send_and_wait(&self.connection, &tx, false).await?;
        // Whether it succeeded; the contract named here has no event in a transfer.
        outcome(&self.connection, to, "transfer", &tx, included).await?;
        Ok(included)
    }
}

/// Whether the node does not have the method, or does not offer it to this client.
fn is_method_not_found(error: &subxt::rpcs::Error) -> bool {
    // JSON-RPC 2.0: -32601 is 'method not found'.
    matches!(error, subxt::rpcs::Error::User(user) if user.code == -32601)
}

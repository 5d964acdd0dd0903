//! Plain transfers and remarks, for funding accounts and moving time on development chains.

use super::{client::Chain, error::ChainError, tx::InBlock};
use llm_oracle_primitives::{AccountId, Balance};
use llm_oracle_signing::{account_of, Keypair};
use llm_oracle_support::address::account32;
use subxt::{
    ext::scale_encode::EncodeAsType,
    utils::{AccountId32, MultiAddress},
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
    /// Sends a transaction that does nothing and waits for its block: where blocks can't be made on
    /// demand, this brings the next one.
    ///
    /// # Errors
    /// `Node` or `Dropped` when the chain refuses, `NotIncluded`, connection errors.
    pub async fn remark(&self, signer: &Keypair) -> Result<InBlock, ChainError> {
        let call = Remark { remark: Vec::new() };
        let payload = subxt::dynamic::transaction("System", "remark", call);
        let nonce = self.next_nonce(&account_of(signer)).await?;
        let tx = self.sign(signer, nonce, &payload).await?;
        self.send_and_wait(&tx, false).await
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
        let tx = self.sign(signer, nonce, &payload).await?;
        let included = self.send_and_wait(&tx, false).await?;
        // Whether it succeeded; the contract named here has no event in a transfer.
        self.outcome(to, "transfer", &tx, included).await?;
        Ok(included)
    }
}

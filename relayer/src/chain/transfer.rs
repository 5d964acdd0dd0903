//! Plain transfers, for funding accounts on development chains.

use super::{
    address::{account32, account_of},
    client::Chain,
    error::ChainError,
    tx::InBlock,
};
use llm_oracle_primitives::{AccountId, Balance};
use subxt::{
    ext::scale_encode::EncodeAsType,
    utils::{AccountId32, MultiAddress},
};
use subxt_signer::sr25519::Keypair;

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct Transfer {
    dest: MultiAddress<AccountId32, ()>,
    value: u128,
}

impl Chain {
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
        let call = Transfer { dest: MultiAddress::Id(account32(to)), value: amount };
        let payload = subxt::dynamic::transaction("Balances", "transfer_keep_alive", call);
        let nonce = self.next_nonce(&account_of(signer)).await?;
        let tx = self.sign(signer, nonce, &payload).await?;
        let included = self.send_and_wait(&tx, false).await?;
        // Whether it succeeded; the contract named here has no event in a transfer.
        self.outcome(to, "transfer", &tx, included).await?;
        Ok(included)
    }
}

//! Uploading code and instantiating a contract from it.

use super::{
    api::ChainApi,
    call::Call,
    chain::Chain,
    contracts_api::{call_api, Executed, ReturnValue},
    error::ChainError,
    inclusion::{outcome, send_and_wait},
    sign::sign_payload,
    types::{Deposit, InBlock, Weight},
};
use llm_oracle_primitives::{AccountId, Balance, Hash};
use llm_oracle_signing::{account_of, Keypair};
use llm_oracle_support::address::account32;
use subxt::{
    ext::{scale_decode::DecodeAsType, scale_encode::EncodeAsType},
    utils::AccountId32,
};

/// Gas on top of what a dry run needs, percent.
const GAS_MARGIN_PERCENT: u64 = 15;

/// A contract that was deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployed {
    /// Its address.
    pub address: AccountId,
    /// Hash of its code.
    pub code_hash: Hash,
    /// Block of the deployment.
    pub included: InBlock,
    /// Fee paid, planck.
    pub fee: Balance,
    /// Storage deposit, planck.
    pub deposit: Deposit,
}

/// Address and cost of a deployment, had it been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeployDryRun {
    /// The address the contract would get.
    pub address: AccountId,
    /// Gas limit it needs.
    pub gas_required: Weight,
    /// Its effect on storage deposits.
    pub deposit: Deposit,
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
enum Code {
    Upload(Vec<u8>),
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct InstantiateWithCode {
    value: u128,
    gas_limit: Weight,
    storage_deposit_limit: Option<u128>,
    code: Vec<u8>,
    data: Vec<u8>,
    salt: Vec<u8>,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Instantiated {
    result: ReturnValue,
    account_id: AccountId32,
}

type Args = (
    AccountId32,
    u128,
    Option<Weight>,
    Option<u128>,
    Code,
    Vec<u8>,
    Vec<u8>,
);

impl Chain {
    /// Runs a deployment without sending it.
    ///
    /// # Errors
    /// `Contract` when the constructor refuses, `Dispatch` when the chain does, connection errors.
    pub async fn deploy_dry_run(
        &self,
        signer: &AccountId,
        wasm: &[u8],
        constructor: &Call<()>,
        value: Balance,
        salt: &[u8],
    ) -> Result<DeployDryRun, ChainError> {
        let at = self.connection.at_or_best(None).await?;
        let args: Args = (
            account32(signer),
            value,
            None,
            None,
            Code::Upload(wasm.to_vec()),
            constructor.input().to_vec(),
            salt.to_vec(),
        );
        let name = constructor.name();
        let ran: Executed<Instantiated> =
            call_api(&self.connection, &at, "instantiate", name, args).await?;
        let made = ran.returned(&at, name, signer)?;
        let (data, reverted) = made.result.parts();
        constructor.decode(data, reverted)?;
        Ok(DeployDryRun {
            address: AccountId::from(made.account_id.0),
            gas_required: ran.gas_required,
            deposit: ran.storage_deposit,
        })
    }

    /// Uploads the code and instantiates a contract from it.
    ///
    /// # Errors
    /// As [`Self::deploy_dry_run`], before anything is sent; then as [`Chain::call`].
    pub async fn deploy(
        &self,
        signer: &Keypair,
        wasm: &[u8],
        constructor: &Call<()>,
        value: Balance,
        salt: &[u8],
        storage_deposit_limit: Option<Balance>,
    ) -> Result<Deployed, ChainError> {
        let origin = account_of(signer);
        let dry = self
            .deploy_dry_run(&origin, wasm, constructor, value, salt)
            .await?;
        let call = InstantiateWithCode {
            value,
            gas_limit: dry.gas_required.with_margin(GAS_MARGIN_PERCENT),
            storage_deposit_limit,
            code: wasm.to_vec(),
            data: constructor.input().to_vec(),
            salt: salt.to_vec(),
        };
        let payload = subxt::dynamic::transaction("Contracts", "instantiate_with_code", call);
        let nonce = self.next_nonce(&origin).await?;
        let tx = sign_payload(&self.connection, signer, nonce, &payload).await?;
        let included = send_and_wait(&self.connection, &tx, false).await?;
        let name = constructor.name();
        let (fee, _) = outcome(&self.connection, &dry.address, name, &tx, included).await?;
        let code_hash = self.code_hash(&dry.address, Some(included.block)).await?;
        let code_hash = code_hash.ok_or(ChainError::NoContract {
            address: dry.address,
        })?;
        Ok(Deployed {
            address: dry.address,
            code_hash,
            included,
            fee,
            deposit: dry.deposit,
        })
    }
}

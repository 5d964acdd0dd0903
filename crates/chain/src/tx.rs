//! Calls of contracts from start to end: dry run, signature, sending, result.

use super::{
    api::ChainApi,
    call::Call,
    chain::Chain,
    error::ChainError,
    event::Event,
    inclusion::{outcome, send_and_wait},
    types::{Deposit, DryRun, DryRunLimits, InBlock, Weight},
};
use llm_oracle_primitives::{AccountId, Balance, Hash};
use llm_oracle_signing::{account_of, Keypair};
use scale::Decode;

/// Gas on top of what a dry run needs, percent.
const GAS_MARGIN_PERCENT: u64 = 15;

/// Limits of a call that a person may want to set.
#[derive(Debug, Clone, Copy, Default)]
pub struct TxOptions {
    /// Gas limit instead of the dry run's need and a margin.
    pub gas_limit: Option<Weight>,
    /// Most storage deposit the call may take, planck; without it, what the signer has.
    pub storage_deposit_limit: Option<Balance>,
    /// Wait until the block is final.
    pub finalized: bool,
}

/// What an included call did.
#[derive(Debug)]
pub struct CallReceipt<T> {
    /// What the dry run returned just before; what counts is in the events.
    pub value: T,
    /// The transaction.
    pub hash: Hash,
    /// Its block.
    pub included: InBlock,
    /// Fee paid, planck.
    pub fee: Balance,
    /// Effect on storage deposits, by the dry run.
    pub deposit: Deposit,
    /// The called contract's events that are the oracle's.
    pub events: Vec<Event>,
}

impl Chain {
    /// Dry-runs a call, signs it, sends it, waits for its block and reads what it did.
    ///
    /// # Errors
    /// What the dry run finds, before anything is sent; `Dispatch` when it fails in its block all
    /// the same; `NotIncluded` when no block takes it in time; connection errors.
    pub async fn call<T: Decode>(
        &self,
        signer: &Keypair,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
        options: TxOptions,
    ) -> Result<CallReceipt<T>, ChainError> {
        let origin = account_of(signer);
        let limits = DryRunLimits {
            gas: options.gas_limit,
            deposit: options.storage_deposit_limit,
        };
        let DryRun {
            value: returned,
            gas_required,
            deposit,
            ..
        } = self
            .as_ref()
            .dry_run_within(&origin, contract, value, call, limits, None)
            .await?;
        let gas = options
            .gas_limit
            .unwrap_or_else(|| gas_required.with_margin(GAS_MARGIN_PERCENT));
        let nonce = self.next_nonce(&origin).await?;
        let tx = self
            .sign_call(
                signer,
                nonce,
                contract,
                value,
                call.input(),
                gas,
                options.storage_deposit_limit,
            )
            .await?;
        let included = send_and_wait(&self.connection, &tx, options.finalized).await?;
        let (fee, events) = outcome(&self.connection, contract, call.name(), &tx, included).await?;
        Ok(CallReceipt {
            value: returned,
            hash: tx.hash,
            included,
            fee,
            deposit,
            events,
        })
    }

    /// Fee of a call, planck, as the chain estimates it for the signed bytes. Nothing is sent.
    ///
    /// # Errors
    /// What the dry run finds; connection errors.
    pub async fn estimate_fee<T: Decode>(
        &self,
        signer: &Keypair,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
    ) -> Result<Balance, ChainError> {
        let origin = account_of(signer);
        let dry = self.as_ref();
        let dry = dry.dry_run(&origin, contract, value, call, None).await?;
        let nonce = self.next_nonce(&origin).await?;
        // The fee follows the gas used, not the limit: what is not used is paid back.
        let gas = dry.gas_consumed;
        let tx = self
            .sign_call(signer, nonce, contract, value, call.input(), gas, None)
            .await?;
        self.fee_of(&tx.bytes).await
    }
}

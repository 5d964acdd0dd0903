//! Sending one call: dry run, question, transaction.

use super::{
    args::SigningFlags,
    context::{CommandContext, SigningKey},
    exit::CliError,
    money::Planck,
};
use llm_oracle_chain::{Call, Chain, Deposit, DryRun, Receipt, TxOptions};
use llm_oracle_primitives::{AccountId, Balance};
use llm_oracle_support::address::hex0x;
use scale::Decode;
use serde_json::{json, Value};

/// One call of one contract by one key.
pub struct ContractCall<'a, T> {
    /// The chain.
    pub chain: &'a Chain,
    /// Who signs.
    pub signer: &'a SigningKey,
    /// Whom it calls.
    pub contract: AccountId,
    /// What it sends along, planck.
    pub value: Balance,
    /// The message.
    pub call: Call<T>,
}

/// What a call would cost.
pub struct CallCost<T> {
    /// Its dry run.
    pub dry: DryRun<T>,
    /// The transaction's fee, planck.
    pub fee: Balance,
}

impl<T: Decode> ContractCall<'_, T> {
    /// Runs it without sending.
    ///
    /// # Errors
    /// What would make it fail, and connection errors.
    pub async fn cost(&self) -> Result<CallCost<T>, CliError> {
        let (chain, signer) = (self.chain, self.signer);
        let dry = chain.dry_run(
            &signer.account,
            &self.contract,
            self.value,
            &self.call,
            None,
        );
        let dry = dry.await?;
        let fee = chain
            .estimate_fee(&signer.pair, &self.contract, self.value, &self.call)
            .await?;
        Ok(CallCost { dry, fee })
    }

    /// Sends it and waits for its block.
    ///
    /// # Errors
    /// As [`Chain::call`].
    pub async fn send(&self, sign: &SigningFlags) -> Result<Receipt<T>, CliError> {
        let options = TxOptions {
            storage_deposit_limit: sign.storage_deposit_limit.map(|limit| limit.0),
            ..TxOptions::default()
        };
        let (signer, contract) = (&self.signer.pair, &self.contract);
        Ok(self
            .chain
            .call(signer, contract, self.value, &self.call, options)
            .await?)
    }

    /// The usual way of a verb: with `--dry-run` prints the cost and sends nothing, otherwise asks
    /// and sends.
    ///
    /// # Errors
    /// As [`Self::cost`] and [`Self::send`]; when the user says no.
    pub async fn run(&self, context: &CommandContext, sign: &SigningFlags) -> Result<Option<Receipt<T>>, CliError> {
        if sign.dry_run {
            let cost = self.cost().await?;
            let text = format!("{}\n{}", cost.text(self.value), nothing_sent());
            context.out.result(&text, &cost.json(self.value))?;
            return Ok(None);
        }
        if !sign.skip_confirm {
            context
                .out
                .confirm(&format!("Send {}?", self.call.name()))?;
        }
        context.out.waiting(format!("sending {}", self.call.name()));
        let receipt = self.send(sign).await?;
        context.out.quiet();
        Ok(Some(receipt))
    }
}

/// What every dry run ends with.
pub fn nothing_sent() -> &'static str {
    "dry run: nothing was sent; leave --dry-run out to send it"
}

impl<T> CallCost<T> {
    /// In JSON.
    pub fn json(&self, value: Balance) -> Value {
        let weight = self.dry.gas_required;
        json!({
            "dry_run": true,
            "value": value.to_string(),
            "fee": self.fee.to_string(),
            "weight": { "ref_time": weight.ref_time, "proof_size": weight.proof_size },
            "storage_deposit": deposit_json(self.dry.deposit),
        })
    }

    /// For people.
    pub fn text(&self, value: Balance) -> String {
        let weight = self.dry.gas_required;
        format!(
            "value            {}\ntransaction fee  {}\nweight           ref_time {} ps, proof_size {} bytes\nstorage deposit  {}",
            Planck(value),
            Planck(self.fee),
            weight.ref_time,
            weight.proof_size,
            deposit_text(self.dry.deposit),
        )
    }
}

/// A storage deposit in JSON: planck, below zero when some comes back.
pub fn deposit_json(deposit: Deposit) -> Value {
    match deposit {
        Deposit::Charge(amount) => json!(amount.to_string()),
        Deposit::Refund(0) => json!("0"),
        Deposit::Refund(amount) => json!(format!("-{amount}")),
    }
}

fn deposit_text(deposit: Deposit) -> String {
    match deposit {
        Deposit::Charge(amount) => Planck(amount).to_string(),
        Deposit::Refund(0) => Planck(0).to_string(),
        Deposit::Refund(amount) => format!("{} comes back", Planck(amount)),
    }
}

/// Where and for how much a transaction was included, in JSON.
pub fn receipt_json<T>(receipt: &Receipt<T>) -> Value {
    json!({
        "transaction": hex0x(&receipt.hash),
        "block": hex0x(&receipt.included.block),
        "block_number": receipt.included.number,
        "transaction_fee": receipt.fee.to_string(),
        "storage_deposit": deposit_json(receipt.deposit),
    })
}

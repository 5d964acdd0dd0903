//! One contract call: dry run, confirmation, transaction.

use crate::{
    context::{CommandContext, SigningKey},
    exit::CliError,
    flags::SigningFlags,
    money::Planck,
};
use llm_oracle_chain::{Call, CallReceipt, Chain, Deposit, DryRun, TxOptions};
use llm_oracle_primitives::{AccountId, Balance};
use llm_oracle_support::address::hex0x;
use scale::Decode;
use serde_json::{json, Value};

/// A call of a contract by a key. The same value is dry-run and sent.
pub struct ContractCall<'a, T> {
    /// The chain.
    pub chain: &'a Chain,
    /// The signing key.
    pub signer: &'a SigningKey,
    /// The contract.
    pub contract: AccountId,
    /// Value transferred with the call, planck.
    pub value: Balance,
    /// The message.
    pub call: Call<T>,
}

/// What a call would cost.
pub struct CallCost<T> {
    /// Result of the dry run.
    pub dry: DryRun<T>,
    /// Estimated fee of the transaction, planck.
    pub transaction_fee: Balance,
}

impl<T: Decode> ContractCall<'_, T> {
    /// Dry-runs it and estimates the transaction fee.
    ///
    /// # Errors
    /// The error that the call would fail with, and connection errors.
    pub async fn cost(&self) -> Result<CallCost<T>, CliError> {
        let (chain, signer) = (self.chain, self.signer);
        let dry = chain.as_ref().dry_run(
            &signer.account,
            &self.contract,
            self.value,
            &self.call,
            None,
        );
        let dry = dry.await?;
        let transaction_fee = chain
            .estimate_fee(&signer.pair, &self.contract, self.value, &self.call)
            .await?;
        Ok(CallCost {
            dry,
            transaction_fee,
        })
    }

    /// Sends it and waits until it is in a block.
    ///
    /// # Errors
    /// As [`Chain::call`].
    pub async fn send(&self, sign: &SigningFlags) -> Result<CallReceipt<T>, CliError> {
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

    /// The flow that subcommands share: with `--dry-run` prints the cost and returns `None`; otherwise
    /// asks for confirmation and sends.
    ///
    /// # Errors
    /// As [`Self::cost`] and [`Self::send`]; when the user does not confirm.
    pub async fn run(
        &self,
        context: &CommandContext,
        sign: &SigningFlags,
    ) -> Result<Option<CallReceipt<T>>, CliError> {
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

/// Sends one message without value to the oracle of the settings; `None` with `--dry-run`.
///
/// # Errors
/// As [`ContractCall::run`]; when no key or no contract is set.
pub async fn send_message<T: Decode>(
    context: &CommandContext,
    sign: &SigningFlags,
    call: Call<T>,
) -> Result<Option<CallReceipt<T>>, CliError> {
    let signer = context.signer()?;
    let oracle = context.oracle().await?.oracle;
    let message = ContractCall {
        chain: &oracle.chain,
        signer: &signer,
        contract: oracle.address,
        value: 0,
        call,
    };
    message.run(context, sign).await
}

/// The last line of every dry run.
pub fn nothing_sent() -> &'static str {
    "dry run: nothing was sent; omit --dry-run to send it"
}

impl<T> CallCost<T> {
    /// The cost in JSON.
    pub fn json(&self, value: Balance) -> Value {
        let weight = self.dry.gas_required;
        json!({
            "dry_run": true,
            "value": value.to_string(),
            "transaction_fee": self.transaction_fee.to_string(),
            "weight": { "ref_time": weight.ref_time, "proof_size": weight.proof_size },
            "storage_deposit": deposit_json(self.dry.deposit),
        })
    }

    /// The cost as text.
    pub fn text(&self, value: Balance) -> String {
        let weight = self.dry.gas_required;
        format!(
            "value            {}\ntransaction fee  {}\nweight           ref_time {} ps, proof_size {} bytes\nstorage deposit  {}",
            Planck(value),
            Planck(self.transaction_fee),
            weight.ref_time,
            weight.proof_size,
            deposit_text(self.dry.deposit),
        )
    }
}

/// A storage deposit in JSON: planck, negative for a refund.
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
        Deposit::Refund(amount) => format!("{} refunded", Planck(amount)),
    }
}

/// The block and the costs of a transaction, in JSON.
pub fn receipt_json<T>(receipt: &CallReceipt<T>) -> Value {
    json!({
        "transaction": hex0x(&receipt.hash),
        "block": hex0x(&receipt.included.block),
        "block_number": receipt.included.number,
        "transaction_fee": receipt.fee.to_string(),
        "storage_deposit": deposit_json(receipt.deposit),
    })
}

//! One contract call: dry run, confirmation, transaction.

use crate::{
    context::{CommandContext, SigningKey},
    exit::CliError,
    flags::SigningFlags,
    funds::{check_deposit, Charges},
    money::Planck,
};
use llm_oracle_chain::{
    Call, CallReceipt, Chain, ChainApi as _, ChainError, Deposit, DryRun, TxOptions,
};
use llm_oracle_primitives::{AccountId, Balance};
use llm_oracle_support::address::hex0x;
use scale::Decode;
use serde_json::{json, Value};
use std::time::Duration;
use tokio::time::Instant;

/// How long a transaction is sent again while other transactions of its key take its nonce.
const NONCE_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause before it is sent again.
const NONCE_PAUSE: Duration = Duration::from_millis(500);

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
pub struct CheckedCall<T> {
    /// Result of the dry run.
    pub dry: DryRun<T>,
    /// Estimated fee of the transaction, planck.
    pub transaction_fee: Balance,
}

impl<T: Decode> ContractCall<'_, T> {
    /// Dry-runs it under the limits that it would be sent with, and estimates the transaction fee.
    ///
    /// # Errors
    /// The error that the call would fail with, what the signer cannot pay, and connection errors.
    pub async fn cost(&self, sign: &SigningFlags) -> Result<CheckedCall<T>, CliError> {
        let (chain, signer) = (self.chain, self.signer);
        let free = chain.free_balance(&signer.account).await?;
        // Before the dry run, which only says that a transfer fails.
        let charges = Charges {
            value: self.value,
            fee: 0,
            deposit: Deposit::Charge(0),
        };
        charges.check(&signer.account, free)?;
        let dry = chain.as_ref().dry_run(
            &signer.account,
            &self.contract,
            self.value,
            &self.call,
            None,
        );
        let dry = dry.await?;
        check_deposit(dry.deposit, sign.deposit_limit()?)?;
        let transaction_fee = chain
            .estimate_fee(&signer.pair, &self.contract, self.value, &self.call)
            .await?;
        let charges = Charges {
            value: self.value,
            fee: transaction_fee,
            deposit: dry.deposit,
        };
        charges.check(&signer.account, free)?;
        Ok(CheckedCall {
            dry,
            transaction_fee,
        })
    }

    /// Sends it, unless it is known to fail, and waits until it is in a block.
    ///
    /// # Errors
    /// As [`Self::cost`], before anything is sent; then as [`Chain::call`].
    pub async fn send(&self, sign: &SigningFlags) -> Result<CallReceipt<T>, CliError> {
        self.cost(sign).await?;
        let options = TxOptions {
            storage_deposit_limit: sign.deposit_limit()?,
            ..TxOptions::default()
        };
        let (signer, contract) = (&self.signer.pair, &self.contract);
        let send = async || {
            let call = self
                .chain
                .call(signer, contract, self.value, &self.call, options);
            call.await
        };
        Ok(with_free_nonce(send).await?)
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
            let cost = self.cost(sign).await?;
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

/// Sends again while other commands of the same key take the nonces: then nothing was taken in.
async fn with_free_nonce<T>(
    send: impl AsyncFn() -> Result<T, ChainError>,
) -> Result<T, ChainError> {
    let started = Instant::now();
    loop {
        match send().await {
            Err(ChainError::Pool { name, .. })
                if matches!(name.as_str(), "TooLowPriority" | "Stale")
                    && started.elapsed() < NONCE_TIMEOUT =>
            {
                tokio::time::sleep(NONCE_PAUSE).await;
            }
            sent => return sent,
        }
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

impl<T> CheckedCall<T> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_chain::TxRetry;
    use std::cell::Cell;

    /// How often it was sent, and the name of the error at the end.
    async fn sent(name: &str, refusals: usize) -> (usize, Option<String>) {
        let times = Cell::new(0_usize);
        let send = async || {
            times.set(times.get().saturating_add(1));
            if times.get() > refusals {
                return Ok(());
            }
            Err(ChainError::Pool {
                name: name.to_owned(),
                retry: TxRetry::Immediate,
                reason: String::new(),
            })
        };
        let ended = with_free_nonce(send).await;
        let name = match ended {
            Err(ChainError::Pool { name, .. }) => Some(name),
            _ => None,
        };
        (times.get(), name)
    }

    #[tokio::test(start_paused = true)]
    async fn commands_of_one_key_at_once_are_all_sent() {
        for name in ["TooLowPriority", "Stale"] {
            assert_eq!(sent(name, 5).await, (6, None));
            let (times, ended) = sent(name, usize::MAX).await;
            assert!(times > 100 && ended.as_deref() == Some(name), "{times}");
        }
        // Others would be refused again, or may have been taken in.
        for name in ["Payment", "ImmediatelyDropped"] {
            assert_eq!(sent(name, 5).await, (1, Some(name.to_owned())));
        }
    }
}

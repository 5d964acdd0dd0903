//! `fund-delivery`: pays for another attempt to deliver an outcome.

use crate::{
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, ContractCall},
    exit::{self, CommandResult},
    flags::SigningFlags,
    follow,
    money::{AmountInput, Planck},
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::messages;
use serde_json::json;

/// Arguments of `fund-delivery`.
#[derive(Args, Debug)]
pub struct FundDeliveryArgs {
    /// Number of the request
    pub id: u64,
    /// What the next attempt earns, planck or with the coin, such as 2UNIT
    #[arg(long, value_name = "AMOUNT")]
    pub amount: AmountInput,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for FundDeliveryArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the contract or the chain rejects the message.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let signer = context.signer()?;
        let oracle = context.oracle().await?.oracle;
        let fund = ContractCall {
            chain: &oracle.chain,
            signer: &signer,
            contract: oracle.address,
            value: self.amount.read()?,
            call: messages::fund_delivery(self.id),
        };
        let Some(receipt) = fund.run(context, &self.sign).await? else {
            return Ok(exit::OK);
        };
        let view = oracle.request(self.id, None).await?;
        let view = view.ok_or_else(|| follow::no_such_request(self.id))?;
        let mut json = receipt_json(&receipt);
        json["id"] = json!(self.id);
        json["delivery_price"] = json!(view.delivery_price.to_string());
        let text = format!(
            "the next delivery of request {} earns {}",
            self.id,
            Planck(view.delivery_price)
        );
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

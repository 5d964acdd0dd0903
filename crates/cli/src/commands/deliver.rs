//! `deliver`: calls back the contract that asked.

use crate::{
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, send_message},
    exit::{self, CommandResult},
    flags::SigningFlags,
    render::delivery_word,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::messages;
use serde_json::json;

/// Arguments of `deliver`.
#[derive(Args, Debug)]
pub struct DeliverArgs {
    /// Number of the request
    pub id: u64,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for DeliverArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the contract or the chain rejects the message.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let sent = send_message(context, &self.sign, messages::deliver(self.id)).await?;
        let Some(receipt) = sent else {
            return Ok(exit::OK);
        };
        let mut json = receipt_json(&receipt);
        json["id"] = json!(self.id);
        let delivery = delivery_word(receipt.value);
        json["delivery"] = json!(delivery);
        let text = format!("callback of request {}: {delivery}", self.id);
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

//! `prune`: removes a finished request and frees its storage.

use crate::{
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, send_message},
    exit::{self, CommandResult},
    flags::SigningFlags,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::messages;
use serde_json::json;

/// Arguments of `prune`.
#[derive(Args, Debug)]
pub struct PruneArgs {
    /// Number of the request
    pub id: u64,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for PruneArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the contract or the chain rejects the message.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let sent = send_message(context, &self.sign, messages::prune(self.id)).await?;
        let Some(receipt) = sent else {
            return Ok(exit::OK);
        };
        let mut json = receipt_json(&receipt);
        json["id"] = json!(self.id);
        let text = format!("request {} is pruned", self.id);
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

//! `owner pause` and `owner resume`.

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

/// Arguments of `owner pause`.
#[derive(Args, Debug)]
pub struct PauseArgs {
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// Arguments of `owner resume`.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for PauseArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    async fn run(self, context: &CommandContext) -> CommandResult {
        set_paused(context, &self.sign, true).await
    }
}

impl RunSubcommand for ResumeArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    async fn run(self, context: &CommandContext) -> CommandResult {
        set_paused(context, &self.sign, false).await
    }
}

async fn set_paused(context: &CommandContext, sign: &SigningFlags, paused: bool) -> CommandResult {
    let Some(receipt) = send_message(context, sign, messages::set_paused(paused)).await? else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["paused"] = json!(paused);
    let text = if paused {
        "new requests and registrations are paused; open requests continue"
    } else {
        "new requests and registrations are accepted again"
    };
    context.out.result(text, &json)?;
    Ok(exit::OK)
}

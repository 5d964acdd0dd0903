//! `owner offer` and `owner take`: a transfer of ownership in two steps.

use crate::{
    account::AccountInput,
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, send_message},
    exit::{self, CommandResult},
    flags::SigningFlags,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::messages;
use llm_oracle_primitives::AccountId;
use llm_oracle_support::address::ss58;
use serde_json::json;

/// Arguments of `owner offer`.
#[derive(Args, Debug)]
pub struct OfferArgs {
    /// The new owner: SS58, 0x-hex or a development key such as //Alice
    pub account: AccountInput,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// Arguments of `owner take`.
#[derive(Args, Debug)]
pub struct TakeArgs {
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for OfferArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    async fn run(self, context: &CommandContext) -> CommandResult {
        offer(context, &self.sign, self.account.0).await
    }
}

impl RunSubcommand for TakeArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    async fn run(self, context: &CommandContext) -> CommandResult {
        take(context, &self.sign).await
    }
}

async fn offer(context: &CommandContext, sign: &SigningFlags, to: AccountId) -> CommandResult {
    let Some(receipt) = send_message(context, sign, messages::offer_ownership(to)).await? else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["offered_to"] = json!(ss58(&to));
    let text = format!(
        "the ownership is offered to {}, which accepts it with `llm-oracle owner take`",
        ss58(&to)
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

async fn take(context: &CommandContext, sign: &SigningFlags) -> CommandResult {
    let owner = context.signer()?.account;
    let Some(receipt) = send_message(context, sign, messages::take_ownership()).await? else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["owner"] = json!(ss58(&owner));
    context
        .out
        .result(&format!("{} is the owner", ss58(&owner)), &json)?;
    Ok(exit::OK)
}

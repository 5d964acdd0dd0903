//! `owner announce-upgrade` and `owner upgrade`: new code for the contract.

use super::announced::first_block;
use crate::{
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, send_message},
    exit::{self, CliError, CommandResult},
    flags::SigningFlags,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::messages;
use llm_oracle_support::address::{hex0x, parse_hash};
use serde_json::json;

/// Arguments of `owner announce-upgrade`.
#[derive(Args, Debug)]
pub struct AnnounceUpgradeArgs {
    /// Hash of the code, 0x-hex; the code must be on the chain when it is installed
    pub hash: String,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// Arguments of `owner upgrade`.
#[derive(Args, Debug)]
pub struct UpgradeArgs {
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for AnnounceUpgradeArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    async fn run(self, context: &CommandContext) -> CommandResult {
        announce(context, &self.sign, &self.hash).await
    }
}

impl RunSubcommand for UpgradeArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    async fn run(self, context: &CommandContext) -> CommandResult {
        upgrade(context, &self.sign).await
    }
}

async fn announce(context: &CommandContext, sign: &SigningFlags, hash: &str) -> CommandResult {
    let code_hash = parse_hash(hash)
        .map_err(|error| CliError::usage(format!("code hash: {error}")).help("give 0x-hex"))?;
    let sent = send_message(context, sign, messages::announce_upgrade(code_hash)).await?;
    let Some(receipt) = sent else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    let (hash, from) = (hex0x(&code_hash), first_block(&receipt));
    json["code_hash"] = json!(hash);
    json["from"] = json!(from);
    let text = format!(
        "the code {hash} can be installed from block {from} on with `llm-oracle owner upgrade`; until then relayers need this hash in their code_hash, beside the one in force"
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

async fn upgrade(context: &CommandContext, sign: &SigningFlags) -> CommandResult {
    let next = context.oracle().await?.config.next_code;
    let Some(receipt) = send_message(context, sign, messages::upgrade()).await? else {
        return Ok(exit::OK);
    };
    let code_hash = next.map(|(hash, _)| hex0x(&hash)).unwrap_or_default();
    let mut json = receipt_json(&receipt);
    json["code_hash"] = json!(code_hash);
    let text = format!(
        "the contract has the code {code_hash}; take the former code_hash out of the settings, of relayers too"
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

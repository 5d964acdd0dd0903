//! `withdraw`: pays out an account's credit.

use crate::{
    account::AccountInput,
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, send_message},
    exit::{self, CommandResult},
    flags::SigningFlags,
    money::Planck,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::messages;
use llm_oracle_support::address::ss58;
use serde_json::json;

/// Arguments of `withdraw`.
#[derive(Args, Debug)]
pub struct WithdrawArgs {
    /// Account to pay: SS58, 0x-hex or a development key such as //Alice
    pub account: AccountInput,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for WithdrawArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the account has no credit, or the chain rejects the transaction.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let account = self.account.0;
        let sent = send_message(context, &self.sign, messages::withdraw(account)).await?;
        let Some(receipt) = sent else {
            return Ok(exit::OK);
        };
        let mut json = receipt_json(&receipt);
        json["account"] = json!(ss58(&account));
        json["amount"] = json!(receipt.value.to_string());
        let text = format!("{} paid to {}", Planck(receipt.value), ss58(&account));
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

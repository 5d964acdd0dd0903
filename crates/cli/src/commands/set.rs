//! `set`: published lists of operators that requests name by number.

use crate::{
    account::AccountInput,
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, send_message},
    exit::{self, CliError, CommandResult},
    flags::SigningFlags,
    operators::{family_text, operator_json},
    output::table,
    subcommand::RunSubcommand,
};
use clap::{Args, Subcommand};
use llm_oracle_chain::messages;
use llm_oracle_primitives::{AccountId, Error};
use llm_oracle_support::address::ss58;
use serde_json::{json, Value};

/// Subcommands of `set`.
#[derive(Subcommand, Debug)]
pub enum SetSubcommand {
    /// Publish a list of registered operators, for ever
    Publish(SetPublishArgs),
    /// Show a published list with its operators
    Show(SetShowArgs),
}

crate::subcommand::run_variants!(SetSubcommand { Publish, Show });

/// Arguments of `set publish`.
#[derive(Args, Debug)]
pub struct SetPublishArgs {
    /// The operators: SS58, 0x-hex or development keys, at most 256
    #[arg(required = true, value_name = "ACCOUNTS", value_delimiter = ',')]
    pub operators: Vec<AccountInput>,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// Arguments of `set show`.
#[derive(Args, Debug)]
pub struct SetShowArgs {
    /// Number of the set
    pub number: u32,
}

impl RunSubcommand for SetPublishArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the contract or the chain rejects the message.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let operators: Vec<AccountId> = self.operators.iter().map(|account| account.0).collect();
        let sent = send_message(context, &self.sign, messages::publish_set(&operators)).await?;
        let Some(receipt) = sent else {
            return Ok(exit::OK);
        };
        let mut json = receipt_json(&receipt);
        json["set"] = json!(receipt.value);
        json["operators"] = json!(operators.len());
        let text = format!(
            "published set {} of {} operators; ask it with --set {}",
            receipt.value,
            operators.len(),
            receipt.value
        );
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

impl RunSubcommand for SetShowArgs {
    /// # Errors
    /// When there is no such set, or the chain cannot be read.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let oracle = context.oracle().await?.oracle;
        let number = self.number;
        let set = oracle.set(number, None).await?.ok_or_else(|| {
            CliError::new(exit::CONTRACT, Error::NoSuchSet { set: number })
                .help("`llm-oracle set publish` publishes one")
        })?;
        let mut operators = Vec::with_capacity(set.slots.len());
        for slot in &set.slots {
            // A slot in a set always has an operator.
            operators.extend(oracle.operators(*slot, 1, None).await?);
        }
        // Whose owner has several has several seats.
        let rows = operators.iter().map(|view| {
            vec![
                view.slot.to_string(),
                ss58(&view.operator),
                ss58(&view.owner),
                family_text(view),
            ]
        });
        let text = format!(
            "set {number}, published by {}\n{}",
            ss58(&set.publisher),
            table(&["slot", "operator", "owner", "family"], rows)
        );
        let json = json!({
            "set": number,
            "publisher": ss58(&set.publisher),
            "operators": operators.iter().map(operator_json).collect::<Vec<Value>>(),
        });
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

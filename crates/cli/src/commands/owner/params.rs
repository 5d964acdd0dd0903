//! `owner params`: the parameters in force and those announced.

use super::announced::{announced_json, first_block};
use crate::{
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, send_message},
    exit::{self, CommandResult},
    flags::SigningFlags,
    output::table,
    param_values::{params_json, params_rows, set},
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::messages;
use llm_oracle_primitives::Config;
use serde_json::json;

/// Arguments of `owner params`.
#[derive(Args, Debug)]
pub struct ParamsArgs {
    /// A parameter and its new value; the others keep those in force. May be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for ParamsArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    async fn run(self, context: &CommandContext) -> CommandResult {
        params(context, &self).await
    }
}

async fn params(context: &CommandContext, args: &ParamsArgs) -> CommandResult {
    let config = context.oracle().await?.config;
    if args.set.is_empty() {
        let json = json!({
            "params": params_json(config.params),
            "announced": config.next_params.map(announced_json),
        });
        context.out.result(&params_text(&config), &json)?;
        return Ok(exit::OK);
    }
    let next = set(config.params, config.unit, &args.set)?;
    if let Some((_, from)) = config.next_params {
        context.out.stage(format!(
            "this replaces the parameters announced for block {from}"
        ));
    }
    let sent = send_message(context, &args.sign, messages::announce_params(&next)).await?;
    let Some(receipt) = sent else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    let from = first_block(&receipt);
    json["params"] = params_json(next);
    json["from"] = json!(from);
    let text = format!("the parameters apply to requests asked from block {from} on");
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

fn params_text(config: &Config) -> String {
    let Some((next, from)) = config.next_params else {
        return table(&["parameter", "in force"], params_rows(config.params, None));
    };
    let from = format!("from block {from} on");
    let rows = params_rows(config.params, Some(next));
    table(&["parameter", "in force", &from], rows)
}

//! `operator list`: all operators.

use crate::{
    context::CommandContext,
    exit::{self, CommandResult},
    money::Planck,
    operators::{family_text, operator_json},
    output::table,
    render::percent,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_primitives::{limits::MAX_PAGE, OperatorView};
use llm_oracle_support::address::ss58;
use serde_json::{json, Value};

/// Arguments of `operator list`: none of its own.
#[derive(Args, Debug)]
pub struct OperatorListArgs {}

impl RunSubcommand for OperatorListArgs {
    /// # Errors
    /// When the chain cannot be read.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let oracle = context.oracle().await?.oracle;
        let mut all: Vec<OperatorView> = Vec::new();
        loop {
            // A slot is never reused, so the next page starts where this one ended.
            let from = all.last().map_or(0, |view| view.slot.saturating_add(1));
            let page = oracle.operators(from, MAX_PAGE, None).await?;
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        let rows = all.iter().map(|view| {
            vec![
                view.slot.to_string(),
                ss58(&view.operator),
                family_text(view),
                Planck(view.bond).to_string(),
                Planck(view.locked).to_string(),
                Planck(view.credit).to_string(),
                view.agreed.to_string(),
                view.silent.to_string(),
                percent(view.agreement_ppm),
                if view.barred { "slashed" } else { "" }.to_owned(),
            ]
        });
        let header = [
            "slot",
            "operator",
            "family",
            "bond",
            "locked",
            "credit",
            "agreed",
            "missed",
            "agreement",
            "",
        ];
        let text = if all.is_empty() {
            "no operators".to_owned()
        } else {
            table(&header, rows)
        };
        let operators: Vec<Value> = all.iter().map(operator_json).collect();
        context
            .out
            .result(&text, &json!({ "operators": operators }))?;
        Ok(exit::OK)
    }
}

//! `list`: requests, newest last.

use crate::{
    context::CommandContext,
    exit::{self, CommandResult},
    output::table,
    render::{summary_json, summary_row},
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::ChainApi as _;
use llm_oracle_primitives::limits::MAX_PAGE;
use serde_json::{json, Value};

/// Arguments of `list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// First request [default: the last 50]
    #[arg(long, value_name = "ID")]
    pub from: Option<u64>,
    /// Maximum number of requests to list
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

impl RunSubcommand for ListArgs {
    /// # Errors
    /// When the chain cannot be read.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let oracle = context.oracle().await?.oracle;
        let at = oracle.chain.best().await?.hash;
        let next = oracle.next_id(Some(at)).await?;
        let limit = u64::from(self.limit);
        let from = self.from.unwrap_or_else(|| next.saturating_sub(limit));
        let end = next.min(from.saturating_add(limit));
        let mut all = Vec::new();
        let mut id = from;
        while id < end {
            let page = u32::try_from(end.saturating_sub(id))
                .unwrap_or(MAX_PAGE)
                .min(MAX_PAGE);
            all.extend(oracle.summaries(id, page, Some(at)).await?);
            id = id.saturating_add(page.into());
        }
        let header = [
            "id",
            "phase",
            "seats",
            "committed",
            "revealed",
            "callback",
            "reward",
        ];
        let text = if all.is_empty() {
            "no requests".to_owned()
        } else {
            table(&header, all.iter().map(summary_row))
        };
        let requests: Vec<Value> = all.iter().map(summary_json).collect();
        let json = json!({ "requests": requests, "next_id": next });
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

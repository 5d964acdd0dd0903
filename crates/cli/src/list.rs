//! `list`: requests, newest last.

use super::{
    args::ListArgs,
    context::Context,
    exit::{self, Outcome},
    output::table,
    render::{summary_json, summary_row},
};
use llm_oracle_primitives::limits::MAX_PAGE;
use serde_json::{json, Value};

/// Lists requests.
///
/// # Errors
/// When the chain cannot be read.
pub async fn run(context: &Context, args: &ListArgs) -> Outcome {
    let oracle = context.oracle().await?.oracle;
    let at = oracle.chain.best().await?.hash;
    let next = oracle.next_id(Some(at)).await?;
    let limit = u64::from(args.limit);
    let from = args.from.unwrap_or_else(|| next.saturating_sub(limit));
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
    context
        .out
        .result(&text, &json!({ "requests": requests, "next_id": next }))?;
    Ok(exit::OK)
}

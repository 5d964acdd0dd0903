//! `owner status`: the owner and everything announced.

use super::announced::announced_json;
use crate::param_values::params_json;
use crate::{
    context::CommandContext,
    exit::{self, CommandResult},
    output::table,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::{ChainApi as _, CheckedOracle};
use llm_oracle_primitives::{BlockNumber, Config};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::json;

/// Arguments of `owner status`: none of its own.
#[derive(Args, Debug)]
pub struct OwnerStatusArgs {}

impl RunSubcommand for OwnerStatusArgs {
    async fn run(self, context: &CommandContext) -> CommandResult {
        let CheckedOracle {
            oracle,
            config,
            code_hash,
        } = context.oracle().await?;
        let best = oracle.chain.best().await?.number;
        let json = json!({
            "owner": ss58(&config.owner),
            "offered_to": config.offered_to.as_ref().map(ss58),
            "paused": config.paused,
            "sink": ss58(&config.sink),
            "unit": config.unit.to_string(),
            "min_notice_blocks": config.min_notice_blocks,
            "block": best,
            "params": params_json(config.params),
            "announced_params": config.next_params.map(announced_json),
            "code_hash": hex0x(&code_hash),
            "announced_code": config.next_code.map(|(hash, from)| {
                json!({ "code_hash": hex0x(&hash), "from": from })
            }),
        });
        let rows = status_rows(&config, &code_hash, best);
        let rows = rows
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value]);
        context.out.result(&table(&[], rows), &json)?;
        Ok(exit::OK)
    }
}

fn status_rows(
    config: &Config,
    code_hash: &[u8; 32],
    best: BlockNumber,
) -> Vec<(&'static str, String)> {
    let none = || "nothing".to_owned();
    let paused = if config.paused { "yes" } else { "no" };
    let offered = config.offered_to.as_ref().map(ss58);
    let params = config
        .next_params
        .map(|(_, from)| format!("others from block {from} on; see `llm-oracle owner params`"));
    let code = config
        .next_code
        .map(|(hash, from)| format!("{} from block {from} on", hex0x(&hash)));
    vec![
        ("owner", ss58(&config.owner)),
        ("offered to", offered.unwrap_or_else(|| "no one".to_owned())),
        ("paused", paused.to_owned()),
        ("code hash", hex0x(code_hash)),
        ("announced code", code.unwrap_or_else(none)),
        ("announced params", params.unwrap_or_else(none)),
        (
            "notice",
            format!("{} blocks at least", config.min_notice_blocks),
        ),
        ("block", best.to_string()),
    ]
}

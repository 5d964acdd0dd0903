//! `mine`: empty blocks on a development chain.

use crate::deployment::{dev_signer, OWNER};
use clap::Args;
use llm_oracle_chain::{Chain, ChainApi as _};
use llm_oracle_cli::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    RunSubcommand,
};
use serde_json::json;

/// Arguments of `mine`.
#[derive(Args, Debug)]
pub struct MineArgs {
    /// Number of blocks
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub blocks: u32,
}

impl RunSubcommand for MineArgs {
    /// # Errors
    /// When the node makes no block, see [`create_block`].
    async fn run(self, context: &CommandContext) -> CommandResult {
        let chain = context.chain().await?;
        for made in 0..self.blocks {
            context
                .out
                .waiting(format!("mining, {made} of {}", self.blocks));
            create_block(&chain).await?;
        }
        let best = chain.best().await?.number;
        let text = format!("{} blocks made; the best is {best}", self.blocks);
        context
            .out
            .result(&text, &json!({ "mined": self.blocks, "best": best }))?;
        Ok(exit::OK)
    }
}

/// Makes one block without effect: an empty one if the node makes blocks on demand, otherwise one with
/// a remark of the development account.
///
/// # Errors
/// When the chain accepts neither.
pub async fn create_block(chain: &Chain) -> Result<(), CliError> {
    if chain.create_block(false).await? {
        return Ok(());
    }
    let sent = chain.remark(&dev_signer(OWNER)?.pair).await;
    sent.map(drop).map_err(|error| {
        let unreachable = error.is_connection();
        let failure = CliError::from(error);
        if unreachable {
            return failure;
        }
        failure.help(format!(
            "the node has no engine_createBlock, and {OWNER} cannot send a remark instead: blocks are made on development chains only"
        ))
    })
}

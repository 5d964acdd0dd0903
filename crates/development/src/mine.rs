//! `mine`: empty blocks on a development chain.

use super::stack::{dev_signer, OWNER};
use llm_oracle_chain::Chain;
use llm_oracle_cli::{
    context::Context,
    exit::{self, Failure, Outcome},
};
use serde_json::json;

/// Makes empty blocks.
///
/// # Errors
/// When the node makes none, see [`create_block`].
pub async fn run(context: &Context, blocks: u32) -> Outcome {
    let chain = context.chain().await?;
    for made in 0..blocks {
        context.out.waiting(format!("mining, {made} of {blocks}"));
        create_block(&chain).await?;
    }
    let best = chain.best().await?.number;
    let text = format!("{blocks} blocks made; the best is {best}");
    context
        .out
        .result(&text, &json!({ "mined": blocks, "best": best }))?;
    Ok(exit::OK)
}

/// Makes one block without effect: an empty one where the node makes those on demand, otherwise one
/// with a remark of the development account.
///
/// # Errors
/// When the chain takes neither.
pub async fn create_block(chain: &Chain) -> Result<(), Failure> {
    if chain.create_block(false).await? {
        return Ok(());
    }
    let sent = chain.remark(&dev_signer(OWNER)?.pair).await;
    sent.map(drop).map_err(|error| {
        let unreachable = error.is_connection();
        let failure = Failure::from(error);
        if unreachable {
            return failure;
        }
        failure.help(format!(
            "the node has no engine_createBlock, and {OWNER} can send no remark in its place: blocks are made on development chains only"
        ))
    })
}

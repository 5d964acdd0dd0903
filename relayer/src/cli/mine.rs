//! `mine`: empty blocks on a development chain.

use super::{
    context::Context,
    exit::{self, Failure, Outcome},
};
use crate::chain::{Chain, ChainError};
use serde_json::json;

/// Makes empty blocks.
///
/// # Errors
/// When the node makes none on demand.
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

/// Makes one empty block.
///
/// # Errors
/// When the node makes none on demand.
pub async fn create_block(chain: &Chain) -> Result<(), Failure> {
    chain
        .create_block(false)
        .await
        .map_err(|error| match error {
            ChainError::Node { .. } => Failure::from(error)
                .help("only a development node with engine_createBlock makes empty blocks"),
            other => other.into(),
        })
}

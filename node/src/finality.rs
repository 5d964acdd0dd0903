//! Finality by the clock: a block is final a fixed time after its import.

use crate::service::FullClient;
use futures::{FutureExt, StreamExt, future, stream};
use futures_timer::Delay;
use llm_oracle_runtime::{BlockNumber, Hash};
use sc_client_api::{BlockchainEvents, Finalizer};
use sp_blockchain::HeaderBackend;
use sp_runtime::traits::Header as _;
use std::{sync::Arc, time::Duration};

/// Blocks that may wait for their finality at a time. At a thousand blocks a second this is more
/// than the longest delay; beyond it, blocks wait longer.
const WAITING_BLOCKS_MAX: usize = 1 << 18;

/// Finalizes every best block `delay` after its import, in order, one by one: a client that
/// follows finality sees each of them.
pub async fn finalize_best_blocks(client: Arc<FullClient>, delay: Duration) {
    let imported = client.import_notification_stream();
    // What an earlier run of this chain left open would otherwise stay so until the next block.
    let info = client.info();
    let left_open = stream::iter(
        (info.best_number > info.finalized_number).then_some((info.best_number, info.best_hash)),
    );
    let best = imported.filter_map(|block| {
        future::ready(
            block
                .is_new_best
                .then(|| (*block.header.number(), block.hash)),
        )
    });
    left_open
        .chain(best)
        // Each block's clock starts at its arrival, not when the one before it is done.
        .map(|block| Delay::new(delay).map(move |()| block))
        .buffered(WAITING_BLOCKS_MAX)
        .for_each(|(number, hash)| {
            finalize(&client, number, hash);
            future::ready(())
        })
        .await;
}

fn finalize(client: &FullClient, number: BlockNumber, hash: Hash) {
    // A block made with `finalize: true` takes its ancestors with it, and a fork may have
    // overtaken the block while it waited.
    let is_final = client.info().finalized_number >= number;
    let is_canonical = matches!(client.hash(number), Ok(Some(canonical)) if canonical == hash);
    if is_final || !is_canonical {
        return;
    }
    if let Err(error) = client.finalize_block(hash, None, true) {
        log::warn!("block {number} ({hash:?}) is not finalized: {error}");
    }
}

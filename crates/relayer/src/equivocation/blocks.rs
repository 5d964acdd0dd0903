//! Reading finalized blocks for signed answers, in a task beside the main loop: a block is full of what
//! strangers wrote, and nobody waits for it.

use super::signatures::{claims, Claim};
use crate::{
    node_session::{AnyOracle, ChainView},
    requests::RequestCache,
};
use llm_oracle_primitives::BlockNumber;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// Blocks read in one go; more wait for the next one.
const BLOCKS_AT_ONCE: BlockNumber = 32;
/// Blocks behind the finalized one that are still read when the relayer was away.
const CATCH_UP_BLOCKS: BlockNumber = 256;
/// Claims of one block that are looked at: a block has room for more only where they are made up.
const CLAIMS_PER_BLOCK: usize = 1_024;

/// What was read in one go.
struct Read {
    /// The block to read next.
    next: BlockNumber,
    claims: Vec<Claim>,
}

/// Reads the calls of finalized blocks.
#[derive(Default)]
pub(super) struct BlockReader {
    /// The next finalized block to read.
    next: Option<BlockNumber>,
    /// At most one.
    running: JoinSet<Read>,
}

impl BlockReader {
    /// The claims that have been read since the last call.
    pub(super) fn collect(&mut self) -> Vec<Claim> {
        match self.running.try_join_next() {
            Some(Ok(read)) => {
                self.next = Some(read.next);
                read.claims
            }
            Some(Err(error)) => {
                // The block that did it would do it again: go on with the newest one.
                tracing::error!(%error, "reading signatures failed");
                self.next = None;
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Reads the blocks up to the finalized one, but those that are known to hold no call, unless that is
    /// under way.
    pub(super) fn start(&mut self, chain: &ChainView, cache: &RequestCache) {
        let head = chain.finalized.number;
        let oldest = head.saturating_sub(CATCH_UP_BLOCKS);
        let first = self.next.unwrap_or(head).max(oldest);
        if !self.running.is_empty() || first > head {
            return;
        }
        let last = head.min(first.saturating_add(BLOCKS_AT_ONCE.saturating_sub(1)));
        let numbers: Vec<BlockNumber> = (first..=last).filter(|it| !cache.is_quiet(*it)).collect();
        let next = last.saturating_add(1);
        if numbers.is_empty() {
            self.next = Some(next);
            return;
        }
        let oracle = chain.oracle.clone();
        self.running.spawn(read(oracle, numbers, next));
    }
}

/// Reads the claims of some blocks, below `next`. A block that the node does not give is skipped; after a broken
/// connection it is asked for again.
async fn read(oracle: AnyOracle, numbers: Vec<BlockNumber>, next: BlockNumber) -> Read {
    let mut read = Read {
        next,
        claims: Vec::new(),
    };
    for number in numbers {
        let inputs = async {
            let Some(block) = oracle.chain.hash_at(number).await? else {
                return Ok(Vec::new());
            };
            oracle.chain.contract_inputs(&oracle.address, block).await
        };
        match inputs.await {
            Ok(inputs) => read.claims.extend(claims_of(number, &inputs)),
            Err(error) if error.is_connection() => {
                read.next = number;
                return read;
            }
            Err(error) => tracing::debug!(block = number, %error, "signatures not read"),
        }
    }
    read
}

/// The different claims of a block, as many as are looked at.
fn claims_of(block: BlockNumber, inputs: &[Vec<u8>]) -> BTreeSet<Claim> {
    let mut found = BTreeSet::new();
    for claim in inputs.iter().flat_map(|input| claims(input)) {
        found.insert(claim);
        if found.len() >= CLAIMS_PER_BLOCK {
            tracing::warn!(
                block,
                most = CLAIMS_PER_BLOCK,
                "a block has more signed answers than are looked at"
            );
            break;
        }
    }
    found
}

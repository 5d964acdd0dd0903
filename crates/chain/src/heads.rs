//! Heads that a node says by itself: they wake the relayer, and spare it asking.

use super::types::{block_number, Head, Rpc};
use futures::{stream, stream::BoxStream, Stream, StreamExt};
use llm_oracle_primitives::{digest, BlockNumber, Hash};
use llm_oracle_support::clock::Instant;
use scale::Encode;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use subxt::{config::SubstrateConfig, rpcs::Error as RpcError};
use tokio::{sync::watch, task::AbortHandle};

/// Blocks whose heights and parents are remembered.
const REMEMBERED: usize = 512;

/// Finalized blocks after which best heads are subscribed to again, if the node has refused them.
const RESUBSCRIBE_BLOCKS: BlockNumber = 4;
/// How long that may take.
const RESUBSCRIBE_WITHIN: Duration = Duration::from_secs(1);

type BlockHeader = <SubstrateConfig as subxt::Config>::Header;

/// A subscription to finalized heads. A notification says that something may have happened, never what:
/// read the chain to find out.
pub struct HeadSubscription {
    /// In a mutex, which is never locked, so that the owner can be shared between threads.
    stream: Mutex<BoxStream<'static, Option<BlockNumber>>>,
}

impl HeadSubscription {
    /// A subscription over a stream that ends, or yields `None`, when the connection is lost.
    pub fn over(stream: impl Stream<Item = Option<BlockNumber>> + Send + 'static) -> Self {
        Self {
            stream: Mutex::new(stream.boxed()),
        }
    }

    /// Waits for the next finalized head; `None` when the connection is lost.
    pub async fn next(&mut self) -> Option<BlockNumber> {
        let stream = self
            .stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        stream.next().await?
    }
}

/// The heads that a node has said last by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushedHeads {
    /// Its finalized block.
    pub finalized: Head,
    /// Its best block, at least as high.
    pub best: Head,
    /// When it said the later of both.
    pub at: Instant,
}

/// What one connection's node says of its heads.
#[derive(Default)]
pub(super) struct HeadFeed {
    said: Arc<Mutex<Said>>,
    task: Mutex<Option<(AbortHandle, watch::Receiver<BlockNumber>)>>,
}

#[derive(Default)]
struct Said {
    finalized: Option<Head>,
    best: Option<Head>,
    at: Option<Instant>,
    /// Height and parent by hash, and the hashes in the order in which they came.
    blocks: HashMap<Hash, (BlockNumber, Hash)>,
    order: VecDeque<Hash>,
}

impl Drop for HeadFeed {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((task, _)) = task {
            task.abort();
        }
    }
}

impl HeadFeed {
    /// Subscribes to finalized and best heads; a second time to what is subscribed already.
    pub(super) async fn subscribe(&self, rpc: &Rpc) -> Result<HeadSubscription, RpcError> {
        let running = self.receiver();
        let receiver = match running {
            Some(receiver) => receiver,
            None => self.start(rpc).await?,
        };
        Ok(HeadSubscription::over(stream::unfold(
            receiver,
            |mut receiver| async move {
                let number = receiver.changed().await.ok();
                let number = number.map(|()| *receiver.borrow_and_update());
                Some((number, receiver))
            },
        )))
    }

    fn receiver(&self) -> Option<watch::Receiver<BlockNumber>> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let (task, receiver) = task.as_ref()?;
        (!task.is_finished()).then(|| receiver.clone())
    }

    async fn start(&self, rpc: &Rpc) -> Result<watch::Receiver<BlockNumber>, RpcError> {
        let mut finalized = rpc.chain_subscribe_finalized_heads().await?;
        // A node may serve only the one that we can't do without.
        let mut best = rpc.chain_subscribe_new_heads().await.ok();
        let (sender, receiver) = watch::channel(0);
        let (said, rpc) = (self.said.clone(), rpc.clone());
        let task = tokio::spawn(async move {
            let mut hashes_known = None;
            loop {
                let (header, is_final) = tokio::select! {
                    header = finalized.next() => (header, true),
                    header = next_or_never(&mut best) => (header, false),
                };
                let header = match header {
                    Some(Ok(header)) => header,
                    None if !is_final => {
                        best = None;
                        continue;
                    }
                    // The subscription is over: whoever listens hears that the sender is gone.
                    _ => return,
                };
                let Ok(number) = block_number(header.number) else {
                    return;
                };
                if hashes_known.is_none() {
                    hashes_known = hashes_like_us(&rpc, &header).await;
                }
                if hashes_known == Some(true) {
                    lock(&said).take(&header, number, is_final, best.is_some());
                }
                if is_final {
                    let _ = sender.send(number);
                    // It may have been refused for a moment only.
                    if best.is_none() && number.is_multiple_of(RESUBSCRIBE_BLOCKS) {
                        let again = rpc.chain_subscribe_new_heads();
                        // Finalized heads do not wait for it.
                        let again = tokio::time::timeout(RESUBSCRIBE_WITHIN, again).await;
                        best = again.ok().and_then(Result::ok);
                    }
                }
            }
        });
        let mut kept = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((old, _)) = kept.replace((task.abort_handle(), receiver.clone())) {
            old.abort();
        }
        Ok(receiver)
    }

    /// The last heads; `None` before both were said.
    pub(super) fn heads(&self) -> Option<PushedHeads> {
        let said = lock(&self.said);
        let (finalized, best) = (said.finalized?, said.best?);
        Some(PushedHeads {
            finalized,
            best: if best.number < finalized.number {
                finalized
            } else {
                best
            },
            at: said.at?,
        })
    }

    /// Remembers a block that was read.
    pub(super) fn note(&self, hash: Hash, number: BlockNumber, parent: Hash) {
        lock(&self.said).remember(hash, number, parent);
    }

    /// The height of a block that is remembered.
    pub(super) fn number_of(&self, hash: &Hash) -> Option<BlockNumber> {
        let said = lock(&self.said);
        said.blocks.get(hash).map(|(number, _)| *number)
    }

    /// The parent of a block that is remembered, but the first one's.
    pub(super) fn parent_of(&self, hash: &Hash) -> Option<Hash> {
        let said = lock(&self.said);
        let (number, parent) = said.blocks.get(hash)?;
        (*number > 0).then_some(*parent)
    }

    /// The block at a height below the last finalized head, if all between are remembered.
    pub(super) fn finalized_at(&self, number: BlockNumber) -> Option<Hash> {
        let said = lock(&self.said);
        let mut at = said.finalized?;
        while at.number > number {
            let (height, parent) = said.blocks.get(&at.hash)?;
            at = Head {
                hash: *parent,
                number: height.checked_sub(1)?,
            };
        }
        (at.number == number).then_some(at.hash)
    }
}

impl Said {
    fn take(&mut self, header: &BlockHeader, number: BlockNumber, is_final: bool, has_best: bool) {
        let hash = hash_of(header);
        let head = Head { hash, number };
        self.remember(hash, number, header.parent_hash.0);
        if is_final {
            self.finalized = Some(head);
        } else {
            self.best = Some(head);
        }
        if !has_best {
            self.best = None;
        }
        self.at = Some(Instant::now());
    }

    fn remember(&mut self, hash: Hash, number: BlockNumber, parent: Hash) {
        if self.blocks.insert(hash, (number, parent)).is_some() {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.blocks.remove(&oldest);
            }
        }
    }
}

fn lock(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    // Each statement leaves it whole.
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn next_or_never<S: Stream + Unpin>(stream: &mut Option<S>) -> Option<S::Item> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

fn hash_of(header: &BlockHeader) -> Hash {
    digest::blake2(&header.encode())
}

/// Whether the chain names its blocks by the hash that is computed here; `None` if the node does not say.
async fn hashes_like_us(rpc: &Rpc, header: &BlockHeader) -> Option<bool> {
    let shown = rpc.chain_get_block_hash(Some(header.number.into())).await;
    let shown = shown.ok()??;
    let ours = rpc.chain_get_header(Some(shown)).await.ok()??;
    Some(hash_of(&ours) == shown.0)
}

#[cfg(test)]
#[path = "heads_tests.rs"]
mod tests;

//! A client that follows the chain: when each block was final, and what was asked and settled in it.

use llm_oracle_chain::{Chain, ChainApi as _, Event};
use llm_oracle_primitives::{AccountId, BlockNumber, RequestId};
use llm_oracle_store::now_ms;
use llm_oracle_tests::World;
use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex,
    },
};
use tokio::{sync::mpsc, task::JoinHandle};

/// What was seen of one block.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// When this client heard that it is final, milliseconds since 1970.
    pub final_at_ms: i64,
    /// Requests asked in it.
    pub asked: Vec<RequestId>,
    /// Requests settled in it.
    pub settled: Vec<RequestId>,
}

/// Follows one oracle.
pub struct Watch {
    settled: Arc<AtomicU64>,
    blocks: Arc<Mutex<BTreeMap<BlockNumber, Seen>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Begins with the next finalized block.
    pub async fn new(world: &World) -> Self {
        let chain = Chain::connect(&world.url).await.unwrap();
        let mut heads = chain.finalized_heads().await.unwrap();
        let (to, from) = mpsc::unbounded_channel();
        // Apart from reading the block: a head's time must not wait for that.
        let stamping = tokio::spawn(async move {
            while let Some(number) = heads.next().await {
                if to.send((number, now_ms())).is_err() {
                    return;
                }
            }
        });
        let settled = Arc::new(AtomicU64::new(0));
        let blocks = Arc::new(Mutex::new(BTreeMap::new()));
        let reader = Reader {
            chain,
            contract: world.oracle.address,
            settled: settled.clone(),
            blocks: blocks.clone(),
        };
        let reading = tokio::spawn(reader.run(from));
        Self {
            settled,
            blocks,
            tasks: vec![stamping, reading],
        }
    }

    /// Requests settled so far.
    pub fn settled(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }

    /// Requests asked so far.
    pub fn asked(&self) -> usize {
        let blocks = self.blocks.lock().unwrap();
        blocks.values().map(|seen| seen.asked.len()).sum()
    }

    /// All blocks seen so far.
    pub fn blocks(&self) -> BTreeMap<BlockNumber, Seen> {
        self.blocks.lock().unwrap().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct Reader {
    chain: Chain,
    contract: AccountId,
    settled: Arc<AtomicU64>,
    blocks: Arc<Mutex<BTreeMap<BlockNumber, Seen>>>,
}

impl Reader {
    async fn run(self, mut heads: mpsc::UnboundedReceiver<(BlockNumber, i64)>) {
        let mut last: Option<BlockNumber> = None;
        while let Some((number, at_ms)) = heads.recv().await {
            // The first head of a subscription is one that has been final for long.
            let Some(before) = last.replace(number) else {
                continue;
            };
            for number in before.saturating_add(1)..=number {
                self.read(number, at_ms).await;
            }
        }
    }

    async fn read(&self, number: BlockNumber, final_at_ms: i64) {
        let hash = self.chain.hash_at(number).await.unwrap();
        let hash = hash.expect("a finalized block has a hash");
        let events = self.chain.oracle_events(&self.contract, hash).await;
        let mut seen = Seen {
            final_at_ms,
            ..Seen::default()
        };
        for located in events.unwrap() {
            match located.event {
                Event::Asked(asked) => seen.asked.push(asked.request_id),
                Event::Ended(ended) => seen.settled.push(ended.request_id),
                _ => {}
            }
        }
        let settled = u64::try_from(seen.settled.len()).unwrap();
        self.blocks.lock().unwrap().insert(number, seen);
        self.settled.fetch_add(settled, Ordering::Relaxed);
    }
}

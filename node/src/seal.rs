//! When a block is made.

use futures::{Stream, StreamExt, stream};
use futures_timer::Delay;
use llm_oracle_runtime::Hash;
use sc_consensus_manual_seal::EngineCommand;
use sc_transaction_pool_api::TransactionPool;
use std::time::{Duration, Instant};

/// What makes a block, besides a call of `engine_createBlock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// Each transaction that becomes ready.
    Instant,
    /// The clock.
    Interval(Duration),
}

/// The blocks to make: those that `seal` asks for, and the commands that come in by RPC.
pub fn commands<P, S>(
    seal: Seal,
    pool: &P,
    by_rpc: S,
) -> impl Stream<Item = EngineCommand<Hash>> + Unpin + use<P, S>
where
    P: TransactionPool,
    S: Stream<Item = EngineCommand<Hash>> + Unpin,
{
    let own = match seal {
        Seal::Instant => pool
            .import_notification_stream()
            .map(|_| new_block())
            .boxed(),
        Seal::Interval(period) => ticks(period).map(|()| new_block()).boxed(),
    };
    stream::select(by_rpc, own)
}

/// A block on the best one. It may be empty: a block before it may have taken the transaction.
fn new_block() -> EngineCommand<Hash> {
    EngineCommand::SealNewBlock {
        create_empty: true,
        finalize: false,
        parent_hash: None,
        sender: None,
    }
}

/// A tick every `period`. Ticks that come too late are left out, not made up for.
pub fn ticks(period: Duration) -> impl Stream<Item = ()> + Send {
    stream::unfold(Instant::now() + period, move |due| async move {
        Delay::new(due.saturating_duration_since(Instant::now())).await;
        Some(((), (due + period).max(Instant::now())))
    })
}

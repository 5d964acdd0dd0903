//! Subscription to finalized heads.

use futures::{stream::BoxStream, Stream, StreamExt};
use llm_oracle_primitives::BlockNumber;
use std::sync::{Mutex, PoisonError};

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

//! How connections to nodes are made.

use super::{
    api::AnyChain, chain::Chain, connection::REQUEST_TIMEOUT, error::ChainError, health::stall_ms,
};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// Least request timeout, however short blocks are, milliseconds.
const REQUEST_TIMEOUT_MS_MIN: u64 = 1_000;

/// Makes connections.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Connects to the node at `url`.
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError>;
}

/// Connects over WebSockets.
pub(super) struct WebSockets {
    request_timeout: Duration,
}

impl WebSockets {
    /// A request may take as long as a node may go without a new block.
    pub(super) fn new(block_ms: Option<u64>) -> Self {
        let request_timeout = block_ms.map_or(REQUEST_TIMEOUT, |block_ms| {
            Duration::from_millis(stall_ms(block_ms).max(REQUEST_TIMEOUT_MS_MIN))
                .min(REQUEST_TIMEOUT)
        });
        Self { request_timeout }
    }
}

#[async_trait]
impl Connect for WebSockets {
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError> {
        let chain = Chain::connect_within(url, self.request_timeout).await?;
        Ok(Arc::new(chain))
    }
}

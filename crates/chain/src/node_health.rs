//! What a node says of its own state, asked for seldom. A host that does not say is judged by its heads.

use super::{connection::Connection, error::ChainError};
use llm_oracle_support::clock::Instant;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Time between two questions.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// A node's own state.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReportedHealth {
    /// Whether it is still fetching old blocks.
    pub(super) is_syncing: bool,
    /// Nodes it is connected to.
    pub(super) peers: u64,
    /// Whether it should have some.
    pub(super) expects_peers: bool,
}

/// The last answer of one connection's node.
#[derive(Debug, Default)]
pub(super) struct NodeHealth(Mutex<Option<(ReportedHealth, Instant)>>);

impl NodeHealth {
    /// What the node says, or has said less than ten seconds ago. A JSON error leaves the last answer, or
    /// none: then it counts as one that is not syncing.
    ///
    /// # Errors
    /// When the connection is lost.
    pub(super) async fn get(&self, connection: &Connection) -> Result<ReportedHealth, ChainError> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((health, at)) = last {
            if at.elapsed() < ASK_EVERY {
                return Ok(health);
            }
        }
        let health = match connection.rpc.system_health().await {
            Ok(health) => ReportedHealth {
                is_syncing: health.is_syncing,
                peers: health.peers as u64,
                expects_peers: health.should_have_peers,
            },
            Err(error) => {
                let error = connection.lift("its health", &error);
                if error.is_connection() {
                    return Err(error);
                }
                last.map(|(health, _)| health).unwrap_or_default()
            }
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((health, Instant::now()));
        Ok(health)
    }
}

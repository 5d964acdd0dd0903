//! A question for the model and what came of it.

use crate::plan::Stake;
use llm_oracle_llm::{ModelError, ProviderReply};
use llm_oracle_primitives::{BlockNumber, Hash, Terms};
use std::{sync::Arc, time::Duration};

/// One question to put, with all that its answer will be bound to.
pub(crate) struct ModelRequest {
    pub(crate) stake: Stake,
    pub(crate) terms: Arc<Terms>,
    pub(crate) terms_digest: Hash,
    pub(crate) seen_at_ms: i64,
    /// Last block for its commit.
    pub(crate) deadline: BlockNumber,
    /// What its seat locks of the operator's bond, planck.
    pub(crate) seat_bond: u128,
}

/// A question that has come back.
pub(super) struct ModelReply {
    pub(super) request: ModelRequest,
    pub(super) result: Result<ProviderReply, ModelError>,
    pub(super) took: Duration,
}

//! One row of the record.

use llm_oracle_primitives::{AccountId, Hash, RequestId};

/// What an operator signs for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedDecision {
    /// The request.
    pub(crate) request_id: RequestId,
    /// The operator.
    pub(crate) operator: AccountId,
    /// Its commitment.
    pub(crate) commitment: Hash,
    /// Digest of its evidence.
    pub(crate) evidence: Hash,
    /// Digest of its answer, once an answer was signed.
    pub(crate) answer: Option<Hash>,
}

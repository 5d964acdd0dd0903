//! Records for tests of stores.

use super::{Answered, StoreIdentity};
use llm_oracle_primitives::{Answer, RequestId};

/// What the stores are for.
pub const IDENTITY: StoreIdentity = StoreIdentity {
    genesis: [1; 32],
    contract: [2; 32],
    domain: [3; 32],
};

/// Whose answers they are.
pub const OPERATOR: [u8; 32] = [9; 32];

/// An answer; each request has evidence of its own.
pub fn answered(request_id: RequestId, answer: bool) -> Answered {
    let [number, ..] = request_id.to_le_bytes();
    Answered {
        request_id,
        operator: OPERATOR,
        terms_digest: [4; 32],
        answer: Answer::Bool(answer),
        confidence: Some(80),
        document: b"{}".to_vec(),
        evidence: [number; 32],
        salt_secret: 1,
        commitment: [u8::from(answer); 32],
        model: "scripted".into(),
        model_ms: 12,
        seen_at_ms: 1,
    }
}

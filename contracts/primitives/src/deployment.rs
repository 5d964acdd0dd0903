//! Which deployment of the contract is meant.

use crate::{digest::Context, Hash, RequestId};
use scale::{Decode, Encode};

/// One deployment of the oracle: what is signed for it is worth nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct DeploymentId {
    /// Tells chains and instances of the contract apart, see [`crate::digest::domain`].
    pub domain: Hash,
    /// Address of the contract.
    pub contract: [u8; 32],
}

impl DeploymentId {
    /// What an operator's commitment and signatures for a request are bound to.
    pub fn context(
        &self,
        request_id: RequestId,
        terms_digest: Hash,
        operator: [u8; 32],
    ) -> Context {
        Context {
            domain: self.domain,
            contract: self.contract.into(),
            request_id,
            terms_digest,
            round: 0,
            phase: 0,
            operator: operator.into(),
            model: 0,
        }
    }
}

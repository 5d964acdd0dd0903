//! Requests as they are read from a node, whichever way they are read.

use super::{api::ChainApi, error::ChainError, oracle::OracleClient};
use llm_oracle_primitives::{Hash, RequestId, RequestView, Summary, Terms};

/// Which parts of one request to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRequest {
    /// Its number.
    pub id: RequestId,
    /// Whether to read the request itself.
    pub view: bool,
    /// Whether to read its terms.
    pub terms: bool,
}

impl ReadRequest {
    /// The request alone.
    pub fn view(id: RequestId) -> Self {
        Self {
            id,
            view: true,
            terms: false,
        }
    }

    /// The request with its terms.
    pub fn whole(id: RequestId) -> Self {
        Self {
            terms: true,
            ..Self::view(id)
        }
    }
}

/// What was read of one request; a part that was not requested, or does not exist, is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// Its number.
    pub id: RequestId,
    /// The request.
    pub view: Option<RequestView>,
    /// Its terms.
    pub terms: Option<Terms>,
}

/// Summaries of the requests at a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPage {
    /// Number of the next request.
    pub next_id: RequestId,
    /// The requests that were asked for and exist.
    pub summaries: Vec<Summary>,
}

/// Reads a request by calling the contract's messages.
///
/// # Errors
/// Connection errors, and `Node` when the node refuses.
pub async fn read_with_messages<C: AsRef<dyn ChainApi>>(
    oracle: &OracleClient<C>,
    at: Hash,
    request: ReadRequest,
) -> Result<RequestRecord, ChainError> {
    let ReadRequest { id, view, terms } = request;
    let at = Some(at);
    let view = async {
        match view {
            true => oracle.request(id, at).await,
            false => Ok(None),
        }
    };
    let terms = async {
        match terms {
            true => oracle.terms(id, at).await,
            false => Ok(None),
        }
    };
    let (view, terms) = futures::try_join!(view, terms)?;
    Ok(RequestRecord { id, view, terms })
}

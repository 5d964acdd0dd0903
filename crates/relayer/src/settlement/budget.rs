//! Settling and delivering within a budget of time, so that nothing that is at stake waits for it.

use super::{Ending, SettlementSender};
use crate::{error::RelayerError, node_session::ChainView, operators::Operators, ops::Ops};
use llm_oracle_support::clock::Instant;
use std::time::Duration;

/// Requests that are settled or delivered in one iteration …
const ENDINGS_PER_ITERATION: usize = 16;
/// … and the time after which no further one is begun.
const ENDINGS_WITHIN: Duration = Duration::from_secs(1);

/// Settles and delivers within a budget of time. What is left waits for the next iteration, which begins at
/// once, looks at the heads and reveals first.
pub(crate) async fn end_some(
    settlement: &mut SettlementSender,
    operators: &Operators,
    ops: &Ops,
    chain: &ChainView,
    endings: Vec<Ending>,
) -> Result<bool, RelayerError> {
    let (started, mut worked) = (Instant::now(), false);
    for ending in endings.into_iter().take(ENDINGS_PER_ITERATION) {
        worked |= settlement.perform(chain, operators, ending).await?;
        ops.beat();
        if started.elapsed() >= ENDINGS_WITHIN {
            return Ok(true);
        }
    }
    Ok(worked)
}

//! Pauses between attempts at a chain that fails.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use llm_oracle_support::random;
use std::time::Duration;

/// The longest.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Ever longer pauses, without an end.
pub(crate) fn pauses() -> ExponentialBackoff {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(PAUSE_MAX)
        .without_max_times();
    random::jitter(pauses).build()
}

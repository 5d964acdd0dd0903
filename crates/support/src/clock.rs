//! The clock. All time is read here, so that the simulation controls it.
//!
//! [`Instant`] is tokio's: under paused time it moves only when the test advances it.

#[cfg(feature = "simulation")]
use crate::simulated;
use std::time::{SystemTime, UNIX_EPOCH};
pub use tokio::time::Instant;

/// Wall-clock time, milliseconds since 1970, for stored times and for periods that outlive a process.
pub fn now_ms() -> i64 {
    #[cfg(feature = "simulation")]
    if let Some(now) = simulated::now_ms() {
        return now;
    }
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

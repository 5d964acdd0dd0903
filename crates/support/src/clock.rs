//! What time it is, in one place, so that simulations can tell it.
//!
//! [`Instant`] is tokio's: it stands still where a test has paused time, and is the system's elsewhere.

#[cfg(feature = "simulation")]
use crate::simulated;
use std::time::{SystemTime, UNIX_EPOCH};
pub use tokio::time::Instant;

/// Milliseconds since 1970, for rows that people read and for pauses that outlive a process.
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

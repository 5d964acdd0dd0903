//! Blocking calls inside the async runtime.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs a blocking call. On a multi-thread runtime the worker's other tasks move to another thread
/// first; on a current-thread runtime and outside of a runtime the call just blocks.
///
/// # Panics
/// Inside of a `LocalSet` on a multi-thread runtime, which cannot move its tasks.
pub fn blocking<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

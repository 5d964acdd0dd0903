//! Waiting inside the runtime.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Waits without keeping the runtime's other tasks from running, where there is one that can.
pub fn blocking<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

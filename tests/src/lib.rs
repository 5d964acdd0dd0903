//! The harness: a real node, the real contract on it, real relayer processes.
//!
//! Nothing here retries a test or waits for a fixed time: everything polls the chain or a process
//! until a deadline. Whatever is started is killed and waited for when its value is dropped.
//!
//! **Architecture invariant:** no test reads a log to learn what happened; logs are only shown when
//! a test fails.
// A harness fails by panicking: that is how a test says what went wrong.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::arithmetic_side_effects
)]

pub mod history;
pub mod keystore;
pub mod market;
pub mod node;
pub mod process;
pub mod questions;
pub mod setting;
pub mod signer;
pub mod world;

pub use history::History;
pub use market::Market;
pub use node::Node;
pub use process::{Cli, Relayer};
pub use signer::Signer;
pub use world::{Key, World};

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// One UNIT of the development chain, planck.
pub const UNIT: u128 = 1_000_000_000_000;
/// Deadline of everything that should take a few seconds: a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks again and again until there is something.
///
/// # Panics
/// After [`PATIENCE`], naming what did not come.
pub async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "no {what} within {} s",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

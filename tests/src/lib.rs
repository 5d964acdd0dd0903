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

pub mod command;
pub mod history;
pub mod keystore;
pub mod llama_server;
pub mod market;
pub mod model_server;
pub mod node;
pub mod pg_proxy;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod public_rpc;
pub mod questions;
pub mod recorder;
pub mod runtime;
pub mod setting;
pub mod signer;
pub mod world;

pub use command::Cli;
pub use history::History;
pub use llama_server::LlamaServer;
pub use market::Market;
pub use model_server::ModelServer;
pub use node::Node;
pub use postgres::Postgres;
pub use process::Relayer;
pub use proxy::{Proxy, Wire};
pub use public_rpc::PublicRpc;
pub use signer::Signer;
pub use world::{Key, World};

use std::{
    future::Future,
    io::Write as _,
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

/// Whether the long form of a test is asked for: `scripts/test.sh --long NAME`.
pub fn is_long(name: &str) -> bool {
    let named = std::env::var("LLM_ORACLE_LONG").unwrap_or_default();
    named.split(',').any(|long| long == name)
}

/// Says on stderr what a test has counted, also when it passes.
pub fn report(test: &str, counts: &str) {
    // Not by a macro: those are shown of failed tests only.
    let _ = writeln!(std::io::stderr(), "{test}: {counts}");
}

/// Random numbers of a seed that is told, for moments and orders.
pub struct Dice(u64);

impl Dice {
    /// Seeded by the clock, or by `LLM_ORACLE_SEED`, and says so.
    ///
    /// # Panics
    /// When that variable is no number.
    pub fn new(test: &str) -> Self {
        let given = std::env::var("LLM_ORACLE_SEED").ok();
        let seed = given.map(|text| text.parse().expect("LLM_ORACLE_SEED is a number"));
        let seed = seed.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            u64::from(now.unwrap_or_default().subsec_nanos())
        });
        report(test, &format!("seed {seed}"));
        Self(seed | 1)
    }

    /// A number below `end`.
    ///
    /// # Panics
    /// When `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // xorshift: they only have to differ from run to run.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

//! A node on a free port: started, killed, started again on the same chain.

use crate::setting;
use llm_oracle_development::node::{NodeOptions, NodeProcess};
use std::{
    fs,
    process::Command,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tempfile::TempDir;

/// Maximum number of RPC connections: many tests share a node.
const MAX_CONNECTIONS: u32 = 1000;

/// A running node. Dropping it kills it and waits.
pub struct Node {
    process: NodeProcess,
    options: NodeOptions,
    folder: TempDir,
}

/// The node that tests share, as long as one of them holds it.
static SHARED: Mutex<Weak<Node>> = Mutex::new(Weak::new());

impl Node {
    /// A separate node with a chain on disk and a block for each transaction, final a second later.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        Self::with(None, 1)
    }

    /// A node that makes a block every `block_ms` milliseconds, final at once.
    ///
    /// # Panics
    /// When it does not start.
    pub fn every(block_ms: u64) -> Self {
        Self::with(Some(block_ms), 0)
    }

    /// The same with blocks that are final a second later. For nodes that are killed: what is being written
    /// to the disk is lost then, and a block that was final but not on the disk would be reverted.
    ///
    /// # Panics
    /// When it does not start.
    pub fn every_final_later(block_ms: u64) -> Self {
        Self::with(Some(block_ms), 1)
    }

    /// A node that makes blocks as public chains do: one every `block_ms` milliseconds, final when
    /// `behind` more have come.
    ///
    /// # Panics
    /// When it does not start.
    pub fn public(block_ms: u64, behind: u64) -> Self {
        Self::with(Some(block_ms), block_ms * behind / 1_000)
    }

    fn with(block_time_ms: Option<u64>, finality_delay_s: u64) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("oracle-node-")
            .tempdir()
            .unwrap();
        let mut options = NodeOptions {
            base_path: Some(folder.path().join("chain")),
            block_time_ms,
            finality_delay_s,
            max_connections: Some(MAX_CONNECTIONS),
            ..NodeOptions::new(folder.path().join("log"))
        };
        let process = spawn(&options);
        // A restart uses the same port.
        options.rpc_port = Some(process.port());
        Self {
            process,
            options,
            folder,
        }
    }

    /// The node that all tests share that only add to the chain: each deploys a contract of its own
    /// and works with keys of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = shared.upgrade() {
            return node;
        }
        let node = Arc::new(Self::start());
        *shared = Arc::downgrade(&node);
        node
    }

    /// Address of its RPC server; the same after [`Self::restart`].
    pub fn url(&self) -> String {
        self.process.url().to_owned()
    }

    /// Process number, for measuring.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Stops it as a machine does that hangs: its sockets stay open and nothing answers.
    ///
    /// # Panics
    /// When it can't be stopped.
    pub fn freeze(&self) {
        let id = self.process.id().to_string();
        let frozen = Command::new("kill").args(["-STOP", &id]).status().unwrap();
        assert!(frozen.success());
    }

    /// Kills it with SIGKILL and waits.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again with the same chain on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let before = self.folder.path().join("log.before");
        fs::rename(&self.options.log, before).unwrap();
        self.process = spawn(&self.options);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", setting::tail(&self.options.log));
        }
    }
}

fn spawn(options: &NodeOptions) -> NodeProcess {
    let process = NodeProcess::start_blocking(&setting::node(), options);
    process.unwrap_or_else(|failure| panic!("{failure}"))
}

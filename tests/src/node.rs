//! A node on a free port: started, killed, started again on the same chain.

use crate::setting;
use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest start, seconds: one on an idle machine.
const START_SECONDS: u64 = 120;

/// A running node. Dropping it kills it and waits.
pub struct Node {
    child: Child,
    folder: TempDir,
    port: u16,
    seal: Seal,
}

/// When a node makes blocks, and when they are final.
#[derive(Debug, Clone, Copy)]
enum Seal {
    /// For each transaction; final a second later.
    Instant,
    /// Every so many milliseconds; final so many seconds later.
    Every(u64, u64),
}

/// The node that tests share, as long as one of them holds it.
static SHARED: Mutex<Weak<Node>> = Mutex::new(Weak::new());

impl Node {
    /// A node of one's own with a chain on disk.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        Self::sealing(Seal::Instant)
    }

    /// A node that makes a block every `block_ms` milliseconds, final at once.
    ///
    /// # Panics
    /// When it does not start.
    pub fn every(block_ms: u64) -> Self {
        Self::sealing(Seal::Every(block_ms, 0))
    }

    /// The same with blocks that are final a second later. For nodes that are killed: what is on its way to
    /// the disk is lost then, and a block that was final before it is there would be taken back.
    ///
    /// # Panics
    /// When it does not start.
    pub fn every_final_later(block_ms: u64) -> Self {
        Self::sealing(Seal::Every(block_ms, 1))
    }

    fn sealing(seal: Seal) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("oracle-node-")
            .tempdir()
            .unwrap();
        let child = spawn(&folder, 0, seal);
        let mut node = Self {
            child,
            folder,
            port: 0,
            seal,
        };
        node.port = node.wait_for_port();
        node
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
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Process number, for measuring.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it as a machine does that hangs: its sockets stay open and nothing answers.
    ///
    /// # Panics
    /// When it can't be stopped.
    pub fn freeze(&self) {
        let id = self.child.id().to_string();
        let frozen = Command::new("kill").args(["-STOP", &id]).status().unwrap();
        assert!(frozen.success());
    }

    /// Kills it with SIGKILL and waits.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again with the same chain on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        fs::rename(
            self.folder.path().join("log"),
            self.folder.path().join("log.before"),
        )
        .unwrap();
        self.child = spawn(&self.folder, self.port, self.seal);
        assert_eq!(self.wait_for_port(), self.port);
    }

    fn wait_for_port(&mut self) -> u16 {
        let started = Instant::now();
        let log = self.folder.path().join("log");
        loop {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "the node ended ({ended:?}): {}",
                setting::tail(&log)
            );
            let text = fs::read(&log).unwrap_or_default();
            if let Some(port) = serving_port(&String::from_utf8_lossy(&text)) {
                return port;
            }
            let late = started.elapsed() > Duration::from_secs(START_SECONDS);
            assert!(!late, "the node does not serve: {}", setting::tail(&log));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", setting::tail(&self.folder.path().join("log")));
        }
    }
}

fn spawn(folder: &TempDir, port: u16, seal: Seal) -> Child {
    let log = File::create(folder.path().join("log")).unwrap();
    let binary = setting::node();
    let blocks = match seal {
        Seal::Instant => vec!["--finalize-delay-sec".to_owned(), "1".to_owned()],
        Seal::Every(ms, final_s) => vec![
            "--finalize-delay-sec".to_owned(),
            final_s.to_string(),
            "--block-time".to_owned(),
            ms.to_string(),
        ],
    };
    Command::new(&binary)
        .args(["--dev", "--port", "0", "--no-prometheus"])
        .args(blocks)
        .args([
            "--rpc-port",
            &port.to_string(),
            "--rpc-max-connections",
            "1000",
        ])
        .arg("--base-path")
        .arg(folder.path().join("chain"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()))
}

/// The port in the line that every Substrate node prints once its RPC server listens.
fn serving_port(log: &str) -> Option<u16> {
    let line = log
        .lines()
        .find(|line| line.contains("Running JSON-RPC server"))?;
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

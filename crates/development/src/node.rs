//! A node of this machine: found, started on a free port, logged to a file, stopped and waited for.

use llm_oracle_cli::{
    config::paths,
    exit::{CliError, NODE},
};
use rustix::process::{
    getpid, getppid, kill_process, set_parent_process_death_signal, Pid, Signal,
};
use std::{
    env, fs, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Name of the node's binary.
const BINARY: &str = "substrate-contracts-node";
/// Maximum time for a node to start, seconds: a few on an idle machine.
const START_SECONDS: u64 = 120;
/// Interval between two checks whether a node has started.
const START_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Maximum time of an orderly stop, seconds; then the node is killed.
const STOP_SECONDS: u64 = 15;
/// Lines of the node's log that an error shows.
const LOG_LINES: usize = 12;

/// How to start a node.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Port of the RPC server; `None` for a free one that the node picks.
    pub rpc_port: Option<u16>,
    /// Folder of the chain; `None` for one that is removed at the end.
    pub base_path: Option<PathBuf>,
    /// Block time, milliseconds; `None` for a block for each transaction.
    pub block_time_ms: Option<u64>,
    /// Delay of finality, seconds.
    pub finality_delay_s: u64,
    /// Maximum number of RPC connections; `None` for the node's default.
    pub max_connections: Option<u32>,
    /// Whether the node ends when the thread that started it does, whatever ends that. Set it only where
    /// that thread lives as long as the process.
    pub ends_with_parent: bool,
    /// File for the node's output.
    pub log: PathBuf,
}

impl NodeOptions {
    /// A temporary chain with a block for each transaction, finalized a second later.
    pub fn new(log: PathBuf) -> Self {
        Self {
            rpc_port: None,
            base_path: None,
            block_time_ms: None,
            finality_delay_s: 1,
            max_connections: None,
            ends_with_parent: false,
            log,
        }
    }
}

/// A running node. Dropping it stops it and waits.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    binary: PathBuf,
    log: PathBuf,
    wanted_port: Option<u16>,
    port: u16,
    url: String,
}

/// The node's binary: `CONTRACTS_NODE`, then one on PATH, then ours.
///
/// # Errors
/// When none exists.
pub fn find() -> Result<PathBuf, CliError> {
    let named = env::var_os("CONTRACTS_NODE")
        .filter(|name| !name.is_empty())
        .map(PathBuf::from);
    let ours = paths::cache().join("target-node/debug").join(BINARY);
    find_among(named, env::var_os("PATH"), &ours)
}

fn find_among(
    named: Option<PathBuf>,
    path: Option<std::ffi::OsString>,
    ours: &Path,
) -> Result<PathBuf, CliError> {
    if let Some(named) = named {
        return if named.is_file() {
            Ok(named)
        } else {
            Err(CliError::new(
                NODE,
                format!(
                    "CONTRACTS_NODE names '{}', which is not a file",
                    named.display()
                ),
            )
            .help("give the path of a substrate-contracts-node, or unset it"))
        };
    }
    let folders = path.as_ref().map(env::split_paths).into_iter().flatten();
    folders
        .map(|folder| folder.join(BINARY))
        .chain([ours.to_owned()])
        .find(|binary| binary.is_file())
        .ok_or_else(|| {
            CliError::new(
                NODE,
                format!("no {BINARY} on PATH and none at '{}'", ours.display()),
            )
            .help("run ./scripts/setup.sh --node, or set CONTRACTS_NODE to one")
        })
}

impl NodeProcess {
    /// Starts a node and waits until it serves.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not serve in time; with the end of its log.
    pub async fn start(binary: &Path, options: &NodeOptions) -> Result<Self, CliError> {
        let started = Instant::now();
        let mut node = Self::spawn(binary, options)?;
        while !node.is_serving(started)? {
            tokio::time::sleep(START_POLL_INTERVAL).await;
        }
        Ok(node)
    }

    /// As [`Self::start`], without an async runtime.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_blocking(binary: &Path, options: &NodeOptions) -> Result<Self, CliError> {
        let started = Instant::now();
        let mut node = Self::spawn(binary, options)?;
        while !node.is_serving(started)? {
            std::thread::sleep(START_POLL_INTERVAL);
        }
        Ok(node)
    }

    fn spawn(binary: &Path, options: &NodeOptions) -> Result<Self, CliError> {
        let log = fs::File::create(&options.log).map_err(|error| {
            CliError::new(
                NODE,
                format!("log '{}' cannot be written: {error}", options.log.display()),
            )
        })?;
        let to_log = || {
            log.try_clone()
                .map(Stdio::from)
                .unwrap_or_else(|_| Stdio::null())
        };
        let mut command = Command::new(binary);
        if options.ends_with_parent {
            end_with_parent(&mut command);
        }
        let child = command
            .args(arguments(options))
            .stdin(Stdio::null())
            .stdout(to_log())
            .stderr(to_log())
            // Ctrl-C reaches the whole group of the terminal; the node must outlive the relayers.
            .process_group(0)
            .spawn()
            .map_err(|error| failed("cannot start", binary).help(error))?;
        Ok(Self {
            child,
            binary: binary.to_owned(),
            log: options.log.clone(),
            wanted_port: options.rpc_port.filter(|port| *port != 0),
            port: 0,
            url: String::new(),
        })
    }

    /// Whether its RPC server listens; then the address is known.
    fn is_serving(&mut self, started: Instant) -> Result<bool, CliError> {
        // The log ends with the reason why the node ended.
        if let Ok(Some(status)) = self.child.try_wait() {
            let what = format!("the node ended with {status}:");
            return Err(failed(&what, &self.binary).help(self.log_end()));
        }
        if let Some(port) = serving_port(&self.log_text()) {
            // A node whose port is taken picks another one without a word.
            if let Some(wanted) = self.wanted_port.filter(|wanted| *wanted != port) {
                return Err(CliError::new(NODE, format!("port {wanted} is taken"))
                    .help("give another --rpc-port, or leave it out for a free one"));
            }
            self.port = port;
            self.url = format!("ws://127.0.0.1:{port}");
            return Ok(true);
        }
        if started.elapsed() > Duration::from_secs(START_SECONDS) {
            let what = format!("no RPC server within {START_SECONDS} s from");
            return Err(failed(&what, &self.binary).help(self.log_end()));
        }
        Ok(false)
    }

    /// Port of its RPC server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address of its RPC server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// File with its output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The last lines of its log.
    pub fn log_end(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        let skipped = lines.len().saturating_sub(LOG_LINES);
        format!(
            "end of {}:\n{}",
            self.log.display(),
            lines.get(skipped..).unwrap_or_default().join("\n")
        )
    }

    fn log_text(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Kills it with SIGKILL and waits.
    pub fn kill(&mut self) {
        // It may have ended already: either way the wait below returns.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it with SIGTERM and waits; kills it after a while.
    fn stop(&mut self) {
        let asked = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        let asked_at = Instant::now();
        while asked && asked_at.elapsed() < Duration::from_secs(STOP_SECONDS) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Lets the kernel end the child with SIGTERM when the thread that starts it ends, by SIGKILL too.
fn end_with_parent(command: &mut Command) {
    let parent = getpid();
    let ask_kernel = move || {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // The parent may have ended before the kernel was asked.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    };
    // SAFETY: between fork and exec the closure makes two system calls; it takes no lock and no memory.
    unsafe { command.pre_exec(ask_kernel) };
}

fn failed(what: &str, binary: &Path) -> CliError {
    CliError::new(NODE, format!("{what} '{}'", binary.display()))
}

fn arguments(options: &NodeOptions) -> Vec<String> {
    let mut arguments: Vec<String> = ["--dev", "--no-prometheus", "--port", "0"]
        .map(String::from)
        .into();
    arguments.extend([
        "--finalize-delay-sec".into(),
        options.finality_delay_s.to_string(),
        "--rpc-port".into(),
        options.rpc_port.unwrap_or(0).to_string(),
    ]);
    match &options.base_path {
        Some(folder) => arguments.extend(["--base-path".into(), folder.display().to_string()]),
        None => arguments.push("--tmp".into()),
    }
    if let Some(connections) = options.max_connections {
        arguments.extend(["--rpc-max-connections".into(), connections.to_string()]);
    }
    if let Some(ms) = options.block_time_ms {
        arguments.extend(["--block-time".into(), ms.to_string()]);
    }
    arguments
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

#[cfg(test)]
#[path = "node_tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;

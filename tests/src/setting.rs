//! Where the things are that tests run: programs, contracts, the model.

use llm_oracle_cli::config::paths;
use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

/// Variable that lets configurations name the scripted provider, and crash points work.
pub const ALLOW_SCRIPTED: (&str, &str) = ("LLM_ORACLE_ALLOW_SCRIPTED", "1");

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// The node's binary: `CONTRACTS_NODE`, one on PATH, the one that `setup.sh` builds.
///
/// # Panics
/// When there is none.
pub fn node() -> PathBuf {
    llm_oracle_development::node::find().unwrap_or_else(|failure| panic!("{failure}"))
}

/// The program `llm-oracle`: `LLM_ORACLE_BIN`, or the one built beside this program.
///
/// # Panics
/// When it is not built.
pub fn program() -> PathBuf {
    if let Some(named) = variable("LLM_ORACLE_BIN") {
        return named;
    }
    beside("llm-oracle")
}

/// The library that writes down with whom a process speaks (`tests/sockets`), to be preloaded.
///
/// # Panics
/// When it is not built.
pub fn sockets() -> PathBuf {
    beside("libllm_oracle_sockets.so")
}

/// A file built beside this program.
fn beside(name: &str) -> PathBuf {
    let this = env::current_exe().expect("this program has a path");
    this.ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!(
                "no {name} near {}; run `cargo build --workspace --all-targets --locked`",
                this.display()
            )
        })
}

/// The Wasm of a built contract.
///
/// # Panics
/// When it is not built.
pub fn wasm(name: &str) -> Vec<u8> {
    let folder = variable("LLM_ORACLE_ARTIFACTS").unwrap_or_else(paths::artifacts);
    let path = folder.join(name).with_extension("wasm");
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; run ./scripts/setup.sh --contracts",
            path.display()
        )
    })
}

/// The local model's file.
///
/// # Panics
/// When there is none.
pub fn model() -> PathBuf {
    let path = variable("LLM_ORACLE_MODEL").unwrap_or_else(paths::model);
    assert!(
        path.is_file(),
        "no model at {}; run ./scripts/setup.sh --model",
        path.display()
    );
    path
}

/// The last lines of a log, for the report of a failure.
pub fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(25);
    format!("--- end of {}\n{}", log.display(), lines[from..].join("\n"))
}

/// Addresses of this machine that were free a moment ago.
///
/// # Panics
/// When there are not so many.
pub fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let bind = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    // All are bound before the first is let go, or one might come twice.
    let listeners: Vec<_> = (0..count).map(bind).collect();
    let address = |listener: &TcpListener| listener.local_addr().unwrap();
    listeners.iter().map(address).collect()
}

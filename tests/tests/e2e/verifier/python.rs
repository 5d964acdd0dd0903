//! The verifier in Python as a process.

use super::saved::Saved;
use llm_oracle_cli::config::paths;
use llm_oracle_primitives::RequestId;
use llm_oracle_support::address::ss58;
use llm_oracle_tests::World;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Exit codes that say what was found; all others say that nothing could be verified.
const VERDICTS: [i32; 3] = [0, 14, 16];

pub struct Python {
    /// The folder of its virtual environment.
    folder: PathBuf,
    bundle: PathBuf,
    /// Where it saves what it has read.
    saved: PathBuf,
    /// Where it reads what was altered.
    altered: PathBuf,
}

/// A path that a variable names.
pub fn variable(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

impl Python {
    pub fn new(folder: PathBuf, world: &World) -> Self {
        let artifacts = variable("LLM_ORACLE_ARTIFACTS").unwrap_or_else(paths::artifacts);
        Self {
            folder,
            bundle: artifacts.join("llm_oracle.contract"),
            saved: world.folder.path().join("saved"),
            altered: world.folder.path().join("altered"),
        }
    }

    fn command(&self) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/verify.py");
        let mut command = Command::new(self.folder.join("bin/python3"));
        // It writes nothing beside the sources.
        command
            .arg("-B")
            .arg(script)
            .arg("--json")
            .arg("--metadata")
            .arg(&self.bundle)
            .stdin(Stdio::null());
        command
    }

    /// Verifies requests of a node, and gives a report of each.
    pub async fn on_chain(&self, world: &World, ids: &[RequestId], evidence: &Path) -> Vec<Value> {
        let mut command = self.command();
        let contract = ss58(&world.oracle.address);
        command
            .args(ids.iter().map(RequestId::to_string))
            .args(["--url", &world.url, "--contract", &contract])
            .arg("--evidence")
            .arg(evidence)
            .arg("--save")
            .arg(&self.saved);
        run(command, ids.len()).await
    }

    /// What it has read of each request.
    pub fn saved(&self) -> BTreeMap<RequestId, Saved> {
        let text = fs::read_to_string(&self.saved).unwrap();
        let all = text.lines().map(Saved::of);
        all.map(|saved| (saved.record.view.summary.request_id, saved))
            .collect()
    }

    /// Verifies what was saved and altered.
    pub async fn on_saved<'a>(&self, all: impl Iterator<Item = &'a Saved>) -> Vec<Value> {
        let lines: Vec<String> = all.map(Saved::to_line).collect();
        fs::write(&self.altered, lines.join("\n")).unwrap();
        let mut command = self.command();
        command.arg("--saved").arg(&self.altered);
        run(command, lines.len()).await
    }
}

/// Runs the verifier, which prints a line for each request.
async fn run(mut command: Command, count: usize) -> Vec<Value> {
    // A thread of its own: the node goes on meanwhile.
    let output = tokio::task::spawn_blocking(move || command.output());
    let Output {
        status,
        stdout,
        stderr,
    } = output.await.unwrap().unwrap_or_else(|error| {
        panic!("the verifier's Python: {error}; ./scripts/setup.sh --verifier installs it")
    });
    let stderr = String::from_utf8_lossy(&stderr);
    let said = status.code().is_some_and(|code| VERDICTS.contains(&code));
    assert!(said && stderr.is_empty(), "{status}: {stderr}");
    let stdout = String::from_utf8(stdout).unwrap();
    let found: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found.len(), count, "a report for each request");
    found
}

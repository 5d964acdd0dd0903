//! The program as operators run it.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_llm-oracle-signer");

struct Machine {
    folder: TempDir,
}

impl Machine {
    /// Settings with a development key and a deployment of this byte.
    fn new(deployment: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hash = format!("0x{}", format!("{deployment:02x}").repeat(32));
        let settings = format!(
            "socket = 'run/socket'\nstore = 'record'\ncontract = '{hash}'\ndomain = '{hash}'\n\
             contracts_call = [7, 6]\n[[operators]]\nsuri = '//Alice'\n"
        );
        fs::write(folder.path().join("signer.toml"), settings).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(self.path("signer.toml"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs it and reads the JSON of its result, or of its error.
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--json"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let text = if code == 0 {
            &output.stdout
        } else {
            &output.stderr
        };
        serde_json::from_slice(text).unwrap()
    }

    /// Starts the daemon and waits for its socket.
    fn start(&self) -> Daemon {
        let child = self.command().arg("run").stderr(Stdio::null()).spawn();
        let daemon = Daemon(child.unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while !self.path("run/socket").exists() {
            assert!(Instant::now() < until, "the daemon does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        daemon
    }
}

/// Killed at the end of the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_record_moves_from_machine_to_machine() {
    let (old, new) = (Machine::new(3), Machine::new(3));
    let file = old.path("record.json");
    // Without a record there is nothing to export: a wrong path must not give an empty file.
    let missing = old.json(7, &["export", "--out", text(&file)]);
    assert_eq!(missing["error"]["code"], "store_refused", "{missing}");
    assert!(!file.exists());
    // A running daemon has the lock.
    let daemon = old.start();
    assert_eq!(old.json(7, &["export"])["error"]["exit"], 7);
    drop(daemon);
    let printed = old.json(0, &["export"]);
    assert_eq!(printed["format"], "llm-oracle-signing-record");
    let usage = old.run(&["export", "--retire"]);
    assert_eq!(
        usage.status.code(),
        Some(2),
        "--retire without --out: {usage:?}"
    );
    let exported = old.json(0, &["export", "--out", text(&file), "--retire"]);
    assert_eq!(exported["retired"], true, "{exported}");
    assert_eq!(exported["requests"], 0, "{exported}");
    // From here on the old machine signs nothing.
    let refused = old.run(&["run"]);
    let why = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(7), "{why}");
    assert!(why.contains("--retire"), "{why}");
    let imported = new.json(0, &["import", text(&file)]);
    assert_eq!(imported["source_retired"], true, "{imported}");
    assert_eq!(imported["digest"], exported["digest"]);
    drop(new.start());
}

#[test]
fn a_file_that_is_not_of_this_deployment_or_not_whole_has_an_exit_code_of_its_own() {
    let (one, other) = (Machine::new(3), Machine::new(4));
    drop(one.start());
    let file = one.path("record.json");
    let printed = one.run(&["export", "--out", text(&file)]);
    let said = String::from_utf8_lossy(&printed.stdout);
    assert!(said.contains("still signs"), "{said}");
    let refused = other.json(8, &["import", text(&file)]);
    assert_eq!(refused["error"]["code"], "wrong_chain", "{refused}");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let refused = one.json(2, &["import", text(&file)]);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("line "), "{message}");
}

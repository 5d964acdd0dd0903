//! Commands that run to their end.

use crate::setting::{self, ALLOW_SCRIPTED};
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// The program with nothing of our environment but what tests need.
pub(crate) fn clean(home: &Path) -> Command {
    tidy(Command::new(setting::program()), home)
}

/// A command with nothing of our environment but what tests need.
pub(crate) fn tidy(mut command: Command, home: &Path) -> Command {
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .env(ALLOW_SCRIPTED.0, ALLOW_SCRIPTED.1)
        .stdin(Stdio::null());
    command
}

/// A finished command.
#[derive(Debug)]
pub struct Cli {
    /// Exit code.
    pub code: i32,
    /// Stdout.
    pub stdout: String,
    /// Stderr.
    pub stderr: String,
}

impl Cli {
    /// Runs the program with these arguments and no settings but the file.
    ///
    /// # Panics
    /// When it cannot be run, or a signal ends it.
    pub async fn run(home: &Path, arguments: &[&str]) -> Self {
        let mut command = clean(home);
        command.args(arguments);
        // A thread of its own: the test goes on with the chain meanwhile.
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        Self {
            code: output.status.code().expect("no signal ended it"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON object on stdout.
    ///
    /// # Panics
    /// When there is none, or another code than `code`.
    pub fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts a refusal: its code, nothing on stdout, and every part on stderr.
    ///
    /// # Panics
    /// When it is no such refusal.
    pub fn refused(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "stdout is for results");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "'{part}' is missing: {}",
                self.stderr
            );
        }
    }
}

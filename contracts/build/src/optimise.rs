//! `wasm-opt` of binaryen.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::Error;

const PROGRAM: &str = "wasm-opt";
const REMEDY: &str = "install binaryen (Debian: `apt-get install binaryen`; version 108 or later)";

/// Flags that 108, Debian 12's version, knows as well as the current one.
pub(crate) const FLAGS: [&str; 6] = [
    "--mvp-features",
    // The chain compiles each function that a call enters, and charges about 9 ns for each of its
    // bytes: code of one message inlined into the dispatcher would be paid for by all of them.
    "--one-caller-inline-max-function-size=10",
    // The pallet gives a contract fresh memory, so ink!'s static buffer of 16 KiB of zeros need not
    // be part of the code.
    "--zero-filled-memory",
    // Passes run in this order, and names would keep equal functions apart.
    "--strip-debug",
    "-Oz",
    "--converge",
];

/// The installed `wasm-opt`.
#[derive(Debug)]
pub(crate) struct Optimiser {
    /// As it names itself; other versions make other code.
    pub version: String,
}

impl Optimiser {
    pub fn detect() -> Result<Self, Error> {
        let output = run(Command::new(PROGRAM).arg("--version"), "tell its version")?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(Self {
            version: text.trim().trim_start_matches("wasm-opt ").to_owned(),
        })
    }

    /// Optimises `code` for size, with files in `work`.
    pub fn run(&self, code: &[u8], work: &Path) -> Result<Vec<u8>, Error> {
        let (input, result) = (work.join("pruned.wasm"), work.join("optimised.wasm"));
        fs::write(&input, code).map_err(|e| Error::file(&input, e))?;
        run(
            Command::new(PROGRAM)
                .args(FLAGS)
                .arg(&input)
                .arg("-o")
                .arg(&result),
            "optimise the code",
        )?;
        fs::read(&result).map_err(|e| Error::file(&result, e))
    }
}

fn run(command: &mut Command, task: &str) -> Result<Output, Error> {
    let output = command.output().map_err(|source| Error::ToolMissing {
        program: PROGRAM.to_owned(),
        source,
        remedy: REMEDY,
    })?;
    if output.status.success() {
        return Ok(output);
    }
    Err(Error::ToolFailed {
        program: PROGRAM.to_owned(),
        task: task.to_owned(),
        said: format!(": {}", String::from_utf8_lossy(&output.stderr).trim()),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = Error::ToolMissing {
            program: PROGRAM.to_owned(),
            source: io::ErrorKind::NotFound.into(),
            remedy: REMEDY,
        };
        let text = error.to_string();
        assert!(
            text.contains("wasm-opt") && text.contains("binaryen"),
            "{text}"
        );
    }
}

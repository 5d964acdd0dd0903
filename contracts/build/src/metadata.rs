//! The contract's metadata, told by the contract itself.
//!
//! ink! generates a function that returns the metadata. A little program that calls it is compiled
//! here by rustc directly, against the crates that cargo has just compiled: no second manifest and
//! no second lock file, and so the contract's own versions.

use std::{fs, path::Path, process::Command};

use serde_json::{Map, Value};

use crate::{compile::HostLibrary, Error, Toolchain};

/// Calls the generated function and prints what it returns.
pub(crate) const PROGRAM: &str = r#"
extern crate contract;

unsafe extern "Rust" {
    fn __ink_generate_metadata() -> ink::metadata::InkProject;
}

fn main() {
    let metadata = unsafe { __ink_generate_metadata() };
    serde_json::to_writer(std::io::stdout().lock(), &metadata).expect("stdout takes the metadata");
}
"#;

/// Compiles and runs the program in the folder `work`.
pub(crate) fn generate(
    toolchain: &Toolchain,
    library: &HostLibrary,
    work: &Path,
) -> Result<Map<String, Value>, Error> {
    let (source, program) = (work.join("metadata.rs"), work.join("metadata"));
    fs::write(&source, PROGRAM).map_err(|e| Error::file(&source, e))?;
    let mut rustc = Command::new(&toolchain.rustc);
    rustc
        .args([
            "--edition",
            "2021",
            "--crate-type",
            "bin",
            "--crate-name",
            "metadata",
            "--cap-lints",
            "allow",
        ])
        .args(["-Cpanic=abort", "-Copt-level=0"])
        // Events register themselves in a linker section, from crates that nothing may call: link
        // time optimisation reads all of every crate, and nothing is thrown away as dead.
        .args(["-Clto=thin", "-Clink-dead-code"]);
    for (name, file) in [
        ("contract", &library.contract),
        ("ink", &library.ink),
        ("serde_json", &library.serde_json),
    ] {
        rustc
            .arg("--extern")
            .arg(argument(&format!("{name}="), file));
    }
    for folder in &library.search {
        rustc.arg("-L").arg(argument("dependency=", folder));
    }
    rustc.arg(&source).arg("-o").arg(&program);
    run(&mut rustc, "compile the program that tells the metadata")?;
    let told = run(&mut Command::new(&program), "tell the metadata")?;
    serde_json::from_slice(&told).map_err(|e| Error::answer(&program.to_string_lossy(), e))
}

fn argument(prefix: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(prefix);
    argument.push(path);
    argument
}

fn run(command: &mut Command, task: &str) -> Result<Vec<u8>, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|e| Error::file(Path::new(&program), e))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = format!(":\n{}", String::from_utf8_lossy(&output.stderr).trim());
    Err(Error::ToolFailed {
        program,
        task: task.to_owned(),
        said,
    })
}

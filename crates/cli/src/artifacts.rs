//! Built contracts.

use crate::exit::CliError;
use std::{fs, path::Path};

/// File of the oracle's code in the folder of built contracts.
pub const ORACLE_WASM: &str = "llm_oracle.wasm";

/// Reads a built contract.
///
/// # Errors
/// When the file cannot be read.
pub fn read_code(folder: &Path, name: &str) -> Result<Vec<u8>, CliError> {
    let path = folder.join(name);
    fs::read(&path).map_err(|error| {
        CliError::usage(format!(
            "contract code '{}' cannot be read: {error}",
            path.display()
        ))
        .help("build the contracts first (./scripts/setup.sh --contracts), or give --artifacts")
    })
}

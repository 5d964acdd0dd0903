//! `contract-build`: see the library for what it does.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use llm_oracle_build::{build, Built, Options};

/// Build ink! contracts to optimised Wasm, metadata and a bundle for `cargo contract`.
#[derive(Parser)]
#[command(name = "contract-build", version)]
struct Arguments {
    /// The contract's Cargo.toml; give it once for each contract.
    #[arg(long = "manifest-path", value_name = "PATH", required = true)]
    manifests: Vec<PathBuf>,
    /// Folder for NAME.wasm, NAME.json and NAME.contract.
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Cargo's target folder [default: CARGO_TARGET_DIR, or `target-contracts` beside the out-dir].
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// Cargo features to turn on in the contracts.
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// Forbid cargo the network.
    #[arg(long)]
    offline: bool,
    /// Hide cargo's progress.
    #[arg(short, long)]
    quiet: bool,
    /// Print the results as one JSON array.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    let result = build(&arguments.into()).map_err(|e| e.to_string());
    match result.and_then(|built| print(&built, json).map_err(|e| e.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when stderr is closed as well.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl From<Arguments> for Options {
    fn from(arguments: Arguments) -> Self {
        let Arguments {
            manifests,
            out_dir,
            target_dir,
            features,
            offline,
            quiet,
            ..
        } = arguments;
        let target_dir = target_dir
            .or_else(|| env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
            .unwrap_or_else(|| out_dir.join("../target-contracts"));
        Options {
            manifests,
            out_dir,
            target_dir,
            features,
            offline,
            quiet,
        }
    }
}

fn print(built: &[Built], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, built)?;
        return writeln!(out);
    }
    for Built {
        name,
        raw_bytes,
        wasm_bytes,
        code_hash,
        bundle,
        fresh,
        ..
    } in built
    {
        let state = if *fresh { "unchanged" } else { "built" };
        writeln!(out, "{name}: {state}, {raw_bytes} bytes of Wasm, optimised {wasm_bytes}, code hash {code_hash}")?;
        writeln!(out, "  {}", bundle.display())?;
    }
    Ok(())
}

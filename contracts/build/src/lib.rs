//! Builds ink! 5 contracts with a current Rust, without `cargo contract`.
//!
//! For each contract: compile to Wasm, keep the exports `call` and `deploy`, optimise, check the
//! result against what `pallet-contracts` accepts, compile once more for the host to learn the
//! metadata, and write `NAME.wasm`, `NAME.json` and the bundle `NAME.contract`.
//!
//! The tools come from the machine: `cargo` and `rustc` from the environment variables `CARGO` and
//! `RUSTC` or from `PATH`, `wasm-opt` from `PATH`. Nothing is downloaded but what cargo downloads.

mod bundle;
mod compile;
mod error;
mod events;
mod host_functions;
mod metadata;
mod optimise;
mod package;
mod stamp;
mod toolchain;
mod wasm;

use std::{fs, path::PathBuf};

use blake2::{digest::consts::U32, Blake2b, Digest};
use serde::Serialize;

pub use error::Error;
pub use host_functions::is_stable as is_stable_host_function;
pub use toolchain::{Core, Toolchain};
pub use wasm::{check as check_wasm, prune as prune_wasm, WasmError, MAX_CODE_BYTES};

/// What to build and where to put it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `Cargo.toml` of each contract.
    pub manifests: Vec<PathBuf>,
    /// Folder for the results; created when missing.
    pub out_dir: PathBuf,
    /// Cargo's target folder, shared by all contracts.
    pub target_dir: PathBuf,
    /// Cargo features of the contracts, beside `std` for the metadata.
    pub features: Vec<String>,
    /// Forbid cargo the network.
    pub offline: bool,
    /// Hide cargo's progress.
    pub quiet: bool,
}

/// One contract's results.
#[derive(Debug, Clone, Serialize)]
pub struct Built {
    /// Name of the library, which is also the stem of the files.
    pub name: String,
    /// The optimised code.
    pub wasm: PathBuf,
    /// The metadata without the code.
    pub metadata: PathBuf,
    /// The metadata with the code: what `cargo contract upload` takes.
    pub bundle: PathBuf,
    /// Bytes of code as compiled and linked.
    pub raw_bytes: usize,
    /// Bytes of code as uploaded.
    pub wasm_bytes: usize,
    /// BLAKE2-256 of the code as 0x-hex: the id under which the chain stores it.
    pub code_hash: String,
    /// Whether nothing had changed since the last build.
    pub fresh: bool,
}

/// Builds all contracts, one after the other, and stops at the first that fails.
///
/// # Errors
/// When a tool is missing or fails, when the code breaks a rule of the pallet, when the metadata
/// lacks an event that the sources declare, and when files can't be read or written.
pub fn build(options: &Options) -> Result<Vec<Built>, Error> {
    let toolchain = Toolchain::detect()?;
    let optimiser = optimise::Optimiser::detect()?;
    fs::create_dir_all(&options.out_dir).map_err(|e| Error::file(&options.out_dir, e))?;
    fs::create_dir_all(&options.target_dir).map_err(|e| Error::file(&options.target_dir, e))?;
    // Relative paths would be taken from each contract's folder by cargo.
    let options = &Options {
        out_dir: canonical(&options.out_dir)?,
        target_dir: canonical(&options.target_dir)?,
        ..options.clone()
    };
    options
        .manifests
        .iter()
        .map(|manifest| build_one(options, &toolchain, &optimiser, manifest))
        .collect()
}

fn build_one(
    options: &Options,
    toolchain: &Toolchain,
    optimiser: &optimise::Optimiser,
    manifest: &std::path::Path,
) -> Result<Built, Error> {
    let package = package::Package::read(toolchain, manifest, options.offline)?;
    let compiler = compile::Compiler {
        options,
        toolchain,
        package: &package,
    };
    let raw = read(&compiler.wasm()?)?;
    let library = compiler.host_library()?;

    let name = &package.lib_name;
    let file = |extension: &str| options.out_dir.join(format!("{name}.{extension}"));
    let mut built = Built {
        name: name.clone(),
        wasm: file("wasm"),
        metadata: file("json"),
        bundle: file("contract"),
        raw_bytes: raw.len(),
        wasm_bytes: 0,
        code_hash: String::new(),
        fresh: true,
    };

    // Cargo has decided what to compile; the steps after it are skipped on equal inputs.
    let work = options.target_dir.join("contract-build").join(name);
    fs::create_dir_all(&work).map_err(|e| Error::file(&work, e))?;
    let key = stamp::key(&[
        &raw,
        &read(&library.contract)?,
        package.fingerprint().as_bytes(),
        toolchain.release.as_bytes(),
        optimiser.version.as_bytes(),
        optimise::FLAGS.join(" ").as_bytes(),
        metadata::PROGRAM.as_bytes(),
    ]);
    let stamp = stamp::Stamp::at(&work, key);
    let outputs = [&built.wasm, &built.metadata, &built.bundle];
    if !stamp.is_current(&outputs)? {
        built.fresh = false;
        let code = optimiser.run(&wasm::prune(&raw).map_err(Error::wasm(name))?, &work)?;
        let code = wasm::prune(&code).map_err(Error::wasm(name))?;
        wasm::check(&code).map_err(Error::wasm(name))?;
        let abi = metadata::generate(toolchain, &library, &work)?;
        events::require(name, &library.sources, &abi)?;
        let bundle = bundle::Bundle {
            package: &package,
            library: &library,
            toolchain,
            optimiser,
        };
        bundle.write(&built, &code, abi)?;
        fs::write(&built.wasm, &code).map_err(|e| Error::file(&built.wasm, e))?;
        stamp.set(&outputs)?;
    }
    let code = read(&built.wasm)?;
    built.wasm_bytes = code.len();
    built.code_hash = hex(&code_hash(&code));
    Ok(built)
}

/// The id under which `pallet-contracts` stores `code`.
pub fn code_hash(code: &[u8]) -> [u8; 32] {
    Blake2b::<U32>::digest(code).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|e| Error::file(path, e))
}

fn canonical(path: &std::path::Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|e| Error::file(path, e))
}

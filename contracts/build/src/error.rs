//! What can go wrong, with its remedy.

use std::{io, path::Path, path::PathBuf};

use crate::wasm::WasmError;

/// Why a contract was not built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder can't be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A program of the toolchain is not there.
    #[error("cannot run `{program}`: {source}; {remedy}")]
    ToolMissing {
        /// As it was looked for.
        program: String,
        /// The system's reason.
        source: io::Error,
        /// What to install.
        remedy: &'static str,
    },
    /// A program ran and failed; what it said is on stderr already, or here.
    #[error("`{program}` failed while it was to {task}{said}")]
    ToolFailed {
        /// Name of the program.
        program: String,
        /// What it was asked for.
        task: String,
        /// Its own words, if they were captured.
        said: String,
    },
    /// A program's answer is not in the expected form.
    #[error("`{program}` answered with something unexpected: {what}")]
    ToolAnswer {
        /// Name of the program.
        program: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// Neither the standard library's source nor the compiled target is installed.
    #[error(
        "this Rust ({release}) can't compile for wasm32v1-none: {sysroot} holds neither rust-src nor the target; \
         `rustup component add rust-src`, or on Debian `apt-get install rust-web-src`"
    )]
    NoWasmCore {
        /// The compiler's version.
        release: String,
        /// Where it was looked for.
        sysroot: PathBuf,
    },
    /// The manifest is not one of a contract.
    #[error("{manifest} is not the manifest of an ink! contract: {why}")]
    NotAContract {
        /// The `Cargo.toml`.
        manifest: PathBuf,
        /// What is missing or too much.
        why: String,
    },
    /// The compiled code breaks a rule of the pallet.
    #[error("the code of contract `{contract}` can't be uploaded: {source}")]
    Wasm {
        /// Name of the contract.
        contract: String,
        /// The broken rule.
        source: WasmError,
    },
    /// A source file can't be parsed for its events.
    #[error("cannot read the events declared in {path}: {source}")]
    Source {
        /// The source file.
        path: PathBuf,
        /// The parser's reason.
        source: syn::Error,
    },
    /// Events are declared in the sources and missing in the metadata.
    #[error(
        "the metadata of contract `{contract}` lacks events that its sources declare: {}; \
         are they behind a `cfg` that is off with the feature `std`, or is a crate that declares them never used?",
        events.join(", ")
    )]
    EventsMissing {
        /// Name of the contract.
        contract: String,
        /// Names of the events.
        events: Vec<String>,
    },
    /// `cargo contract` would not read the bundle.
    #[error("the bundle of contract `{contract}` would not be read by cargo contract: {why}")]
    Bundle {
        /// Name of the contract.
        contract: String,
        /// The reason.
        why: String,
    },
}

impl Error {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn wasm(contract: &str) -> impl FnOnce(WasmError) -> Self + '_ {
        move |source| Self::Wasm {
            contract: contract.to_owned(),
            source,
        }
    }

    pub(crate) fn answer(program: &str, what: impl ToString) -> Self {
        Self::ToolAnswer {
            program: program.to_owned(),
            what: what.to_string(),
        }
    }
}

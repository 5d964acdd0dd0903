//! The Rust that is on this machine, and how it can make Wasm for the pallet.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

/// The Wasm target of contracts: WebAssembly 1.0, no host.
pub(crate) const WASM_TARGET: &str = "wasm32v1-none";

/// The first Rust with `-Cpanic=immediate-abort`.
const IMMEDIATE_ABORT_SINCE: u32 = 91;

const RUST_REMEDY: &str =
    "install Rust with rustup, or on Debian `apt-get install rustc-web cargo-web rust-web-src`";

/// Where the standard library for the Wasm target comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// Compiled here from its source, without panic messages: a contract is about half as big.
    ImmediateAbort,
    /// Compiled here from its source, for a Rust older than `-Cpanic=immediate-abort`.
    Source,
    /// The installed target as it is.
    Installed,
}

/// A Rust toolchain.
#[derive(Debug, Clone)]
pub struct Toolchain {
    pub(crate) cargo: OsString,
    pub(crate) rustc: OsString,
    /// The compiler's version, such as `1.96.0`.
    pub release: String,
    /// The machine's own target triple.
    pub host: String,
    /// Where the compiler's libraries are.
    pub sysroot: PathBuf,
    /// Where the Wasm standard library comes from.
    pub core: Core,
    /// Linker to name for Wasm, when the compiler has none of its own.
    pub(crate) linker: Option<&'static str>,
}

impl Toolchain {
    /// Looks at `CARGO`, `RUSTC` and `PATH`.
    ///
    /// # Errors
    /// When there is no Rust, or one that can't compile for the Wasm target.
    pub fn detect() -> Result<Self, Error> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let version = ask(&rustc, &["-vV"])?;
        let field = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .map(str::to_owned)
                .ok_or_else(|| Error::answer("rustc -vV", format!("no line '{name}'")))
        };
        let (release, host) = (field("release")?, field("host")?);
        let sysroot = PathBuf::from(ask(&rustc, &["--print", "sysroot"])?.trim());
        let core = core(&release, &sysroot).ok_or_else(|| Error::NoWasmCore {
            release: release.clone(),
            sysroot: sysroot.clone(),
        })?;
        // Debian's compiler comes without its own copy of the linker and means the packaged one.
        let linker = (!has_rust_lld(&sysroot, &host)).then_some("wasm-ld");
        Ok(Self {
            cargo,
            rustc,
            release,
            host,
            sysroot,
            core,
            linker,
        })
    }
}

fn core(release: &str, sysroot: &Path) -> Option<Core> {
    let rustlib = sysroot.join("lib/rustlib");
    let source = rustlib.join("src/rust/library/core/Cargo.toml").exists();
    let installed = rustlib.join(WASM_TARGET).join("lib").exists();
    let minor: u32 = release
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse().ok())
        .unwrap_or(0);
    match (source, installed) {
        (true, _) if minor >= IMMEDIATE_ABORT_SINCE => Some(Core::ImmediateAbort),
        (_, true) => Some(Core::Installed),
        (true, false) => Some(Core::Source),
        (false, false) => None,
    }
}

fn has_rust_lld(sysroot: &Path, host: &str) -> bool {
    let own = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
    let on_path = env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join("rust-lld").exists()));
    own.exists() || on_path
}

fn ask(program: &OsString, arguments: &[&str]) -> Result<String, Error> {
    let name = program.to_string_lossy().into_owned();
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|source| Error::ToolMissing {
            program: name.clone(),
            source,
            remedy: RUST_REMEDY,
        })?;
    if !output.status.success() {
        return Err(Error::ToolFailed {
            program: name,
            task: format!("answer to {}", arguments.join(" ")),
            said: format!(": {}", String::from_utf8_lossy(&output.stderr).trim()),
        });
    }
    String::from_utf8(output.stdout).map_err(|e| Error::answer(&name, e))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sysroot(folders: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for folder in folders {
            fs::create_dir_all(root.path().join("lib/rustlib").join(folder)).expect("created");
        }
        root
    }

    fn with_source(root: &tempfile::TempDir) {
        let core = root.path().join("lib/rustlib/src/rust/library/core");
        fs::create_dir_all(&core).expect("created");
        fs::write(core.join("Cargo.toml"), "").expect("written");
    }

    #[test]
    fn source_wins_over_the_installed_target_on_a_current_rust() {
        let root = sysroot(&["wasm32v1-none/lib"]);
        assert_eq!(core("1.96.0", root.path()), Some(Core::Installed));
        with_source(&root);
        assert_eq!(core("1.96.0", root.path()), Some(Core::ImmediateAbort));
        assert_eq!(
            core("1.98.0-nightly", root.path()),
            Some(Core::ImmediateAbort)
        );
        assert_eq!(core("1.90.0", root.path()), Some(Core::Installed));
    }

    #[test]
    fn a_bare_toolchain_has_no_wasm_core() {
        let root = sysroot(&[]);
        assert_eq!(core("1.96.0", root.path()), None);
        with_source(&root);
        assert_eq!(core("1.90.0", root.path()), Some(Core::Source));
    }

    #[test]
    fn the_error_names_both_remedies() {
        let error = Error::NoWasmCore {
            release: "1.96.0".into(),
            sysroot: "/usr".into(),
        };
        let text = error.to_string();
        assert!(text.contains("rustup component add rust-src"), "{text}");
        assert!(text.contains("rust-web-src"), "{text}");
    }
}

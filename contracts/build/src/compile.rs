//! Compiling a contract with cargo: once for the chain, once for this machine.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use crate::{
    package::Package,
    toolchain::{Core, WASM_TARGET},
    wasm::MAX_MEMORY_PAGES,
    Error, Options, Toolchain,
};

/// Bytes of stack in the contract's memory; the usual value.
const STACK_BYTES: u32 = 64 * 1024;

/// The release profile of every contract, whatever its manifest says: code hashes must not depend
/// on a profile section of some workspace root.
///
/// Overflow checks are off because ink!'s own tool does so: contracts use checked arithmetic.
const PROFILE: [(&str, &str); 9] = [
    ("LTO", "fat"),
    ("OPT_LEVEL", "z"),
    ("CODEGEN_UNITS", "1"),
    ("PANIC", "abort"),
    ("OVERFLOW_CHECKS", "false"),
    ("DEBUG_ASSERTIONS", "false"),
    ("DEBUG", "false"),
    ("STRIP", "none"),
    ("INCREMENTAL", "false"),
];

/// Compiles one contract.
pub(crate) struct Compiler<'a> {
    pub options: &'a Options,
    pub toolchain: &'a Toolchain,
    pub package: &'a Package,
}

/// The contract as a crate for this machine.
#[derive(Debug)]
pub(crate) struct HostLibrary {
    /// The contract's `.rlib`. It names the exact version of every crate under it, so equal bytes
    /// mean equal metadata.
    pub contract: PathBuf,
    pub ink: PathBuf,
    pub serde_json: PathBuf,
    /// The version of ink!.
    pub ink_version: String,
    /// Folders with the other crates.
    pub search: [PathBuf; 2],
    /// The roots (`lib.rs`) of the contract and of the local crates under it.
    pub sources: Vec<PathBuf>,
}

/// A line of cargo's JSON output.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    #[serde(flatten)]
    artifact: Option<Artifact>,
}

#[derive(Debug, Deserialize)]
struct Artifact {
    package_id: String,
    manifest_path: PathBuf,
    target: ArtifactTarget,
    filenames: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct ArtifactTarget {
    name: String,
    src_path: PathBuf,
}

impl Compiler<'_> {
    /// The linked, not yet optimised Wasm.
    pub fn wasm(&self) -> Result<PathBuf, Error> {
        let mut cargo = self.cargo("rustc");
        cargo.args([
            "--crate-type",
            "cdylib",
            "--no-default-features",
            "--target",
            WASM_TARGET,
        ]);
        if self.toolchain.core != Core::Installed {
            cargo.arg("-Zbuild-std=core,alloc");
        }
        if let Some(linker) = self.toolchain.linker {
            let variable = "CARGO_TARGET_WASM32V1_NONE_LINKER";
            if env::var_os(variable).is_none() {
                cargo.env(variable, linker);
            }
        }
        self.add_features(&mut cargo, None);
        cargo.env("CARGO_ENCODED_RUSTFLAGS", self.wasm_flags().join("\x1f"));
        let artifacts = run(
            &mut cargo,
            &format!("compile {} to Wasm", self.package.manifest.name),
        )?;
        artifacts
            .iter()
            .filter(|artifact| self.is_contract(artifact))
            .find_map(|artifact| artifact.file("wasm"))
            .ok_or_else(|| Error::answer("cargo rustc", "no .wasm among the results"))
    }

    /// The contract compiled with the feature `std`, for its metadata.
    pub fn host_library(&self) -> Result<HostLibrary, Error> {
        let host = &self.toolchain.host;
        let mut cargo = self.cargo("build");
        // The same profile as for Wasm, so that procedural macros are compiled once; the crates
        // themselves run for a moment only and are compiled as quickly as possible.
        cargo.args(["--config", r#"profile.release.package."*".opt-level=0"#]);
        cargo
            .args(["--target", host])
            .env("CARGO_ENCODED_RUSTFLAGS", "--cap-lints=allow");
        self.add_features(&mut cargo, Some("std"));
        let artifacts = run(
            &mut cargo,
            &format!("compile {} for its metadata", self.package.manifest.name),
        )?;

        let target = self.options.target_dir.join(host);
        let libraries: Vec<_> = artifacts
            .iter()
            .filter_map(|a| Some((a, a.file("rlib").filter(|f| f.starts_with(&target))?)))
            .collect();
        let library = |name: &str| {
            libraries
                .iter()
                .find(|(artifact, _)| artifact.target.name == name)
                .ok_or_else(|| {
                    Error::answer(
                        "cargo build",
                        format!("the contract does not depend on `{name}`"),
                    )
                })
        };
        let (_, contract) = libraries
            .iter()
            .find(|(artifact, _)| self.is_contract(artifact))
            .ok_or_else(|| {
                Error::answer("cargo build", "no .rlib of the contract among the results")
            })?;
        let (ink, ink_file) = library("ink")?;
        let sources = libraries
            .iter()
            .filter(|(a, _)| a.is_local())
            .map(|(a, _)| a.target.src_path.clone());
        Ok(HostLibrary {
            contract: contract.clone(),
            ink: ink_file.clone(),
            serde_json: library("serde_json")?.1.clone(),
            ink_version: ink.version().to_owned(),
            search: [
                target.join("release/deps"),
                self.options.target_dir.join("release/deps"),
            ],
            sources: sources.collect(),
        })
    }

    fn is_contract(&self, artifact: &Artifact) -> bool {
        artifact.manifest_path == self.package.manifest.manifest_path
    }

    fn cargo(&self, verb: &str) -> Command {
        let Self {
            options,
            toolchain,
            package,
        } = self;
        let mut cargo = Command::new(&toolchain.cargo);
        cargo
            .args([
                verb,
                "--lib",
                "--release",
                "--message-format",
                "json-render-diagnostics",
                "--manifest-path",
            ])
            .arg(&package.manifest.manifest_path)
            .arg("--target-dir")
            .arg(&options.target_dir)
            .args(package.is_locked().then_some("--locked"))
            .args(options.offline.then_some("--offline"))
            .args(options.quiet.then_some("--quiet"))
            // Cargo reads its own configuration from here on.
            .current_dir(
                package
                    .manifest
                    .manifest_path
                    .parent()
                    .unwrap_or(Path::new(".")),
            )
            // For `-Zbuild-std` and `-Cpanic=immediate-abort` on a stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("RUSTC_WORKSPACE_WRAPPER");
        for (key, value) in PROFILE {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
        }
        cargo
    }

    fn add_features(&self, cargo: &mut Command, more: Option<&str>) {
        let features: Vec<_> = self
            .options
            .features
            .iter()
            .map(String::as_str)
            .chain(more)
            .collect();
        if !features.is_empty() {
            cargo.arg("--features").arg(features.join(","));
        }
    }

    fn wasm_flags(&self) -> Vec<String> {
        let max_memory = u64::from(MAX_MEMORY_PAGES).saturating_mul(64 * 1024);
        let mut flags = vec![
            "-Clink-arg=--import-memory".to_owned(),
            format!("-Clink-arg=--max-memory={max_memory}"),
            format!("-Clink-arg=-zstack-size={STACK_BYTES}"),
            "-Ctarget-cpu=mvp".to_owned(),
            "--cfg=substrate_runtime".to_owned(),
            "--check-cfg=cfg(substrate_runtime)".to_owned(),
        ];
        if self.toolchain.core == Core::ImmediateAbort {
            flags.extend([
                "-Zunstable-options".to_owned(),
                "-Cpanic=immediate-abort".to_owned(),
            ]);
        }
        // Panic messages name source files: without this the code hash depends on folders. The
        // last one that fits wins, so the folders inside others come last.
        let folders = [
            (Some(self.package.workspace_root.clone()), "."),
            (Some(self.options.target_dir.clone()), "target"),
            (cargo_home(), "cargo"),
            (
                Some(self.toolchain.sysroot.join("lib/rustlib/src/rust")),
                "rust",
            ),
        ];
        for (folder, name) in folders {
            if let Some(folder) = folder {
                flags.push(format!("--remap-path-prefix={}={name}", folder.display()));
            }
        }
        flags
    }
}

impl Artifact {
    fn file(&self, extension: &str) -> Option<PathBuf> {
        self.filenames
            .iter()
            .find(|file| file.extension().is_some_and(|e| e == extension))
            .cloned()
    }

    /// Cargo's package id is `SOURCE#NAME@VERSION`, or `SOURCE#VERSION` where the folder has the name.
    fn version(&self) -> &str {
        let fragment = self.package_id.rsplit('#').next().unwrap_or_default();
        fragment.rsplit('@').next().unwrap_or_default()
    }

    fn is_local(&self) -> bool {
        self.package_id.starts_with("path+")
    }
}

fn cargo_home() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

fn run(cargo: &mut Command, task: &str) -> Result<Vec<Artifact>, Error> {
    let program = cargo.get_program().to_string_lossy().into_owned();
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| Error::file(Path::new(&program), e))?;
    if !output.status.success() {
        return Err(Error::ToolFailed {
            program,
            task: task.to_owned(),
            said: String::new(),
        });
    }
    let text = String::from_utf8(output.stdout).map_err(|e| Error::answer(&program, e))?;
    artifacts(&text).map_err(|e| Error::answer(&program, e))
}

fn artifacts(lines: &str) -> Result<Vec<Artifact>, serde_json::Error> {
    let mut found = Vec::new();
    // A build script may print lines of its own.
    for line in lines.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line)?;
        if message.reason == "compiler-artifact" {
            found.extend(message.artifact);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"reason":"compiler-artifact","package_id":"registry+https://index#ink@5.1.1","#,
        r#""manifest_path":"/r/ink/Cargo.toml","target":{"name":"ink","src_path":"/r/ink/src/lib.rs"},"#,
        r#""filenames":["/t/libink.rlib","/t/libink.rmeta"],"fresh":true}"#,
        "\nnot json\n",
        r#"{"reason":"compiler-artifact","package_id":"path+file:///w/flipper#0.3.0","#,
        r#""manifest_path":"/w/flipper/Cargo.toml","target":{"name":"flipper","src_path":"/w/flipper/lib.rs"},"#,
        r#""filenames":["/t/flipper.wasm"],"fresh":false}"#,
        "\n",
        r#"{"reason":"build-script-executed","package_id":"x"}"#,
        "\n",
        r#"{"reason":"build-finished","success":true}"#,
    );

    #[test]
    fn artifacts_are_read_from_cargos_messages() {
        let found = artifacts(LINES).expect("cargo's form");
        let [ink, flipper] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((ink.version(), ink.is_local()), ("5.1.1", false));
        assert_eq!(
            ink.file("rlib").as_deref(),
            Some(Path::new("/t/libink.rlib"))
        );
        assert_eq!((flipper.version(), flipper.is_local()), ("0.3.0", true));
        assert_eq!(flipper.file("rlib"), None);
    }
}

//! Stands in for the crate `wasm-opt` of crates.io, which compiles all of binaryen, a C++ optimiser,
//! for seven minutes. `substrate-wasm-builder` uses two of its passes on the runtime's Wasm; this
//! crate has just the API for them and calls the program `wasm-opt` of an installed binaryen.
//!
//! Debian 12's version 108 has no pass that lowers sign extension. A runtime needs none when it is
//! compiled for `wasm32v1-none`, as the scripts do, and one that needs it is then refused.

use std::{
    ffi::OsStr,
    fmt, fs,
    path::Path,
    process::{Command, Output},
};

const PROGRAM: &str = "wasm-opt";
const LOWER_SIGN_EXTENSION: &str = "--signext-lowering";
const NOT_LOWERED: &str = " (this version can't lower sign extension: compile for the target \
     `wasm32v1-none`, or install binaryen 111 or later)";

/// The passes that `substrate-wasm-builder` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Removes DWARF debug information.
    StripDwarf,
    /// Replaces the instructions of the sign extension proposal by those of the first version of
    /// Wasm.
    SignextLowering,
}

/// What is to be done with a module.
#[derive(Clone, Debug)]
pub struct OptimizationOptions {
    program: &'static str,
    flags: Vec<&'static str>,
    lower_sign_extension: bool,
}

impl OptimizationOptions {
    /// No optimisation: the passes that are added and nothing else.
    pub fn new_opt_level_0() -> Self {
        Self {
            program: PROGRAM,
            flags: vec!["-O0"],
            lower_sign_extension: false,
        }
    }

    /// Allows nothing but the first version of Wasm.
    pub fn mvp_features_only(&mut self) -> &mut Self {
        self.flag("--mvp-features")
    }

    /// Whether names are kept.
    pub fn debug_info(&mut self, kept: bool) -> &mut Self {
        if kept { self.flag("--debuginfo") } else { self }
    }

    /// Adds a pass. They run in the order in which they are added, but sign extension is lowered last.
    pub fn add_pass(&mut self, pass: Pass) -> &mut Self {
        match pass {
            Pass::StripDwarf => self.flag("--strip-dwarf"),
            Pass::SignextLowering => {
                self.lower_sign_extension = true;
                self
            }
        }
    }

    /// Reads the module in `input` and writes the result to `output`, which may be the same file.
    ///
    /// # Errors
    ///
    /// When the program is missing, or refuses the module.
    pub fn run(
        &self,
        input: impl AsRef<Path>,
        output: impl AsRef<Path>,
    ) -> Result<(), OptimizationError> {
        let (input, output) = (input.as_ref(), output.as_ref());
        if !self.lower_sign_extension {
            return self.write(&[], "", input, output);
        }
        if self.has_lowering()? {
            return self.write(&[LOWER_SIGN_EXTENSION], "", input, output);
        }
        // The section names the features that the module was compiled with, and would allow them in
        // the check.
        let unchecked = output.with_extension("unchecked");
        self.write(&["--strip-target-features"], NOT_LOWERED, input, &unchecked)?;
        let mut check = Command::new(self.program);
        check.args(["--all-features", "--disable-sign-ext"]);
        self.call(check.arg(&unchecked), NOT_LOWERED)?;
        fs::rename(&unchecked, output).map_err(|error| {
            OptimizationError(format!("failed to write {}: {error}", output.display()))
        })
    }

    fn write(
        &self,
        further: &[&str],
        hint: &str,
        input: &Path,
        output: &Path,
    ) -> Result<(), OptimizationError> {
        let mut command = Command::new(self.program);
        command.args(&self.flags).args(further);
        command.arg(input).arg("-o").arg(output);
        self.call(&mut command, hint).map(drop)
    }

    fn flag(&mut self, flag: &'static str) -> &mut Self {
        self.flags.push(flag);
        self
    }

    fn has_lowering(&self) -> Result<bool, OptimizationError> {
        let help = self.call(Command::new(self.program).arg("--help"), "")?;
        Ok(String::from_utf8_lossy(&help.stdout).contains(LOWER_SIGN_EXTENSION))
    }

    fn call(&self, command: &mut Command, hint: &str) -> Result<Output, OptimizationError> {
        let output = command.output().map_err(|error| {
            OptimizationError(format!(
                "failed to run the program `{}`: {error}; install binaryen (Debian: `apt-get install binaryen`)",
                self.program
            ))
        })?;
        if output.status.success() {
            return Ok(output);
        }
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        Err(OptimizationError(format!(
            "`{} {}` failed{hint}: {}",
            self.program,
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }
}

/// Why a module was not optimised, with the remedy.
// `substrate-wasm-builder` shows errors with `Debug`.
pub struct OptimizationError(String);

impl fmt::Display for OptimizationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for OptimizationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for OptimizationError {}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A module with one function of the given body.
    fn module(name: &str, body: &[u8]) -> PathBuf {
        let mut bytes =
            b"\0asm\x01\0\0\0\x01\x06\x01\x60\x01\x7f\x01\x7f\x03\x02\x01\0\x07\x05\x01\x01f\0\0"
                .to_vec();
        let length = body.len() as u8;
        bytes.extend([10, length + 4, 1, length + 2, 0]);
        bytes.extend(body);
        bytes.push(0x0b);
        let file =
            std::env::temp_dir().join(format!("wasm-opt-{}-{name}.wasm", std::process::id()));
        fs::write(&file, bytes).expect("the folder for temporary files is there");
        file
    }

    fn lower(file: &Path) -> Result<(), OptimizationError> {
        OptimizationOptions::new_opt_level_0()
            .add_pass(Pass::SignextLowering)
            .debug_info(true)
            .run(file, file)
    }

    #[test]
    fn a_plain_module_stays_as_it_is_in_its_place() {
        let file = module("plain", &[0x20, 0]);
        let before = fs::read(&file).expect("it was written");
        lower(&file).expect("binaryen is installed");
        let after = fs::read(&file).expect("it is there");
        assert!(
            after.starts_with(&before),
            "only names may follow: {after:?}"
        );
        fs::remove_file(file).expect("it is there");
    }

    #[test]
    fn sign_extension_is_lowered_or_refused() {
        const EXTEND8: u8 = 0xc0;
        let file = module("extend", &[0x20, 0, EXTEND8]);
        match lower(&file) {
            Ok(()) => assert!(!fs::read(&file).expect("it is there").contains(&EXTEND8)),
            Err(error) => assert!(error.to_string().contains("wasm32v1-none"), "{error}"),
        }
        fs::remove_file(file).expect("it is there");
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let mut options = OptimizationOptions::new_opt_level_0();
        options.program = "wasm-opt-that-is-not-installed";
        let error = options
            .run("in.wasm", "out.wasm")
            .expect_err("it is not installed");
        // As the builder shows it.
        let text = format!("{error:?}");
        assert!(
            text.contains(options.program) && text.contains("apt-get install binaryen"),
            "{text}"
        );
    }
}

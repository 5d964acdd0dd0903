//! Stands in for the builder of the runtime's Wasm. The tests run the runtime's native code and never
//! its Wasm, and the real builder compiles a Wasm optimizer in C++ first, for as long as all the rest
//! takes.

use std::{env, fs, path::PathBuf};

/// What the runtime's build script calls; it says that there is no Wasm, as the real one does when it
/// is told to skip the build.
#[derive(Default)]
pub struct WasmBuilder(());

impl WasmBuilder {
    /// A builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes nothing.
    pub fn with_current_project(self) -> Self {
        self
    }

    /// Changes nothing.
    pub fn export_heap_base(self) -> Self {
        self
    }

    /// Changes nothing.
    pub fn import_memory(self) -> Self {
        self
    }

    /// Writes the source that the runtime includes.
    ///
    /// # Panics
    /// Outside of a build script, or when the file can't be written.
    pub fn build(self) {
        let folder = env::var_os("OUT_DIR").map(PathBuf::from);
        let file = folder.expect("cargo sets it").join("wasm_binary.rs");
        let none = "pub const WASM_BINARY: Option<&[u8]> = None;\n\
                    pub const WASM_BINARY_BLOATY: Option<&[u8]> = None;\n";
        fs::write(&file, none).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

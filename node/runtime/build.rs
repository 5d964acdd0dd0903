//! Builds the runtime's Wasm blob next to the native crate.

fn main() {
    #[cfg(feature = "std")]
    build_wasm();
}

#[cfg(feature = "std")]
fn build_wasm() {
    // The builder looks for the lock file in the folders above the target folder, which is not in
    // the workspace; without the lock file it would take other versions than the node does.
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    // SAFETY: a build script has one thread.
    #[allow(unsafe_code)]
    unsafe {
        std::env::set_var("WASM_BUILD_WORKSPACE_HINT", workspace);
        // A linter around the compiler is for the native crates; the sources are the same.
        std::env::remove_var("RUSTC_WORKSPACE_WRAPPER");
    }
    substrate_wasm_builder::WasmBuilder::build_using_defaults();
}

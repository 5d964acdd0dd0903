//! What the pallet accepts: cutting a module down to it, and checking that it is met.

use wasm_encoder::{ExportKind, ExportSection, Module, RawSection, Section};
use wasmparser::{
    ExportSectionReader, ExternalKind, Import, Parser, Payload, TypeRef, Validator, WasmFeatures,
};

use crate::host_functions;

/// The most code that a contract may have, in bytes; the usual limit of public chains.
pub const MAX_CODE_BYTES: usize = 128 * 1024;

/// The most memory that a contract may ask for, in pages of 64 KiB; the pallet's default schedule.
pub(crate) const MAX_MEMORY_PAGES: u32 = 16;

/// The functions that a contract exports, and nothing beside them.
const ENTRY_POINTS: [&str; 2] = ["call", "deploy"];

/// Name prefix of the import by which ink! marks a wrong use that only the linker can see.
const INK_MARKER: &str = "__ink_enforce_error_";

/// A rule of the pallet that a module breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WasmError {
    /// Not WebAssembly, or more than its first version, or floating point.
    #[error("it is not plain WebAssembly 1.0 without floating point: {0}")]
    Invalid(String),
    /// An entry point is missing.
    #[error("it does not export the function `{0}`; is this an ink! contract, built without `ink-as-dependency`?")]
    EntryPointMissing(&'static str),
    /// Something beside the entry points is exported.
    #[error("it exports `{0}`; a contract exports `call` and `deploy` only")]
    ExportNotAllowed(String),
    /// Imports that are no stable host functions.
    #[error(
        "it imports what chains do not offer to contracts: {}; only stable host functions of pallet-contracts may be \
         used", .0.join(", ")
    )]
    ImportsNotAllowed(Vec<String>),
    /// ink! found a wrong call of a trait's message or constructor.
    #[error(
        "it calls a trait's message or constructor in a way that ink! forbids ({0}): a `&self` message can't call a \
         `&mut self` one, and a constructor can't be forwarded"
    )]
    InkMarker(String),
    /// The memory is not imported from the host, or is too big.
    #[error("it must import `env.memory` with at most {MAX_MEMORY_PAGES} pages of 64 KiB")]
    Memory,
    /// More code than chains take.
    #[error("it has {bytes} bytes of code; {MAX_CODE_BYTES} are allowed")]
    TooLarge {
        /// Bytes of code.
        bytes: usize,
    },
}

impl From<wasmparser::BinaryReaderError> for WasmError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Removes custom sections and every export but the entry points; the linker exports helpers that
/// the pallet refuses and that keep dead code alive.
///
/// # Errors
/// When `module` is not a WebAssembly module.
pub fn prune(module: &[u8]) -> Result<Vec<u8>, WasmError> {
    let mut pruned = Module::HEADER.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::CustomSection(_) => {}
            Payload::ExportSection(exports) => entry_points(exports)?.append_to(&mut pruned),
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    let data = usize::try_from(range.start)
                        .and_then(|start| Ok(start..usize::try_from(range.end)?))
                        .ok()
                        .and_then(|range| module.get(range))
                        .ok_or_else(|| {
                            WasmError::Invalid("a section ends after the file".to_owned())
                        })?;
                    RawSection { id, data }.append_to(&mut pruned);
                }
            }
        }
    }
    Ok(pruned)
}

fn entry_points(exports: &ExportSectionReader<'_>) -> Result<ExportSection, WasmError> {
    let mut kept = ExportSection::new();
    for export in exports.clone() {
        let export = export?;
        if export.kind == ExternalKind::Func && ENTRY_POINTS.contains(&export.name) {
            kept.export(export.name, ExportKind::Func, export.index);
        }
    }
    Ok(kept)
}

/// Checks that the pallet of a public chain takes `code`.
///
/// # Errors
/// The first broken rule; for imports, all that break it.
pub fn check(code: &[u8]) -> Result<(), WasmError> {
    if code.len() > MAX_CODE_BYTES {
        return Err(WasmError::TooLarge { bytes: code.len() });
    }
    // No feature at all: not even floating point, whose results are not the same on every machine.
    Validator::new_with_features(WasmFeatures::empty()).validate_all(code)?;
    let mut found = Vec::new();
    let mut imports = Imports::default();
    for payload in Parser::new(0).parse_all(code) {
        match payload? {
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    let entry = ENTRY_POINTS.iter().find(|name| **name == export.name);
                    match (entry, export.kind) {
                        (Some(name), ExternalKind::Func) => found.push(*name),
                        _ => return Err(WasmError::ExportNotAllowed(export.name.to_owned())),
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports.add(import?)?;
                }
            }
            _ => {}
        }
    }
    if let Some(missing) = ENTRY_POINTS.into_iter().find(|name| !found.contains(name)) {
        return Err(WasmError::EntryPointMissing(missing));
    }
    imports.finish()
}

/// The imports seen so far.
#[derive(Default)]
struct Imports {
    memory: bool,
    refused: Vec<String>,
}

impl Imports {
    fn add(&mut self, import: Import<'_>) -> Result<(), WasmError> {
        match import.ty {
            _ if import.name.starts_with(INK_MARKER) => {
                return Err(WasmError::InkMarker(import.name.to_owned()))
            }
            TypeRef::Memory(memory) if import.module == "env" && import.name == "memory" => {
                let most = memory.maximum.unwrap_or(memory.initial);
                if memory.initial.max(most) > u64::from(MAX_MEMORY_PAGES) {
                    return Err(WasmError::Memory);
                }
                self.memory = true;
            }
            TypeRef::Func(_) if host_functions::is_stable(import.module, import.name) => {}
            _ => self
                .refused
                .push(format!("{}.{}", import.module, import.name)),
        }
        Ok(())
    }

    fn finish(self) -> Result<(), WasmError> {
        if !self.refused.is_empty() {
            return Err(WasmError::ImportsNotAllowed(self.refused));
        }
        if !self.memory {
            return Err(WasmError::Memory);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that the pallet would take, with `more` declarations put between imports and code.
    fn module(imports: &str, exports: &str) -> Vec<u8> {
        let text = format!(
            r#"(module
                (import "seal0" "seal_return" (func $return (param i32 i32 i32)))
                {imports}
                (func $entry)
                (global $heap i32 (i32.const 1024))
                (func $unused (result i32) (i32.const 7))
                {exports}
                (@custom "producers" "someone"))"#
        );
        wat::parse_str(text).expect("the test's module is well-formed")
    }

    const MEMORY: &str = r#"(import "env" "memory" (memory 2 16))"#;
    const ENTRIES: &str = r#"(export "call" (func $entry)) (export "deploy" (func $entry))"#;

    fn exports(code: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(code) {
            match payload.expect("a module") {
                Payload::ExportSection(section) => {
                    names.extend(
                        section
                            .into_iter()
                            .map(|e| e.expect("an export").name.to_owned()),
                    );
                }
                Payload::CustomSection(section) => names.push(format!("custom {}", section.name())),
                _ => {}
            }
        }
        names
    }

    #[test]
    fn pruning_leaves_the_entry_points() {
        let linked = module(
            MEMORY,
            &format!(
                r#"(export "memcpy" (func $unused)) {ENTRIES} (export "__heap_base" (global $heap))"#
            ),
        );
        assert_eq!(
            check(&linked),
            Err(WasmError::ExportNotAllowed("memcpy".to_owned()))
        );
        let pruned = prune(&linked).expect("a module");
        assert_eq!(exports(&pruned), ["call", "deploy"]);
        assert_eq!(check(&pruned), Ok(()));
        assert_eq!(
            prune(&pruned).as_ref(),
            Ok(&pruned),
            "pruning twice changes nothing"
        );
    }

    #[test]
    fn an_export_named_like_an_entry_point_must_be_a_function() {
        let code = module(
            MEMORY,
            r#"(export "call" (global $heap)) (export "deploy" (func $entry))"#,
        );
        assert_eq!(
            check(&code),
            Err(WasmError::ExportNotAllowed("call".to_owned()))
        );
        let pruned = prune(&code).expect("a module");
        assert_eq!(check(&pruned), Err(WasmError::EntryPointMissing("call")));
    }

    #[test]
    fn all_imports_that_no_chain_offers_are_named() {
        let more = r#"
            (import "seal1" "gas_left" (func (param i32 i32)))
            (import "seal0" "seal_random" (func (param i32)))
            (import "env" "abort" (func))
            (import "seal0" "caller" (func (param i32 i32)))"#;
        let error = check(&module(&format!("{MEMORY}{more}"), ENTRIES)).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "it imports what chains do not offer to contracts: seal1.gas_left, seal0.seal_random, env.abort; only \
             stable host functions of pallet-contracts may be used"
        );
    }

    #[test]
    fn an_import_that_is_a_global_or_a_table_is_refused() {
        let more =
            r#"(import "seal0" "caller" (global i32)) (import "env" "table" (table 1 funcref))"#;
        let error = check(&module(&format!("{MEMORY}{more}"), ENTRIES)).expect_err("refused");
        assert_eq!(
            error,
            WasmError::ImportsNotAllowed(vec!["seal0.caller".into(), "env.table".into()])
        );
    }

    #[test]
    fn the_marker_of_ink_is_explained() {
        let more = r#"(import "env" "__ink_enforce_error_0x01" (func))"#;
        let error = check(&module(&format!("{MEMORY}{more}"), ENTRIES)).expect_err("refused");
        assert!(error.to_string().contains("&mut self"), "{error}");
    }

    #[test]
    fn memory_is_imported_and_bounded() {
        assert_eq!(
            check(&module("(memory 2)", ENTRIES)),
            Err(WasmError::Memory)
        );
        for (limits, expected) in [
            ("2", Ok(())),
            ("2 16", Ok(())),
            ("2 17", Err(WasmError::Memory)),
            ("17", Err(WasmError::Memory)),
        ] {
            let memory = format!(r#"(import "env" "memory" (memory {limits}))"#);
            assert_eq!(check(&module(&memory, ENTRIES)), expected, "{limits}");
        }
    }

    #[test]
    fn only_the_first_webassembly_passes() {
        for (name, body) in [
            ("floating point", "(func (result f32) (f32.const 1))"),
            (
                "sign extension",
                "(func (param i32) (result i32) (i32.extend8_s (local.get 0)))",
            ),
            (
                "bulk memory",
                "(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
            ),
        ] {
            let code = module(&format!("{MEMORY} {body}"), ENTRIES);
            assert!(matches!(check(&code), Err(WasmError::Invalid(_))), "{name}");
        }
        assert!(matches!(
            prune(b"no wasm at all"),
            Err(WasmError::Invalid(_))
        ));
    }

    #[test]
    fn code_over_the_limit_is_refused() {
        let bytes = MAX_CODE_BYTES + 1;
        let error = check(&vec![0; bytes]).expect_err("refused");
        assert_eq!(error, WasmError::TooLarge { bytes });
        assert_eq!(
            error.to_string(),
            "it has 131073 bytes of code; 131072 are allowed"
        );
    }
}

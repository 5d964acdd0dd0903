//! Reads the built bundles as their users do. The folder comes from `LLM_ORACLE_ARTIFACTS`, which
//! `scripts/test.sh` sets; without it there is nothing to read.

use std::{env, fs, path::PathBuf};

use contract_metadata::ContractMetadata;
use ink_metadata::InkProject;
use llm_oracle_build::{check_wasm, code_hash};

/// The bundles of every built contract.
fn bundles() -> Vec<PathBuf> {
    let Some(folder) = env::var_os("LLM_ORACLE_ARTIFACTS") else {
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).expect("the folder of LLM_ORACLE_ARTIFACTS");
    let bundles: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "contract")
        })
        .collect();
    assert!(
        !bundles.is_empty(),
        "no bundle in {}",
        folder.to_string_lossy()
    );
    bundles
}

#[test]
fn bundles_hold_code_that_the_pallet_takes_and_its_hash() {
    for path in bundles() {
        let bundle = ContractMetadata::load(&path).expect("contract-metadata reads it");
        bundle
            .check_ink_compatibility()
            .expect("cargo contract supports this ink!");
        let code = bundle.source.wasm.expect("a bundle holds the code").0;
        assert_eq!(check_wasm(&code), Ok(()), "{}", path.display());
        assert_eq!(bundle.source.hash.0, code_hash(&code), "{}", path.display());
        let file = fs::read(path.with_extension("wasm")).expect("the code beside it");
        assert!(file == code, "{}", path.display());
    }
}

#[test]
fn metadata_is_what_ink_reads() {
    for path in bundles() {
        let bundle = ContractMetadata::load(&path).expect("contract-metadata reads it");
        let project: InkProject =
            serde_json::from_value(bundle.abi.into()).expect("ink! reads its own metadata");
        assert_eq!(*project.version(), 5, "{}", path.display());
        assert!(!project.spec().messages().is_empty(), "{}", path.display());
        let without_code = ContractMetadata::load(path.with_extension("json")).expect("readable");
        assert!(without_code.source.wasm.is_none(), "{}", path.display());
    }
}

//! The contract's package as its manifest describes it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Error, Toolchain};

/// A contract's package.
#[derive(Debug)]
pub(crate) struct Package {
    pub manifest: Manifest,
    /// Name of the library as rustc knows it.
    pub lib_name: String,
    pub workspace_root: PathBuf,
}

/// The fields of `cargo metadata` that the bundle repeats.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub name: String,
    pub version: String,
    pub authors: Vec<String>,
    pub manifest_path: PathBuf,
    pub description: Option<String>,
    pub documentation: Option<String>,
    pub repository: Option<String>,
    pub homepage: Option<String>,
    pub license: Option<String>,
    /// `[package.metadata]`.
    metadata: Option<Value>,
    features: Map<String, Value>,
    targets: Vec<CargoTarget>,
}

#[derive(Debug, Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Manifest>,
    workspace_root: PathBuf,
}

impl Package {
    pub fn read(toolchain: &Toolchain, manifest: &Path, offline: bool) -> Result<Self, Error> {
        let path = manifest
            .canonicalize()
            .map_err(|e| Error::file(manifest, e))?;
        let output = Command::new(&toolchain.cargo)
            .args([
                "metadata",
                "--no-deps",
                "--format-version",
                "1",
                "--manifest-path",
            ])
            .arg(&path)
            .args(offline.then_some("--offline"))
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| Error::file(Path::new(&toolchain.cargo), e))?;
        if !output.status.success() {
            return Err(Error::ToolFailed {
                program: "cargo metadata".to_owned(),
                task: format!("read {}", path.display()),
                said: String::new(),
            });
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)
            .map_err(|e| Error::answer("cargo metadata", e))?;
        Self::select(metadata, &path)
    }

    fn select(metadata: Metadata, path: &Path) -> Result<Self, Error> {
        let not = |why: &str| Error::NotAContract {
            manifest: path.to_owned(),
            why: why.to_owned(),
        };
        let manifest = metadata
            .packages
            .into_iter()
            .find(|package| package.manifest_path == path)
            .ok_or_else(|| not("it has no [package]"))?;
        let library = manifest
            .targets
            .iter()
            .find(|target| {
                target
                    .kind
                    .iter()
                    .any(|kind| matches!(kind.as_str(), "lib" | "rlib" | "cdylib"))
            })
            .ok_or_else(|| not("it has no [lib]"))?;
        // Cargo would build the library as a cdylib only, and the metadata needs it as a crate.
        if !library
            .kind
            .iter()
            .any(|kind| kind == "lib" || kind == "rlib")
        {
            return Err(not(
                "remove `crate-type` from its [lib]; the build passes it",
            ));
        }
        if !manifest.features.contains_key("std") {
            return Err(not("it has no feature `std`"));
        }
        if manifest.authors.is_empty() {
            return Err(not("the bundle's format wants `authors` in [package]"));
        }
        let lib_name = library.name.replace('-', "_");
        Ok(Self {
            lib_name,
            workspace_root: metadata.workspace_root,
            manifest,
        })
    }

    /// Whether the workspace has a lock file, which then must not change.
    pub fn is_locked(&self) -> bool {
        self.workspace_root.join("Cargo.lock").exists()
    }

    /// `[package.metadata.contract.user]`, which goes into the bundle as it is.
    pub fn user(&self) -> Option<Map<String, Value>> {
        self.manifest
            .metadata
            .as_ref()?
            .pointer("/contract/user")?
            .as_object()
            .cloned()
    }

    /// Everything in the bundle that comes from the manifest, as one text.
    pub fn fingerprint(&self) -> String {
        let Manifest {
            name,
            version,
            authors,
            description,
            documentation,
            repository,
            homepage,
            license,
            ..
        } = &self.manifest;
        let user = self.user();
        format!(
            "{name:?}{version:?}{authors:?}{description:?}{documentation:?}{repository:?}{homepage:?}{license:?}{user:?}"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn select(change: impl Fn(&mut Value)) -> Result<Package, Error> {
        let mut metadata = json!({
            "workspace_root": "/w",
            "packages": [{
                "name": "my-flipper", "version": "1.2.3", "authors": ["a"], "manifest_path": "/w/Cargo.toml",
                "description": null, "documentation": null, "repository": null, "homepage": null, "license": null,
                "metadata": { "contract": { "user": { "answer": 42 } } },
                "features": { "std": [] },
                "targets": [{ "name": "my_flipper", "kind": ["lib"] }],
            }],
        });
        change(&mut metadata["packages"][0]);
        Package::select(
            serde_json::from_value(metadata).expect("fits"),
            Path::new("/w/Cargo.toml"),
        )
    }

    #[test]
    fn a_contract_is_accepted_with_its_user_metadata() {
        let package = select(|_| ()).expect("a contract");
        assert_eq!(package.lib_name, "my_flipper");
        assert_eq!(package.user().expect("user metadata")["answer"], 42);
    }

    #[test]
    fn other_manifests_are_refused_by_name() {
        let why = |change: fn(&mut Value)| select(change).expect_err("refused").to_string();
        assert!(why(|p| p["features"] = json!({})).contains("feature `std`"));
        assert!(why(|p| p["targets"][0]["kind"] = json!(["cdylib"])).contains("crate-type"));
        assert!(why(|p| p["targets"] = json!([])).contains("[lib]"));
        assert!(why(|p| p["authors"] = json!([])).contains("authors"));
        assert!(why(|p| p["manifest_path"] = json!("/other")).contains("[package]"));
    }
}

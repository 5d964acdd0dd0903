//! The tree that is checked: its files and its packages.

use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Where the product's code is. `relayer` was its only crate up to version 0.3.0.
const PRODUCT: [&str; 3] = ["crates/", "contracts/", "relayer/"];

/// Code that shows or tests the product.
const BESIDE_PRODUCT: [&str; 2] = ["contracts/test/", "contracts/examples/"];

/// The root of the tree: this repository, or the folder named by `LLM_ORACLE_TIDY_ROOT`.
pub fn root() -> PathBuf {
    match env::var_os("LLM_ORACLE_TIDY_ROOT") {
        Some(root) => root.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
    }
}

/// Whether another tree than this repository is measured.
pub fn is_elsewhere() -> bool {
    env::var_os("LLM_ORACLE_TIDY_ROOT").is_some()
}

/// The text of a file.
///
/// # Panics
/// When it cannot be read.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("failed to read {path:?}: {error}"))
}

/// `path` relative to the root, with `/` between its parts. A path elsewhere stays as it is.
pub fn relative(path: &Path) -> String {
    let root = root().canonicalize().unwrap();
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let inside = path.strip_prefix(root).unwrap_or(&path);
    inside.display().to_string()
}

/// All `.rs` files below `folders` of the root, sorted. Build folders are left out.
pub fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    // Not every tree has every folder.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                collect(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// A package of the workspace, as `cargo metadata` shows it.
pub struct Package {
    /// Its name in `Cargo.toml`.
    pub name: String,
    /// Its folder, relative to the root, ending in `/`.
    pub folder: String,
    /// Root files of its library and its binaries.
    pub roots: Vec<PathBuf>,
    /// Other packages of this repository that it depends on.
    pub dependencies: Vec<Dependency>,
    /// Its features, and what each turns on.
    pub features: Vec<(String, Vec<String>)>,
}

/// A dependency on another package of this repository.
pub struct Dependency {
    /// The package that is depended on.
    pub name: String,
    /// `normal`, `dev` or `build`.
    pub kind: String,
    /// Whether only a feature turns it on.
    pub optional: bool,
}

impl Package {
    /// The name without what all packages begin with.
    pub fn short_name(&self) -> &str {
        self.name.strip_prefix("llm-oracle-").unwrap_or(&self.name)
    }

    /// Whether it is shipped or tests what is shipped from within; not examples and test contracts.
    pub fn is_product(&self) -> bool {
        PRODUCT.iter().any(|folder| self.folder.starts_with(folder))
            && !BESIDE_PRODUCT
                .iter()
                .any(|folder| self.folder.starts_with(folder))
    }
}

/// Runs cargo in the root, without network and with the lock file as it is, and returns what it prints.
///
/// # Panics
/// When cargo fails.
pub fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .arg("--frozen")
        .args(arguments)
        .output();
    let output = output.expect("cargo runs these tests, so it is here");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {arguments:?} failed: {complaint}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The packages of the workspace, sorted by name.
pub fn packages() -> &'static [Package] {
    static PACKAGES: OnceLock<Vec<Package>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&text).unwrap();
        let mut packages: Vec<_> = list(&metadata["packages"]).map(package).collect();
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        packages
    })
}

fn package(value: &Value) -> Package {
    let folder = Path::new(string(&value["manifest_path"])).parent().unwrap();
    let is_root = |target: &&Value| {
        list(&target["kind"]).any(|kind| matches!(string(kind), "lib" | "rlib" | "cdylib" | "bin"))
    };
    let roots = list(&value["targets"]).filter(is_root);
    let ours = list(&value["dependencies"]).filter(|dependency| dependency["path"].is_string());
    let features = value["features"].as_object().into_iter().flatten();
    Package {
        name: string(&value["name"]).to_owned(),
        folder: relative(folder) + "/",
        roots: roots
            .map(|target| string(&target["src_path"]).into())
            .collect(),
        dependencies: ours
            .map(|dependency| Dependency {
                name: string(&dependency["name"]).to_owned(),
                kind: dependency["kind"].as_str().unwrap_or("normal").to_owned(),
                optional: dependency["optional"] == true,
            })
            .collect(),
        features: features
            .map(|(name, on)| {
                (
                    name.clone(),
                    list(on).map(|one| string(one).to_owned()).collect(),
                )
            })
            .collect(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string(value: &Value) -> &str {
    value.as_str().expect("cargo writes text here")
}

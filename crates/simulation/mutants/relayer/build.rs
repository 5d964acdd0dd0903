//! Copies the relayer's sources and puts the mutants of `../mutants.toml` into the copy.
#![allow(clippy::expect_used, clippy::panic)]

use serde::Deserialize;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

#[derive(Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

#[derive(Deserialize)]
struct Mutant {
    name: String,
    /// The file of the relayer that is changed; none for mutants that act elsewhere.
    file: Option<PathBuf>,
    #[serde(default)]
    find: String,
    #[serde(default)]
    replace: String,
}

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let sources = here.join("../../../relayer/src");
    let list = here.join("../mutants.toml");
    println!("cargo::rerun-if-changed={}", sources.display());
    println!("cargo::rerun-if-changed={}", list.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("relayer");
    let _ = fs::remove_dir_all(&out);
    copy(&sources, &out);
    let text = fs::read_to_string(&list).expect("mutants.toml can be read");
    let mutants: Mutants = toml::from_str(&text).expect("mutants.toml is a list of mutants");
    for mutant in &mutants.mutant {
        if let Some(file) = &mutant.file {
            mutate(&out.join(file), mutant);
        }
    }
    // The documentation of the crate stands where no documentation may, once the file is included.
    let root = out.join("lib.rs");
    let text = fs::read_to_string(&root).expect("the relayer has a lib.rs");
    let lines = text.lines().filter(|line| !line.starts_with("//!"));
    let text = lines.collect::<Vec<_>>().join("\n");
    fs::write(&root, text).expect("the copy can be written");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("OUT_DIR can be written");
    for entry in fs::read_dir(from).expect("the relayer's sources can be listed") {
        let entry = entry.expect("the relayer's sources can be listed");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), &to).expect("a source can be copied")),
        }
    }
}

fn mutate(file: &Path, mutant: &Mutant) {
    let name = &mutant.name;
    let text = fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("mutant {name}: {}: {error}", file.display()));
    let count = text.matches(&mutant.find).count();
    assert!(
        count == 1,
        "mutant {name}: its text stands {count} times in {}, not once: the line that it changes has \
         moved, so correct `file` or `find` in mutants.toml\n{}",
        file.display(),
        mutant.find
    );
    let switch = format!("llm_oracle_fixtures::mutant::is_on(\"{name}\")");
    let changed = mutant.replace.replace("MUTANT", &switch);
    fs::write(file, text.replace(&mutant.find, &changed)).expect("the copy can be written");
}

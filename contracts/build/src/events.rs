//! The events that the sources declare, to be found again in the metadata.
//!
//! Events of shared crates reach the metadata through the linker and can be lost without a word;
//! then explorers and relayers can't decode them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta};

use crate::Error;

/// Fails unless `abi` has every event that the crates with these roots declare.
pub(crate) fn require(
    contract: &str,
    roots: &[PathBuf],
    abi: &Map<String, Value>,
) -> Result<(), Error> {
    let mut declared = BTreeSet::new();
    for root in roots {
        let folder = root.parent().unwrap_or(Path::new("."));
        read_file(root, folder, &mut declared)?;
    }
    let present = labels(abi);
    let events: Vec<_> = declared
        .into_iter()
        .filter(|event| !present.contains(event.as_str()))
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    Err(Error::EventsMissing {
        contract: contract.to_owned(),
        events,
    })
}

fn labels(abi: &Map<String, Value>) -> BTreeSet<&str> {
    let events = abi
        .get("spec")
        .and_then(|spec| spec.get("events"))
        .and_then(Value::as_array);
    events
        .into_iter()
        .flatten()
        .filter_map(|event| event.get("label")?.as_str())
        .collect()
}

/// Reads `file`; the files of its modules are looked for in `folder`.
fn read_file(file: &Path, folder: &Path, declared: &mut BTreeSet<String>) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(|e| Error::file(file, e))?;
    let parsed = syn::parse_file(&text).map_err(|source| Error::Source {
        path: file.to_owned(),
        source,
    })?;
    read_items(&parsed.items, folder, declared)
}

fn read_items(items: &[Item], folder: &Path, declared: &mut BTreeSet<String>) -> Result<(), Error> {
    for item in items {
        match item {
            Item::Struct(event)
                if event.attrs.iter().any(is_event) && !is_conditional(&event.attrs) =>
            {
                declared.insert(event.ident.to_string());
            }
            Item::Mod(module) if !is_conditional(&module.attrs) => {
                read_module(module, folder, declared)?
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_module(
    module: &ItemMod,
    folder: &Path,
    declared: &mut BTreeSet<String>,
) -> Result<(), Error> {
    let inner = folder.join(module.ident.to_string());
    if let Some((_, items)) = &module.content {
        return read_items(items, &inner, declared);
    }
    if let Some(path) = path_attribute(&module.attrs) {
        let file = folder.join(path);
        return read_file(&file, file.parent().unwrap_or(folder), declared);
    }
    let flat = inner.with_extension("rs");
    let file = if flat.exists() {
        flat
    } else {
        inner.join("mod.rs")
    };
    read_file(&file, &inner, declared)
}

/// Whether the item exists only under some configuration, which is not judged here.
fn is_conditional(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("cfg"))
}

/// `#[ink::event]`, or `#[ink(event)]` inside of a contract.
fn is_event(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("ink") => list
            .tokens
            .to_string()
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == "event"),
        Meta::Path(path) | Meta::List(syn::MetaList { path, .. }) => {
            let names: Vec<_> = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            names == ["ink", "event"]
        }
        Meta::NameValue(_) => false,
    }
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(path),
                    ..
                }) => Some(path.value()),
                _ => None,
            },
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sources(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().expect("inside")).expect("created");
            fs::write(file, text).expect("written");
        }
        folder
    }

    fn declared(files: &[(&str, &str)]) -> Vec<String> {
        let folder = sources(files);
        let mut declared = BTreeSet::new();
        read_file(&folder.path().join("lib.rs"), folder.path(), &mut declared).expect("readable");
        declared.into_iter().collect()
    }

    #[test]
    fn events_are_found_in_contracts_and_in_modules() {
        let found = declared(&[
            (
                "lib.rs",
                "mod a; mod b; #[path = \"elsewhere/c.rs\"] mod c;
                 #[ink::contract] mod contract {
                     #[ink(event)] pub struct Flipped { value: bool }
                     #[ink(event, anonymous)] pub struct Hidden {}
                     #[ink(storage)] pub struct Storage {}
                 }",
            ),
            (
                "a.rs",
                "mod deep; #[ink::event] pub struct Asked { id: u64 }",
            ),
            (
                "a/deep.rs",
                "#[ink::event(signature_topic = \"00\")] pub struct Deep;",
            ),
            ("b/mod.rs", "#[ink::event] #[derive(Debug)] struct Paid {}"),
            ("elsewhere/c.rs", "#[ink::event] struct Moved {}"),
        ]);
        assert_eq!(
            found,
            ["Asked", "Deep", "Flipped", "Hidden", "Moved", "Paid"]
        );
    }

    #[test]
    fn events_of_tests_and_other_attributes_are_left_out() {
        let found = declared(&[(
            "lib.rs",
            "#[cfg(test)] mod tests { #[ink::event] struct OnlyHere {} }
             #[cfg(feature = \"x\")] #[ink::event] struct Sometimes {}
             #[tokio::event] struct Other {} #[event = \"x\"] struct Neither {} #[ink(message)] struct Nor {}",
        )]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_lost_event_is_named() {
        let folder = sources(&[(
            "lib.rs",
            "#[ink::event] struct Asked {} #[ink::event] struct Lost {}",
        )]);
        let abi = json!({ "spec": { "events": [{ "label": "Asked" }] } });
        let abi = abi.as_object().expect("an object");
        let error =
            require("oracle", &[folder.path().join("lib.rs")], abi).expect_err("one is lost");
        assert!(
            error
                .to_string()
                .contains("`oracle` lacks events that its sources declare: Lost;"),
            "{error}"
        );
    }
}

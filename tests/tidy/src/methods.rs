//! How many methods a type has.

use crate::{
    modules,
    ratchet::{self, Counts, Slack},
    resolve,
};
use std::collections::{BTreeMap, BTreeSet};

/// A type may have this many methods of its own (those of traits are not counted).
const METHODS_MAX: usize = 20;

/// The methods of a type.
#[derive(Default)]
pub struct Methods {
    /// How many.
    pub count: usize,
    /// The files that they are in.
    pub files: BTreeSet<String>,
}

/// The methods of each type's own `impl` blocks outside tests, by crate and name.
pub fn by_type() -> BTreeMap<String, Methods> {
    let mut found: BTreeMap<String, Methods> = BTreeMap::new();
    for krate in modules::of_product() {
        for (at, module) in krate.modules.iter().enumerate() {
            for (path, count) in &module.impls {
                let home = resolve::home(krate, at, path).unwrap_or(at);
                let name = path.last().map_or("", String::as_str);
                // A module is named only where a crate has two types of this name.
                let twice = krate
                    .modules
                    .iter()
                    .filter(|one| one.types.contains(name))
                    .count()
                    > 1;
                let home = krate.modules[home].path.join("::");
                let key = match twice {
                    true => format!("{}: {home}::{name}", krate.name),
                    false => format!("{}: {name}", krate.name),
                };
                let methods = found.entry(key).or_default();
                methods.count += count;
                methods.files.insert(module.file.clone());
            }
        }
    }
    found
}

/// The types with the most methods, largest first.
pub fn largest(found: &BTreeMap<String, Methods>) -> Vec<(&String, &Methods)> {
    let mut largest: Vec<_> = found.iter().collect();
    largest.sort_by_key(|(_, methods)| std::cmp::Reverse(methods.count));
    largest
}

#[test]
fn the_largest_type_has_few_methods() {
    let found = by_type();
    println!("Types with the most methods:");
    for (name, methods) in largest(&found).into_iter().take(10) {
        println!(
            "{:5} {name}, in {} files",
            methods.count,
            methods.files.len()
        );
    }
    let above = found
        .iter()
        .filter(|(_, methods)| methods.count > METHODS_MAX);
    let above: Counts = above
        .map(|(name, methods)| (name.clone(), methods.count))
        .collect();
    let remedy = format!(
        "a type has at most {METHODS_MAX} methods: give the fields that some of them use a type of \
         their own, or make functions of those that need no private field"
    );
    ratchet::check("methods", &above, Slack::Stale, &remedy, |name| {
        let files = found[name].files.iter().map(|file| format!("\n    {file}"));
        " methods".to_owned() + &files.collect::<String>()
    });
}

//! Files of a crate that import each other.

use crate::{
    modules::{self, Krate},
    ratchet::{self, Counts, Slack},
    resolve,
};
use std::collections::{BTreeMap, BTreeSet};

/// Crates whose circles fail the test. Those of others are in the summary.
const CHECKED: [&str; 4] = ["cli", "chain", "llm", "relayer"];

/// From a file to the files that it imports from, with the names.
type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// An import within a circle of files.
pub struct Link {
    /// Of the package, without `llm-oracle-`.
    pub krate: String,
    /// The file that imports.
    pub from: String,
    /// The file that is imported from.
    pub to: String,
    /// What is imported.
    pub names: BTreeSet<String>,
}

/// Whether the circles of a crate fail the test. `relayer` was the only crate up to version 0.3.0.
pub fn is_checked(krate: &str) -> bool {
    CHECKED.contains(&krate)
}

/// The circles of a crate: files of which each can be reached from each.
pub fn circles(krate: &Krate) -> Vec<BTreeSet<String>> {
    components(&imports(krate))
}

/// Every import within a circle, of all crates of the product.
pub fn links() -> Vec<Link> {
    let mut links = Vec::new();
    for krate in modules::of_product() {
        let imports = imports(krate);
        for circle in components(&imports) {
            for from in &circle {
                let to = imports[from].iter().filter(|(to, _)| circle.contains(*to));
                links.extend(to.map(|(to, names)| Link {
                    krate: krate.name.clone(),
                    from: from.clone(),
                    to: to.clone(),
                    names: names.clone(),
                }));
            }
        }
    }
    links
}

/// What each file uses of each other file. A file that only declares modules and exports names of
/// them uses nothing: whoever imports such a name imports from the file that defines it.
fn imports(krate: &Krate) -> Imports {
    let mut imports = Imports::new();
    for (at, module) in krate.modules.iter().enumerate() {
        let used = module
            .uses
            .iter()
            .filter(|one| !one.is_exported)
            .map(|one| &one.path);
        let of_file = imports.entry(module.file.clone()).or_default();
        for path in used.chain(&module.paths) {
            let Some(home) = resolve::home(krate, at, path) else {
                continue;
            };
            let file = &krate.modules[home].file;
            if *file != module.file {
                let is_defined = |name: &&String| krate.modules[home].items.contains(*name);
                let name = path.iter().find(is_defined).or(path.last());
                let name = name.cloned().unwrap_or_default();
                of_file.entry(file.clone()).or_default().insert(name);
            }
        }
    }
    imports
}

fn components(imports: &Imports) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<_, _> = imports
        .keys()
        .map(|from| (from, reach(imports, from)))
        .collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (from, reached_from) in &reached {
        if found.iter().any(|circle| circle.contains(*from)) {
            continue;
        }
        let back = reached_from.iter().filter(|to| reached[to].contains(*from));
        let circle: BTreeSet<String> = back.cloned().collect();
        if circle.len() > 1 {
            found.push(circle);
        }
    }
    found
}

/// The files that are imported from `from`, directly or through others.
fn reach(imports: &Imports, from: &String) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for to in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(to.clone()) {
                open.push(to);
            }
        }
    }
    reached
}

fn key(link: &Link) -> String {
    let short = |file: &str| {
        let after = file.split_once("/src/").map(|(_, after)| after);
        after.or(file.rsplit('/').next()).unwrap_or(file).to_owned()
    };
    format!(
        "{}: {} -> {}",
        link.krate,
        short(&link.from),
        short(&link.to)
    )
}

#[test]
fn files_of_a_crate_import_each_other_without_circles() {
    let links = links().into_iter().filter(|link| is_checked(&link.krate));
    let links: BTreeMap<_, _> = links.map(|link| (key(&link), link)).collect();
    let found: Counts = links.keys().map(|key| (key.clone(), 1)).collect();
    let remedy = "move what both files use into a third one below them; in `relayer` alone, two \
                  files that are one thought may stay in the list";
    ratchet::check("circles", &found, Slack::Stale, remedy, |name| {
        let names: Vec<_> = links[name].names.iter().map(String::as_str).collect();
        format!(" import within a circle: {}", names.join(", "))
    });
}

#[test]
fn circles_are_found_and_chains_are_not() {
    let file = |imports: &[&str]| {
        imports
            .iter()
            .map(|to| ((*to).to_owned(), BTreeSet::new()))
            .collect()
    };
    let imports = Imports::from([
        ("a".to_owned(), file(&["b"])),
        ("b".to_owned(), file(&["c", "d"])),
        ("c".to_owned(), file(&["a"])),
        ("d".to_owned(), file(&[])),
    ]);
    assert_eq!(
        components(&imports),
        [BTreeSet::from(["a", "b", "c"].map(str::to_owned))]
    );
}

//! From a path in the code to the module that defines what it names.

use crate::modules::{Krate, Use};

/// Exports that lead to each other end the search after this many steps.
const STEPS_MAX: usize = 12;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Named {
    /// A module of this crate.
    Module(usize),
    /// Something that a module of this crate defines.
    Item(usize),
}

/// The module of this crate that defines what `path`, written in the module `from`, names. Exports
/// are followed to the definition. Nothing for a path into another crate, and for a module itself.
pub fn home(krate: &Krate, from: usize, path: &[String]) -> Option<usize> {
    match resolve(krate, from, path, 0)? {
        Named::Item(at) => Some(at),
        Named::Module(_) => None,
    }
}

fn resolve(krate: &Krate, from: usize, path: &[String], steps: usize) -> Option<Named> {
    if steps > STEPS_MAX {
        return None;
    }
    let mut at = from;
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        at = match first.as_str() {
            "crate" => 0,
            "self" => at,
            "super" => krate.modules[at].parent?,
            _ => break,
        };
        rest = after;
    }
    let is_local = rest.len() < path.len();
    while let Some((name, after)) = rest.split_first() {
        match lookup(krate, at, name, after.is_empty(), steps) {
            Some(Named::Module(child)) => at = child,
            Some(item) => return Some(item),
            // A macro may have defined it.
            None if is_local || at != from => return Some(Named::Item(at)),
            None => return None,
        }
        rest = after;
    }
    Some(Named::Module(at))
}

/// What a name means in a module. At the end of a path a function goes before a module of its name.
fn lookup(krate: &Krate, at: usize, name: &str, is_last: bool, steps: usize) -> Option<Named> {
    let module = &krate.modules[at];
    let child = module.children.get(name).map(|child| Named::Module(*child));
    if child.is_some() && !is_last {
        return child;
    }
    if module.items.contains(name) {
        return Some(Named::Item(at));
    }
    let import = |one: &Use| resolve(krate, at, &one.path, steps + 1);
    let imported = module
        .uses
        .iter()
        .filter(|one| one.name == name)
        .find_map(import);
    if matches!(imported, Some(Named::Item(_))) || child.is_some() {
        return imported
            .filter(|named| matches!(named, Named::Item(_)))
            .or(child);
    }
    imported.or_else(|| {
        module
            .globs
            .iter()
            .find_map(|glob| match resolve(krate, at, glob, steps + 1)? {
                Named::Module(of) if of != at && steps < STEPS_MAX => {
                    lookup(krate, of, name, is_last, steps + 1)
                }
                _ => None,
            })
    })
}

#[test]
fn exports_are_followed_to_the_definition() {
    let krate = Krate::parse(
        "mod a { mod deep { pub struct Deep; } pub use deep::*; use super::Both as Renamed; }
         mod b { pub struct Both; pub fn b() {} use super::super_name; }
         pub use a::Deep; pub use b::{b, Both}; use tracing::tracing;
         #[cfg(test)] mod tests { pub struct Test; } #[cfg(not(test))] mod shipped {}",
    );
    let names: Vec<_> = krate
        .modules
        .iter()
        .map(|module| module.path.join("::"))
        .collect();
    assert_eq!(names, ["", "a", "a::deep", "b", "shipped"]);
    let home = |from: usize, path: &str| {
        let path: Vec<_> = path.split("::").map(str::to_owned).collect();
        super::resolve::home(&krate, from, &path).map(|at| names[at].as_str())
    };
    assert_eq!(home(3, "crate::Deep"), Some("a::deep"), "through a glob");
    assert_eq!(home(2, "super::super::Both::new"), Some("b"));
    assert_eq!(home(1, "Renamed"), Some("b"), "under another name");
    assert_eq!(
        home(1, "crate::b"),
        Some("b"),
        "a function goes before a module of its name"
    );
    assert_eq!(home(3, "crate::a"), None, "a module");
    assert_eq!(home(0, "tracing::info"), None, "another crate");
    assert_eq!(home(3, "super::made_by_a_macro"), Some(""));
}

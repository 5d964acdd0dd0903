//! What does not keep a rule yet, as numbers that may only go down: `ratchet.json`.

use crate::tree;
use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Numbers under names. What a number counts is the rule's matter.
pub type Counts = BTreeMap<String, usize>;

/// What to do with an entry of the list that is higher than what the tree has.
#[derive(Clone, Copy, PartialEq)]
pub enum Slack {
    /// An entry that is not needed at all fails the test, so that the list shrinks.
    Stale,
    /// Nothing: branches that mend different places can be merged in any order.
    Allowed,
}

const UPDATE: &str = "LLM_ORACLE_TIDY_UPDATE";
const COMMAND: &str = "LLM_ORACLE_TIDY_UPDATE=1 cargo test -p llm-oracle-tidy";

/// Tests run side by side, and each replaces its own section of the file.
static FILE: Mutex<()> = Mutex::new(());

/// Compares what breaks a rule with the section of the list that allows it.
///
/// `found` has what breaks the rule, each with its number; `remedy` says what to do about it, and
/// `detail` shows one violation.
///
/// # Panics
/// When something is found that the list does not allow, or the list allows what is no longer there.
pub fn check(
    section: &str,
    found: &Counts,
    slack: Slack,
    remedy: &str,
    detail: impl Fn(&str) -> String,
) {
    let guard = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut list = load();
    if env::var_os(UPDATE).is_some() && !tree::is_elsewhere() {
        update(&mut list, section, found);
    }
    drop(guard);
    let allowed = list.unwrap_or_default().remove(section).unwrap_or_default();
    let problems = compare(found, &allowed, slack, detail);
    assert!(
        problems.is_empty(),
        "\n{}\n\nRemedy: {remedy}\nEntries of `{section}` in tests/tidy/ratchet.json that are no \
         longer needed are taken out by {COMMAND}\n",
        problems.join("\n")
    );
}

fn compare(
    found: &Counts,
    allowed: &Counts,
    slack: Slack,
    detail: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, count) in found {
        match allowed.get(name) {
            Some(most) if count <= most => {}
            Some(most) => problems.push(format!("{name}: {count}, at most {most}{}", detail(name))),
            None => problems.push(format!("{name}: {count}{}", detail(name))),
        }
    }
    if slack == Slack::Stale {
        let stale = allowed.keys().filter(|name| !found.contains_key(*name));
        problems.extend(stale.map(|name| format!("{name}: mended, but still in ratchet.json")));
    }
    problems
}

type Sections = BTreeMap<String, Counts>;

/// The list, or nothing when there is no file: then an update makes one.
fn load() -> Option<Sections> {
    path()
        .exists()
        .then(|| serde_json::from_str(&tree::read(&path())).unwrap())
}

/// Lowers the numbers of a section. A section that is missing starts with what was found.
fn update(list: &mut Option<Sections>, section: &str, found: &Counts) {
    let list = list.get_or_insert_default();
    let lowered = match list.get(section) {
        None => found.clone(),
        Some(allowed) => {
            let both = allowed.iter().filter_map(|(name, most)| {
                found
                    .get(name)
                    .map(|count| (name.clone(), *count.min(most)))
            });
            both.collect()
        }
    };
    list.insert(section.to_owned(), lowered);
    fs::write(path(), serde_json::to_string_pretty(list).unwrap() + "\n").unwrap();
}

fn path() -> PathBuf {
    tree::root().join("tests/tidy/ratchet.json")
}

#[test]
fn numbers_only_go_down() {
    let counts = |pairs: &[(&str, usize)]| -> Counts {
        pairs
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    };
    let allowed = counts(&[("a", 3), ("gone", 1)]);
    let problems = |found: &Counts, slack| compare(found, &allowed, slack, |_| String::new());
    assert_eq!(
        problems(&counts(&[("a", 3)]), Slack::Allowed),
        Vec::<String>::new()
    );
    assert_eq!(
        problems(&counts(&[("a", 3)]), Slack::Stale).len(),
        1,
        "gone"
    );
    assert_eq!(
        problems(&counts(&[("a", 4)]), Slack::Allowed).len(),
        1,
        "grown"
    );
    assert_eq!(
        problems(&counts(&[("b", 1)]), Slack::Allowed).len(),
        1,
        "new"
    );
}

//! Words that the field does not use.

use crate::{
    dialect::{Scope, Term, TERMS},
    ratchet::{self, Counts, Slack},
    text::{self, Gap, Kind, Word},
    tree,
};
use std::collections::BTreeMap;

/// Where the words are looked for. `relayer` was the only crate up to version 0.3.0.
const FOLDERS: [&str; 2] = ["crates", "relayer"];

/// Places in a failure's text for one word of one crate.
const PLACES_SHOWN: usize = 12;

/// Where each word still is, as `file:line`, by crate and word.
pub fn places() -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in tree::rust_files(&FOLDERS) {
        let (file, source) = (tree::relative(&path), tree::read(&path));
        let krate = file
            .strip_prefix("crates/")
            .unwrap_or(&file)
            .split('/')
            .next()
            .unwrap_or("");
        for (term, line) in find(&source) {
            let key = format!("{krate}: {}", term.name());
            places
                .entry(key)
                .or_default()
                .push(format!("{file}:{line}"));
        }
    }
    places
}

/// The words in a file, each with its line.
fn find(source: &str) -> Vec<(&'static Term, usize)> {
    let lines: Vec<String> = source.lines().map(str::to_lowercase).collect();
    let words = text::words(source);
    let mut found = Vec::new();
    for at in 0..words.len() {
        for term in TERMS {
            let is_form = |form: &&str| is_at(&words[at..], form, term.scope);
            let line = words[at].line;
            let text = lines.get(line - 1).map_or("", String::as_str);
            let is_plain = |plain: &&str| text.contains(plain);
            if term.forms.iter().any(is_form) && !term.plain.iter().any(is_plain) {
                found.push((term, line));
            }
        }
    }
    found
}

/// Whether `words` begin with the words of a form.
fn is_at(words: &[Word], form: &str, scope: Scope) -> bool {
    let mut words = words.iter();
    form.split([' ', '\'']).enumerate().all(|(at, wanted)| {
        let Some(word) = words.next() else {
            return false;
        };
        let in_name = word.kind == Kind::Code || at > 0 && word.gap == Gap::Joined;
        let fits = match scope {
            Scope::Everywhere => at == 0 || word.gap != Gap::Apart,
            Scope::Prose => word.kind == Kind::Prose && (at == 0 || word.gap == Gap::Spaced),
            // In a text (`"left_out"`) the second word tells that it is a name.
            Scope::Names if at == 0 => in_name || form.contains(' '),
            Scope::Names => in_name && word.gap == Gap::Joined,
        };
        // `is None` speaks of code.
        let same = match (scope, at) {
            (Scope::Prose, 1..) => word.text == wanted,
            _ => word.text.eq_ignore_ascii_case(wanted),
        };
        fits && same
    })
}

/// How often each word is still there.
pub fn counts(places: &BTreeMap<String, Vec<String>>) -> Counts {
    places
        .iter()
        .map(|(name, places)| (name.clone(), places.len()))
        .collect()
}

#[test]
fn words_of_the_old_dialect_are_gone() {
    let places = places();
    let remedy =
        "use the field's word; docs/glossary.md defines each. What is stored or sent keeps \
                  its bytes. A plain use that is hit by mistake is added to the word's entry in \
                  tests/tidy/src/dialect.rs";
    ratchet::check("words", &counts(&places), Slack::Allowed, remedy, |name| {
        let places = &places[name];
        let shown = places
            .iter()
            .take(PLACES_SHOWN)
            .map(|place| format!("\n    {place}"));
        format!(" (say: {}){}", instead(name), shown.collect::<String>())
    });
}

fn instead(key: &str) -> &'static str {
    let name = key.split_once(": ").map_or(key, |(_, name)| name);
    TERMS
        .iter()
        .find(|term| term.name() == name)
        .map_or("", |term| term.instead)
}

#[test]
fn words_are_found_and_plain_english_is_not() {
    let names = |source| {
        find(source)
            .into_iter()
            .map(|(term, _)| term.name())
            .collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(names("/// A frame\n/// is none."), ["is none"]);
    assert_eq!(
        names("/// When it is `None`, is None, or there is none."),
        none
    );
    assert_eq!(names("fn is_none() {}"), none);
    assert_eq!(
        names("let rest_ms = left_out(LeftOut); // The rest is left out."),
        ["rest ms", "left out", "left out"]
    );
    assert_eq!(names("// It rests; the duty rests on us"), none);
    assert_eq!(names("// It rests."), ["rests"]);
    assert_eq!(
        names("let sql = \"SELECT left_out\"; // At first sight"),
        ["left out"]
    );
    assert_eq!(names("// Letters and digits"), none);
    assert_eq!(names("fn nothing_of_what_is_left_out_is_sent() {}"), none);
    assert_eq!(
        names("struct Sight; fn first_letter() {} // A node lies low."),
        ["sight", "letter", "lies low"]
    );
}

//! The records of decisions and their list.

use crate::tree;
use std::{collections::BTreeSet, fs};

#[test]
fn every_decision_is_listed() {
    let folder = tree::root().join("docs/decisions");
    let list = tree::read(&folder.join("README.md"));
    let names: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md") && name != "README.md")
        .collect();

    let mut problems = problems_of(&names, &list);
    for name in linked(&list).filter(|name| !names.contains(*name)) {
        problems.push(format!("{name} is listed, and there is no such file"));
    }
    assert!(
        problems.is_empty(),
        "\n{}\n\nRemedy: give each record the next number that is free, list it as \
         `- [0042](0042-name.md) Title` in docs/decisions/README.md, and say there why a number \
         was never used\n",
        problems.join("\n")
    );
}

fn problems_of(names: &BTreeSet<String>, list: &str) -> Vec<String> {
    let unlisted = names
        .iter()
        .filter(|name| !list.contains(&format!("]({name})")));
    let mut problems: Vec<_> = unlisted
        .map(|name| format!("{name} is not listed"))
        .collect();

    let mut numbers = BTreeSet::new();
    for name in names {
        let number = name
            .split('-')
            .next()
            .and_then(|number| number.parse::<u32>().ok());
        if number.is_some_and(|number| !numbers.insert(number)) {
            problems.push(format!("{name} has a number that another record has"));
        }
    }
    for gap in 1..=numbers.last().copied().unwrap_or(0) {
        if !numbers.contains(&gap) && !list.contains(&format!("{gap:04}")) {
            problems.push(format!(
                "{gap:04} is no record, and the list does not say why"
            ));
        }
    }
    problems
}

/// Files of this folder that the list links to.
fn linked(list: &str) -> impl Iterator<Item = &str> {
    let targets = list
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets.filter(|target| target.ends_with(".md") && !target.contains('/'))
}

#[test]
fn doubled_missing_and_unlisted_numbers_are_found() {
    let names = [
        "0001-a.md",
        "0002-b.md",
        "0002-c.md",
        "0005-d.md",
        "NEXT-e.md",
    ];
    let names = names.map(str::to_owned).into();
    let list = "0003 was never used.\n- [1](0001-a.md)\n- [2](0002-b.md)\n- [2](0002-c.md)\n\
                - [5](0005-d.md)";
    assert_eq!(
        problems_of(&names, list),
        [
            "NEXT-e.md is not listed",
            "0002-c.md has a number that another record has",
            "0004 is no record, and the list does not say why",
        ]
    );
}

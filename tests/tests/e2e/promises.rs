//! `docs/promises.md` says what is tested, and no more.

use std::{fs, path::PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows that name a test, its state and its files.
fn rows(text: &str) -> Vec<[String; 3]> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_matches('|');
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let tables = text.lines().filter(|line| line.starts_with('|'));
    let rows = tables.map(cells).filter(|row| row.len() == 5);
    rows.filter(|row| row[1].starts_with('`'))
        .map(|row| [row[1].clone(), row[3].clone(), row[4].clone()])
        .collect()
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_promise_that_is_done_has_its_test() {
    let text = fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let rows = rows(&text);
    let mut done = 0;
    for [name, state, files] in &rows {
        if !state.starts_with("done") {
            assert!(state.starts_with("owed by"), "{name}: {state}");
            continue;
        }
        done += 1;
        // A test may carry a longer name that the row gives.
        let name = quoted(state).next().or_else(|| quoted(name).next());
        let wanted = format!("fn {}(", name.unwrap_or_default());
        let found = quoted(files).any(|file| {
            let text = fs::read_to_string(root().join(file));
            text.unwrap_or_else(|error| panic!("{file}: {error}"))
                .contains(&wanted)
        });
        assert!(found, "no `{wanted}` in {files}");
    }
    let count = format!("{done} of {} are done", rows.len());
    assert!(
        text.contains(&count),
        "docs/promises.md does not say: {count}"
    );
}

/// The table of edges, up to the next heading.
#[test]
fn every_named_edge_has_its_test() {
    let text = fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let start = text.find("## Named edges").unwrap();
    let rows = text[start..]
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let mut edges = 0;
    for row in rows {
        // An edge may quote, too: its test and the file are the last two.
        let quoted: Vec<_> = quoted(row).collect();
        let [.., name, file] = &quoted[..] else {
            panic!("no test: {row}")
        };
        let source = fs::read_to_string(root().join(file));
        let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("fn {name}(")), "{row}");
        edges += 1;
    }
    assert!(edges >= 15, "{edges} edges");
}

//! What the documents print is true: commands parse, snippets are code that is compiled, links lead
//! somewhere, lists are complete.

use llm_oracle_tests::setting;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The README is a first page, not a manual.
const README_LINES_MAX: usize = 130;
/// The programs whose commands are parsed. The first may be elsewhere; the others are beside it.
const PROGRAMS: [&str; 3] = ["llm-oracle", "llm-oracle-signer", "contract-build"];
const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let text = fs::read_to_string(root().join(path));
    text.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages of a folder, as paths from the root.
fn pages_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md"));
    pages
        .map(|name| match folder {
            "" => name,
            folder => format!("{folder}/{name}"),
        })
        .collect()
}

fn pages() -> Vec<String> {
    let folders = ["", "docs", "docs/decisions"];
    folders.into_iter().flat_map(pages_in).collect()
}

/// The code blocks of a page, each with its language.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => open = Some((language, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    blocks
}

/// A page without its code blocks.
fn prose(text: &str) -> String {
    let parts = text.split("\n```").step_by(2);
    parts.collect::<Vec<_>>().join("\n")
}

/// The commands of a page: lines of code blocks, continued lines joined, and quoted ones.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (_, lines) in blocks(text) {
        let joined = lines.join("\n").replace("\\\n", " ");
        found.extend(joined.lines().map(str::to_owned));
    }
    let prose = prose(text).replace('\n', " ");
    found.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    // A name alone is a mention, not a command.
    found.retain(|line| {
        line.split_once(' ')
            .is_some_and(|(name, _)| PROGRAMS.contains(&name))
    });
    found
}

/// The words of a command, as a shell would split it, with values for what a page leaves open.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            (' ', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let hash = format!("0x{}", "00".repeat(32));
    let filled = words.into_iter().map(|word| match word.as_str() {
        "5…" | "ACCOUNT" => ALICE.to_owned(),
        "0x…" => hash.clone(),
        "…" | "ID" | "N" | "MS" | "SECONDS" => "60".to_owned(),
        _ => word,
    });
    filled.skip(1).collect()
}

#[test]
fn every_command_in_a_document_parses() {
    let mut parsed = 0;
    for page in pages() {
        // Old versions had other commands.
        if page == "CHANGELOG.md" {
            continue;
        }
        for command in commands(&read(&page)) {
            // Help is printed only when everything before it parses.
            let (name, _) = command.split_once(' ').unwrap();
            let mut program = setting::program();
            if name != PROGRAMS[0] {
                program.set_file_name(name);
            }
            let output = Command::new(program)
                .args(words(&command))
                .arg("--help")
                .env_clear()
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}: {command}\n{said}");
            parsed += 1;
        }
    }
    assert!(parsed > 40, "{parsed} commands");
}

/// The flags with which pages call a script are flags that it knows.
#[test]
fn every_script_in_a_document_is_there_and_knows_its_flags() {
    let mut called = 0;
    for page in pages() {
        for part in read(&page).split("./scripts/").skip(1) {
            let line = part.split(['`', '\n', '"', ')']).next().unwrap();
            let mut words = line.split_whitespace();
            let script = format!("scripts/{}", words.next().unwrap());
            let source = read(&script);
            for flag in words.take_while(|word| *word != "#") {
                let known = !flag.starts_with("--") || source.contains(flag);
                assert!(known, "{page}: {script} has no {flag}");
            }
            called += 1;
        }
    }
    assert!(called > 10, "{called} calls");
}

fn help() -> String {
    let output = Command::new(setting::program())
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_line_page_has_every_exit_code_and_every_subcommand() {
    let (help, page) = (help(), read("docs/command-line.md"));
    let (head, codes) = help.split_once("Exit codes:").unwrap();
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let codes = one_line(codes);
    let rows: Vec<Vec<&str>> = page
        .lines()
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells.len() == 3 && cells[0].parse::<u8>().is_ok())
        .collect();
    let listed: Vec<String> = rows
        .iter()
        .map(|cells| format!("{} {}", cells[0], cells[2]))
        .collect();
    assert_eq!(listed.join(" "), codes, "left: page, right: --help");
    let (_, list) = head.split_once("Commands:").unwrap();
    let names = list.lines().skip(1).take_while(|line| !line.is_empty());
    // A long description goes on in the next line, further in.
    let entries = names.filter_map(|line| line.strip_prefix("  "));
    let entries = entries.filter(|entry| !entry.starts_with(' '));
    let names = entries.filter_map(|entry| entry.split_whitespace().next());
    let mut count = 0;
    for name in names.filter(|name| *name != "help") {
        let quoted = page.split('`').skip(1).step_by(2);
        let mut first = quoted.filter_map(|code| code.split_whitespace().next());
        assert!(
            first.any(|word| word == name),
            "docs/command-line.md lacks `{name}`"
        );
        count += 1;
    }
    assert!(count > 15, "{count} subcommands");
}

#[test]
fn the_readme_is_short_and_shows_lines_of_the_first_question() {
    let readme = read("README.md");
    let lines = readme.lines().count();
    assert!(lines <= README_LINES_MAX, "{lines} lines");
    let source = read("contracts/examples/first_question/lib.rs");
    let trimmed: Vec<&str> = source.lines().map(str::trim).collect();
    let mut shown = 0;
    for (_, block) in blocks(&readme)
        .into_iter()
        .filter(|(language, _)| *language == "rust")
    {
        // A comment stands for what is left out between two pieces.
        for piece in block.split(|line| line.trim_start().starts_with("// …")) {
            let piece: Vec<&str> = piece.iter().map(|line| line.trim()).collect();
            let found = trimmed.windows(piece.len()).any(|window| window == piece);
            assert!(found, "not in the example: {piece:#?}");
            shown += piece.len();
        }
    }
    assert!(shown >= 5, "{shown} lines");
}

#[test]
fn every_decision_is_listed() {
    let list = read("docs/decisions/README.md");
    let listed: BTreeSet<String> = list
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| target.ends_with(".md") && !target.contains('/'))
        .map(str::to_owned)
        .collect();
    let mut written: BTreeSet<String> = pages_in("docs/decisions")
        .into_iter()
        .filter_map(|page| Some(page.rsplit_once('/')?.1.to_owned()))
        .collect();
    written.remove("README.md");
    assert_eq!(listed, written, "left: the list, right: the folder");
}

/// The part of an address that names a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn has_heading(page: &Path, wanted: &str) -> bool {
    let text = prose(&fs::read_to_string(page).unwrap());
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .any(|found| found == wanted)
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        let text = prose(&read(&page));
        let file = root().join(&page);
        for rest in text.split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (path, heading) = match target.split_once('#') {
                Some((path, heading)) => (path, Some(heading)),
                None => (target, None),
            };
            let found = match path {
                "" => file.clone(),
                path => file.parent().unwrap().join(path),
            };
            assert!(found.exists(), "{page} links to {target}");
            let there = heading.is_none_or(|heading| has_heading(&found, heading));
            assert!(there, "{page} links to {target}: no such heading");
            followed += 1;
        }
    }
    assert!(followed > 60, "{followed} links");
}

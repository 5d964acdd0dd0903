#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use crate::{
    decision::SignedDecision,
    interchange::{Interchange, InterchangeError},
};
use llm_oracle_fixtures::fuzz::Target;
use llm_oracle_primitives::{DeploymentId, Hash};
use llm_oracle_support::address::hex0x;

fn row(operator: u8, request_id: u64, answer: Option<Hash>) -> SignedDecision {
    SignedDecision {
        request_id,
        operator: [operator; 32].into(),
        commitment: [0xc0; 32],
        evidence: [0xe0; 32],
        answer,
    }
}

fn of_rows(rows: Vec<SignedDecision>) -> Interchange {
    Interchange {
        deployment: DeploymentId {
            domain: [0xd0; 32],
            contract: [0xcc; 32],
        },
        retired: false,
        rows,
    }
}

fn sample() -> Interchange {
    of_rows(vec![
        row(1, 7, Some([0xa0; 32])),
        row(1, 10, None),
        row(2, 7, None),
    ])
}

/// Why a text is refused.
fn refused(text: &str) -> InterchangeError {
    Interchange::parse(text.as_bytes()).unwrap_err()
}

#[test]
fn a_file_reads_back_as_it_was_written() {
    let retired = Interchange {
        retired: true,
        ..sample()
    };
    let last = of_rows(vec![row(9, i64::MAX.unsigned_abs(), None)]);
    for file in [sample(), retired, of_rows(Vec::new()), last] {
        let text = file.to_text().unwrap();
        assert_eq!(Interchange::parse(text.as_bytes()).unwrap(), file);
    }
    assert_eq!(sample().operators(), 2);
}

/// What other programs read and write: the page of the format shows the same file.
#[test]
fn the_text_of_version_1_never_changes() {
    let file = of_rows(vec![row(1, 7, Some([0xa0; 32])), row(1, 10, None)]);
    let text = file.to_text().unwrap();
    let page = include_str!("../../../docs/signer-interchange.md");
    let example = page.split("```json\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    assert_eq!(text, example, "docs/signer-interchange.md shows this file");
    // Computed by another program from the page's description of the digest.
    let digest = "0xdbbfef610d14eed3808f3a35efab119186ef6e2f1326c3a14caa8a90cf34bef7";
    assert_eq!(hex0x(&file.digest()), digest);
}

#[test]
fn every_changed_byte_is_found_or_harmless() {
    let file = sample();
    let text = file.to_text().unwrap().into_bytes();
    let check = |changed: &[u8], what: &str| {
        if let Ok(found) = Interchange::parse(changed) {
            assert_eq!(found, file, "{what}: {}", String::from_utf8_lossy(changed));
        }
    };
    for at in 0..text.len() {
        for byte in (0..8).map(|bit| text[at] ^ (1 << bit)).chain(*b"0 \"") {
            let mut changed = text.clone();
            changed[at] = byte;
            check(&changed, "a changed byte");
        }
        let mut shorter = text.clone();
        shorter.remove(at);
        check(&shorter, "a missing byte");
        let mut longer = text.clone();
        longer.insert(at, b'1');
        check(&longer, "a further byte");
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused_with_the_line() {
    let text = sample().to_text().unwrap();
    // Without its last character, a line break, it is whole.
    for length in 0..text.len() - 1 {
        let found = refused(&text[..length]);
        let InterchangeError::Malformed { line, .. } = found else {
            panic!("cut off after {length} bytes: {found}");
        };
        let breaks = text[..length].matches('\n').count();
        assert_eq!(line, breaks + 1, "{length}: {found}");
    }
}

#[test]
fn every_field_is_needed_and_read_strictly() {
    let text = sample().to_text().unwrap();
    let fields = [
        "format",
        "version",
        "deployment",
        "domain",
        "contract",
        "retired",
        "operators",
        "account",
        "requests",
        "request_id",
        "commitment",
        "evidence",
        "answer",
        "digest",
    ];
    for field in fields {
        let name = format!("\"{field}\":");
        assert!(text.contains(&name), "{field}");
        let renamed = text.replacen(&name, &format!("\"{field}x\":"), 1);
        assert!(refused(&renamed).to_string().contains(field), "{field}");
        let twice = text.replacen(&name, &format!("\"{field}\": null, \"{field}\":"), 1);
        assert!(matches!(
            refused(&twice),
            InterchangeError::Malformed { .. }
        ));
        let (before, after) = text.split_once(&name).unwrap();
        // No field is a number with a fraction.
        let (value, _) = after.split_once('\n').unwrap();
        let wrong = format!("{before}{name} 5.5,\n{}", &after[value.len()..]);
        assert!(matches!(
            refused(&wrong),
            InterchangeError::Malformed { .. }
        ));
    }
    let upper = text.replacen("0xc0c0", "0xC0c0", 1);
    let short = text.replacen("0xc0c0", "0xc0", 1);
    let bare = text.replacen("\"0xc0", "\"c0", 1);
    for wrong in [upper, short, bare] {
        let found = refused(&wrong).to_string();
        assert!(
            found.contains("line 15") && found.contains("`commitment`"),
            "{found}"
        );
    }
    for wrong in [
        "7",
        "\"07\"",
        "\"+7\"",
        "\"-7\"",
        "\"9223372036854775808\"",
        "\"\"",
    ] {
        let found = refused(&text.replacen(
            "\"request_id\": \"7\"",
            &format!("\"request_id\": {wrong}"),
            1,
        ));
        assert!(found.to_string().contains("`request_id`"), "{found}");
    }
}

#[test]
fn other_files_and_versions_are_named_without_quoting_them() {
    let text = sample().to_text().unwrap();
    assert_eq!(
        refused(&text.replacen("llm-oracle-signing-record", "s3cret", 1)),
        InterchangeError::OtherFormat
    );
    // Also when it has fields that this version does not know.
    let newer = text.replacen("\"version\": 1", "\"version\": 2, \"s3cret\": 1", 1);
    assert_eq!(refused(&newer), InterchangeError::OtherVersion(2));
    for other in [
        "s3cret",
        "\"s3cret\"",
        "{\"format\": 5, \"x\": \"s3cret\"}",
        "{\"encoded\": \"s3cret\"}",
    ] {
        let found = refused(other).to_string();
        assert!(!found.contains("s3cret"), "{found}");
    }
    let wrong = text.replacen("false", "\"s3cret\"", 1);
    assert!(!refused(&wrong).to_string().contains("s3cret"));
    assert_eq!(
        refused(&text.replacen("\"retired\": false", "\"retired\": true", 1)),
        InterchangeError::Digest
    );
}

#[test]
fn rows_are_in_order_and_each_once() {
    for rows in [
        vec![row(1, 7, None), row(1, 7, None)],
        vec![row(1, 8, None), row(1, 7, None)],
        vec![row(2, 7, None), row(1, 8, None)],
    ] {
        let text = of_rows(rows).to_text().unwrap();
        assert!(
            matches!(refused(&text), InterchangeError::Order { .. }),
            "{text}"
        );
    }
    let text = of_rows(Vec::new()).to_text().unwrap();
    let account = hex0x(&[1; 32]);
    let empty = format!("\"operators\": [{{\"account\": \"{account}\", \"requests\": []}}]");
    let text = text.replacen("\"operators\": []", &empty, 1);
    assert_eq!(refused(&text), InterchangeError::NoRequests(account));
}

#[test]
fn parsers_are_fuzzed() {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "1",
        "\"0x",
        "\"retired\":",
        "\"operators\":",
        "\"requests\":",
        "\"answer\":",
    ];
    Target {
        name: "interchange",
        seeds: vec![sample().to_text().unwrap().into_bytes()],
        words: &words,
    }
    .run(|input| {
        if let Ok(found) = Interchange::parse(input) {
            let again = found.to_text().unwrap();
            assert_eq!(Interchange::parse(again.as_bytes()), Ok(found));
        }
    });
}

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;

const PROMPT: &str = "Which year?";
const TEXT: &str = "The bridge was opened in 1932.";

fn terms() -> [Source; 2] {
    [
        Source::Attachment {
            digest: [7; 32],
            bytes: 40,
            media: b"text/plain".to_vec(),
            uri: Vec::new(),
        },
        Source::Page {
            url: b"https://example.com/".to_vec(),
            must: false,
        },
    ]
}

/// What a relayer records of them: the page is missing, and need not be there.
fn made() -> Value {
    let digest = hex0x(&[7; 32]);
    json!({
        "provider": "openai",
        "prompt_with_sources": format!("=== source 1\n{TEXT}\n===\nThe question:\n{PROMPT}"),
        "sources": [
            {
                "number": 1, "named": digest, "must": true, "fetched_at_ms": 1, "failure": null,
                "document": { "url": null, "bytes": 40, "digest": digest, "media": "text/plain" },
                "text": {
                    "extractor": "text/1", "bytes": TEXT.len(), "digest": "0x00", "rule": "bm25/2",
                    "passages": [{ "start": 0, "end": TEXT.len() }],
                },
            },
            {
                "number": 2, "named": "https://example.com/", "must": false, "fetched_at_ms": 1,
                "document": null, "text": null, "failure": { "kind": "not_found", "reason": "404" },
            },
        ],
        "rationale": {
            "text": "The source says so.",
            "quotes": [{ "source": 1, "start": 11, "end": 29, "text": TEXT[11..29] }],
            "not_found": [],
            "made": {},
        },
    })
}

fn wrong(made: &Value) -> Vec<String> {
    let mut found = Findings::default();
    check(&terms(), PROMPT, made, &mut found);
    found.wrong
}

#[test]
fn records_and_quotes_of_a_good_answer_hold() {
    assert_eq!(wrong(&made()), Vec::<String>::new());
    let abstention =
        json!({ "not_asked": "source 1: nobody has it", "sources": made()["sources"] });
    assert_eq!(wrong(&abstention), Vec::<String>::new());
    let mut found = Findings::default();
    check(&[], PROMPT, &json!({ "provider": "local" }), &mut found);
    assert_eq!(found, Findings::default());
}

#[test]
fn every_alteration_of_what_can_be_compared_is_found() {
    let changes: [(&str, Value); 19] = [
        ("/sources", json!([])),
        ("/sources/0/number", json!(2)),
        ("/sources/0/named", json!("0x08")),
        ("/sources/0/must", json!(false)),
        ("/sources/0/document/digest", json!("0x08")),
        ("/sources/0/document/bytes", json!(41)),
        ("/sources/0/text", json!(null)),
        (
            "/sources/0/failure",
            json!({ "kind": "wall", "reason": "" }),
        ),
        ("/sources/0/text/bytes", json!(29)),
        ("/sources/0/text/passages/0/end", json!(28)),
        ("/sources/0/text/passages/0/start", json!(12)),
        ("/sources/1/named", json!("https://example.org/")),
        ("/sources/1/must", json!(true)),
        ("/prompt_with_sources", json!("Which year? No.")),
        ("/rationale/quotes/0/source", json!(2)),
        ("/rationale/quotes/0/start", json!(10)),
        ("/rationale/quotes/0/end", json!(11)),
        ("/rationale/quotes/0/text", json!("was opened in 1933")),
        ("/rationale/text", json!("x".repeat(1_025))),
    ];
    for (place, value) in changes {
        let mut made = made();
        *made.pointer_mut(place).unwrap() = value;
        assert!(!wrong(&made).is_empty(), "{place}");
    }
}

#[test]
fn a_model_is_not_asked_without_what_must_be_there() {
    let mut made = made();
    made["sources"][0]["document"] = json!(null);
    made["sources"][0]["text"] = json!(null);
    made["sources"][0]["failure"] = json!({ "kind": "not_found", "reason": "" });
    made["rationale"] = json!(null);
    let told = wrong(&made);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("although source 1 was missing"),
        "{told:?}"
    );
}

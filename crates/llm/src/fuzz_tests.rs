//! What models, their servers and requesters say, as random bytes.
#![allow(clippy::unwrap_used)]

use super::{answer_type, hosted, reply::ParsedReply, schema::Schema};
use crate::canonical_json::canonical_json;
use llm_oracle_fixtures::fuzz::Target;
use llm_oracle_primitives::canonical;
use llm_oracle_rules::Form;
use serde_json::Value;

#[test]
fn parsers_are_fuzzed() {
    replies();
    canonical_forms();
    schemas();
    addresses();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn target<'a>(name: &'a str, words: &'a [&'a str]) -> Target<'a> {
    Target {
        name,
        seeds: Vec::new(),
        words,
    }
}

/// What a model says, and the response that it comes in.
fn replies() {
    let kinds = answer_type::hostile::kinds();
    let words = [
        "yes",
        "no",
        "UNCLEAR",
        "```json\n",
        "```",
        "\"",
        "{\"a\":1}",
        "-",
        ".",
        "\u{200b}",
    ];
    target("reply", &words).run(|bytes| {
        for kind in &kinds {
            if let ParsedReply::Answer(answer) = answer_type::read(kind, &text(bytes)).unwrap() {
                Form::of(kind).check(&answer, 0).unwrap();
            }
        }
    });
    let words = [
        "\"choices\"",
        "\"message\"",
        "\"content\"",
        "\"refusal\"",
        "\"length\"",
        "{",
        "}",
        "null",
    ];
    target("completion", &words).run(|bytes| hosted::read_completion(&text(bytes)));
}

/// What is canonical, stays as it is.
fn canonical_forms() {
    let words = [
        "{", "}", "[", "]", "\"", ",", ":", "1e9", "-0", "null", "\\u0000", "\\ud800",
    ];
    target("json", &words).run(|bytes| {
        if let Ok(once) = canonical_json(&text(bytes)) {
            assert_eq!(canonical_json(&once).as_ref(), Ok(&once));
            assert!(serde_json::from_str::<Value>(&once).is_ok(), "{once}");
        }
    });
    let words = ["\u{301}", "\u{200b}", "\u{feff}", " ", "\n"];
    target("text", &words).run(|bytes| {
        let once = canonical::text(&text(bytes));
        assert_eq!(canonical::text(&once), once);
    });
    let greatest = i128::MAX.to_string();
    let words = ["-", ".", "0", "9", greatest.as_str()];
    target("decimal", &words).run(|bytes| {
        let scale = bytes.first().map_or(0, |byte| byte % 37);
        let Ok(number) = canonical::parse_decimal(&text(bytes), scale) else {
            return;
        };
        let shown = canonical::format_decimal(number, scale);
        assert_eq!(canonical::parse_decimal(&shown, scale).ok(), Some(number));
    });
}

fn schemas() {
    let words = [
        "\"$ref\":\"#\"",
        "\"$defs\"",
        "\"type\"",
        "\"pattern\":\"(a|b)*\"",
        "\"properties\"",
        "\"enum\"",
        "\"anyOf\":[",
        "\"items\"",
        "\"$id\"",
        "\"maxLength\":4",
        "\"unevaluatedItems\"",
        "{",
        "}",
        "[",
        "]",
    ];
    let document =
        serde_json::json!({ "a": [1, "two", null, { "b": "aaaaaaaaaaaaaaaaaaaaaaaa" }] });
    target("schema", &words).run(|bytes| {
        if let Ok(schema) = Schema::read(bytes) {
            // Either way, but it says so.
            let _ = schema.check(&document);
        }
    });
}

/// Where questions go: over TLS or to this machine, and nothing secret in the address.
fn addresses() {
    let words = [
        "http://",
        "https://",
        "@",
        "[::1]",
        "127.0.0.1",
        "localhost",
        ":80",
        "?",
        "#",
        "/v1",
        "\\",
    ];
    target("base_url", &words).run(|bytes| {
        let Some(url) = hosted::read_base_url(&text(bytes), true) else {
            return;
        };
        let host = url.host_str().unwrap().trim_matches(['[', ']']).to_owned();
        let ip = host.parse::<std::net::IpAddr>();
        let near = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        let scheme = url.scheme();
        assert!(scheme == "https" || (scheme == "http" && near), "{url}");
        let bare = url.username().is_empty() && url.password().is_none();
        assert!(bare && url.query().is_none() && url.fragment().is_none());
        assert!(url.path().ends_with("/chat/completions"), "{url}");
    });
}

#[cfg(feature = "local")]
#[test]
fn model_files_are_fuzzed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    let target = Target {
        name: "gguf",
        seeds: Vec::new(),
        words: &[
            "GGUF",
            "\u{2}\0\0\0",
            "\u{3}\0\0\0",
            "general.architecture",
            "llama",
        ],
    };
    target.run(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        if super::local::read_head(&path).is_ok() {
            assert!(bytes.starts_with(b"GGUF") && matches!(bytes[4], 2 | 3));
        }
    });
}

#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

#[test]
fn the_message_is_found_in_each_shape_and_cut_and_cleaned() {
    for (body, text) in [
        (
            json!({ "error": { "message": "no\n\u{1b}[31m\u{7}way" } }),
            "no [31mway",
        ),
        (json!({ "error": "no way" }), "no way"),
        (json!([{ "error": { "message": "no way" } }]), "no way"),
        (json!({ "detail": "Not Found" }), "Not Found"),
        (
            json!({ "detail": [{ "loc": ["body", "seed"], "msg": "not permitted", "input": "hostile" }] }),
            "`seed`; not permitted",
        ),
        (json!({ "object": "error", "message": "no way" }), "no way"),
        (json!({ "status": 1, "x": {} }), ""),
    ] {
        assert_eq!(ServerWords::of(&body).text, text, "{body}");
    }
    let page = ServerWords::of_body("<html><h1>502 Bad Gateway</h1></html>");
    assert_eq!(page.text, "502 Bad Gateway");
    let long = ServerWords::of(&json!({ "error": "é".repeat(2_000) }));
    assert_eq!(long.text.chars().count(), 301);
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(ServerWords::of_body(&deep).text, "");
}

#[test]
fn a_filter_is_told_from_a_refusal_of_the_account() {
    for body in [
        json!({ "error": { "code": "content_filter", "message": "x" } }),
        json!({ "error": { "code": "x", "innererror": { "code": "ResponsibleAIPolicyViolation" } } }),
        json!({ "error": { "message": "x", "metadata": { "flagged_input": "y" } } }),
        json!({ "code": "x", "error": "Content is against the usage guidelines" }),
        json!({ "error": { "message": "Content Exists Risk" } }),
    ] {
        assert!(ServerWords::of(&body).is_filtered(), "{body}");
    }
    for body in [
        json!({ "error": { "message": "Your account was flagged: see the usage policies" } }),
        json!({ "error": { "message": "This API key may not use the content filter" } }),
        json!({ "error": { "message": "no permission" } }),
    ] {
        assert!(!ServerWords::of(&body).is_filtered(), "{body}");
    }
    let mut echo = ServerWords::of(&json!({ "error": "bad: Is it a content filter?" }));
    echo.forget(&["Is it a content filter?", ""]);
    assert!(!echo.is_filtered());
}

#[test]
fn a_parameter_is_named_as_a_whole_word() {
    let words = ServerWords::of(&json!({ "error": "`max_tokens` is bad, random_seed too" }));
    assert!(words.name("max_tokens") && words.name("random_seed"));
    assert!(!words.name("seed") && !words.name("tokens") && !words.name("max"));
}

#[test]
fn seconds_are_rounded_up_and_none_is_no_pause() {
    for (text, found) in [
        ("17s", Some(17_000)),
        (" 2 ", Some(2_000)),
        ("0.25", Some(1_000)),
        ("1.0", Some(1_000)),
        ("0", None),
        ("0.0s", None),
        ("-1", None),
        ("1.x", None),
        ("", None),
    ] {
        assert_eq!(pause::seconds_ms(text), found, "{text}");
    }
}

#![allow(clippy::unwrap_used)]

use super::{parts::finish_reason, *};

#[test]
fn only_what_is_known_to_be_an_end_counts_as_one() {
    for word in [None, Some(""), Some("stop"), Some("STOP"), Some("end_turn")] {
        assert_eq!(finish_reason(word), FinishReason::Complete, "{word:?}");
    }
    for word in [
        "length",
        "MAX_TOKENS",
        "model_length",
        "model_context_window_exceeded",
    ] {
        assert_eq!(finish_reason(Some(word)), FinishReason::Cut, "{word}");
    }
    for word in ["content_filter", "SAFETY", "refusal"] {
        assert_eq!(finish_reason(Some(word)), FinishReason::Refused, "{word}");
    }
    for word in [
        "error",
        "insufficient_system_resource",
        "abort",
        "\u{1b}new",
    ] {
        let FinishReason::Broken(reason) = finish_reason(Some(word)) else {
            unreachable!("{word:?} is no end");
        };
        assert!(!reason.contains('\u{1b}'), "{reason}");
    }
}

#[test]
fn no_shape_of_an_event_breaks_the_reader() {
    let events = [
        r#"{"type":"message_start","message":7}"#,
        r#"{"type":"message_start","message":{"usage":3}}"#,
        r#"{"type":"content_block_start","content_block":"x"}"#,
        r#"{"type":"content_block_delta","delta":{"text":"y"}}"#,
        r#"{"type":"message_delta","delta":[],"usage":{"output_tokens":1}}"#,
        r#"{"type":"response.completed","response":[1]}"#,
        r#"{"choices":[[]],"usage":1}"#,
        r#"{"choices":{"delta":1}}"#,
        r#"[{"choices":[{"delta":{"content":["x"]}}]}]"#,
        "7",
        "[DONE]",
    ];
    for first in events {
        for second in events {
            let body = format!("data: {first}\n\ndata: {second}\n\n");
            for dialect in [Dialect::OpenAi, Dialect::Responses, Dialect::Anthropic] {
                // Either way, but it says so.
                let _ = completion(dialect, &body);
                let _ = completion(dialect, first);
            }
        }
    }
}

#[test]
fn a_reply_is_found_in_each_shape() {
    for body in [
        r#"{"choices":[{"message":{"content":"yes"}}]}"#,
        r#"{"choices":[{"message":{"content":[{"type":"text","text":"y"},{"type":"text","text":{"value":"es"}}]}}]}"#,
        r#"{"choices":[{"text":"yes","finish_reason":"stop"}]}"#,
        r#"{"message":{"role":"assistant","content":"yes"},"done":true,"done_reason":"stop"}"#,
        r#"[{"choices":[{"message":{"content":"yes"}}]}]"#,
        r#"{"object":"chat.completion.chunk","choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}]}"#,
        "{\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\n{\"choices\":[{\"delta\":{\"content\":\"es\"},\"finish_reason\":\"stop\"}]}\n",
        ": kept open\n\n{\"choices\":[{\"message\":{\"content\":\"yes\"}}]}",
    ] {
        let read = completion(Dialect::OpenAi, body).unwrap();
        assert_eq!(
            (read.text.as_str(), read.finish),
            ("yes", FinishReason::Complete)
        );
    }
}

#[test]
fn a_long_event_is_read_at_its_blank_line() {
    let whole = serde_json::json!({ "choices": [{ "delta": { "content": "yes" }, "finish_reason": "stop" }] });
    let pretty = serde_json::to_string_pretty(&whole).unwrap();
    let body: String = pretty
        .lines()
        .map(|line| format!("data: {line}\n"))
        .collect();
    // Many lines of nothing, and the same event behind them.
    let padding = "data:\n".repeat(stream::EVENT_LINES_MAX);
    for body in [body.clone(), format!("{padding}{body}\n")] {
        let read = completion(Dialect::OpenAi, &body).unwrap();
        assert_eq!(read.text, "yes");
    }
}

#[test]
fn an_end_is_read_in_each_shape() {
    use serde_json::json;
    for (value, expected) in [
        (json!(null), FinishReason::Complete),
        (json!("null"), FinishReason::Complete),
        (json!("end-turn"), FinishReason::Complete),
        (
            json!({ "type": "stop", "matched": 2 }),
            FinishReason::Complete,
        ),
        (json!({ "type": "length" }), FinishReason::Cut),
        (json!("content-filtered"), FinishReason::Refused),
    ] {
        assert_eq!(parts::finish(&value), expected, "{value}");
    }
    for value in [json!(1), json!({}), json!(["stop"])] {
        assert!(
            matches!(parts::finish(&value), FinishReason::Broken(_)),
            "{value}"
        );
    }
}

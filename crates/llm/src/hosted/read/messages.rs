//! Messages, as Anthropic's servers have them.

use super::parts::{finish, is_some, unreadable, Completion, NoCompletion};
use serde_json::Value;

pub(super) fn completion(response: &Value) -> Result<Completion, NoCompletion> {
    let mut completion = Completion::of(response);
    match &response["content"] {
        Value::String(text) => completion.text.push_str(text),
        Value::Array(blocks) => {
            for block in blocks {
                match block["type"].as_str() {
                    Some("text") | None => {
                        let text = block["text"].as_str().unwrap_or_default();
                        completion.text.push_str(text);
                        completion.has_citations |= is_some(&block["citations"]);
                    }
                    Some("thinking" | "redacted_thinking") => completion.has_thoughts = true,
                    Some(_) => {}
                }
            }
        }
        // A refusal may come without any content.
        _ if is_some(&response["stop_reason"]) => {}
        _ => return Err(unreadable("a message without content".to_owned())),
    }
    completion.finish = finish(&response["stop_reason"]);
    Ok(completion)
}

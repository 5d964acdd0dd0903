//! Chat completions.

use super::parts::{
    broken_off, finish, is_some, unreadable, Completion, FinishReason, NoCompletion,
};
use crate::hosted::likelihood;
use serde_json::Value;

/// Members in which servers put what the model thought.
const THOUGHTS: [&str; 4] = [
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "thinking",
];
/// Members in which they say that the question was filtered, beside a list of no choices.
const FILTERED: [&str; 3] = ["prompt_filter_results", "promptFeedback", "prompt_feedback"];

pub(super) fn completion(response: &Value) -> Result<Completion, NoCompletion> {
    let mut completion = Completion::of(response);
    let choice = match response["choices"].as_array().and_then(|all| all.first()) {
        Some(choice) => choice,
        // The shape of Ollama's own API: one reply, and no list.
        None if response["message"].is_object() => response,
        None if FILTERED.iter().any(|name| is_blocked(&response[*name])) => {
            completion.finish = FinishReason::Refused;
            return Ok(completion);
        }
        None => return Err(unreadable("no choices".to_owned())),
    };
    if is_some(&choice["error"]) {
        return Err(broken_off(&choice["error"]));
    }
    completion.finish = match &choice["finish_reason"] {
        Value::Null => finish(&choice["done_reason"]),
        reason => finish(reason),
    };
    // Some send the shape of a stream's piece as a whole.
    let message = match &choice["message"] {
        Value::Null => &choice["delta"],
        message => message,
    };
    take_content(&message["content"], &mut completion);
    completion.tokens = likelihood::tokens(choice);
    if completion.text.is_empty() {
        // The shape of the older completions.
        completion
            .text
            .push_str(choice["text"].as_str().unwrap_or_default());
    }
    completion.has_thoughts |= THOUGHTS.iter().any(|name| is_some(&message[*name]));
    completion.has_citations |= is_some(&message["annotations"]);
    if is_some(&message["refusal"]) {
        completion.finish = FinishReason::Refused;
    }
    if message.is_null()
        && !choice["text"].is_string()
        && completion.finish == FinishReason::Complete
    {
        return Err(unreadable("a choice without a message".to_owned()));
    }
    Ok(completion)
}

/// Content is a text, or a list of parts of which some are what the model thought.
fn take_content(content: &Value, completion: &mut Completion) {
    match content {
        Value::String(text) => completion.text.push_str(text),
        Value::Array(parts) => parts.iter().for_each(|part| take_content(part, completion)),
        Value::Object(part) => {
            let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
            match kind {
                "text" | "output_text" => {
                    let text = part.get("text").unwrap_or(&Value::Null);
                    take_text(text, completion);
                }
                "refusal" => completion.finish = FinishReason::Refused,
                "thinking" | "reasoning" => completion.has_thoughts = true,
                _ => {}
            }
        }
        _ => {}
    }
}

fn take_text(text: &Value, completion: &mut Completion) {
    let text = text.as_str().or_else(|| text["value"].as_str());
    completion.text.push_str(text.unwrap_or_default());
}

/// Whether a filter's report, of whatever shape, says that it blocked something.
fn is_blocked(report: &Value) -> bool {
    match report {
        Value::Array(list) => list.iter().any(is_blocked),
        Value::Object(members) => members.iter().any(|(name, value)| match name.as_str() {
            "filtered" | "blocked" => value.as_bool() == Some(true),
            "blockReason" | "block_reason" => is_some(value),
            _ => is_blocked(value),
        }),
        _ => false,
    }
}

//! Responses, as OpenAI's servers have them.

use super::parts::{
    failure, finish_reason, is_some, unreadable, Completion, FinishReason, NoCompletion,
};
use serde_json::Value;

pub(super) fn completion(response: &Value) -> Result<Completion, NoCompletion> {
    if is_some(&response["error"]) {
        return Err(failure(&response["error"]));
    }
    let items = response["output"].as_array();
    // Some servers have the joined text alone.
    let joined = response["output_text"].as_str().filter(|_| items.is_none());
    if items.is_none() && joined.is_none() {
        return Err(unreadable("a response without output".to_owned()));
    }
    let mut completion = Completion::of(response);
    completion.text.push_str(joined.unwrap_or_default());
    let status = response["status"].as_str().unwrap_or("completed");
    completion.finish = match status {
        "incomplete" => {
            let reason = response["incomplete_details"]["reason"].as_str();
            finish_reason(reason.or(Some("length")))
        }
        other => finish_reason(Some(other)),
    };
    for item in items.into_iter().flatten() {
        match item["type"].as_str() {
            Some("message") | None => take_parts(&item["content"], &mut completion),
            Some("reasoning") => completion.has_thoughts = true,
            Some(kind) if kind.ends_with("_call") && completion.text.is_empty() => {
                completion.finish = FinishReason::Aside(kind.to_owned());
            }
            Some(_) => {}
        }
    }
    Ok(completion)
}

fn take_parts(content: &Value, completion: &mut Completion) {
    completion
        .text
        .push_str(content.as_str().unwrap_or_default());
    for part in content.as_array().into_iter().flatten() {
        match part["type"].as_str() {
            Some("output_text" | "text") => {
                let text = part["text"].as_str().unwrap_or_default();
                completion.text.push_str(text);
                completion.has_citations |= is_some(&part["annotations"]);
            }
            Some("refusal") => completion.finish = FinishReason::Refused,
            _ => {}
        }
    }
}

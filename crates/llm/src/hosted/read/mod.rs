//! Reads a server's response: what the model said, how it ended, and what it took.
//!
//! Servers differ in shape and agree in names, so members are looked up by name, and what is missing
//! counts as not said.

mod body;
mod chat;
mod lenient;
mod messages;
mod parts;
mod responses;
mod stream;

use super::dialect::Dialect;
pub(super) use body::decoded;
use parts::{failure, is_some, unreadable};
pub(super) use parts::{Completion, FinishReason, NoCompletion, ReportedFailure};
use serde_json::Value;

/// Reads a response's body.
///
/// # Errors
/// What it holds instead of a completion.
pub(in crate::hosted) fn completion(
    dialect: Dialect,
    body: &str,
) -> Result<Completion, NoCompletion> {
    let what = match dialect {
        Dialect::OpenAi => "chat completion",
        Dialect::Responses => "response",
        Dialect::Anthropic => "message",
    };
    let whole = match lenient::parse(body) {
        Ok(whole) => whole,
        Err(_) if stream::is_stream(body) => stream::joined(dialect, body)?,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return Err(unreadable(format!(
                "no {what}, line {line} column {column}"
            )));
        }
    };
    let value = unwrapped(&whole);
    if let Some(failure) = failure_in(value) {
        return Err(failure);
    }
    match dialect {
        Dialect::OpenAi => chat::completion(value),
        Dialect::Responses => responses::completion(value),
        Dialect::Anthropic => messages::completion(value),
    }
}

/// Some servers put their answer into a list of one.
fn unwrapped(value: &Value) -> &Value {
    match value.as_array().map(Vec::as_slice) {
        Some([only]) => only,
        _ => value,
    }
}

/// A failure that comes in place of a reply, under whatever status.
fn failure_in(value: &Value) -> Option<NoCompletion> {
    let is_error = |name: &str| value.get(name).and_then(Value::as_str) == Some("error");
    let has_reply = is_some(&value["choices"]) || is_some(&value["content"]);
    let has_error = is_some(&value["error"]) || is_some(&value["errors"]);
    let has_detail = is_some(&value["detail"]);
    if is_error("object") || is_error("type") || (!has_reply && (has_error || has_detail)) {
        return Some(failure(value));
    }
    None
}

#[cfg(test)]
mod tests;

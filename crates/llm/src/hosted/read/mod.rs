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
use parts::{broken_off, failure, is_some, unreadable};
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
    let no_document = |error: &serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        unreadable(format!("no {what}, line {line} column {column}"))
    };
    let whole = match lenient::parse(body) {
        // Gateways encode a document twice.
        Ok(Value::String(text)) => lenient::parse(&text).map_err(|error| no_document(&error))?,
        Ok(whole) => whole,
        Err(_) if stream::is_stream(body) => stream::joined(dialect, body)?,
        Err(error) => leading(body).unwrap_or_else(|| Err(no_document(&error)))?,
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

/// The document that a body begins with, unless another one is behind it: bytes of zero, a comment and the end of
/// a stream are not. A failure behind it is that of the reply.
fn leading(body: &str) -> Option<Result<Value, NoCompletion>> {
    let (document, rest) = lenient::leading(body)?;
    let rest = rest.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if !rest.starts_with(['{', '[']) || rest == "[DONE]" {
        return document.is_object().then_some(Ok(document));
    }
    let behind = lenient::parse(rest).ok()?;
    is_some(&behind["error"]).then(|| Err(broken_off(&behind["error"])))
}

/// Some servers put their answer into a list of one.
fn unwrapped(value: &Value) -> &Value {
    match value.as_array().map(Vec::as_slice) {
        Some([only]) => only,
        _ => value,
    }
}

/// Members by which servers report a failure in place of a reply.
const FAILURES: [&str; 7] = [
    "error",
    "errors",
    "detail",
    "error_msg",
    "error_message",
    "msg",
    "base_resp",
];

/// A failure that comes in place of a reply or beside the beginning of one, under whatever status.
fn failure_in(value: &Value) -> Option<NoCompletion> {
    let is_error = |name: &str| value.get(name).and_then(Value::as_str) == Some("error");
    let replies = ["choices", "content", "output", "output_text"];
    let has_reply =
        replies.iter().any(|name| is_some(&value[*name])) || value["message"].is_object();
    let error = &value["error"];
    if is_error("object") || is_error("type") {
        return Some(failure(value));
    }
    if has_reply {
        return is_failure(error).then(|| broken_off(error));
    }
    // A gateway's message stands alone.
    let has_failure = FAILURES.iter().any(|name| is_some(&value[*name]));
    (has_failure || is_some(&value["message"])).then(|| failure(value))
}

/// Whether an error beside a reply is one: some servers report that there was none.
fn is_failure(error: &Value) -> bool {
    let code = error["code"].as_u64();
    let is_success = matches!(code, Some(0 | 200)) || error["code"] == "success";
    (error.is_string() || error.is_object()) && is_some(error) && !is_success
}

#[cfg(test)]
mod tests;

//! Server-sent events, put together to the response that they are pieces of. None is asked for, and some
//! servers know nothing else.

use super::{
    lenient,
    parts::{broken_off, failure, is_some, unreadable, NoCompletion},
};
use crate::hosted::dialect::Dialect;
use serde_json::{json, Map, Value};

/// What a stream of chat completions ends with.
const DONE: &str = "[DONE]";

/// Whether a body that is no JSON is a stream: each line of one has a field's name, or is a comment. Some
/// servers leave the names out, and send a document in each line.
pub(super) fn is_stream(body: &str) -> bool {
    let start = body.trim_start_matches('\u{feff}').trim_start();
    let first = start.lines().next().unwrap_or_default();
    let fields = ["data:", "event:", "id:", "retry:", ":"];
    fields.iter().any(|field| start.starts_with(field))
        || (first.starts_with('{') && lenient::parse(first).is_ok())
}

/// The response that the events are pieces of.
///
/// # Errors
/// When the stream breaks off, or reports a failure.
pub(super) fn joined(dialect: Dialect, body: &str) -> Result<Value, NoCompletion> {
    let (events, is_done) = events(body)?;
    // A server that only keeps the connection open with comments sends its response behind them.
    if let [only] = events.as_slice() {
        if is_some(&only["output"]) || is_some(&only["choices"][0]["message"]) {
            return Ok(only.clone());
        }
    }
    match dialect {
        Dialect::OpenAi => chat(&events, is_done),
        Dialect::Responses => responses(&events),
        Dialect::Anthropic => messages(&events),
    }
}

fn events(body: &str) -> Result<(Vec<Value>, bool), NoCompletion> {
    let mut events = Vec::new();
    let mut is_done = false;
    let mut data = String::new();
    let lines = body.trim_start_matches('\u{feff}').lines();
    // A blank line ends an event, and the body's end the last one.
    for line in lines.map(|line| line.trim_end_matches('\r')).chain([""]) {
        if let Some(text) = line.strip_prefix("data:") {
            data.push_str(text.strip_prefix(' ').unwrap_or(text));
            data.push('\n');
        } else if line.trim_start().starts_with('{') {
            data.push_str(line);
        }
        let is_whole = line.is_empty() || lenient::parse(&data).is_ok();
        if data.trim() == DONE {
            is_done = true;
        } else if is_whole && !data.trim().is_empty() {
            let event = lenient::parse(&data);
            events.push(event.map_err(|_| cut_off())?);
        }
        if is_whole || is_done {
            data.clear();
        }
    }
    for event in &events {
        let is_error = event["type"] == "error" || event["object"] == "error";
        if is_error || is_some(&event["error"]) {
            return Err(failure(event));
        }
    }
    Ok((events, is_done))
}

fn chat(events: &[Value], is_done: bool) -> Result<Value, NoCompletion> {
    let (mut content, mut message) = (String::new(), Map::new());
    let mut whole = json!({});
    let mut finish = Value::Null;
    for event in events {
        for name in ["model", "system_fingerprint", "usage", "citations"] {
            if is_some(&event[name]) {
                put(&mut whole, name, &event[name]);
            }
        }
        let choice = &event["choices"][0];
        if is_some(&choice["finish_reason"]) {
            finish = choice["finish_reason"].clone();
        }
        if is_some(&choice["error"]) {
            return Err(broken_off(&choice["error"]));
        }
        let delta = &choice["delta"];
        for (name, value) in delta.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                ("content", Value::String(text)) => content.push_str(text),
                (_, value) if is_some(value) => drop(message.insert(name.clone(), value.clone())),
                _ => {}
            }
        }
    }
    if finish.is_null() && !is_done {
        return Err(cut_off());
    }
    if !content.is_empty() || !message.contains_key("content") {
        message.insert("content".to_owned(), json!(content));
    }
    let choice = json!([{ "message": message, "finish_reason": finish }]);
    put(&mut whole, "choices", &choice);
    Ok(whole)
}

/// The last event holds the whole response.
fn responses(events: &[Value]) -> Result<Value, NoCompletion> {
    let ends = [
        "response.completed",
        "response.incomplete",
        "response.failed",
    ];
    let is_end = |event: &&Value| ends.iter().any(|end| event["type"] == *end);
    let end = events.iter().rev().find(is_end).ok_or_else(cut_off)?;
    Ok(end["response"].clone())
}

fn messages(events: &[Value]) -> Result<Value, NoCompletion> {
    let mut whole = json!({});
    let mut blocks: Vec<Value> = Vec::new();
    let mut is_ended = false;
    for event in events {
        match event["type"].as_str() {
            Some("message_start") => whole = event["message"].clone(),
            Some("content_block_start") => blocks.push(event["content_block"].clone()),
            Some("content_block_delta") => add_delta(&event["delta"], &mut blocks),
            Some("message_delta") => {
                put(&mut whole, "stop_reason", &event["delta"]["stop_reason"]);
                add_usage(&mut whole, &event["usage"]);
            }
            Some("message_stop") => is_ended = true,
            _ => {}
        }
    }
    if !is_ended && !is_some(&whole["stop_reason"]) {
        return Err(cut_off());
    }
    put(&mut whole, "content", &Value::Array(blocks));
    Ok(whole)
}

/// The last count of each name is that of the whole.
fn add_usage(whole: &mut Value, counts: &Value) {
    let mut usage = whole["usage"].as_object().cloned().unwrap_or_default();
    for (name, count) in counts.as_object().into_iter().flatten() {
        usage.insert(name.clone(), count.clone());
    }
    put(whole, "usage", &Value::Object(usage));
}

/// Sets a member, unless the server sent something else than an object.
fn put(object: &mut Value, name: &str, value: &Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.clone());
    }
}

fn add_delta(delta: &Value, blocks: &mut [Value]) {
    let (Some(text), Some(block)) = (delta["text"].as_str(), blocks.last_mut()) else {
        return;
    };
    let before = block["text"].as_str().unwrap_or_default();
    let text = json!(format!("{before}{text}"));
    put(block, "text", &text);
}

fn cut_off() -> NoCompletion {
    unreadable("its stream breaks off".to_owned())
}

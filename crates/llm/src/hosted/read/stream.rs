//! Server-sent events, put together to the response that they are pieces of. None is asked for, and some
//! servers know nothing else.

use super::{
    lenient,
    parts::{broken_off, failure, is_some, unreadable, NoCompletion},
};
use crate::hosted::dialect::Dialect;
use serde_json::{json, Map, Value};

/// What a stream of chat completions ends with; some omit the brackets.
const DONE: [&str; 2] = ["[DONE]", "DONE"];
/// Lines of one event after each of which it is tried whether the event is whole, for servers that omit the
/// blank line behind it. A longer event needs its blank line.
pub(super) const EVENT_LINES_MAX: usize = 64;

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

/// The event that is being read.
#[derive(Default)]
struct OpenEvent {
    data: String,
    lines: usize,
    is_error: bool,
}

impl OpenEvent {
    fn add(&mut self, line: &str) {
        self.data.push_str(line);
        self.data.push('\n');
        self.lines = self.lines.saturating_add(1);
    }

    fn is_done(&self) -> bool {
        let data = self.data.trim();
        DONE.iter().any(|done| data.eq_ignore_ascii_case(done))
    }

    /// Its document, unless it has none: words keep the connection open.
    fn take(&mut self) -> Result<Option<Value>, NoCompletion> {
        let event = std::mem::take(self);
        let document = match lenient::parse(&event.data) {
            Ok(document) => document,
            Err(_) if event.data.trim_start().starts_with(['{', '[']) => return Err(cut_off()),
            Err(_) => return Ok(None),
        };
        // Some name the failure in the field beside the data alone.
        Ok(Some(match event.is_error {
            true => json!({ "type": "error", "error": document }),
            false => document,
        }))
    }
}

fn events(body: &str) -> Result<(Vec<Value>, bool), NoCompletion> {
    let mut events = Vec::new();
    let mut is_done = false;
    let mut open = OpenEvent::default();
    // Lines end with either of these, or both. A blank line ends an event, and the body's end the last one.
    let body = body.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    for line in body.split(['\n', '\r']).chain([""]) {
        if let Some(text) = line.strip_prefix("data:") {
            open.add(text.strip_prefix(' ').unwrap_or(text));
        } else if line.trim_start().starts_with('{') {
            open.add(line);
        } else if let Some(name) = line.strip_prefix("event:") {
            open.is_error = name.trim() == "error";
        }
        let is_tried = (1..=EVENT_LINES_MAX).contains(&open.lines);
        if open.is_done() {
            is_done = true;
            open = OpenEvent::default();
        } else if line.is_empty() || (is_tried && lenient::parse(&open.data).is_ok()) {
            events.extend(open.take()?);
        }
    }
    match failure_in(&events) {
        Some(failure) => Err(failure),
        None => Ok((events, is_done)),
    }
}

/// A failure that an event reports; behind a part of the reply it was paid for.
fn failure_in(events: &[Value]) -> Option<NoCompletion> {
    let is_error = |event: &Value| {
        event["type"] == "error" || event["object"] == "error" || is_some(&event["error"])
    };
    let at = events.iter().position(is_error)?;
    let (before, rest) = events.split_at_checked(at)?;
    let is_part = |event: &Value| {
        is_some(&event["choices"])
            || event["type"] == "content_block_delta"
            || event["type"] == "response.output_text.delta"
    };
    let error = rest.first()?;
    Some(match before.iter().any(is_part) {
        true => broken_off(error),
        false => failure(error),
    })
}

/// The first choice of a piece, or the piece itself in the shape of Ollama's own API.
fn choice_of(event: &Value) -> &Value {
    let is_first = |choice: &&Value| choice["index"].as_u64().unwrap_or_default() == 0;
    match event["choices"].as_array() {
        Some(choices) => choices.iter().find(is_first).unwrap_or(&Value::Null),
        None => event,
    }
}

/// How a piece says that the reply has ended, if it does.
fn finish_of(event: &Value, choice: &Value) -> Option<Value> {
    let reason = &choice["finish_reason"];
    if is_some(reason) && !matches!(reason.as_str(), Some("null" | "none")) {
        return Some(reason.clone());
    }
    let is_done = event["done"] == true;
    is_done.then(|| match &event["done_reason"] {
        Value::Null => json!("stop"),
        reason => reason.clone(),
    })
}

fn chat(events: &[Value], is_done: bool) -> Result<Value, NoCompletion> {
    let (mut content, mut message) = (Vec::new(), Map::new());
    let mut whole = json!({});
    let mut finish = Value::Null;
    for event in events {
        for name in ["model", "system_fingerprint", "usage", "citations"] {
            if is_some(&event[name]) {
                put(&mut whole, name, &event[name]);
            }
        }
        if is_some(&event["x_groq"]["usage"]) {
            put(&mut whole, "usage", &event["x_groq"]["usage"]);
        }
        let choice = choice_of(event);
        if is_some(&choice["error"]) {
            return Err(broken_off(&choice["error"]));
        }
        finish = finish_of(event, choice).unwrap_or(finish);
        let delta = match &choice["delta"] {
            Value::Null => &choice["message"],
            delta => delta,
        };
        for (name, value) in delta.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                // The reader of a whole reply joins texts and parts.
                ("content", Value::Array(parts)) => content.extend(parts.iter().cloned()),
                ("content", value) => content.push(value.clone()),
                (_, value) if is_some(value) => drop(message.insert(name.clone(), value.clone())),
                _ => {}
            }
        }
        // The shape of the older completions.
        content.extend(choice["text"].as_str().map(|text| json!(text)));
    }
    if finish.is_null() && !is_done {
        return Err(cut_off());
    }
    message.insert("content".to_owned(), Value::Array(content));
    let choice = json!([{ "message": message, "finish_reason": finish }]);
    put(&mut whole, "choices", &choice);
    Ok(whole)
}

/// The last event holds the whole response.
fn responses(events: &[Value]) -> Result<Value, NoCompletion> {
    let ends = [
        "response.completed",
        "response.done",
        "response.cancelled",
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

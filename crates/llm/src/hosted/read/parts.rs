//! What a response holds, whatever its API, and what is looked up in the same way in all of them.

use crate::{
    error::ModelError,
    hosted::{
        likelihood::TokenChoice,
        words::{self, ServerWords},
    },
};
use serde_json::{json, Value};

/// The status of a failure in the middle of a reply, if the server names none.
const BAD_GATEWAY: u16 = 502;

/// How a reply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hosted) enum FinishReason {
    /// The model was done.
    Complete,
    /// A limit on tokens ended it.
    Cut,
    /// The model or a filter declined.
    Refused,
    /// It called a tool or paused, which nobody asked for.
    Aside(String),
    /// The server failed in the middle.
    Broken(String),
}

/// What counts of a response.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hosted) struct Completion {
    /// The reply's text.
    pub text: String,
    /// The model thought, in a part of the response that is no reply.
    pub has_thoughts: bool,
    /// The reply's sources stand beside it.
    pub has_citations: bool,
    pub finish: FinishReason,
    /// The model as reported.
    pub model: Option<String>,
    /// The tokens of the reply with their likelihoods, where the server says them.
    pub tokens: Vec<TokenChoice>,
    /// Tokens used, as reported.
    pub usage: Value,
    /// The server's fingerprint, as reported.
    pub fingerprint: Option<String>,
}

impl Completion {
    /// What stands for a question that a filter declined before a model got it, which costs nothing.
    pub(in crate::hosted) fn refused() -> Self {
        Self {
            finish: FinishReason::Refused,
            usage: json!({ "total_tokens": 0 }),
            ..Self::of(&Value::Null)
        }
    }

    /// A response's members beside the reply itself.
    pub(super) fn of(response: &Value) -> Self {
        let text = |name: &str| {
            response
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let citations = ["citations", "search_results"];
        Self {
            text: String::new(),
            has_thoughts: thinking_tokens(&response["usage"]) > 0,
            has_citations: citations.iter().any(|name| is_some(&response[*name])),
            finish: FinishReason::Complete,
            tokens: Vec::new(),
            model: text("model").filter(|name| !name.is_empty()),
            usage: response["usage"].clone(),
            fingerprint: text("system_fingerprint"),
        }
    }
}

/// A failure that a server reports in its response.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hosted) struct ReportedFailure {
    /// The status that it names.
    pub code: Option<u16>,
    pub words: ServerWords,
    /// It comes after a part of the reply.
    pub is_paid: bool,
}

/// What a response came to when it has no completion.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hosted) enum NoCompletion {
    /// The server reports a failure.
    Failure(Box<ReportedFailure>),
    /// The body is of no known shape.
    Unreadable(ModelError),
}

pub(super) fn failure(value: &Value) -> NoCompletion {
    let words = ServerWords::of(value);
    let code = words.code.filter(|code| (400..=599).contains(code));
    let code = code.or_else(|| status_of_kind(&words));
    NoCompletion::Failure(Box::new(ReportedFailure {
        code,
        words,
        is_paid: false,
    }))
}

/// A server that fails in the middle of a reply has worked until then.
pub(super) fn broken_off(error: &Value) -> NoCompletion {
    match failure(error) {
        NoCompletion::Failure(failure) => NoCompletion::Failure(Box::new(ReportedFailure {
            code: failure.code.or(Some(BAD_GATEWAY)),
            is_paid: true,
            ..*failure
        })),
        other => other,
    }
}

/// The status that servers give with these kinds of errors when they can still give one.
fn status_of_kind(words: &ServerWords) -> Option<u16> {
    const KINDS: [(&str, u16); 24] = [
        ("insufficient_quota", 402),
        ("billing_error", 402),
        ("insufficient_balance", 402),
        ("request_too_large", 413),
        ("context_length_exceeded", 400),
        ("invalid_api_key", 401),
        ("model_not_found", 404),
        ("engine_overloaded_error", 429),
        ("resource_exhausted", 429),
        ("server_is_overloaded", 503),
        ("slow_down", 503),
        ("timeout_error", 504),
        ("rate_limit_exceeded", 429),
        ("rate_limit_error", 429),
        ("overloaded_error", 529),
        ("service_unavailable", 503),
        ("unavailable_error", 503),
        ("invalid_request_error", 400),
        ("authentication_error", 401),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("api_error", 500),
        ("server_error", 500),
        ("internal_server_error", 500),
    ];
    let known = KINDS.iter().find(|(kind, _)| words.has_kind(kind));
    known.map(|(_, code)| *code)
}

pub(super) fn unreadable(reason: String) -> NoCompletion {
    NoCompletion::Unreadable(ModelError::BadResponse { reason })
}

/// Whether a member says something.
pub(super) fn is_some(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// How a reply ended, from what the server says of it: a word, or an object with one.
pub(super) fn finish(value: &Value) -> FinishReason {
    let word = value.as_str().or_else(|| value["type"].as_str());
    match (word, value) {
        (Some(word), _) => finish_reason(Some(word)),
        (None, Value::Null) => FinishReason::Complete,
        (None, other) => finish_reason(Some(&other.to_string())),
    }
}

/// How a reply ended, from the server's word for it. Only what is known to be an end counts as one.
pub(super) fn finish_reason(word: Option<&str>) -> FinishReason {
    let Some(word) = word.filter(|word| !word.is_empty()) else {
        return FinishReason::Complete;
    };
    match word.to_lowercase().replace('-', "_").as_str() {
        // Some write that there is none.
        "null" | "none" => FinishReason::Complete,
        "stop" | "end_turn" | "stop_sequence" | "eos" | "eos_token" | "end" | "complete"
        | "completed" | "done" | "finish" | "finished" => FinishReason::Complete,
        "length"
        | "max_tokens"
        | "model_length"
        | "max_output_tokens"
        | "max_completion_tokens"
        | "max_length"
        | "max_new_tokens"
        | "token_limit"
        | "model_context_window_exceeded"
        | "context_length" => FinishReason::Cut,
        "content_filter"
        | "content_filtered"
        | "image_safety"
        | "refusal"
        | "refused"
        | "safety"
        | "recitation"
        | "blocklist"
        | "prohibited_content"
        | "spii"
        | "sensitive"
        | "moderation"
        | "guardrail_intervened"
        | "language" => FinishReason::Refused,
        "tool_calls"
        | "tool_call"
        | "tool_use"
        | "function_call"
        | "malformed_function_call"
        | "unexpected_tool_call"
        | "pause_turn" => FinishReason::Aside(word.to_owned()),
        _ => FinishReason::Broken(format!(
            "the reply ended with '{}'",
            words::one_line(word).escape_default()
        )),
    }
}

/// Thinking that was counted.
fn thinking_tokens(usage: &Value) -> u64 {
    let details = ["completion_tokens_details", "output_tokens_details"];
    let counted = details
        .iter()
        .filter_map(|name| usage[*name]["reasoning_tokens"].as_u64());
    counted.max().unwrap_or_default()
}

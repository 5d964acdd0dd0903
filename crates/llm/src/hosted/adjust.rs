//! What a server's refusal says about the form of a request, so that it can be asked in the form it takes.
//!
//! An adjustment that made the server answer is remembered. One that a question's own values may have
//! caused, such as a temperature beyond the server's range, holds for that question alone: no question
//! changes how others are put.

use super::{chat::INSTRUCTION, settings::ServerProfile, words::ServerWords};
use crate::error::ModelError;
use llm_oracle_primitives::Sampling;
use serde_json::{json, Value};
use std::fmt;

/// Highest temperature that every server takes, thousandths.
const COMMON_TEMPERATURE_MAX: u32 = 1_000;
/// Highest seed that every server takes.
const COMMON_SEED_MAX: u64 = 0x7fff_ffff;
/// Most refused requests of one turn: one for each kind of adjustment.
pub(super) const REFUSALS_MAX: usize = 6;

/// A change to the form of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adjustment {
    /// The parameter is not sent.
    Omit(&'static str),
    /// The limit on tokens has this name.
    MaxTokensName(&'static str),
    /// The instruction stands at the head of the question.
    InstructionInQuestion,
    /// The server is told not to think.
    NoThinking,
    /// The reply is asked for as a stream.
    Stream,
}

impl fmt::Display for Adjustment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Omit(name) => write!(out, "without `{name}`"),
            Self::MaxTokensName(name) => write!(out, "with `{name}` as the limit on tokens"),
            Self::InstructionInQuestion => write!(out, "with the instruction in the question"),
            Self::NoThinking => write!(out, "with `enable_thinking` = false"),
            Self::Stream => write!(out, "with `stream` = true"),
        }
    }
}

impl Adjustment {
    /// The parameter of ours that it omits.
    pub(super) fn omitted(self) -> Option<&'static str> {
        match self {
            Self::Omit(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn max_tokens_name(&self) -> Option<&str> {
        match self {
            Self::MaxTokensName(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the server would want it for any question, and not only for one with these values.
    pub(super) fn is_of_server(self, sampling: &Sampling) -> bool {
        match self {
            Self::Omit("temperature") => sampling.temperature_milli <= COMMON_TEMPERATURE_MAX,
            Self::Omit("seed") => sampling.seed <= COMMON_SEED_MAX,
            _ => true,
        }
    }
}

/// What the refusal of a request asks for, beyond the adjustments that it was sent with.
pub(super) fn wanted(
    error: &ModelError,
    words: &ServerWords,
    sent: &Value,
    profile: &ServerProfile,
    made: &[Adjustment],
) -> Vec<Adjustment> {
    let is_about_form = matches!(
        error,
        ModelError::Status {
            code: 400 | 422,
            ..
        }
    );
    if !is_about_form {
        return Vec::new();
    }
    let is_sent = |name: &str| sent.get(name).is_some();
    let mut found = Vec::new();
    if is_sent("temperature") && words.name("temperature") {
        found.push(Adjustment::Omit("temperature"));
    }
    if is_sent(&profile.seed_parameter) && words.name(&profile.seed_parameter) {
        found.push(Adjustment::Omit("seed"));
    }
    if words.want_stream() {
        found.push(Adjustment::Stream);
    } else if sent.get("stream") == Some(&json!(false)) && words.name("stream") {
        found.push(Adjustment::Omit("stream"));
    }
    found.extend(max_tokens_name(words, sent));
    if has_instruction(sent) && words.refuse_instruction() {
        found.push(Adjustment::InstructionInQuestion);
    }
    if !is_sent("enable_thinking") && words.name("enable_thinking") {
        found.push(Adjustment::NoThinking);
    }
    found.retain(|one| !made.iter().any(|other| is_same_kind(*one, *other)));
    found
}

/// Each kind of adjustment is made once.
fn is_same_kind(one: Adjustment, other: Adjustment) -> bool {
    let is_name = |it| matches!(it, Adjustment::MaxTokensName(_));
    one == other || (is_name(one) && is_name(other))
}

/// The other name of the limit, if the server does not know the one that was sent. A limit that is only
/// too high is the question's fault.
fn max_tokens_name(words: &ServerWords, sent: &Value) -> Option<Adjustment> {
    let (old, new) = ("max_tokens", "max_completion_tokens");
    let (name, other) = if sent.get(old).is_some() {
        (old, new)
    } else if sent.get(new).is_some() {
        (new, old)
    } else {
        return None;
    };
    let is_unknown = words.name(name) && (words.name(other) || words.call_parameter_unknown());
    is_unknown.then_some(Adjustment::MaxTokensName(other))
}

fn has_instruction(sent: &Value) -> bool {
    let is_instruction = |message: &Value| {
        let role = message.get("role").and_then(Value::as_str);
        matches!(role, Some(INSTRUCTION | "developer"))
    };
    let messages = sent.get("messages").and_then(Value::as_array);
    messages.is_some_and(|all| all.iter().any(is_instruction))
}

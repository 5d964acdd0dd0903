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
pub(super) const REFUSALS_MAX: usize = 8;

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
            // A schema is the question's.
            Self::Omit("response_format") => false,
            _ => true,
        }
    }
}

/// What the refusal of a request asks for, beyond the adjustments that it was sent with. It is one thing at
/// a time, since a refusal may name what the server takes beside what it refuses.
pub(super) fn wanted(
    error: &ModelError,
    words: &ServerWords,
    sent: &Value,
    profile: &ServerProfile,
    made: &[Adjustment],
) -> Option<Adjustment> {
    if !is_about_form(error) {
        return None;
    }
    let place = |name: &str| sent.get(name).and_then(|_| words.place_of(name));
    let stream = if words.want_stream() {
        Some((0, Adjustment::Stream))
    } else {
        let is_sent = sent.get("stream") == Some(&json!(false));
        let at = place("stream").filter(|_| is_sent);
        at.map(|at| (at, Adjustment::Omit("stream")))
    };
    let instruction = has_instruction(sent) && words.refuse_instruction();
    let thinking = words.place_of("enable_thinking");
    let thinking = thinking.filter(|_| sent.get("enable_thinking").is_none());
    let found = [
        place("temperature").map(|at| (at, Adjustment::Omit("temperature"))),
        place(&profile.seed_parameter).map(|at| (at, Adjustment::Omit("seed"))),
        place("logprobs")
            .or_else(|| place("top_logprobs"))
            .map(|at| (at, Adjustment::Omit("logprobs"))),
        schema(words, sent).map(|at| (at, Adjustment::Omit("response_format"))),
        stream,
        max_tokens_name(words, sent),
        instruction.then_some((0, Adjustment::InstructionInQuestion)),
        thinking.map(|at| (at, Adjustment::NoThinking)),
    ];
    let is_new =
        |(_, one): &(usize, Adjustment)| !made.iter().any(|made| is_same_kind(*one, *made));
    let first = found.into_iter().flatten().filter(is_new);
    first.min_by_key(|(at, _)| *at).map(|(_, one)| one)
}

/// Whether a server refuses what one of these adjustments gave it: another model may have come behind it.
pub(super) fn is_outdated(error: &ModelError, words: &ServerWords, made: &[Adjustment]) -> bool {
    let names = made.iter().filter_map(|one| one.max_tokens_name());
    is_about_form(error)
        && words.call_parameter_unknown()
        && names.into_iter().any(|name| words.name(name))
}

fn is_about_form(error: &ModelError) -> bool {
    matches!(
        error,
        ModelError::Status {
            code: 400 | 422,
            ..
        }
    )
}

/// Where the server speaks of the schema that it was given.
fn schema(words: &ServerWords, sent: &Value) -> Option<usize> {
    sent.get("response_format")?;
    let names = ["response_format", "json_schema", "schema", "grammar"];
    names.iter().filter_map(|name| words.place_of(name)).min()
}

/// Each kind of adjustment is made once.
fn is_same_kind(one: Adjustment, other: Adjustment) -> bool {
    let is_name = |it| matches!(it, Adjustment::MaxTokensName(_));
    one == other || (is_name(one) && is_name(other))
}

/// The other name of the limit, if the server does not know the one that was sent. A limit that is only
/// too high is the question's fault.
fn max_tokens_name(words: &ServerWords, sent: &Value) -> Option<(usize, Adjustment)> {
    let (old, new) = ("max_tokens", "max_completion_tokens");
    let (name, other) = if sent.get(old).is_some() {
        (old, new)
    } else {
        sent.get(new).map(|_| (new, old))?
    };
    let place = words.place_of(name)?;
    let is_unknown = words.name(other) || words.call_parameter_unknown();
    is_unknown.then_some((place, Adjustment::MaxTokensName(other)))
}

fn has_instruction(sent: &Value) -> bool {
    let is_instruction = |message: &Value| {
        let role = message.get("role").and_then(Value::as_str);
        matches!(role, Some(INSTRUCTION | "developer"))
    };
    let messages = sent.get("messages").and_then(Value::as_array);
    messages.is_some_and(|all| all.iter().any(is_instruction))
}

#[cfg(test)]
#[path = "adjust_tests.rs"]
mod tests;

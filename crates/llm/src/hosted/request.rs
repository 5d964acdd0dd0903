//! The body of a request.

use super::{
    adjust::Adjustment,
    chat::{ChatMessage, Conversation, INSTRUCTION},
    dialect::Dialect,
    likelihood::ALTERNATIVES,
    preset::InstructionRole,
    settings::ServerProfile,
};
use crate::{answer_type, ModelQuestion};
use llm_oracle_primitives::{AnswerKind, Sampling};
use serde_json::{json, Map, Value};

/// Most tokens of a reply whose likelihoods are asked for: more of them make a response too long to read.
const LOGPROBS_TOKENS_MAX: u32 = 512;

/// What a model replies when it has no answer.
const ESCAPES: [&str; 3] = ["UNCLEAR", "TOO SOON", "REFUSED"];

/// The body that asks for a completion of these messages.
pub(super) fn body(
    profile: &ServerProfile,
    adjustments: &[Adjustment],
    conversation: &Conversation,
    question: &ModelQuestion,
) -> Value {
    let mut body = profile.body.clone();
    body.insert("model".to_owned(), json!(profile.model));
    put_messages(&mut body, profile, adjustments, &conversation.messages);
    put_sampling(&mut body, profile, adjustments, &question.sampling);
    if profile.dialect == Dialect::OpenAi {
        let is_corrected = conversation.is_corrected;
        put_form(&mut body, profile, adjustments, (question, is_corrected));
    }
    if adjustments.contains(&Adjustment::NoThinking) {
        body.insert("enable_thinking".to_owned(), json!(false));
    }
    Value::Object(body)
}

/// The most tokens that a request lets a model generate.
pub(super) fn max_tokens(profile: &ServerProfile, sampling: &Sampling) -> u32 {
    let answer = sampling.max_tokens.max(1);
    answer.saturating_add(profile.thinking_tokens)
}

/// Asks for the likelihoods of a label's tokens, and tells the server the schema of the reply. What the
/// settings put into the body stands.
fn put_form(
    body: &mut Map<String, Value>,
    profile: &ServerProfile,
    adjustments: &[Adjustment],
    (question, is_corrected): (&ModelQuestion, bool),
) {
    let is_omitted = |name| adjustments.iter().any(|one| one.omitted() == Some(name));
    let kind = &question.answer;
    let has_labels = matches!(kind, AnswerKind::Bool | AnswerKind::Choice { .. });
    let is_short = question.sampling.max_tokens <= LOGPROBS_TOKENS_MAX;
    if profile.logprobs && has_labels && is_short && !is_omitted("logprobs") {
        body.entry("logprobs").or_insert(json!(true));
        body.entry("top_logprobs").or_insert(json!(ALTERNATIVES));
    }
    let schema = schema_of(kind, is_corrected);
    if let (true, Some(schema)) = (profile.structured && !is_omitted("response_format"), schema) {
        let format = json!({
            "type": "json_schema",
            "json_schema": { "name": "answer", "schema": schema },
        });
        body.entry("response_format").or_insert(format);
    }
}

/// The schema that a server is told: of JSON always, of a label or a number only after a reply of another form. With
/// one, a label has more tokens, and its likelihood says less.
fn schema_of(kind: &AnswerKind, is_corrected: bool) -> Option<Value> {
    match kind {
        AnswerKind::Json { schema } => serde_json::from_slice(schema).ok(),
        AnswerKind::Bool | AnswerKind::Choice { .. } if is_corrected => {
            let mut labels = answer_type::labels(kind).ok()??;
            // The reply is read as it stands, between its quotes.
            let is_plain =
                |label: &String| !label.contains(['"', '\\']) && !label.contains(char::is_control);
            if answer_type::escapes_are_free(kind).ok()? {
                labels.extend(ESCAPES.map(str::to_owned));
            }
            labels
                .iter()
                .all(is_plain)
                .then(|| json!({ "type": "string", "enum": labels }))
        }
        AnswerKind::Number { .. } if is_corrected => {
            Some(json!({ "anyOf": [{ "type": "number" }, { "enum": ESCAPES }] }))
        }
        _ => None,
    }
}

fn put_messages(
    body: &mut Map<String, Value>,
    profile: &ServerProfile,
    adjustments: &[Adjustment],
    messages: &[ChatMessage],
) {
    let is_in_question = profile.instruction == InstructionRole::User
        || adjustments.contains(&Adjustment::InstructionInQuestion);
    let (instruction, mut turns) = split(messages);
    if is_in_question {
        if let Some(first) = turns.first_mut() {
            first.content = format!("{instruction}\n\n{}", first.content);
        }
    }
    let has_own = !is_in_question && !instruction.is_empty();
    match profile.dialect {
        Dialect::OpenAi => {
            if has_own {
                let role = match profile.instruction {
                    InstructionRole::Developer => "developer",
                    InstructionRole::System | InstructionRole::User => INSTRUCTION,
                };
                let content = instruction;
                turns.insert(0, ChatMessage { role, content });
            }
            body.insert("messages".to_owned(), json!(turns));
        }
        Dialect::Responses => {
            if has_own {
                body.insert("instructions".to_owned(), json!(instruction));
            }
            body.insert("input".to_owned(), json!(turns));
            // What was asked stays with the asker, unless the settings want it kept.
            body.entry("store").or_insert(json!(false));
        }
        Dialect::Anthropic => {
            if has_own {
                body.insert("system".to_owned(), json!(instruction));
            }
            body.insert("messages".to_owned(), json!(turns));
        }
    }
}

/// The instruction, and the turns of the conversation.
fn split(messages: &[ChatMessage]) -> (String, Vec<ChatMessage>) {
    let (instruction, turns): (Vec<_>, Vec<_>) = messages
        .iter()
        .cloned()
        .partition(|message| message.role == INSTRUCTION);
    let texts: Vec<_> = instruction.into_iter().map(|one| one.content).collect();
    (texts.join("\n\n"), turns)
}

fn put_sampling(
    body: &mut Map<String, Value>,
    profile: &ServerProfile,
    adjustments: &[Adjustment],
    sampling: &Sampling,
) {
    let is_sent =
        |name| profile.sends(name) && !adjustments.iter().any(|one| one.omitted() == Some(name));
    if is_sent("temperature") {
        // Half a thousandth is beyond any server; the division is exact enough to print back.
        let temperature = f64::from(sampling.temperature_milli) / 1000.0;
        body.insert("temperature".to_owned(), json!(temperature));
    }
    // The other two APIs have no seed.
    if is_sent("seed") && profile.dialect == Dialect::OpenAi {
        // Servers read it as a signed 64-bit number.
        let seed = sampling.seed & 0x7fff_ffff_ffff_ffff;
        body.insert(profile.seed_parameter.clone(), json!(seed));
    }
    if profile.sends("max_tokens") {
        let renamed = adjustments.iter().find_map(|one| one.max_tokens_name());
        let name = renamed.unwrap_or(&profile.max_tokens_parameter);
        body.insert(name.to_owned(), json!(max_tokens(profile, sampling)));
    }
    if adjustments.contains(&Adjustment::Stream) {
        body.insert("stream".to_owned(), json!(true));
    } else if is_sent("stream") && profile.dialect == Dialect::OpenAi {
        body.entry("stream").or_insert(json!(false));
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;

//! What a server says about a failure: its own words, for the operator, and what they mean.
//!
//! They are a stranger's text. They are cut, cleaned and shown, and decide nothing beyond one question.

use super::pause;
use serde_json::Value;
use std::collections::BTreeSet;

/// Longest text that is passed on, characters.
const TEXT_CHARS_MAX: usize = 300;
/// Deepest member that is looked at.
const DEPTH_MAX: usize = 6;

/// Names by which servers say that a filter took the question or the reply.
const FILTER_NAMES: [&str; 12] = [
    "content_filter",
    "content_filtered",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "data_inspection_failed",
    "datainspectionfailed",
    "moderation_blocked",
    "content_moderation",
    "prompt_blocked",
    "invalid_prompt",
    "flagged_input",
    "guardrail_intervened",
];
/// Words by which they say it.
const FILTER_WORDS: [&str; 20] = [
    "content exists risk",
    "content filter",
    "content is against",
    "content management policy",
    "content policy",
    "content moderation",
    "flagged by moderation",
    "guardrail",
    "inappropriate content",
    "input was flagged",
    "moderation_block",
    "prohibited content",
    "prompt was filtered",
    "prompt was flagged",
    "responsible ai",
    "safety_check",
    "safety system",
    "sensitive content",
    "usage guidelines",
    "usage polic",
];
/// Who is refused then is the operator, whatever the question was.
const ACCOUNT_WORDS: [&str; 4] = ["your account", "your organization", "api key", "api_key"];
/// Words for a parameter that the server does not know, as opposed to a value that it does not take.
const UNKNOWN_WORDS: [&str; 14] = [
    "unsupported",
    "not supported",
    "not support",
    "no such",
    "unknown",
    "unrecognized",
    "unexpected",
    "not permitted",
    "extra",
    "cannot be used",
    "not allowed",
    "deprecated",
    "no parameter",
    "not available",
];
const STREAM_WORDS: [&str; 8] = [
    "stream=true",
    "stream = true",
    "\"stream\": true",
    "stream to true",
    "only support stream",
    "only supports stream",
    "requires stream",
    "stream must be true",
];

/// What a body says about a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerWords {
    /// Its message, cut and on one line.
    pub(super) text: String,
    /// A number that it gives as its code, which is mostly an HTTP status.
    pub(super) code: Option<u16>,
    /// The pause that a member names, milliseconds.
    pause_ms: Option<u64>,
    /// Parameters that it names as such.
    params: BTreeSet<String>,
    /// Values of `code`, `type`, `status` and the like, in lower case.
    kinds: BTreeSet<String>,
    /// Everything that was said, in lower case.
    all: String,
}

impl ServerWords {
    /// Reads a body; one that is no JSON is a message itself.
    pub(super) fn of_body(body: &str) -> Self {
        match serde_json::from_str::<Value>(body) {
            Ok(value) => Self::of(&value),
            Err(_) => Self {
                text: one_line(&without_tags(body)),
                all: body.to_lowercase(),
                ..Self::default()
            },
        }
    }

    /// Reads an error object, or a body that holds one.
    pub(super) fn of(value: &Value) -> Self {
        let mut words = Self::default();
        let mut texts = Vec::new();
        words.take(value, DEPTH_MAX, &mut texts);
        words.text = one_line(&texts.join("; "));
        words.all = texts.join(" ").to_lowercase();
        words
    }

    /// Takes out what is no word of the server's but of the question.
    pub(super) fn forget(&mut self, texts: &[&str]) {
        for text in texts.iter().filter(|text| !text.trim().is_empty()) {
            self.all = self.all.replace(&text.to_lowercase(), " ");
        }
    }

    fn take(&mut self, value: &Value, depth: usize, texts: &mut Vec<String>) {
        let Some(below) = depth.checked_sub(1) else {
            return;
        };
        match value {
            Value::String(text) if !text.trim().is_empty() => texts.push(text.clone()),
            Value::Array(list) => list.iter().for_each(|one| self.take(one, below, texts)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.take_member(name, value, below, texts);
                }
            }
            _ => {}
        }
    }

    /// Members that echo the question are passed over: they are a stranger's words, not the server's.
    fn take_member(&mut self, name: &str, value: &Value, depth: usize, texts: &mut Vec<String>) {
        match name {
            "code" | "type" | "status" => self.take_kind(value),
            "param" | "loc" => {
                let name = match value {
                    Value::Array(parts) => parts.last().and_then(Value::as_str),
                    other => other.as_str(),
                };
                if let Some(name) = name {
                    self.params.insert(name.to_lowercase());
                    texts.push(format!("`{name}`"));
                }
            }
            "retryDelay" => self.pause_ms = value.as_str().and_then(pause::seconds_ms),
            "flagged_input" => {
                self.kinds.insert(name.to_owned());
            }
            "error" | "errors" | "message" | "msg" | "detail" | "details" | "error_msg"
            | "error_message" | "base_resp" | "status_msg" | "innererror" | "metadata" | "raw"
            | "reason" | "reasons" => {
                self.take(value, depth, texts);
            }
            _ => {}
        }
    }

    fn take_kind(&mut self, value: &Value) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return,
        };
        if let Ok(code) = text.parse() {
            self.code = Some(code);
        }
        self.kinds.insert(text.to_lowercase());
    }

    /// The pause that it names, in a member or in its message, milliseconds.
    pub(super) fn pause_ms(&self) -> Option<u64> {
        self.pause_ms.or_else(|| pause::in_text(&self.all))
    }

    /// Whether a kind of error was named so.
    pub(super) fn has_kind(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    /// Whether a filter took the question, so that the model has declined and nothing is wrong with the
    /// server.
    pub(super) fn is_filtered(&self) -> bool {
        let is_account = ACCOUNT_WORDS.iter().any(|word| self.all.contains(word));
        let by_name = FILTER_NAMES.iter().any(|name| self.has_kind(name));
        let by_word = FILTER_WORDS.iter().any(|word| self.all.contains(word));
        by_name || (by_word && !is_account)
    }

    /// Whether this parameter is named, as a word of its own.
    pub(super) fn name(&self, parameter: &str) -> bool {
        self.place_of(parameter).is_some()
    }

    /// How early this parameter is named: what is wrong comes before what would be right.
    pub(super) fn place_of(&self, parameter: &str) -> Option<usize> {
        if self.params.contains(parameter) {
            return Some(0);
        }
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut found = self.all.match_indices(parameter).filter(|(at, found)| {
            let before = self
                .all
                .get(..*at)
                .and_then(|text| text.chars().next_back());
            let end = at.saturating_add(found.len());
            let after = self.all.get(end..).and_then(|text| text.chars().next());
            !before.is_some_and(is_of_name) && !after.is_some_and(is_of_name)
        });
        found.next().map(|(at, _)| at.saturating_add(1))
    }

    pub(super) fn call_parameter_unknown(&self) -> bool {
        let by_kind = [
            "unsupported_parameter",
            "unknown_parameter",
            "extra_forbidden",
        ];
        by_kind.iter().any(|kind| self.has_kind(kind))
            || UNKNOWN_WORDS.iter().any(|word| self.all.contains(word))
    }

    pub(super) fn want_stream(&self) -> bool {
        STREAM_WORDS.iter().any(|word| self.all.contains(word))
    }

    /// Whether the role of the instruction is refused, or that it makes a turn of its own. A server that is
    /// only in trouble with its system must not be taken for one.
    pub(super) fn refuse_instruction(&self) -> bool {
        let has = |words: &[&str]| words.iter().any(|word| self.all.contains(word));
        let names_it = self.name("system") || self.name("developer");
        let is_about = has(&["role", "instruction", "template"])
            || (has(&["message", "prompt"]) && self.call_parameter_unknown());
        (names_it && is_about) || has(&["roles must alternate"])
    }
}

/// A text on one line, without control characters, cut to what fits a log.
pub(super) fn one_line(text: &str) -> String {
    let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = spaced
        .chars()
        .filter(|c| !c.is_control())
        .take(TEXT_CHARS_MAX)
        .collect();
    if spaced.chars().count() > TEXT_CHARS_MAX {
        shown.push('…');
    }
    shown
}

/// A page's text, more or less: proxies answer in HTML.
fn without_tags(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<') {
        let after_tag = part.split_once('>').map_or(part, |(_, after)| after);
        text.push_str(after_tag);
        text.push(' ');
    }
    text
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;

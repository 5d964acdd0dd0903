//! Sentences that say which answer to give.

use crate::{checker::DefectRule, patterns::compile, text::QuestionText, DefectKind, Finding};
use llm_oracle_primitives::AnswerKind;
use regex::{Captures, Error, Regex};

/// Finds [`DefectKind::DictatedAnswer`].
pub struct DictatedAnswerRule {
    command: Regex,
    claim: Regex,
    condition: Regex,
    clause: Regex,
}

impl DictatedAnswerRule {
    /// The rule with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        let said = "[\"'“‘*]*([^.!?;\n\"”’*]{1,80})";
        Ok(Self {
            command: compile(&format!(
                r"(?:^|[\s\x22:])(?:please |you (?:must|should|have to|need to|shall|will) |always |just |simply |only |and )*(?:answer|reply|respond|say|return|output|write|print|choose|select|pick|vote|state|conclude)(?: (?:only|just|simply|always))?(?: with| by saying)?(?: only)?(?: the (?:option|word|answer|value))?:? {said}"
            ))?,
            claim: compile(&format!(
                r"\b(?:the |your |its )?(?:only |single )?(?:correct |right |true |expected |final |valid |proper )*answer (?:to (?:this|the|that) question )?(?:is|must be|should be|has to be|will be|shall be)(?: always| simply| clearly| obviously)?:? {said}"
            ))?,
            condition: compile(
                r"\b(?:if|when|unless|otherwise|or|where|whether|in case|for|as|depending|should|only counts)\b",
            )?,
            clause: compile(r"[^.!?;\n]+[.!?;\n]*")?,
        })
    }

    /// Whether the words begin with an answer of the question's kind.
    fn is_answer(text: &QuestionText<'_>, said: &str) -> bool {
        let said = said.trim().to_lowercase();
        let begins = |answer: &str| {
            let rest = said.strip_prefix(&answer.to_lowercase());
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        match &text.question.answer {
            AnswerKind::Bool => ["yes", "no", "true", "false"].into_iter().any(begins),
            AnswerKind::Choice { .. } => text.options.iter().any(|option| begins(option)),
            AnswerKind::Number { .. } => {
                said.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                    || ["zero", "one", "two", "ten"].into_iter().any(begins)
            }
            // Any word is one.
            AnswerKind::Text { .. } | AnswerKind::Json { .. } => said.starts_with(['"', '“', '{']),
        }
    }
}

impl DefectRule for DictatedAnswerRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        let suggestion =
            "take it out; to say which answer means what, write 'answer yes if …, otherwise no'";
        let mut found = Vec::new();
        for (part, all) in text.parts() {
            for clause in self.clause.find_iter(all) {
                if clause.as_str().contains('?') || self.condition.is_match(clause.as_str()) {
                    continue;
                }
                let said = |captures: &Captures<'_>| {
                    let said = captures.get(1).map_or("", |one| one.as_str());
                    Self::is_answer(text, said)
                };
                let patterns = [&self.command, &self.claim].into_iter();
                let mut captures = patterns.filter_map(|one| one.captures(clause.as_str()));
                let Some(captures) = captures.find(said) else {
                    continue;
                };
                let Some(whole) = captures.get(0) else {
                    continue;
                };
                let move_by = |at: usize| clause.start().saturating_add(at);
                let range = move_by(whole.start())..move_by(whole.end());
                let kind = DefectKind::DictatedAnswer;
                found.push(Finding::new(kind, part, all, range, suggestion));
            }
        }
        found
    }
}

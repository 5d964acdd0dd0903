//! What is right if the event is cancelled or the source is silent.

use crate::{checker::DefectRule, patterns::compile, text::QuestionText, DefectKind, Finding};
use regex::{Error, Regex};

/// Finds [`DefectKind::MissingFallback`]: in a question about the future, no sentence says what counts otherwise.
pub struct FallbackRule {
    fallback: Regex,
    option: Regex,
}

impl FallbackRule {
    /// The rule with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            fallback: compile(
                r"\b(?:if|unless|otherwise|in case|in the event|should (?:it|the|no|there)|failing (?:that|which)|in the absence|where (?:the|no|it)|without (?:a|any)|counts? as|counted as|abstain|resolves?|is void|treat(?:ed)? as|or else)\b",
            )?,
            option: compile(
                r"\b(?:no (?:match|election|result|vote|event|data|contest)|not (?:played|held|published|available)|cancel\w*|postponed|abandoned|void|nobody|no one|unknown|cannot (?:tell|be known))\b",
            )?,
        })
    }
}

impl DefectRule for FallbackRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        if !text.is_open {
            return Vec::new();
        }
        let asking = text.asking();
        let is_said = text
            .sentences
            .iter()
            .filter(|sentence| !sentence.asks)
            .any(|sentence| self.fallback.is_match(text.of(sentence)));
        let system = text.question.system.as_deref().unwrap_or_default();
        let is_option = text.options.iter().any(|one| self.option.is_match(one));
        if is_said || is_option || self.fallback.is_match(system) {
            return Vec::new();
        }
        let first = asking.first().map_or(0..0, |one| one.range.clone());
        let suggestion = "add 'If the event is cancelled or postponed, answer …. If the source has no value, use …; failing that, abstain.'";
        vec![text.finding(DefectKind::MissingFallback, first, suggestion)]
    }
}

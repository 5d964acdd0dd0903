//! Bounds: approximate ones, and those without a side for the value on them.

use crate::{
    checker::DefectRule,
    patterns::{compile, date, COUNT},
    text::{PromptSentence, QuestionText},
    DefectKind, Finding,
};
use regex::{Error, Regex};
use std::ops::Range;

/// Finds [`DefectKind::Boundary`].
pub struct BoundaryRule {
    approximate: Regex,
    comparison: Regex,
    between: Regex,
    negation: Regex,
    number_before: Regex,
    equality: Regex,
    tolerance: Regex,
}

impl BoundaryRule {
    /// The rule with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        let about = "around|about|approximately|approx\\.?|roughly|circa|ca\\.|some|nearly|almost|close to|near|near to|in the (?:region|neighbou?rhood|vicinity|range) of|on the order of|upwards? of|give or take|more or less|an estimated";
        let than = "(?:more|less|fewer|greater|higher|lower|larger|bigger|smaller|longer|shorter|taller|older|younger|faster|slower|better|worse|later|earlier) than|over|above|below|under|beneath|beyond|exceed(?:s|ed|ing)?|surpass(?:es|ed|ing)?|top(?:s|ped)";
        let date = date();
        Ok(Self {
            approximate: compile(&format!(
                r"\b(?:{about}) (?:the )?{COUNT}|\b{COUNT} or so\b"
            ))?,
            comparison: compile(&format!(r"\b(?:{than}) {COUNT}(?: ?%| percent)?"))?,
            between: compile(&format!(
                r"\bbetween (?:{date}|{COUNT})[^,.;?]{{0,24}}?,? and (?:{date}|{COUNT})"
            ))?,
            negation: compile(r"\b(?:no|not|never|nor|n't)\s*$")?,
            number_before: compile(
                r"(?:^|\b(?:is|are|if|that)|[.?!(])\s*-?\d[\d,.]*\)?\s*(?:is\s*)?$",
            )?,
            equality: compile(
                r"\b(?:strictly|inclusive(?:ly)?|exclusive(?:ly)?|both (?:ends )?(?:included|excluded)|included|exactly|equal(?:s|ity)?|or (?:more|less|fewer|higher|lower|above|below|greater|later|earlier|exceeds?|exceeded|surpass(?:es)?))\b|[≤≥]|>=|<=",
            )?,
            tolerance: compile(r"±|\bplus or minus\b|\btolerance\b|\bwithin \d")?,
        })
    }

    fn approximate(&self, text: &QuestionText<'_>, sentence: &PromptSentence) -> Vec<Finding> {
        if self.tolerance.is_match(&text.context) {
            return Vec::new();
        }
        let found = text.matches(&self.approximate, sentence).into_iter();
        found
            .map(|range| {
                let suggestion = "give the range, such as 'at least 4,900 and at most 5,100'";
                text.finding(DefectKind::Boundary, range, suggestion)
            })
            .collect()
    }

    fn compared(&self, text: &QuestionText<'_>, sentence: &PromptSentence) -> Vec<Finding> {
        if self.equality.is_match(&text.context) {
            return Vec::new();
        }
        let before = |range: &Range<usize>| text.prompt().get(..range.start).unwrap_or_default();
        let is_meant = |range: &Range<usize>| {
            let before = before(range);
            !self.negation.is_match(before) && !self.number_before.is_match(before)
        };
        let compared = text.matches(&self.comparison, sentence).into_iter();
        let compared = compared.filter(is_meant).map(|range| {
            let words = text.prompt().get(range.clone()).unwrap_or_default();
            let suggestion = format!(
                "write 'at least' or 'at most', or keep '{words}' and add 'a value of exactly that counts as no'"
            );
            text.finding(DefectKind::Boundary, range, suggestion)
        });
        let between = text.matches(&self.between, sentence).into_iter();
        let between = between.map(|range| {
            let suggestion = "add 'both inclusive', or 'the first inclusive, the second not'";
            text.finding(DefectKind::Boundary, range, suggestion)
        });
        compared.chain(between).collect()
    }
}

impl DefectRule for BoundaryRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        let asking = text.asking();
        let approximate = asking.iter().flat_map(|one| self.approximate(text, one));
        let compared = asking.iter().flat_map(|one| self.compared(text, one));
        approximate.chain(compared).collect()
    }
}

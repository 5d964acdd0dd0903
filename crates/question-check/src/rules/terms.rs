//! Words that people understand differently, and names for what the question does not say.

use crate::{
    checker::DefectRule,
    patterns::compile,
    text::{PromptSentence, QuestionText},
    DefectKind, Finding,
};
use regex::{Error, Regex};
use std::ops::Range;

/// Words of degree, size, quality, success, fame, time, movement, duty and quantity.
const VAGUE: &[&str] = &[
    // Degree and size.
    "significant(?:ly)?|substantial(?:ly)?|considerabl[ey]|meaningful(?:ly)?|noteworthy|notabl[ey]|remarkabl[ey]|marked(?:ly)?",
    "dramatic(?:ally)?|drastic(?:ally)?|serious(?:ly)?|severe(?:ly)?|major|minor|minimal|excessive(?:ly)?|extreme(?:ly)?|moderate(?:ly)?|slight(?:ly)?",
    "adequate(?:ly)?|ample|large|big|huge|massive|enormous|vast|sizeable|sizable|tiny|small",
    "high (?:demand|volumes?|activity|risk|levels?|standards?|usage|traffic)|low (?:demand|volumes?|activity|risk|levels?|standards?|usage|traffic)",
    // Quality.
    "good|bad|great|excellent|poor(?:ly)?|decent(?:ly)?|mediocre|(?:high|low|good|poor)[- ]quality|satisfactor(?:y|ily)|acceptabl[ey]|suitabl[ey]|appropriate(?:ly)?|proper(?:ly)?",
    "reasonabl[ey]|fair(?:ly)?|user-friendly|intuitive|elegant|professional(?:ly)?|fluent(?:ly)?|well[- ](?:written|made|run|managed|designed|documented)|reliabl[ey]|robust(?:ly)?",
    "efficient(?:ly)?|effectively|smooth(?:ly)?|strong(?:ly)?|weak(?:ly)?|healthy|impressive|convincing(?:ly)?|interesting",
    // Success and fame.
    "success|successful(?:ly)?|a (?:big )?(?:hit|flop|failure)|thriv(?:e|es|ing)|viable|popular(?:ity)?|mainstream|widely|widespread|well-known|famous|prominent(?:ly)?|leading|influential|iconic|dominant|renowned|important|essential",
    // Time.
    "timely|prompt(?:ly)|quick(?:ly)?|rapid(?:ly)?|frequent(?:ly)?|often|rarely|usually|long-term|short-term",
    // Movement and state.
    "(?:surg|soar|plung|plummet|skyrocket|collaps|crash|spik|rall|boom)(?:e|es|ed|ing|y|ies|ied|s)?|normal(?:ly)?|unusual(?:ly)?|abnormal(?:ly)?|typical(?:ly)?",
    // Duty.
    "responsib(?:le|ly)|careful(?:ly)?|reckless(?:ly)?|ethical(?:ly)?|diligent(?:ly)?",
    // Quantity.
    "several|numerous|plenty of|a lot of|lots of|a handful of|a number of|many of",
];

/// Things that are named as if they were known.
const REFERENCES: &str = "target|threshold|goal|deadline|milestone|limit|requirements?|conditions?|quota|benchmark|objectives?|deal|agreement|project|event|plan";

/// What makes such a thing known.
const KNOWN_BY: &str = r"^\s*(?:of|in|for|that|which|from|by the|under|named|stated|set|on|\d|with|between|below|above|described|attached)\b|^\s*:";

/// Finds [`DefectKind::UndefinedTerm`].
pub struct TermRule {
    vague: Regex,
    pronoun: Regex,
    reference: Regex,
    known_by: Regex,
    definition: Regex,
    standard: Regex,
    duty: Regex,
}

impl TermRule {
    /// The rule with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        let opening = r"^\s*(?:will|has|have|had|is|are|was|were|did|does|do|can|should|when|where|how|why)\s+(?:(?:will|did|does|is|was|has)\s+)?";
        Ok(Self {
            vague: compile(&format!(r"\b(?:{})\b", VAGUE.join("|")))?,
            pronoun: compile(&format!(r"{opening}(it|they|he|she|them)\b"))?,
            reference: compile(&format!(r"{opening}(the (?:{REFERENCES}))\b"))?,
            known_by: compile(KNOWN_BY)?,
            definition: compile(
                r"\b(?:means?|is defined|are defined|defined as|definition|in the sense of|within the meaning|counts? as|understood as|refers? to)\b",
            )?,
            standard: compile(
                r"\b(?:rubric|criteri(?:a|on)|guidelines?|scale|checklist|definitions?|in the sense of|within the meaning|defined)\b",
            )?,
            duty: compile(
                r"\b(?:must|may|shall|should|(?:had|has|have|needs?) to|lets?|allows?|requires?|permits?|obliged|decides?|counts?)\b",
            )?,
        })
    }

    /// Whether a sentence of the context defines the words.
    fn is_defined(&self, text: &QuestionText<'_>, words: &str) -> bool {
        let words = words.to_lowercase();
        let sentences = text.context.split(['.', '?', '\n']);
        let mut defining = sentences.filter(|one| self.definition.is_match(one));
        defining.any(|one| one.to_lowercase().contains(&words))
    }

    /// A sentence that tells a story decides nothing: only those that ask, or say what must be, are read.
    fn vague(&self, text: &QuestionText<'_>, sentence: &PromptSentence) -> Vec<Finding> {
        let words = text.of(sentence);
        let decides = text.asking().contains(&sentence) || self.duty.is_match(words);
        if !decides || self.standard.is_match(words) {
            return Vec::new();
        }
        let found = text.matches(&self.vague, sentence).into_iter();
        let is_name = |range: &Range<usize>| {
            let first = text.prompt().get(range.clone()).unwrap_or_default();
            range.start > sentence.range.start && first.starts_with(char::is_uppercase)
        };
        let found = found.filter(|range| !is_name(range));
        let words = |range: &Range<usize>| text.prompt().get(range.clone()).unwrap_or_default();
        let undefined = found.filter(|range| !self.is_defined(text, words(range)));
        undefined
            .map(|range| {
                let words = words(&range).to_owned();
                let suggestion =
                    format!("add what counts: '\"{words}\" means …', with a number and its source");
                text.finding(DefectKind::UndefinedTerm, range, suggestion)
            })
            .collect()
    }

    /// A pronoun or `the target` in the first sentence, before which nothing can have named it.
    fn unnamed(&self, text: &QuestionText<'_>) -> Option<Finding> {
        let first = text.sentences.first()?;
        let sentence = text.of(first);
        let pronoun = self.pronoun.captures(sentence);
        let reference = self.reference.captures(sentence).filter(|found| {
            let end = found.get(1).map_or(0, |one| one.end());
            let after = sentence.get(end..).unwrap_or_default();
            !self.known_by.is_match(after)
        });
        let found = pronoun.or(reference)?.get(1)?;
        let (start, end) = (first.range.start, first.range.start);
        let range = start.saturating_add(found.start())..end.saturating_add(found.end());
        let suggestion = format!("write out what '{}' is, with its name", found.as_str());
        Some(text.finding(DefectKind::UndefinedTerm, range, suggestion))
    }
}

impl DefectRule for TermRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        let sentences = text.sentences.iter();
        let mut found: Vec<_> = sentences.flat_map(|one| self.vague(text, one)).collect();
        found.extend(self.unnamed(text));
        found
    }
}

//! All rules over one question.

use crate::{
    rules::{
        boundary::BoundaryRule, dictated::DictatedAnswerRule, fallback::FallbackRule,
        hidden::HiddenCharacterRule, injection::InjectionRule, options::OptionRule,
        sources::SourceOrderRule, terms::TermRule, time::TimeRule,
    },
    text::{QuestionText, TextReader},
    DraftQuestion, Finding,
};

/// A rule that finds defects.
pub trait DefectRule: Send + Sync {
    /// What it finds in a question.
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding>;
}

/// Finds the defects of questions. Its patterns are compiled once.
pub struct QuestionChecker {
    reader: TextReader,
    rules: Vec<Box<dyn DefectRule>>,
}

impl QuestionChecker {
    /// A checker with all rules.
    ///
    /// # Errors
    /// When a rule's pattern is none, which tests exclude.
    pub fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            reader: TextReader::new()?,
            rules: vec![
                Box::new(TermRule::new()?),
                Box::new(BoundaryRule::new()?),
                Box::new(TimeRule::new()?),
                Box::new(SourceOrderRule::new()?),
                Box::new(FallbackRule::new()?),
                Box::new(OptionRule::new()?),
                Box::new(InjectionRule::new()?),
                Box::new(DictatedAnswerRule::new()?),
                Box::new(HiddenCharacterRule),
            ],
        })
    }

    /// The findings, by kind, then by place.
    pub fn check(&self, question: &DraftQuestion) -> Vec<Finding> {
        let text = self.reader.read(question);
        let rules = self.rules.iter();
        let mut found: Vec<_> = rules.flat_map(|rule| rule.find(&text)).collect();
        found.sort_by_key(|one| (one.kind, one.part, one.start));
        found.dedup_by_key(|one| (one.kind, one.part, one.start));
        found
    }
}

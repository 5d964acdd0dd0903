//! A question's text as the rules read it: sentences, what is only quoted, and whether the outcome is still open.

use crate::{
    patterns::{self, compile},
    DraftQuestion, Finding, TextPart,
};
use regex::{Error, Regex};
use std::ops::Range;

/// What stands before text that is to be judged.
const LABELS: &str = "review|comment|text|article|message|memo|proposal|claim|evidence|translation|premise|hypothesis|letter|code|contract|transcript|statement|sentence|quote|announcement|tweet|post|e-?mail|mail|summary|grant|passage|context|document|abstract|note|excerpt|story|paragraph|dialogue|input|data|log|patch|diff";

/// A sentence of the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptSentence {
    /// Its bytes in the prompt.
    pub range: Range<usize>,
    /// Whether it ends with a question mark, or says when a market resolves to yes or no.
    pub asks: bool,
    /// Whether it speaks of the future.
    pub is_future: bool,
}

/// A question, read.
pub struct QuestionText<'a> {
    /// The question.
    pub question: &'a DraftQuestion,
    /// Its options.
    pub options: Vec<String>,
    /// The sentences of the prompt that are the asker's own.
    pub sentences: Vec<PromptSentence>,
    /// Bytes of the prompt that are quoted, or follow a label such as `Review:`.
    pub quoted: Vec<Range<usize>>,
    /// Prompt and instruction, where rules look for definitions and the like.
    pub context: String,
    /// Whether the asker says that the text to judge is given.
    pub is_given: bool,
    /// Whether the outcome was not known when the question was written.
    pub is_open: bool,
}

impl QuestionText<'_> {
    /// The prompt.
    pub fn prompt(&self) -> &str {
        &self.question.prompt
    }

    /// The text of a sentence.
    pub fn of(&self, sentence: &PromptSentence) -> &str {
        let range = sentence.range.clone();
        self.prompt().get(range).unwrap_or_default()
    }

    /// The sentences that ask. If none has a question mark: those that speak of the future, else the last one.
    pub fn asking(&self) -> Vec<&PromptSentence> {
        let of = |asks: fn(&PromptSentence) -> bool| -> Vec<_> {
            self.sentences.iter().filter(|one| asks(one)).collect()
        };
        let asking = of(|one| one.asks);
        let future = of(|one| one.is_future);
        match () {
            () if !asking.is_empty() => asking,
            () if !future.is_empty() && !self.is_given => future,
            () => self.sentences.last().into_iter().collect(),
        }
    }

    /// Matches of a pattern in a sentence that are not quoted, as bytes of the prompt.
    pub fn matches(&self, pattern: &Regex, sentence: &PromptSentence) -> Vec<Range<usize>> {
        let start = sentence.range.start;
        let found = pattern.find_iter(self.of(sentence));
        let moved =
            found.map(|one| start.saturating_add(one.start())..start.saturating_add(one.end()));
        moved.filter(|range| !self.is_quoted(range)).collect()
    }

    /// Whether a range of the prompt begins in a quotation.
    pub fn is_quoted(&self, range: &Range<usize>) -> bool {
        self.quoted.iter().any(|one| one.contains(&range.start))
    }

    /// A finding in the prompt.
    pub fn finding(
        &self,
        kind: crate::DefectKind,
        range: Range<usize>,
        suggestion: impl Into<String>,
    ) -> Finding {
        Finding::new(kind, TextPart::Prompt, self.prompt(), range, suggestion)
    }

    /// All texts with their places.
    pub fn parts(&self) -> Vec<(TextPart, &str)> {
        let mut parts = vec![(TextPart::Prompt, self.prompt())];
        if let Some(system) = &self.question.system {
            parts.push((TextPart::System, system));
        }
        let options = self.options.iter().enumerate();
        parts.extend(options.map(|(at, text)| (TextPart::Option(at), text.as_str())));
        parts
    }
}

/// Reads questions.
pub struct TextReader {
    label: Regex,
    quotation: Regex,
    sentence_end: Regex,
    future: Regex,
    past: Regex,
    day: Regex,
    given: Regex,
    abbreviation: Regex,
    resolution: Regex,
}

impl TextReader {
    /// A reader with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            label: compile(&format!(r"\b(?:{LABELS})s?( \d+)?:\s"))?,
            quotation: compile("\"[^\"]*\"|“[^”]*”|«[^»]*»|`[^`]*`")?,
            sentence_end: compile(r"[.!?]+(?:\s|$)|\n+")?,
            future: compile(r"\b(?:will|won't|shall|going to|resolves?)\b")?,
            past: compile(r"\b(?:did|was|were|had)\b")?,
            day: compile(&patterns::day())?,
            given: compile(r"\b(?:attached|below|above|following|quoted|in the story)\b")?,
            resolution: compile(r"\bresolves? (?:to |as )?[\x22'“‘]?(?:yes|no|true)\b[^.]*\bif\b")?,
            abbreviation: compile(
                r"\b(?:[ap]\.m|v|vs|e\.g|i\.e|approx|ca|mr|mrs|ms|dr|st|inc|ltd|u\.s|u\.k)\.\s$",
            )?,
        })
    }

    /// Reads a question.
    pub fn read<'a>(&self, question: &'a DraftQuestion) -> QuestionText<'a> {
        let prompt = question.prompt.as_str();
        let own_end = self
            .label
            .find(prompt)
            .map_or(prompt.len(), |one| one.end());
        let mut quoted: Vec<_> = self
            .quotation
            .find_iter(prompt)
            .map(|one| one.range())
            .collect();
        quoted.push(own_end..prompt.len());
        let sentences = self.sentences(prompt.get(..own_end).unwrap_or(prompt));
        let system = question.system.as_deref().unwrap_or_default();
        let mut text = QuestionText {
            question,
            options: question.options(),
            sentences,
            quoted,
            context: format!("{prompt}\n{system}"),
            is_given: false,
            is_open: false,
        };
        let mut sentences = text.sentences.iter();
        text.is_given = sentences.any(|one| self.given.is_match(text.of(one)));
        text.is_open = self.is_open(&text);
        text
    }

    fn sentences(&self, own: &str) -> Vec<PromptSentence> {
        let mut sentences = Vec::new();
        let mut start = 0;
        for end in self.sentence_end.find_iter(own) {
            let so_far = own.get(start..end.end()).unwrap_or_default();
            let asks = end.as_str().contains('?') || self.resolution.is_match(so_far);
            if self.abbreviation.is_match(so_far) {
                continue;
            }
            sentences.push(self.sentence(own, start..end.end(), asks));
            start = end.end();
        }
        if start < own.len() {
            sentences.push(self.sentence(own, start..own.len(), false));
        }
        sentences
    }

    fn sentence(&self, own: &str, range: Range<usize>, asks: bool) -> PromptSentence {
        let text = own.get(range.clone()).unwrap_or_default();
        PromptSentence {
            is_future: self.future.is_match(text),
            range,
            asks,
        }
    }

    /// A question is open if it speaks of the future, or in the present tense of a day.
    fn is_open(&self, text: &QuestionText<'_>) -> bool {
        text.asking().into_iter().any(|sentence| {
            let has = |pattern: &Regex| !text.matches(pattern, sentence).is_empty();
            let is_known = has(&self.past) || has(&self.given);
            has(&self.future) || (has(&self.day) && !is_known)
        })
    }
}

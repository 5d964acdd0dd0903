//! Other wordings of a question that mean the same, by rule.

use crate::{
    patterns::{compile, MONTH},
    text::TextReader,
    DraftQuestion,
};
use llm_oracle_primitives::AnswerKind;
use regex::{Captures, Error, Regex};

/// Most wordings of one question, the original among them.
pub const WORDINGS_MAX: usize = 6;

/// Months by their first three characters.
const MONTHS: &str = "janfebmaraprmayjunjulaugsepoctnovdec";

/// Words a question in other ways. What is quoted or given to be judged is never changed.
pub struct Paraphraser {
    reader: TextReader,
    date: Regex,
}

impl Paraphraser {
    /// A paraphraser with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            reader: TextReader::new()?,
            date: compile(&format!(r"\b(\d{{1,2}}) ({MONTH}) ((?:19|20|21)\d\d)\b"))?,
        })
    }

    /// So many wordings at most: the original first, then those that the rules make and that differ.
    pub fn wordings(&self, prompt: &str, count: usize) -> Vec<String> {
        let numeric = self.with_numeric_dates(prompt);
        let moved = self.with_question_last(prompt);
        let all = [
            prompt.to_owned(),
            format!("Please answer this question. {prompt}"),
            moved.clone(),
            numeric.clone(),
            format!("The question to decide is this:\n{numeric}"),
            format!("Read all of it before you answer.\n{moved}"),
        ];
        let mut wordings: Vec<String> = Vec::new();
        for wording in all {
            if wordings.len() < count.min(WORDINGS_MAX) && !wordings.contains(&wording) {
                wordings.push(wording);
            }
        }
        wordings
    }

    /// Dates as `2027-12-31`, outside quotations.
    fn with_numeric_dates(&self, prompt: &str) -> String {
        let question = DraftQuestion::new(prompt, AnswerKind::Bool);
        let text = self.reader.read(&question);
        let numeric = |found: &Captures<'_>| {
            let part = |at: usize| found.get(at).map_or("", |one| one.as_str());
            let range = found.get(0).map_or(0..0, |one| one.range());
            let month: String = part(2).to_lowercase().chars().take(3).collect();
            let place = MONTHS.find(&month).and_then(|at| at.checked_div(3));
            match place {
                Some(place) if !text.is_quoted(&range) => {
                    format!("{}-{:02}-{:0>2}", part(3), place.saturating_add(1), part(1))
                }
                _ => part(0).to_owned(),
            }
        };
        self.date.replace_all(prompt, numeric).into_owned()
    }

    /// The sentences that ask behind all others, if nothing follows that is to be judged.
    fn with_question_last(&self, prompt: &str) -> String {
        let question = DraftQuestion::new(prompt, AnswerKind::Bool);
        let text = self.reader.read(&question);
        let is_all_own = text.sentences.last().map(|last| last.range.end) == Some(prompt.len());
        let says = |asks: bool| -> Vec<&str> {
            let sentences = text.sentences.iter().filter(|one| one.asks == asks);
            sentences.map(|one| text.of(one).trim()).collect()
        };
        let (statements, questions) = (says(false), says(true));
        if !is_all_own || statements.is_empty() || questions.is_empty() {
            return prompt.to_owned();
        }
        [statements, questions].concat().join(" ")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn wordings_differ_and_keep_what_is_quoted() {
        let paraphraser = Paraphraser::new().unwrap();
        let prompt = "Will the bill of 3 May 2026 pass by 23:59 UTC on 31 March 2027? If not held, answer no.";
        let wordings = paraphraser.wordings(prompt, WORDINGS_MAX);
        assert_eq!(wordings.len(), WORDINGS_MAX, "{wordings:?}");
        assert_eq!(wordings[0], prompt);
        assert!(wordings[2].starts_with("If not held") && wordings[2].ends_with("2027?"));
        assert!(wordings[3].contains("2026-05-03") && wordings[3].contains("2027-03-31"));
        let quoted = "Does the text name a date? Text: it was on 3 May 2026. Why?";
        let wordings = paraphraser.wordings(quoted, WORDINGS_MAX);
        assert!(wordings
            .iter()
            .all(|one| one.ends_with("Text: it was on 3 May 2026. Why?")));
        assert_eq!(paraphraser.wordings(quoted, 1), [quoted]);
    }
}

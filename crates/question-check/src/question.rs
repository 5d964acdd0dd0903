//! A question before it is asked.

use llm_oracle_primitives::AnswerKind;

/// What a person is about to ask.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftQuestion {
    /// The question.
    pub prompt: String,
    /// Instruction before it.
    pub system: Option<String>,
    /// The type of the answer, with its options.
    pub answer: AnswerKind,
    /// How many pages and documents it is about.
    pub sources: usize,
}

impl DraftQuestion {
    /// A question without instruction and sources.
    pub fn new(prompt: impl Into<String>, answer: AnswerKind) -> Self {
        Self {
            prompt: prompt.into(),
            system: None,
            answer,
            sources: 0,
        }
    }

    /// The options of a choice as text; empty for another type.
    pub fn options(&self) -> Vec<String> {
        let AnswerKind::Choice { options } = &self.answer else {
            return Vec::new();
        };
        let text = |option: &Vec<u8>| String::from_utf8_lossy(option).into_owned();
        options.iter().map(text).collect()
    }
}

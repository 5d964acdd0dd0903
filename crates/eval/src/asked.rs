//! Questions as they are put to models, with or without a known answer.

use crate::labels::{self, Fault, LabelError, LabelledLine};
use llm_oracle_llm::ModelQuestion;
use llm_oracle_primitives::{digest, AnswerKind, ModelRef, Sampling};
use scale::Encode;
use serde::Deserialize;
use serde_json::Value;

/// A question for models.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedQuestion {
    /// Its name, for people.
    pub id: String,
    /// The form of an answer and how answers agree.
    pub kind: AnswerKind,
    /// The question.
    pub prompt: String,
    /// Instruction before it.
    pub system: Option<String>,
    /// How many pages and documents it names. Models are asked without them.
    pub sources: usize,
    /// Which time it is asked, from 0: models are shown the same each time.
    pub repeat: u32,
}

impl AskedQuestion {
    /// A question that is asked once, without an instruction.
    pub fn new(id: impl Into<String>, kind: AnswerKind, prompt: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind,
            prompt: prompt.into(),
            system: None,
            sources: 0,
            repeat: 0,
        }
    }

    /// What is asked of a model.
    pub fn model_question(&self) -> ModelQuestion {
        ModelQuestion {
            prompt: self.prompt.clone(),
            system: self.system.clone(),
            answer: self.kind.clone(),
            sampling: Sampling::default(),
            model: ModelRef::Any,
        }
    }

    /// Digest of what a model is shown and which time, lower-case hex.
    pub fn digest(&self) -> String {
        let mut bytes = match (&self.system, self.repeat) {
            (None, 0) => b"llm-oracle/eval-question/1".to_vec(),
            more => {
                let mut bytes = b"llm-oracle/eval-question/2".to_vec();
                more.encode_to(&mut bytes);
                bytes
            }
        };
        (self.prompt.as_bytes(), &self.kind).encode_to(&mut bytes);
        hex::encode(digest::blake2(&bytes))
    }

    /// The same question with its options in reverse order; `None` if it has no options.
    pub fn reversed(&self) -> Option<Self> {
        let AnswerKind::Choice { options } = &self.kind else {
            return None;
        };
        let options = options.iter().rev().cloned().collect();
        Some(Self {
            kind: AnswerKind::Choice { options },
            ..self.clone()
        })
    }
}

/// A line as it stands in a file. Keys of labelled questions are taken and not read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedLine {
    id: Option<String>,
    kind: Option<String>,
    prompt: Option<String>,
    system: Option<String>,
    options: Option<Vec<String>>,
    scale: Option<u8>,
    tolerance: Option<String>,
    max_bytes: Option<u32>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(rename = "set")]
    _set: Option<Value>,
    #[serde(rename = "answer")]
    _answer: Option<Value>,
    #[serde(rename = "defects")]
    _defects: Option<Value>,
}

/// Reads a file of questions, one JSON object a line. Empty lines are skipped; a line without `id` is named by its
/// number.
///
/// # Errors
/// The first fault, with its line and column.
pub fn read(file: &str, text: &str) -> Result<Vec<AskedQuestion>, LabelError> {
    let remedy = "a line is one JSON object with kind, prompt, and where needed id, system, options, scale, tolerance, max_bytes or sources";
    let mut questions = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let parsed = labels::parse_line::<AskedLine>(file, number, line, remedy)?;
        let question = checked(parsed, number);
        questions.push(question.map_err(|fault| labels::located(file, number, line, fault))?);
    }
    if questions.is_empty() {
        let fault = Fault("prompt", "no question".to_owned(), remedy.to_owned());
        return Err(labels::located(file, 1, "", fault));
    }
    Ok(questions)
}

fn checked(line: AskedLine, number: usize) -> Result<AskedQuestion, Fault> {
    let prompt = labels::needed("prompt", line.prompt, "write the question")?;
    let labelled = LabelledLine {
        kind: line.kind,
        options: line.options,
        scale: line.scale,
        tolerance: line.tolerance,
        max_bytes: line.max_bytes,
        ..LabelledLine::default()
    };
    let kind = labels::checked_kind(&labelled, "")?;
    Ok(AskedQuestion {
        system: line.system,
        sources: line.sources.len(),
        ..AskedQuestion::new(line.id.unwrap_or_else(|| number.to_string()), kind, prompt)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_no_answer_and_no_id() {
        let text = r#"{"kind": "bool", "prompt": "Is it?"}

{"id": "x", "kind": "choice", "options": ["a", "b"], "prompt": "Which?", "system": "s", "sources": ["https://example.com"], "answer": "a", "set": "t"}"#;
        let questions = read("q", text).unwrap();
        assert_eq!(
            questions[0],
            AskedQuestion::new("1", AnswerKind::Bool, "Is it?")
        );
        assert_eq!((questions[1].id.as_str(), questions[1].sources), ("x", 1));
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (text, said) in [
            (r#"{"kind": "bool"}"#, "q:1:1: `prompt` is missing"),
            (
                r#"{"kind": "choice", "prompt": "p"}"#,
                "`options` is missing",
            ),
            (
                r#"{"kind": "bool", "prompt": "p", "sytem": "s"}"#,
                "unknown field `sytem`",
            ),
            ("\n", "no question"),
        ] {
            let error = read("q", text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_repeat_and_an_instruction_are_questions_of_their_own() {
        let one = AskedQuestion::new("a", AnswerKind::Bool, "Is it?");
        let again = AskedQuestion {
            repeat: 1,
            ..one.clone()
        };
        let instructed = AskedQuestion {
            system: Some("Be strict.".to_owned()),
            ..one.clone()
        };
        let digests = [one.digest(), again.digest(), instructed.digest()];
        assert!(digests[0] != digests[1] && digests[0] != digests[2] && digests[1] != digests[2]);
        assert_eq!(one.reversed(), None);
    }
}

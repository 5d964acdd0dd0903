//! Labelled questions: one JSON object a line, with the right answer.

use crate::{answer_text, asked::AskedQuestion};
use llm_oracle_primitives::{canonical, Answer, AnswerKind};
use serde::{de::DeserializeOwned, Deserialize};
use serde_json::Value;
use std::{collections::HashMap, fmt};

/// Greatest length of a text answer where the file does not say, bytes.
const TEXT_BYTES: u32 = 200;

/// A question whose right answer is known.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledQuestion {
    /// Its name, once in all files.
    pub id: String,
    /// The set that it belongs to.
    pub set: String,
    /// The form of an answer and how answers agree.
    pub kind: AnswerKind,
    /// The question.
    pub prompt: String,
    /// The right answer.
    pub truth: Answer,
}

impl LabelledQuestion {
    /// `bool`, `choice`, `number` or `text`.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            AnswerKind::Bool => "bool",
            AnswerKind::Choice { .. } => "choice",
            AnswerKind::Number { .. } => "number",
            AnswerKind::Text { .. } => "text",
            AnswerKind::Json { .. } => "json",
        }
    }

    /// The question without its answer.
    pub fn asked(&self) -> AskedQuestion {
        AskedQuestion::new(self.id.clone(), self.kind.clone(), self.prompt.clone())
    }

    /// Digest of what a model is shown, lower-case hex: prompt, kind, and options in their order.
    pub fn digest(&self) -> String {
        self.asked().digest()
    }

    /// The same question with its options in reverse order; `None` if it has no options.
    pub fn reversed(&self) -> Option<Self> {
        let kind = self.asked().reversed()?.kind;
        let text = answer_text::write(&self.truth, &self.kind);
        Some(Self {
            truth: answer_text::read(&text, &kind)?,
            kind,
            ..self.clone()
        })
    }
}

/// What is wrong in a file of labelled questions, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelError {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What is wrong, with the value.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl std::error::Error for LabelError {}

impl fmt::Display for LabelError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line, column) = (&self.file, self.line, self.column);
        write!(
            out,
            "{file}:{line}:{column}: {}: {}",
            self.what, self.remedy
        )
    }
}

/// A line as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelledLine {
    pub(crate) id: Option<String>,
    pub(crate) set: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) options: Option<Vec<String>>,
    pub(crate) prompt: Option<String>,
    pub(crate) answer: Option<Value>,
    pub(crate) scale: Option<u8>,
    pub(crate) tolerance: Option<String>,
    pub(crate) max_bytes: Option<u32>,
}

/// What is wrong, the key whose place is shown, and the remedy.
pub(crate) struct Fault(
    pub(crate) &'static str,
    pub(crate) String,
    pub(crate) String,
);

/// Reads one file. Empty lines are skipped.
///
/// # Errors
/// The first fault, with its line and column.
pub fn read(file: &str, text: &str) -> Result<Vec<LabelledQuestion>, LabelError> {
    let mut questions = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let question = read_line(file, number, line)?;
        if let Some(first) = seen.insert(question.id.clone(), number) {
            let fault = Fault(
                "id",
                format!("id '{}' stands in line {first} already", question.id),
                "give each question an id of its own".to_owned(),
            );
            return Err(located(file, number, line, fault));
        }
        questions.push(question);
    }
    if questions.is_empty() {
        return Err(LabelError {
            file: file.to_owned(),
            line: 1,
            column: 1,
            what: "no question".to_owned(),
            remedy: "write one JSON object a line, with id, set, kind, prompt and answer"
                .to_owned(),
        });
    }
    Ok(questions)
}

fn read_line(file: &str, number: usize, line: &str) -> Result<LabelledQuestion, LabelError> {
    let remedy = "a line is one JSON object with id, set, kind, prompt, answer, and where \
                  needed options, scale, tolerance or max_bytes";
    let parsed = parse_line::<LabelledLine>(file, number, line, remedy)?;
    checked(parsed).map_err(|fault| located(file, number, line, fault))
}

/// One line as JSON of a given form.
pub(crate) fn parse_line<T: DeserializeOwned>(
    file: &str,
    number: usize,
    line: &str,
    remedy: &str,
) -> Result<T, LabelError> {
    serde_json::from_str::<T>(line).map_err(|error| {
        let text = error.to_string();
        // serde_json ends with the place in the line alone.
        let what = text
            .rsplit_once(" at line")
            .map_or(text.as_str(), |(what, _)| what);
        LabelError {
            file: file.to_owned(),
            line: number,
            column: error.column().max(1),
            what: what.to_owned(),
            remedy: remedy.to_owned(),
        }
    })
}

/// A fault with its place.
pub(crate) fn located(
    file: &str,
    line: usize,
    text: &str,
    Fault(key, what, remedy): Fault,
) -> LabelError {
    LabelError {
        file: file.to_owned(),
        line,
        column: column_of(text, key),
        what,
        remedy,
    }
}

/// Column of a key of the outer object, from 1; 1 if it is not there. The line is valid JSON.
fn column_of(line: &str, key: &str) -> usize {
    let (mut depth, mut start, mut escaped) = (0_usize, None, false);
    for (at, byte) in line.bytes().enumerate() {
        match (start, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(from), b'"') => {
                start = None;
                let text = line.get(from..=at).unwrap_or_default();
                let after = line.get(at.saturating_add(1)..).unwrap_or_default();
                let is_key = depth == 1 && after.trim_start().starts_with(':');
                if is_key && text.trim_matches('"') == key {
                    return from.saturating_add(1);
                }
            }
            (Some(_), _) => {}
            (None, b'"') => start = Some(at),
            (None, b'{' | b'[') => depth = depth.saturating_add(1),
            (None, b'}' | b']') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    1
}

/// A value that must be there.
pub(crate) fn needed<T>(key: &'static str, value: Option<T>, remedy: &str) -> Result<T, Fault> {
    value.ok_or_else(|| Fault(key, format!("`{key}` is missing"), remedy.to_owned()))
}

fn checked(line: LabelledLine) -> Result<LabelledQuestion, Fault> {
    let id = needed("id", line.id.clone(), "give the question a name of its own")?;
    let set = needed("set", line.set.clone(), "name the set that it belongs to")?;
    let prompt = needed("prompt", line.prompt.clone(), "write the question")?;
    let answer = needed("answer", line.answer.clone(), "write the right answer")?;
    let answer = match answer {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => if yes { "yes" } else { "no" }.to_owned(),
        other => {
            let what = format!("answer {other} is no answer");
            return Err(Fault("answer", what, "write a text or a number".to_owned()));
        }
    };
    let kind = checked_kind(&line, &answer)?;
    let truth = answer_text::read(&answer, &kind).filter(|answer| !answer_text::abstains(answer));
    let truth = truth.ok_or_else(|| {
        let what = format!("answer '{answer}' is not of this question's kind");
        Fault("answer", what, expected(&kind))
    })?;
    Ok(LabelledQuestion {
        id,
        set,
        kind,
        prompt,
        truth,
    })
}

/// The kind of a line's answers, as the contract takes it.
pub(crate) fn checked_kind(line: &LabelledLine, answer: &str) -> Result<AnswerKind, Fault> {
    let kind = kind(line, answer)?;
    kind.check().map_err(|error| {
        let key = if line.options.is_some() {
            "options"
        } else {
            "kind"
        };
        Fault(
            key,
            error.to_string(),
            "the contract takes no such question".to_owned(),
        )
    })?;
    Ok(kind)
}

fn expected(kind: &AnswerKind) -> String {
    match kind {
        AnswerKind::Bool => "write yes or no".to_owned(),
        AnswerKind::Choice { options } => {
            let options = options.iter().map(|option| String::from_utf8_lossy(option));
            let options: Vec<_> = options.collect();
            format!("write one of: {}", options.join(", "))
        }
        AnswerKind::Number { scale, .. } => {
            format!("write a decimal number with at most {scale} decimal places")
        }
        _ => "write a text that is not longer than max_bytes".to_owned(),
    }
}

fn kind(line: &LabelledLine, answer: &str) -> Result<AnswerKind, Fault> {
    let name = needed(
        "kind",
        line.kind.as_deref(),
        "write bool, choice, number or text",
    )?;
    match name {
        "bool" => Ok(AnswerKind::Bool),
        "choice" => {
            let options = needed("options", line.options.clone(), "list the options")?;
            Ok(AnswerKind::Choice {
                options: options.into_iter().map(String::into_bytes).collect(),
            })
        }
        "number" => number(line, answer),
        "text" => Ok(AnswerKind::Text {
            max_bytes: line.max_bytes.unwrap_or(TEXT_BYTES),
        }),
        other => Err(Fault(
            "kind",
            format!("kind '{other}' is unknown"),
            "write bool, choice, number or text".to_owned(),
        )),
    }
}

/// By default as many decimal places as the right answer has, and no tolerance.
fn number(line: &LabelledLine, answer: &str) -> Result<AnswerKind, Fault> {
    let places = answer.split_once('.').map_or(0, |(_, places)| places.len());
    let scale = line
        .scale
        .unwrap_or(u8::try_from(places).unwrap_or(u8::MAX));
    let text = line.tolerance.as_deref().unwrap_or("0");
    let tolerance = canonical::parse_decimal(text, scale).ok();
    let tolerance = tolerance.and_then(|tolerance| u128::try_from(tolerance).ok());
    let tolerance = tolerance.ok_or_else(|| {
        let what = format!("tolerance '{text}' is no distance");
        let remedy = format!("write a decimal from 0 on with at most {scale} decimal places");
        Fault("tolerance", what, remedy)
    })?;
    Ok(AnswerKind::Number { scale, tolerance })
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;

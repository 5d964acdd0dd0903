//! Every reply, kept in a folder as it comes, so that a second run asks only what is missing.

use crate::{
    answer_text,
    matrix::{AnswerMatrix, GivenAnswer, ModelColumn},
    LabelledQuestion,
};
use llm_oracle_primitives::AnswerKind;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Replies, one a line.
pub const REPLIES: &str = "replies.jsonl";
/// Records of how they were made, one a line, by digest.
pub const RECORDS: &str = "records.jsonl";

/// One line of [`REPLIES`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptReply {
    /// Name of the model in the settings.
    pub model: String,
    /// [`LabelledQuestion::digest`].
    pub question: String,
    /// The question's id, for people.
    pub id: String,
    /// The answer as a text, see [`answer_text`].
    pub answer: String,
    /// How sure the model is, 0 to 100; 0: it does not say.
    pub confidence: u8,
    /// Time it took, milliseconds.
    pub milliseconds: u64,
    /// Tokens in and out.
    pub tokens: u64,
    /// Cost, planck, as a decimal.
    pub planck: String,
    /// Digest of its line's `record` in [`RECORDS`], lower-case hex.
    pub record: String,
}

impl KeptReply {
    /// What was given, as an answer of this kind; `None` if it is not of that kind.
    pub fn given(&self, kind: &AnswerKind) -> Option<GivenAnswer> {
        Some(GivenAnswer {
            answer: answer_text::read(&self.answer, kind)?,
            confidence: self.confidence,
            milliseconds: self.milliseconds,
            tokens: self.tokens,
            planck: self.planck.parse().unwrap_or_default(),
        })
    }
}

/// Why replies cannot be kept or read.
#[derive(Debug, Error)]
pub enum LogError {
    /// A file or folder.
    #[error("cannot use {path} ({reason}): name a folder that can be written with --out", path = .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        reason: io::ErrorKind,
    },
    /// A line that this program did not write.
    #[error("{path}:{line}: is no kept reply ({reason}): remove the line, and it is asked again", path = .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// The replies in a folder.
pub struct ReplyLog {
    replies: File,
    records: File,
    path: PathBuf,
    known: HashMap<(String, String), KeptReply>,
}

impl ReplyLog {
    /// Opens the replies of a folder, which is made if need be.
    ///
    /// # Errors
    /// When a file cannot be used, or holds a line that is no reply. What a killed run left of its last
    /// line is removed.
    pub fn open(folder: &Path) -> Result<Self, LogError> {
        fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
        let path = folder.join(REPLIES);
        let known = known(&path, &whole_lines(&path)?)?;
        Ok(Self {
            replies: append_to(&path)?,
            records: append_to(&folder.join(RECORDS))?,
            path,
            known,
        })
    }

    /// The replies of a folder, while a run may be adding to them. Nothing is made or cut, and nothing can be kept.
    ///
    /// # Errors
    /// As [`Self::open`]; and when there are none.
    pub fn read(folder: &Path) -> Result<Self, LogError> {
        let path = folder.join(REPLIES);
        let reading = |path: &Path| File::open(path).map_err(|error| unusable(path, &error));
        Ok(Self {
            replies: reading(&path)?,
            records: reading(&folder.join(RECORDS))?,
            known: known(&path, &whole_lines(&path)?)?,
            path,
        })
    }

    /// Whether this model's reply to a question of this digest is there.
    pub fn has(&self, model: &str, question: &str) -> bool {
        self.reply(model, question).is_some()
    }

    /// This model's reply to a question of this digest.
    pub fn reply(&self, model: &str, question: &str) -> Option<&KeptReply> {
        self.known.get(&(model.to_owned(), question.to_owned()))
    }

    /// Names of all models with a reply, in the order of the alphabet.
    pub fn models(&self) -> Vec<String> {
        let mut names: Vec<String> = self.known.keys().map(|(model, _)| model.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Keeps a reply, its record first.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn keep(&mut self, reply: KeptReply, record: &Value) -> Result<(), LogError> {
        let unusable = |error: io::Error| unusable(&self.path, &error);
        let line = |value: String| format!("{value}\n").into_bytes();
        let record = json!({ "digest": reply.record, "record": record });
        self.records
            .write_all(&line(record.to_string()))
            .map_err(unusable)?;
        let json = serde_json::to_string(&reply).map_err(|error| unusable(error.into()))?;
        self.replies.write_all(&line(json)).map_err(unusable)?;
        self.known
            .insert((reply.model.clone(), reply.question.clone()), reply);
        Ok(())
    }

    /// The replies of these models to these questions. What does not fit a question's kind counts as absent.
    pub fn matrix(&self, models: &[String], questions: &[LabelledQuestion]) -> AnswerMatrix {
        let kept = |model: &str, question: &LabelledQuestion| {
            self.known.get(&(model.to_owned(), question.digest()))
        };
        let given =
            |model: &str, question: &LabelledQuestion| kept(model, question)?.given(&question.kind);
        let reversed = |model: &str, question: &LabelledQuestion| {
            let kept = kept(model, &question.reversed()?)?;
            // Its text means the same in both orders.
            answer_text::read(&kept.answer, &question.kind)
        };
        let column = |model: &String| ModelColumn {
            model: model.clone(),
            given: questions
                .iter()
                .map(|question| given(model, question))
                .collect(),
            reversed: questions
                .iter()
                .map(|question| reversed(model, question))
                .collect(),
        };
        AnswerMatrix {
            questions: questions.to_vec(),
            columns: models.iter().map(column).collect(),
        }
    }
}

/// The whole lines of a file; none without one.
fn whole_lines(path: &Path) -> Result<String, LogError> {
    let mut text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| unusable(path, &error))?,
    };
    text.truncate(text.rfind('\n').map_or(0, |end| end.saturating_add(1)));
    Ok(text)
}

/// The replies in these lines of a file, by model and question.
fn known(path: &Path, lines: &str) -> Result<HashMap<(String, String), KeptReply>, LogError> {
    let read = (1..).zip(lines.lines()).map(|(line, json)| {
        let kept: KeptReply = serde_json::from_str(json).map_err(|error| LogError::Line {
            path: path.to_owned(),
            line,
            reason: error.to_string(),
        })?;
        Ok(((kept.model.clone(), kept.question.clone()), kept))
    });
    read.collect()
}

/// A file to append to, behind its last whole line.
fn append_to(path: &Path) -> Result<File, LogError> {
    let whole = whole_lines(path)?.len();
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.map_err(|error| unusable(path, &error))?;
    let whole = u64::try_from(whole).unwrap_or(u64::MAX);
    file.set_len(whole)
        .map_err(|error| unusable(path, &error))?;
    Ok(file)
}

fn unusable(path: &Path, error: &io::Error) -> LogError {
    LogError::File {
        path: path.to_owned(),
        reason: error.kind(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reply(model: &str, question: &str) -> KeptReply {
        KeptReply {
            model: model.to_owned(),
            question: question.to_owned(),
            id: "i".to_owned(),
            answer: "yes".to_owned(),
            confidence: 70,
            milliseconds: 5,
            tokens: 9,
            planck: "3".to_owned(),
            record: "00".to_owned(),
        }
    }

    #[test]
    fn what_is_kept_is_there_again_and_half_a_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/out");
        let mut log = ReplyLog::open(&out).unwrap();
        log.keep(reply("m", "q"), &json!({ "a": 1 })).unwrap();
        let file = out.join(REPLIES);
        let whole = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{whole}{{\"model\": \"m\", \"que")).unwrap();
        let records = out.join(RECORDS);
        let kept = fs::read_to_string(&records).unwrap();
        fs::write(&records, format!("{kept}{{\"dig")).unwrap();
        assert!(ReplyLog::read(&out).unwrap().has("m", "q"));
        let mut log = ReplyLog::open(&out).unwrap();
        assert!(log.has("m", "q") && !log.has("m", "r") && !log.has("n", "q"));
        log.keep(reply("m", "r"), &json!({})).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
        assert!(ReplyLog::open(&out).unwrap().has("m", "r"));
        let records = fs::read_to_string(&records).unwrap();
        assert_eq!(records.lines().count(), 2);
        assert!(records
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()));
    }

    #[test]
    fn a_foreign_line_and_a_file_as_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(REPLIES);
        fs::write(&file, "{}\n").unwrap();
        let error = ReplyLog::open(folder.path())
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("replies.jsonl:1: is no kept reply"),
            "{error}"
        );
        let error = ReplyLog::open(&file).map(drop).unwrap_err().to_string();
        assert!(error.contains("--out"), "{error}");
    }
}

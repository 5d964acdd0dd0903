//! Fixed answers, for tests: no model is asked.

use super::{
    abstain_unanswerable, answer_type, record_of, refuse_unserved, reply::ParsedReply, ModelError,
    ModelQuestion, Provider, ProviderReply,
};
use async_trait::async_trait;
use llm_oracle_primitives::{Answer, Reason};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Environment variable that lets a configuration name this provider.
pub const ALLOW: &str = "LLM_ORACLE_ALLOW_SCRIPTED";

type AnswerFn = Box<dyn Fn(&ModelQuestion) -> Result<Answer, ModelError> + Send + Sync>;

/// Answers from a script.
pub struct Scripted {
    name: String,
    script: AnswerFn,
    delay: Duration,
    calls_file: Option<PathBuf>,
    calls: AtomicU64,
}

impl Scripted {
    /// A provider that answers whatever `script` says.
    pub fn from_fn(
        name: impl Into<String>,
        script: impl Fn(&ModelQuestion) -> Result<Answer, ModelError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            script: Box::new(script),
            delay: Duration::ZERO,
            calls_file: None,
            calls: AtomicU64::new(0),
        }
    }

    /// A provider that answers from a table by exact prompt, with `otherwise` for other prompts.
    /// Answers are written as for [`super::ProviderConfig::Scripted`].
    pub fn from_table(
        name: impl Into<String>,
        otherwise: String,
        table: BTreeMap<String, String>,
    ) -> Self {
        Self::from_fn(name, move |question| {
            parse(question, table.get(&question.prompt).unwrap_or(&otherwise))
        })
    }

    /// Takes this long for each answer.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Appends one line to the file for each call, so that calls of killed processes count too.
    #[must_use]
    pub fn with_calls_file(mut self, path: PathBuf) -> Self {
        self.calls_file = Some(path);
        self
    }

    /// Calls since this value was made.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Refuses unless the environment allows scripted answers.
pub(super) fn check_allowed(allowed: Option<&str>) -> Result<(), ModelError> {
    if allowed == Some("1") {
        return Ok(());
    }
    Err(ModelError::NotConfigured(format!(
        "provider 'scripted' gives made-up answers and is for tests: choose 'local', 'openai' or 'anthropic', or set {ALLOW}=1 in a test"
    )))
}

fn parse(question: &ModelQuestion, text: &str) -> Result<Answer, ModelError> {
    match text {
        "abstain" | "abstain:unclear" => return Ok(Answer::Abstain(Reason::Unclear)),
        "abstain:too_soon" => return Ok(Answer::Abstain(Reason::TooSoon)),
        "abstain:source_missing" => return Ok(Answer::Abstain(Reason::SourceMissing)),
        "abstain:sources_disagree" => return Ok(Answer::Abstain(Reason::SourcesDisagree)),
        "abstain:bad_input" => return Ok(Answer::Abstain(Reason::BadInput)),
        "abstain:refused" => return Ok(Answer::Abstain(Reason::Refused)),
        _ => {}
    }
    match answer_type::read(&question.answer, text)? {
        ParsedReply::Answer(answer) => Ok(answer),
        ParsedReply::Malformed(fault) => {
            let kind = answer_type::type_name(&question.answer);
            let fault = fault.map(|fault| format!(": {fault}")).unwrap_or_default();
            Err(ModelError::NotConfigured(format!(
                "scripted answer '{text}' is no answer of kind {kind}{fault}"
            )))
        }
    }
}

fn note_call(path: &Path, prompt: &str) -> Result<(), ModelError> {
    let line = format!(
        "{}\n",
        json!({ "prompt": prompt, "pid": std::process::id() })
    );
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        // One write: lines of several processes do not mix.
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|error| {
            let path = path.display();
            ModelError::NotConfigured(format!(
                "calls_file {path} cannot be written ({})",
                error.kind()
            ))
        })
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        refuse_unserved(self, &question.model)?;
        if let Some(reply) = abstain_unanswerable(self, "scripted", question) {
            return Ok(reply);
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(path) = &self.calls_file {
            note_call(path, &question.prompt)?;
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let answer = (self.script)(question)?;
        Ok(ProviderReply {
            answer,
            confidence: 0,
            model: self.name.clone(),
            record: json!({
                "provider": "scripted",
                "model": self.name,
                "question": record_of(question),
            }),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use llm_oracle_primitives::{AnswerKind, ModelRef, Sampling};

    fn question(answer: AnswerKind) -> ModelQuestion {
        ModelQuestion {
            prompt: "p".to_owned(),
            system: None,
            answer,
            sampling: Sampling::default(),
            model: ModelRef::Any,
        }
    }

    #[test]
    fn a_configuration_may_name_it_in_tests_only() {
        for allowed in [None, Some(""), Some("0"), Some("true")] {
            let text = check_allowed(allowed).unwrap_err().to_string();
            assert!(text.contains("LLM_ORACLE_ALLOW_SCRIPTED=1"), "{text}");
        }
        assert!(check_allowed(Some("1")).is_ok());
    }

    #[tokio::test]
    async fn answers_follow_the_kind_and_calls_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let calls = folder.path().join("calls");
        let table = BTreeMap::from([("other".to_owned(), "abstain:too_soon".to_owned())]);
        let provider =
            Scripted::from_table("s", "no".to_owned(), table).with_calls_file(calls.clone());
        let options = vec![b"yes".to_vec(), b"no".to_vec()];
        for (mut asked, prompt, expected) in [
            (question(AnswerKind::Bool), "p", Answer::Bool(false)),
            (
                question(AnswerKind::Choice { options }),
                "p",
                Answer::Choice(1),
            ),
            (
                question(AnswerKind::Bool),
                "other",
                Answer::Abstain(Reason::TooSoon),
            ),
        ] {
            asked.prompt = prompt.to_owned();
            assert_eq!(provider.answer(&asked).await.unwrap().answer, expected);
        }
        let number = question(AnswerKind::Number {
            scale: 1,
            tolerance: 0,
        });
        assert!(matches!(
            provider.answer(&number).await,
            Err(ModelError::NotConfigured(_))
        ));
        assert_eq!(provider.calls(), 4);
        assert_eq!(std::fs::read_to_string(calls).unwrap().lines().count(), 4);
    }

    #[tokio::test]
    async fn open_answers_are_canonical_and_a_question_without_a_right_answer_is_not_asked() {
        let table = BTreeMap::from([
            ("text".to_owned(), " a\n b ".to_owned()),
            ("json".to_owned(), "{\"b\": 1.0, \"a\": [ ]}".to_owned()),
        ]);
        let provider = Scripted::from_table("s", "{}".to_owned(), table);
        let json = |schema: &str| AnswerKind::Json {
            schema: schema.as_bytes().to_vec(),
        };
        let whole = r#"{"a":[],"b":1}"#;
        for (kind, prompt, expected) in [
            (
                AnswerKind::Text { max_bytes: 3 },
                "text",
                Some(Answer::Text(b"a b".to_vec())),
            ),
            (AnswerKind::Text { max_bytes: 2 }, "text", None),
            (
                json("{\"required\":[\"a\"]}"),
                "json",
                Some(Answer::Json(whole.into())),
            ),
            (json("{\"required\":[\"a\"]}"), "other", None),
            (
                json("{\"type\":1}"),
                "json",
                Some(Answer::Abstain(Reason::BadInput)),
            ),
        ] {
            let mut asked = question(kind);
            asked.prompt = prompt.to_owned();
            let reply = provider.answer(&asked).await;
            assert_eq!(reply.ok().map(|reply| reply.answer), expected, "{asked:?}");
        }
        assert_eq!(provider.calls(), 4, "the last one was not asked");
    }

    #[tokio::test]
    async fn a_model_it_does_not_serve_is_refused() {
        let provider = Scripted::from_fn("s", |_| Ok(Answer::Bool(true)));
        for (model, served) in [
            (ModelRef::Any, true),
            (ModelRef::Name(b"s".to_vec()), true),
            (ModelRef::Name(b"S".to_vec()), false),
        ] {
            assert_eq!(provider.serves(&model), served);
            let asked = ModelQuestion {
                model,
                ..question(AnswerKind::Bool)
            };
            let refused = matches!(
                provider.answer(&asked).await,
                Err(ModelError::NotServed { .. })
            );
            assert_eq!(refused, !served);
        }
    }
}

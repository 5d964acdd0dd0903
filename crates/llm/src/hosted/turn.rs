//! One turn of a conversation with a server: a request that is put until the server takes its form, and
//! what came of it.

use super::{
    adjust::{self, Adjustment},
    chat::{ChatMessage, Conversation},
    check,
    clean::{self, CleanText},
    failure::ServerRefusal,
    http::{ModelServer, RawResponse},
    read::{self, Completion, FinishReason, NoCompletion},
    request,
    settings::{HostedConfig, ServerProfile},
    words::ServerWords,
};
use crate::{answer_type, error::ModelError, reply::ParsedReply, ModelQuestion};
use llm_oracle_primitives::{Answer, AnswerKind, ModelRef, Reason};
use serde_json::{json, Value};
use std::sync::{
    atomic::{AtomicBool, Ordering},
    Mutex, PoisonError,
};

/// A server, and what it has taught about the requests that it takes.
#[derive(Debug)]
pub(super) struct ServerTurns {
    profile: ServerProfile,
    server: ModelServer,
    learned: Mutex<Vec<Adjustment>>,
    /// The log has it that another model answers.
    has_warned: AtomicBool,
}

/// What one model run came to.
#[derive(Debug)]
pub(super) struct ModelRun {
    pub(super) parsed: ParsedReply,
    /// The reply without what is no part of it.
    pub(super) text: String,
    pub(super) completion: Completion,
    pub(super) exchange: Value,
    /// Requests that the server refused before, for their form.
    pub(super) refused: Vec<Value>,
    /// How the request differs from what the settings say, since the server has refused that.
    pub(super) adjustments: Vec<String>,
}

/// A response that holds a completion, or a refusal of the question itself.
struct Accepted {
    completion: Completion,
    body: Value,
    raw: RawResponse,
    refused: Vec<Value>,
    adjustments: Vec<Adjustment>,
}

impl ServerTurns {
    pub(super) fn new(config: &HostedConfig) -> Result<Self, ModelError> {
        let profile = ServerProfile::new(config)?;
        Ok(Self {
            server: ModelServer::new(&profile, config)?,
            profile,
            learned: Mutex::default(),
            has_warned: AtomicBool::new(false),
        })
    }

    pub(super) fn profile(&self) -> &ServerProfile {
        &self.profile
    }

    /// Puts these messages and reads the reply.
    ///
    /// # Errors
    /// When there is no reply that could be read, or it is not that of the model or to the question asked.
    pub(super) async fn run(
        &self,
        question: &ModelQuestion,
        conversation: &Conversation,
    ) -> Result<ModelRun, ModelError> {
        let accepted = self.accepted(question, conversation).await?;
        let completion = accepted.completion;
        self.check_model(question, &completion)?;
        if self.profile.check_prompt_tokens {
            check_prompt(&conversation.messages, &completion.usage)?;
        }
        let clean = clean::clean(&completion.text);
        let parsed = self.parsed(question, &completion, &clean)?;
        let exchange = json!({
            "request": accepted.body,
            "response": recorded(&accepted.raw),
            "read": clean.text,
        });
        Ok(ModelRun {
            parsed,
            text: clean.text.to_owned(),
            exchange,
            refused: accepted.refused,
            adjustments: accepted
                .adjustments
                .iter()
                .map(ToString::to_string)
                .collect(),
            completion,
        })
    }

    /// Sends the request until the server takes its form.
    async fn accepted(
        &self,
        question: &ModelQuestion,
        conversation: &Conversation,
    ) -> Result<Accepted, ModelError> {
        let mut adjustments = self.learned();
        let known = adjustments.len();
        let mut refused = Vec::new();
        loop {
            let body = request::body(&self.profile, &adjustments, conversation, question);
            let raw = self.server.post(&body).await?;
            let failure = match self.read(&raw, question) {
                Ok(completion) => {
                    self.learn(adjustments.get(known..).unwrap_or_default(), question);
                    return Ok(Accepted {
                        completion,
                        body,
                        raw,
                        refused,
                        adjustments,
                    });
                }
                Err(NoCompletion::Unreadable(error)) => return Err(error),
                Err(NoCompletion::Failure(failure)) => failure,
            };
            let refusal = self.refusal(&raw, &failure);
            if refusal.is_filtered() {
                return Ok(Accepted {
                    completion: Completion::refused(),
                    body,
                    raw,
                    refused,
                    adjustments,
                });
            }
            let error = refusal.error();
            let words = &failure.words;
            let wanted = adjust::wanted(&error, words, &body, &self.profile, &adjustments);
            let Some(wanted) = wanted.filter(|_| refused.len() < adjust::REFUSALS_MAX) else {
                let learned = adjustments.get(..known).unwrap_or_default();
                if adjust::is_outdated(&error, words, learned) {
                    self.forget();
                }
                return Err(error);
            };
            adjustments.push(wanted);
            refused.push(json!({ "request": body, "response": recorded(&raw) }));
        }
    }

    fn read(
        &self,
        raw: &RawResponse,
        question: &ModelQuestion,
    ) -> Result<Completion, NoCompletion> {
        let read = if (200..300).contains(&raw.status) {
            read::completion(self.profile.dialect, &raw.text)
        } else {
            Err(NoCompletion::Failure(Box::new(read::ReportedFailure {
                code: None,
                words: ServerWords::of_body(&raw.text),
                is_paid: false,
            })))
        };
        read.map_err(|failed| match failed {
            NoCompletion::Failure(mut failure) => {
                let words = &mut failure.words;
                words.text = self.server.struck_out(std::mem::take(&mut words.text));
                let system = question.system.as_deref().unwrap_or_default();
                words.forget(&[&question.prompt, system]);
                NoCompletion::Failure(failure)
            }
            other => other,
        })
    }

    fn refusal<'a>(
        &'a self,
        raw: &RawResponse,
        failure: &'a read::ReportedFailure,
    ) -> ServerRefusal<'a> {
        ServerRefusal {
            model: &self.profile.name,
            status: raw.status,
            code: failure.code,
            retry_after: raw.retry_after,
            is_paid: failure.is_paid,
            words: &failure.words,
        }
    }

    fn learned(&self) -> Vec<Adjustment> {
        let learned = self.learned.lock();
        learned.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts afresh with the next question.
    fn forget(&self) {
        let learned = self.learned.lock();
        learned.unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Remembers the adjustments that made the server answer, for all questions.
    fn learn(&self, adjustments: &[Adjustment], question: &ModelQuestion) {
        let learned = self.learned.lock();
        let mut learned = learned.unwrap_or_else(PoisonError::into_inner);
        for adjustment in adjustments {
            if adjustment.is_of_server(&question.sampling) && !learned.contains(adjustment) {
                let model = self.profile.name.as_str();
                tracing::warn!(model, %adjustment, "the server refuses requests as set; they are sent otherwise");
                learned.push(*adjustment);
            }
        }
    }

    fn parsed(
        &self,
        question: &ModelQuestion,
        completion: &Completion,
        clean: &CleanText<'_>,
    ) -> Result<ParsedReply, ModelError> {
        let most = request::max_tokens(&self.profile, &question.sampling);
        match &completion.finish {
            FinishReason::Refused => {
                return Ok(ParsedReply::Answer(Answer::Abstain(Reason::Refused)))
            }
            FinishReason::Broken(reason) => {
                return Err(ModelError::Broken {
                    model: self.profile.name.clone(),
                    reason: reason.clone(),
                })
            }
            FinishReason::Aside(_) => return Ok(malformed("it is a call of a tool".to_owned())),
            FinishReason::Cut if clean.text.is_empty() => {
                return Err(self.empty(format!(
                    "its {most} tokens were used up before it began to answer, as they are by models that think: set `thinking_tokens`"
                )))
            }
            FinishReason::Cut if !is_whole_label(&question.answer, clean.text)? => {
                return Ok(malformed(format!("it was cut short after {most} tokens")))
            }
            FinishReason::Cut | FinishReason::Complete => {}
        }
        if clean.is_all_thoughts {
            return Ok(malformed("it is all thoughts, and no answer".to_owned()));
        }
        read_form(question, completion, clean.text)
    }

    /// The last reply was empty although the model ran: an abstention would be the server's, not the
    /// model's.
    ///
    /// # Errors
    /// `EmptyReply` if it was.
    pub(super) fn check_said(&self, run: &ModelRun) -> Result<(), ModelError> {
        let clean = clean::clean(&run.completion.text);
        let has_thoughts = run.completion.has_thoughts || clean.had_thoughts;
        if clean.text.is_empty() && has_thoughts {
            return Err(self.empty(
                "all that it said counts as thoughts: check the server's settings for reasoning, or switch it off with `body`".to_owned(),
            ));
        }
        Ok(())
    }

    fn empty(&self, reason: String) -> ModelError {
        let model = self.profile.name.clone();
        ModelError::EmptyReply { model, reason }
    }

    /// A request that names a model is not answered by another one.
    fn check_model(
        &self,
        question: &ModelQuestion,
        completion: &Completion,
    ) -> Result<(), ModelError> {
        let reported = completion.model.as_deref().unwrap_or_default();
        if reported.is_empty() || check::is_accepted(&self.profile, reported) {
            return Ok(());
        }
        let asked = self.profile.model.as_str();
        let reported = super::words::one_line(reported);
        match question.model {
            ModelRef::Any => {
                if !self.has_warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(asked, reported, "another model answers: see `accepted_models`");
                }
                Ok(())
            }
            ModelRef::Name(_) => Err(ModelError::NotServed {
                name: self.profile.name.clone(),
                remedy: format!("its server answers with '{reported}': load the model there, or add that name to `accepted_models`"),
                is_paid: true,
            }),
        }
    }
}

fn check_prompt(messages: &[ChatMessage], usage: &Value) -> Result<(), ModelError> {
    let Some((words, counted)) = check::cut_prompt(messages, usage) else {
        return Ok(());
    };
    let size = |count| usize::try_from(count).unwrap_or(usize::MAX);
    Err(ModelError::PromptTooLong {
        tokens: size(words),
        most: size(counted),
        is_paid: true,
    })
}

/// Reads the form, where the whole reply is the answer and nothing else.
fn read_form(
    question: &ModelQuestion,
    completion: &Completion,
    text: &str,
) -> Result<ParsedReply, ModelError> {
    let is_open = matches!(
        question.answer,
        AnswerKind::Text { .. } | AnswerKind::Json { .. }
    );
    if let (true, Some(fault)) = (is_open, clean::foreign_mark(text)) {
        return Ok(malformed(fault.to_owned()));
    }
    let is_text = matches!(question.answer, AnswerKind::Text { .. });
    if is_text && completion.has_citations {
        let (plain, _) = clean::without_citations(text);
        return answer_type::read(&question.answer, &plain);
    }
    if is_text && clean::ends_with_citation(text) {
        return Ok(malformed("it holds marks of citations".to_owned()));
    }
    answer_type::read(&question.answer, text)
}

/// Whether a reply that was cut can be nothing else than one of the labels: no other one begins so.
fn is_whole_label(kind: &AnswerKind, text: &str) -> Result<bool, ModelError> {
    let Some(labels) = answer_type::labels(kind)? else {
        return Ok(false);
    };
    let said = text.trim().to_lowercase();
    let escapes = ["unclear", "too soon", "refused"].map(str::to_owned);
    let begun = labels
        .iter()
        .map(|label| label.to_lowercase())
        .chain(escapes)
        .filter(|label| label.starts_with(&said));
    Ok(begun.count() == 1)
}

fn malformed(fault: String) -> ParsedReply {
    ParsedReply::Malformed(Some(fault))
}

fn recorded(raw: &RawResponse) -> Value {
    json!({
        "status": raw.status,
        "body": raw.text,
        "bytes": raw.bytes,
        "blake2_256": raw.digest,
    })
}

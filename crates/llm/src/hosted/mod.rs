//! A model on a server, asked in one of two dialects: chat completions or messages.
//!
//! The reply is read strictly: the whole of it states one of the forms asked for, or the model is
//! asked once more and told what was wrong, or the answer is an abstention.

mod chat;
mod dialect;
mod http;

use super::{
    abstain_unanswerable, answer_type, record_of, refuse_unserved, reply::ParsedReply, secret,
    ModelError, ModelQuestion, Provider, ProviderReply,
};
use async_trait::async_trait;
use chat::{ChatMessage, Completion};
pub(super) use dialect::Dialect;
use llm_oracle_primitives::{Answer, AnswerKind, Reason};
use serde_json::{json, Value};
use std::{path::Path, time::Duration};

/// Prompt template of closed forms; its version counts up with every change of a word.
const CLOSED: &str = "chat-closed-form/1";
/// Prompt template of open forms; its version counts up with every change of a word.
const OPEN: &str = "chat-open-form/1";

/// A server and the model that is asked there.
#[derive(Debug)]
pub(super) struct Hosted {
    dialect: Dialect,
    endpoint: http::ModelServer,
    model: String,
}

/// What one model run came to.
struct ModelRun {
    parsed: ParsedReply,
    completion: Completion,
    exchange: Value,
}

impl Hosted {
    /// Checks the address and reads the key; nothing is sent.
    ///
    /// # Errors
    /// `NotConfigured` with what is wrong.
    pub(super) fn new(
        dialect: Dialect,
        base_url: &str,
        model: &str,
        key_file: Option<&Path>,
        key_variable: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, ModelError> {
        let key = secret::api_key(key_file, key_variable)?;
        let endpoint = http::ModelServer::new(dialect, base_url, key, timeout)?;
        Ok(Self {
            dialect,
            endpoint,
            model: model.to_owned(),
        })
    }

    async fn attempt(
        &self,
        question: &ModelQuestion,
        messages: &[ChatMessage],
    ) -> Result<ModelRun, ModelError> {
        let body = self
            .dialect
            .request(&self.model, messages, &question.sampling);
        let raw = self.endpoint.post(&self.model, &body).await?;
        let completion = self.dialect.completion(&raw.text)?;
        let parsed = if completion.refused {
            ParsedReply::Answer(Answer::Abstain(Reason::Refused))
        } else if completion.cut && answer_type::can_be_cut(&question.answer) {
            let most = question.sampling.max_tokens;
            ParsedReply::Malformed(Some(format!("it was cut short after {most} tokens")))
        } else {
            answer_type::read(&question.answer, &completion.text)?
        };
        let exchange = json!({
            "request": body,
            "response": { "body": raw.text, "bytes": raw.bytes, "blake2_256": raw.digest },
        });
        Ok(ModelRun {
            parsed,
            completion,
            exchange,
        })
    }
}

#[async_trait]
impl Provider for Hosted {
    fn name(&self) -> &str {
        &self.model
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        refuse_unserved(self, &question.model)?;
        if let Some(reply) = abstain_unanswerable(self, self.dialect.name(), question) {
            return Ok(reply);
        }
        let mut messages = chat::messages(question)?;
        let first = self.attempt(question, &messages).await?;
        let mut exchanges = vec![first.exchange];
        let (answer, last) = match first.parsed {
            ParsedReply::Answer(answer) => (answer, first.completion),
            ParsedReply::Malformed(fault) => {
                let text = &first.completion.text;
                messages.extend(chat::ask_again(question, text, fault.as_deref())?);
                let second = self.attempt(question, &messages).await?;
                exchanges.push(second.exchange);
                let answer = match second.parsed {
                    ParsedReply::Answer(answer) => answer,
                    ParsedReply::Malformed(_) => {
                        Answer::Abstain(chat::why_no_answer(&second.completion.text))
                    }
                };
                (answer, second.completion)
            }
        };
        let template = match question.answer {
            AnswerKind::Text { .. } | AnswerKind::Json { .. } => OPEN,
            _ => CLOSED,
        };
        let model = last.model.unwrap_or_else(|| self.model.clone());
        let record = json!({
            "provider": self.dialect.name(),
            "model": { "asked": self.model, "reported": model },
            "template": template,
            "question": record_of(question),
            "exchanges": exchanges,
            "usage": last.usage,
            "system_fingerprint": last.fingerprint,
        });
        Ok(ProviderReply {
            answer,
            confidence: 0,
            model,
            record,
        })
    }
}

/// Reads a response's body as an answer's would be read.
#[cfg(test)]
pub(super) fn read_completion(body: &str) {
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        if let Ok(completion) = dialect.completion(body) {
            chat::why_no_answer(&completion.text);
        }
    }
}

/// Where questions go with this `base_url`, if anywhere.
#[cfg(test)]
pub(super) fn read_base_url(base_url: &str, with_key: bool) -> Option<reqwest::Url> {
    http::address(Dialect::OpenAi, base_url, with_key).ok()
}

#[cfg(test)]
mod tests;

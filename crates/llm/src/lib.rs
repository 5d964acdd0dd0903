//! Providers of language models.
//!
//! One trait, three providers: a GGUF file in this process ([`ProviderConfig::Local`]), a model on a
//! server ([`ProviderConfig::Hosted`]), which has one of three APIs and differs from others in its settings
//! alone, and fixed answers for tests ([`ProviderConfig::Scripted`]). [`Fallback`] puts several of them
//! behind one, with limits.
//!
//! **Architecture invariant:** a model gets text and returns text. It has no tools, no keys and no
//! network access. Its reply is an answer of the requested type or becomes an abstention. A request for
//! a model that is not served is refused; no other model answers instead.

mod answer_type;
mod built;
mod call_limits;
mod canonical_json;
mod config;
mod cost;
mod error;
mod fallback;
#[cfg(test)]
mod fuzz_tests;
mod hosted;
#[cfg(test)]
mod injection_tests;
#[cfg(feature = "local")]
mod local;
mod meter;
mod open;
mod question;
mod reply;
mod schema;
pub mod scripted;
mod secret;
mod token_window;
pub mod trial;

pub use built::{build_all, BuiltModels};
pub use call_limits::{CallCost, CallLimits};
pub use canonical_json::{canonical_json, NotJson};
pub use config::{build, ModelConfig, Models, ProviderConfig};
pub use cost::actual_cost;
pub use error::{ModelError, Retry};
pub use fallback::Fallback;
pub use hosted::{HostedConfig, InstructionRole, KeyCommand};
pub use meter::{day_of, share_ppm, DailyUsage, ProviderState};
pub use question::ModelQuestion;

use async_trait::async_trait;
use llm_oracle_primitives::{Answer, AnswerKind, ModelRef, Reason, Source};
use serde_json::{json, Value};

/// A typed answer and the record of how it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderReply {
    /// The answer, of the requested type or an abstention.
    pub answer: Answer,
    /// How sure the model is of it, 0 to 100. 0: the provider does not say.
    pub confidence: u8,
    /// The model as the provider reported it.
    pub model: String,
    /// How it was made: provider, model, template with its version, what was sent, sampling, what
    /// came back, scores, usage, engine. It becomes the evidence document and never holds a secret.
    pub record: serde_json::Value,
}

/// Answers questions with a model.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Name of the model that this provider serves, as requests name it.
    fn name(&self) -> &str;

    /// Whether a request for this model may be answered here.
    fn serves(&self, model: &ModelRef) -> bool {
        match model {
            ModelRef::Any => true,
            ModelRef::Name(name) => name == self.name().as_bytes(),
        }
    }

    /// Names of all models that it serves.
    fn served(&self) -> Vec<String> {
        vec![self.name().to_owned()]
    }

    /// Tokens that a reply may take beyond those that the request allows, for thinking.
    fn thinking_tokens(&self) -> u32 {
        0
    }

    /// How often a question is put for one answer.
    fn samples(&self) -> u32 {
        1
    }

    /// Maximum cost of one answer, planck.
    fn price(&self, _question: &ModelQuestion) -> u128 {
        0
    }

    /// Maximum cost of one answer to a question that has sources, planck.
    fn price_about(&self, question: &ModelQuestion, _sources: &[Source]) -> u128 {
        self.price(question)
    }

    /// Status of each provider behind it, for status output and to restore after a restart.
    fn states(&self) -> Vec<ProviderState> {
        Vec::new()
    }

    /// Why it can answer no question, whichever, until somebody acts; `None` while it can.
    fn fault(&self) -> Option<String> {
        None
    }

    /// Restores the usage from before a restart.
    fn restore(&self, _states: &[ProviderState]) {}

    /// Answers one question.
    ///
    /// # Errors
    /// When there is no answer to record, not even an abstention; see [`ModelError::retry`].
    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError>;

    /// Answers one question that is about these sources. `seen_ms` is when it was first seen, milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// As [`Self::answer`]; `BadQuestion` where there are sources and the provider reads none.
    async fn answer_about(
        &self,
        question: &ModelQuestion,
        sources: &[Source],
        _seen_ms: i64,
    ) -> Result<ProviderReply, ModelError> {
        if sources.is_empty() {
            return self.answer(question).await;
        }
        Err(ModelError::BadQuestion(format!(
            "it has {} sources, and no sources are read here",
            sources.len()
        )))
    }
}

/// Checks that operators can answer with this type, so that nobody pays for a question from which all of
/// them must abstain. What the contract itself refuses is not checked.
///
/// # Errors
/// The reason, with the remedy: the JSON schema cannot be used.
pub fn check_answer_type(kind: &AnswerKind) -> Result<(), String> {
    open::check(kind)
}

/// The refusal of a model that is not served here, or nothing.
fn refuse_unserved(provider: &dyn Provider, model: &ModelRef) -> Result<(), ModelError> {
    if provider.serves(model) {
        return Ok(());
    }
    let name = match model {
        ModelRef::Name(name) => String::from_utf8_lossy(name).into_owned(),
        ModelRef::Any => "any".to_owned(),
    };
    let remedy = format!(
        "ask for '{}', which is, for any model, or name other operators",
        provider.served().join("' or '")
    );
    Err(ModelError::NotServed {
        name,
        remedy,
        is_paid: false,
    })
}

/// The abstention from a question that has no valid answer, without a call of the model; or `None`. All
/// operators abstain for the same reason, so the request ends undetermined instead of expiring.
fn abstain_unanswerable(
    provider: &dyn Provider,
    kind: &str,
    question: &ModelQuestion,
) -> Option<ProviderReply> {
    let why = check_answer_type(&question.answer).err()?;
    Some(ProviderReply {
        answer: Answer::Abstain(Reason::BadInput),
        confidence: 0,
        model: provider.name().to_owned(),
        record: json!({
            "provider": kind,
            "model": provider.name(),
            "question": record_of(question),
            "not_asked": why,
        }),
    })
}

/// The question in the format of the record.
pub fn record_of(question: &ModelQuestion) -> Value {
    let kind = match &question.answer {
        AnswerKind::Bool => json!({ "kind": "bool" }),
        AnswerKind::Choice { options } => {
            let texts: Vec<_> = options.iter().map(|o| String::from_utf8_lossy(o)).collect();
            json!({ "kind": "choice", "options": texts })
        }
        // As text: JSON numbers lose digits beyond 2^53.
        AnswerKind::Number { scale, tolerance } => {
            json!({ "kind": "number", "scale": scale, "tolerance": tolerance.to_string() })
        }
        AnswerKind::Text { max_bytes } => json!({ "kind": "text", "max_bytes": max_bytes }),
        // As text, as it was asked: it may be no JSON at all.
        AnswerKind::Json { schema } => {
            json!({ "kind": "json", "schema": String::from_utf8_lossy(schema) })
        }
    };
    json!({ "prompt": question.prompt, "system": question.system, "answer": kind })
}

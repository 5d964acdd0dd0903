//! The two ways in which servers are asked: where, under which headers, and in which words.

use super::{
    super::ModelError,
    chat::{ChatMessage, Completion},
};
use llm_oracle_primitives::Sampling;
use serde::Deserialize;
use serde_json::{json, Value};

/// An API that hosted models speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Chat completions, as most servers have them.
    OpenAi,
    /// Messages, as Anthropic's servers have them.
    Anthropic,
}

/// The version of the messages API that the bodies here are written for.
const MESSAGES_VERSION: &str = "2023-06-01";

impl Dialect {
    /// Its name in settings and evidence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// What comes after the base address.
    pub(super) fn path(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &["chat", "completions"],
            Self::Anthropic => &["messages"],
        }
    }

    /// Headers of every request.
    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::OpenAi => &[],
            Self::Anthropic => &[("anthropic-version", MESSAGES_VERSION)],
        }
    }

    /// The header with the key.
    pub(super) fn key_header(self, key: &str) -> (&'static str, String) {
        match self {
            Self::OpenAi => ("authorization", format!("Bearer {key}")),
            Self::Anthropic => ("x-api-key", key.to_owned()),
        }
    }

    /// The body of a request.
    pub(super) fn request(
        self,
        model: &str,
        messages: &[ChatMessage],
        sampling: &Sampling,
    ) -> Value {
        // Half a thousandth is beyond any server; the division is exact enough to print back.
        let temperature = f64::from(sampling.temperature_milli) / 1000.0;
        let max_tokens = sampling.max_tokens.max(1);
        match self {
            Self::OpenAi => json!({
                "model": model,
                "messages": messages,
                "temperature": temperature,
                // Servers read it as a signed 64-bit number.
                "seed": sampling.seed & 0x7fff_ffff_ffff_ffff,
                "max_tokens": max_tokens,
                "stream": false,
            }),
            Self::Anthropic => {
                // The instruction is no turn here, and there is no seed.
                let is_system = |message: &&ChatMessage| message.role == "system";
                let system: Vec<_> = messages
                    .iter()
                    .filter(is_system)
                    .map(|message| message.content.as_str())
                    .collect();
                let turns: Vec<_> = messages.iter().filter(|one| !is_system(one)).collect();
                json!({
                    "model": model,
                    "system": system.join("\n\n"),
                    "messages": turns,
                    "temperature": temperature,
                    "max_tokens": max_tokens,
                })
            }
        }
    }

    /// Reads a response's body.
    ///
    /// # Errors
    /// `BadResponse` when it is not one of this dialect.
    pub(super) fn completion(self, body: &str) -> Result<Completion, ModelError> {
        match self {
            Self::OpenAi => read::<ChatResponse>("chat completion", body)?.try_into(),
            Self::Anthropic => read::<MessagesResponse>("message", body).map(Into::into),
        }
    }
}

/// The error names line and column, never the body's text.
fn read<'a, T: Deserialize<'a>>(what: &str, body: &'a str) -> Result<T, ModelError> {
    serde_json::from_str(body).map_err(|error| ModelError::BadResponse {
        reason: format!("no {what}, line {} column {}", error.line(), error.column()),
    })
}

#[derive(Deserialize)]
struct ChatResponse {
    model: Option<String>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Value,
    system_fingerprint: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    message: ReplyMessage,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct ReplyMessage {
    content: Option<String>,
    refusal: Option<String>,
}

impl TryFrom<ChatResponse> for Completion {
    type Error = ModelError;

    fn try_from(response: ChatResponse) -> Result<Self, ModelError> {
        let first = response.choices.into_iter().next();
        let choice = first.ok_or_else(|| ModelError::BadResponse {
            reason: "no choices".to_owned(),
        })?;
        let finish = choice.finish_reason.as_deref();
        let filtered = finish == Some("content_filter");
        Ok(Self {
            cut: finish == Some("length"),
            refused: filtered || choice.message.refusal.is_some_and(|text| !text.is_empty()),
            text: choice.message.content.unwrap_or_default(),
            model: response.model,
            usage: response.usage,
            fingerprint: response.system_fingerprint,
        })
    }
}

#[derive(Deserialize)]
struct MessagesResponse {
    model: Option<String>,
    content: Vec<ContentBlock>,
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Value,
}

/// A part of a message; those that are no text say nothing here.
#[derive(Deserialize)]
struct ContentBlock {
    #[serde(default)]
    text: Option<String>,
}

impl From<MessagesResponse> for Completion {
    fn from(response: MessagesResponse) -> Self {
        let stop = response.stop_reason.as_deref();
        Self {
            cut: stop == Some("max_tokens"),
            refused: stop == Some("refusal"),
            text: response
                .content
                .into_iter()
                .filter_map(|block| block.text)
                .collect(),
            model: response.model,
            usage: response.usage,
            fingerprint: None,
        }
    }
}

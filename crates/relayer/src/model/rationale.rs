//! Why an answer was given: asked for once it is decided, so that nothing of it can change the answer.

use llm_oracle_llm::{ModelQuestion, Provider, ProviderReply};
use llm_oracle_primitives::{
    canonical::format_decimal, limits::MAX_ANSWER_BYTES, Answer, AnswerKind, Sampling,
};
use llm_oracle_sources::quotes::{self, QuotableText, SourceQuote};
use serde::Deserialize;
use serde_json::{json, Value};
use std::time::Duration;

/// Longest rationale, bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Longest rationale that is asked for, characters.
const TEXT_CHARS: u32 = 500;
/// Most quotes.
const QUOTES_MAX: usize = 3;
/// Longest quote that is asked for, characters.
const QUOTE_CHARS: u32 = 200;
/// Most tokens of text and quotes.
const TOKENS_MAX: u32 = 600;

/// `[rationale]` of a relayer: whether answers get one.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RationaleConfig {
    /// Whether the model is asked for one after each answer. It costs a second request.
    pub enabled: bool,
    /// How long that may take, milliseconds. Without one by then the answer goes out alone.
    pub timeout_ms: u64,
}

impl Default for RationaleConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            timeout_ms: 20_000,
        }
    }
}

impl RationaleConfig {
    /// Each setting by its key in the file.
    pub fn shown(&self) -> [(&'static str, String); 2] {
        [
            ("rationale.enabled", self.enabled.to_string()),
            ("rationale.timeout_ms", self.timeout_ms.to_string()),
        ]
    }
}

/// What a model says about its answer.
#[derive(Deserialize)]
struct ModelRationale {
    rationale: String,
    quotes: Vec<ModelQuote>,
}

#[derive(Deserialize)]
struct ModelQuote {
    source: u8,
    text: String,
}

/// Asks for the rationale of an answer, for the evidence: `{"text", "quotes", "not_found", "made"}`, or `{"missing"}` with
/// what stands in its way. `asked` is the question as the model was shown it.
pub(super) async fn rationale(
    provider: &dyn Provider,
    asked: &ModelQuestion,
    answered: &ProviderReply,
    texts: &[QuotableText],
    within: Duration,
) -> Value {
    let question = question(asked, &answered.answer, texts);
    let reply = match tokio::time::timeout(within, provider.answer(&question)).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => return json!({ "missing": error.to_string() }),
        Err(_) => {
            return json!({ "missing": format!("none within {} ms", within.as_millis()) });
        }
    };
    if reply.model != answered.model {
        // Where several providers stand behind one, another may be free.
        let why = format!(
            "'{}' was asked, and '{}' had answered",
            reply.model, answered.model
        );
        return json!({ "missing": why, "made": reply.record });
    }
    let said = match &reply.answer {
        Answer::Json(bytes) => serde_json::from_slice::<ModelRationale>(bytes).ok(),
        _ => None,
    };
    match said.filter(|said| said.rationale.len() <= TEXT_BYTES_MAX) {
        Some(said) => recorded(&said, texts, &reply.record),
        None => json!({ "missing": "the model gave none of the form", "made": reply.record }),
    }
}

fn recorded(said: &ModelRationale, texts: &[QuotableText], made: &Value) -> Value {
    let (mut found, mut not_found) = (Vec::<SourceQuote>::new(), Vec::<&str>::new());
    for quote in said.quotes.iter().take(QUOTES_MAX) {
        match quotes::find(&quote.text, quote.source, texts) {
            Some(quote) if found.contains(&quote) => {}
            Some(quote) => found.push(quote),
            None => not_found.push(&quote.text),
        }
    }
    json!({
        "text": said.rationale.trim(),
        "quotes": found,
        "not_found": not_found,
        "made": made,
    })
}

/// The most that the question for a rationale takes, for its price: the answer can be of any length that is allowed.
pub(super) fn longest(asked: &ModelQuestion) -> ModelQuestion {
    let longest = "x".repeat(MAX_ANSWER_BYTES as usize);
    let one = QuotableText {
        source: u8::MAX,
        text: String::new(),
        passages: Vec::new(),
    };
    question(asked, &Answer::Text(longest.into_bytes()), &[one])
}

fn question(asked: &ModelQuestion, answer: &Answer, texts: &[QuotableText]) -> ModelQuestion {
    let quote = if texts.is_empty() {
        "Leave the list of quotes empty: there are no sources.".to_owned()
    } else {
        format!(
            "Then quote what decides it: up to {QUOTES_MAX} passages of the sources, word for word, at most \
             {QUOTE_CHARS} characters each, with the number of the source."
        )
    };
    let prompt = format!(
        "{}\n\nThe answer to this question is decided: {}\nIt does not change any more. Say in at most three short \
         sentences why it is right. {quote}",
        asked.prompt,
        words(&asked.answer, answer),
    );
    ModelQuestion {
        prompt,
        system: asked.system.clone(),
        answer: AnswerKind::Json {
            schema: schema(texts).to_string().into_bytes(),
        },
        sampling: Sampling {
            max_tokens: TOKENS_MAX,
            ..asked.sampling
        },
        model: asked.model.clone(),
    }
}

fn schema(texts: &[QuotableText]) -> Value {
    let numbers: Vec<u8> = texts.iter().map(|text| text.source).collect();
    let quote = json!({
        "type": "object",
        "properties": {
            "source": { "type": "integer", "enum": if numbers.is_empty() { vec![0] } else { numbers } },
            "text": { "type": "string", "maxLength": QUOTE_CHARS },
        },
        "required": ["source", "text"],
        "additionalProperties": false,
    });
    let most = if texts.is_empty() { 0 } else { QUOTES_MAX };
    json!({
        "type": "object",
        "properties": {
            "rationale": { "type": "string", "maxLength": TEXT_CHARS },
            "quotes": { "type": "array", "maxItems": most, "items": quote },
        },
        "required": ["rationale", "quotes"],
        "additionalProperties": false,
    })
}

/// An answer as the question's words for it.
fn words(kind: &AnswerKind, answer: &Answer) -> String {
    match (kind, answer) {
        (_, Answer::Bool(true)) => "yes".to_owned(),
        (_, Answer::Bool(false)) => "no".to_owned(),
        (AnswerKind::Choice { options }, Answer::Choice(index)) => {
            let option = options.get(usize::from(*index));
            option.map_or_else(String::new, |text| {
                String::from_utf8_lossy(text).into_owned()
            })
        }
        (AnswerKind::Number { scale, .. }, Answer::Number(mantissa)) => {
            format_decimal(*mantissa, *scale)
        }
        (_, Answer::Text(bytes) | Answer::Json(bytes)) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        (_, other) => format!("{other:?}"),
    }
}

#[cfg(test)]
#[path = "rationale_tests.rs"]
mod tests;

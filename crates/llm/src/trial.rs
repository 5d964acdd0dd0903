//! One question of each kind, with a known answer, put to one provider: what of it works.

use super::{
    cost::{reported_tokens, requests_of},
    CallCost, CallLimits, ModelError, ModelQuestion, Provider, ProviderReply,
};
use llm_oracle_primitives::{Answer, AnswerKind, ModelRef, Sampling};
use llm_oracle_support::clock::Instant;
use serde_json::Value;
use std::time::Duration;

/// Tokens of each reply: enough for all answers, and little for a model that talks.
const MAX_TOKENS: u32 = 64;

/// A question whose answer is known.
#[derive(Clone, Debug)]
pub struct TrialQuestion {
    /// Name of its kind: `bool`, `choice`, `number`, `text` or `json`.
    pub kind: &'static str,
    /// What is asked.
    pub question: ModelQuestion,
    /// The right answer.
    pub expected: Answer,
}

/// What a provider made of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialResult {
    /// It gave the right answer.
    Right,
    /// It gave another answer.
    Wrong,
    /// It did not decide, or its reply had not the form asked for.
    Abstained,
    /// It failed, or refused.
    Failed,
    /// It was not asked, since it failed before in a way that no other question changes.
    NotAsked,
}

impl TrialResult {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Abstained => "abstained",
            Self::Failed => "failed",
            Self::NotAsked => "not_asked",
        }
    }
}

/// What a confidence was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfidenceOrigin {
    /// The likelihoods of tokens, as a server said them.
    Likelihoods,
    /// How many samples agree.
    Samples,
    /// The scores of a model in this process.
    LocalScores,
}

impl ConfidenceOrigin {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Likelihoods => "likelihoods",
            Self::Samples => "samples",
            Self::LocalScores => "local_scores",
        }
    }
}

/// One question with what came of it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The question.
    pub asked: TrialQuestion,
    /// What came of it.
    pub result: TrialResult,
    /// The answer, if there was one.
    pub answer: Option<Answer>,
    /// How sure the model is, percent, and what that was made of; `None` where the provider does not say.
    pub confidence: Option<(u8, ConfidenceOrigin)>,
    /// Requests that the answer took.
    pub requests: u32,
    /// Tokens in and out, as the provider counted them.
    pub tokens: Option<(u64, u64)>,
    /// Time that it took, milliseconds.
    pub elapsed_ms: u64,
    /// What it cost by the prices in the settings, planck; `None` where that needs tokens that are not known.
    pub cost: Option<u128>,
    /// Whether the answer satisfies its schema, of a question that has one and was answered.
    pub keeps_schema: Option<bool>,
    /// Whether the provider was given the schema to hold the reply to, of a question that has one.
    pub gives_schema: Option<bool>,
    /// How requests differ from what the settings say, since the server refused that.
    pub adjustments: Vec<String>,
    /// The model as the provider reports it.
    pub model: Option<String>,
    /// Why there is no answer, with the server's own words and without secrets.
    pub error: Option<String>,
}

/// The questions, one of each kind. What is asked about stands in the question, so that small models can answer.
pub fn questions() -> Vec<TrialQuestion> {
    let ask = |kind, prompt: &str, answer, expected| TrialQuestion {
        kind,
        question: ModelQuestion {
            prompt: prompt.to_owned(),
            system: None,
            answer,
            sampling: Sampling {
                max_tokens: MAX_TOKENS,
                temperature_milli: 0,
                seed: 0,
            },
            model: ModelRef::Any,
        },
        expected,
    };
    let options = ["sport", "weather", "cooking"].map(|option| option.as_bytes().to_vec());
    let schema = br#"{"type":"object","required":["name","age"],"additionalProperties":false,"properties":{"name":{"type":"string","maxLength":20},"age":{"type":"integer","minimum":0,"maximum":150}}}"#;
    vec![
        ask(
            "bool",
            "Is the tone of this announcement positive? We are delighted to announce that our team has won the first prize. Thank you to everybody who made this possible.",
            AnswerKind::Bool,
            Answer::Bool(true),
        ),
        ask(
            "choice",
            "What is this sentence about? \"Heavy rain and strong wind are expected on Sunday.\"",
            AnswerKind::Choice {
                options: options.into(),
            },
            Answer::Choice(1),
        ),
        ask(
            "number",
            "\"The box holds 12 apples.\" How many apples does the box hold?",
            AnswerKind::Number {
                scale: 0,
                tolerance: 0,
            },
            Answer::Number(12),
        ),
        ask(
            "text",
            "\"The capital of France is Paris.\" What is the capital of France?",
            AnswerKind::Text { max_bytes: 40 },
            Answer::Text(b"Paris".to_vec()),
        ),
        ask(
            "json",
            "\"Anna is 31 years old.\" Give her name and her age.",
            AnswerKind::Json {
                schema: schema.to_vec(),
            },
            Answer::Json(br#"{"age":31,"name":"Anna"}"#.to_vec()),
        ),
    ]
}

/// Puts all questions to a provider, one after the other, each for at most `timeout`. Its prices are those of
/// `limits`; nothing else of them is looked at or counted.
pub async fn run(provider: &dyn Provider, limits: &CallLimits, timeout: Duration) -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut out_of_reach: Option<String> = None;
    for asked in questions() {
        if let Some(reason) = &out_of_reach {
            trials.push(Trial {
                error: Some(reason.clone()),
                ..Trial::without_answer(asked, TrialResult::NotAsked, Duration::ZERO)
            });
            continue;
        }
        let started = Instant::now();
        let reply = tokio::time::timeout(timeout, provider.answer(&asked.question)).await;
        let took = started.elapsed();
        trials.push(match reply {
            Ok(Ok(reply)) => answered(asked, &reply, limits, took),
            Ok(Err(error)) => {
                if is_out_of_reach(&error) {
                    out_of_reach = Some(error.to_string());
                }
                Trial {
                    error: Some(error.to_string()),
                    ..Trial::without_answer(asked, TrialResult::Failed, took)
                }
            }
            Err(_) => Trial {
                error: Some(format!("no answer within {} s", timeout.as_secs())),
                ..Trial::without_answer(asked, TrialResult::Failed, took)
            },
        });
    }
    trials
}

/// Whether every other question would end in the same.
fn is_out_of_reach(error: &ModelError) -> bool {
    matches!(
        error,
        ModelError::Unreachable { .. }
            | ModelError::NoKey { .. }
            | ModelError::NotConfigured(_)
            | ModelError::Status { code: 401, .. }
    )
}

impl Trial {
    /// Whether the provider can be asked questions of this kind.
    pub fn works(&self) -> bool {
        self.result == TrialResult::Right
    }

    fn without_answer(asked: TrialQuestion, result: TrialResult, took: Duration) -> Self {
        Self {
            asked,
            result,
            answer: None,
            confidence: None,
            requests: 0,
            tokens: None,
            elapsed_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            cost: None,
            keeps_schema: None,
            gives_schema: None,
            adjustments: Vec::new(),
            model: None,
            error: None,
        }
    }
}

fn answered(
    asked: TrialQuestion,
    reply: &ProviderReply,
    limits: &CallLimits,
    took: Duration,
) -> Trial {
    let record = &reply.record;
    let result = match &reply.answer {
        Answer::Abstain(_) => TrialResult::Abstained,
        answer if is_right(answer, &asked.expected) => TrialResult::Right,
        _ => TrialResult::Wrong,
    };
    let (requests, tokens) = (requests_of(record), tokens(record));
    let has_schema = matches!(asked.question.answer, AnswerKind::Json { .. });
    // The reader takes no document that breaks its schema.
    let keeps_schema = has_schema.then_some(matches!(reply.answer, Answer::Json(_)));
    let adjustments = record["adjustments"].as_array().into_iter().flatten();
    let adjustments = adjustments.filter_map(|text| text.as_str().map(str::to_owned));
    Trial {
        answer: Some(reply.answer.clone()),
        confidence: confidence(reply),
        requests,
        tokens,
        cost: cost(limits, requests, tokens),
        keeps_schema,
        gives_schema: has_schema.then(|| gives_schema(record)),
        adjustments: adjustments.collect(),
        model: Some(reply.model.clone()),
        ..Trial::without_answer(asked, result, took)
    }
}

/// Texts are compared without regard to case and a period at the end, which the question leaves open.
fn is_right(answer: &Answer, expected: &Answer) -> bool {
    let (Answer::Text(said), Answer::Text(right)) = (answer, expected) else {
        return answer == expected;
    };
    let plain = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).to_lowercase();
        text.trim_end_matches('.').to_owned()
    };
    plain(said) == plain(right)
}

fn confidence(reply: &ProviderReply) -> Option<(u8, ConfidenceOrigin)> {
    let record = &reply.record;
    let samples = record["samples"].as_array().map_or(&[][..], Vec::as_slice);
    let has_likelihoods = samples.iter().any(|one| one["confidence"].is_u64());
    let origin = if record["scores"].is_array() {
        ConfidenceOrigin::LocalScores
    } else if has_likelihoods {
        ConfidenceOrigin::Likelihoods
    } else if samples.len() > 1 {
        ConfidenceOrigin::Samples
    } else {
        return None;
    };
    let is_decided = !matches!(reply.answer, Answer::Abstain(_));
    is_decided.then_some((reply.confidence, origin))
}

/// A local model counts the tokens that it reads, and generates none when it scores.
fn tokens(record: &Value) -> Option<(u64, u64)> {
    reported_tokens(record).or_else(|| {
        let is_scored = record["scores"].is_array();
        let read = record["usage"]["prompt_tokens"].as_u64();
        read.filter(|_| is_scored).map(|read| (read, 0))
    })
}

fn cost(limits: &CallLimits, requests: u32, tokens: Option<(u64, u64)>) -> Option<u128> {
    let price = |(input_tokens, output_tokens)| {
        limits.price(CallCost {
            requests,
            input_tokens,
            output_tokens,
        })
    };
    // Where tokens have no price, their number does not matter.
    let by_request = price((0, 0));
    let is_by_token = price((u64::MAX, u64::MAX)) > by_request;
    match tokens {
        Some(tokens) => Some(price(tokens)),
        None => (!is_by_token).then_some(by_request),
    }
}

/// Whether the schema was part of the request, or of the grammar of a local model.
fn gives_schema(record: &Value) -> bool {
    let exchanges = record["exchanges"].as_array();
    let last = exchanges.and_then(|all| all.last());
    let of_server = last.is_some_and(|last| last["request"]["response_format"].is_object());
    of_server || record["grammar"]["by_schema"] == Value::Bool(true)
}

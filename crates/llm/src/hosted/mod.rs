//! A model on a server, asked by one of three APIs: chat completions, responses or messages.
//!
//! The reply is read strictly: the whole of it states one of the forms asked for, or the model is
//! asked once more and told what was wrong, or the answer is an abstention. What servers put around a
//! reply, such as the model's thoughts, is taken off before.

mod adjust;
mod chat;
mod check;
mod clean;
mod dialect;
mod failure;
mod http;
mod key;
mod key_command;
mod likelihood;
mod pause;
mod preset;
mod read;
mod request;
mod sample;
mod secrets;
mod settings;
mod thoughts;
mod turn;
mod words;

use super::{
    abstain_unanswerable, record_of, refuse_unserved, reply::ParsedReply, ModelError,
    ModelQuestion, Provider, ProviderReply, Retry,
};
use async_trait::async_trait;
pub use key_command::KeyCommand;
use llm_oracle_primitives::{Answer, AnswerKind};
pub use preset::InstructionRole;
use sample::{Sample, Samples};
use serde_json::json;
pub use settings::HostedConfig;
use turn::{ModelRun, ServerTurns};

/// Prompt template of closed forms; its version counts up with every change of a word.
const CLOSED: &str = "chat-closed-form/1";
/// Prompt template of open forms; its version counts up with every change of a word.
const OPEN: &str = "chat-open-form/1";

/// A server and the model that is asked there.
#[derive(Debug)]
pub(super) struct Hosted {
    turns: ServerTurns,
}

impl Hosted {
    /// Checks the settings and reads the key; nothing is sent.
    ///
    /// # Errors
    /// `NotConfigured` with what is wrong.
    pub(super) fn new(config: &HostedConfig) -> Result<Self, ModelError> {
        let turns = ServerTurns::new(config)?;
        Ok(Self { turns })
    }

    /// Asks as often as the settings say; what the server refuses after the first sample is done without.
    async fn samples(&self, question: &ModelQuestion) -> Result<Samples, ModelError> {
        let mut samples = Samples::of(self.sample(question, 0).await?);
        for order in 1..usize::from(self.turns.profile().samples) {
            let mut again = question.clone();
            again.sampling.seed = question.sampling.seed.wrapping_add(order as u64);
            match self.sample(&again, order).await {
                Ok(sample) => samples.push(sample),
                Err(error) => {
                    samples.broke_off(&error);
                    break;
                }
            }
        }
        Ok(samples)
    }

    /// Asks, and asks once more when the reply has none of the forms. `order` turns the labels.
    async fn sample(&self, question: &ModelQuestion, order: usize) -> Result<Sample, ModelError> {
        let mut conversation = chat::begin(question, order)?;
        let first = self.turns.run(question, &conversation).await?;
        let fault = match &first.parsed {
            ParsedReply::Answer(answer) => {
                return Sample::of(question, answer.clone(), vec![first]);
            }
            ParsedReply::Malformed(fault) => fault.as_deref(),
        };
        chat::ask_again(&mut conversation, (question, order), &first.text, fault)?;
        let second = match self.turns.run(question, &conversation).await {
            Ok(second) => second,
            // The model was asked, and its server takes no second question.
            Err(error) if is_refusal(&error) => {
                let answer = self.no_answer(&first)?;
                let second_refused = Some(error.to_string());
                let mut sample = Sample::of(question, answer, vec![first])?;
                sample.second_refused = second_refused;
                return Ok(sample);
            }
            Err(error) => return Err(error.after_paid_request()),
        };
        let answer = match &second.parsed {
            ParsedReply::Answer(answer) => answer.clone(),
            ParsedReply::Malformed(_) => self.no_answer(&second)?,
        };
        Sample::of(question, answer, vec![first, second])
    }

    /// The abstention that a last reply without an answer comes to.
    fn no_answer(&self, run: &ModelRun) -> Result<Answer, ModelError> {
        self.turns.check_said(run)?;
        Ok(Answer::Abstain(chat::why_no_answer(&run.text)))
    }
}

/// Whether a server refuses this question and would refuse it again.
fn is_refusal(error: &ModelError) -> bool {
    matches!(error, ModelError::Status { .. })
        && error.retry() == Retry::Never
        && error.is_of_question()
}

#[async_trait]
impl Provider for Hosted {
    fn name(&self) -> &str {
        &self.turns.profile().name
    }

    fn thinking_tokens(&self) -> u32 {
        self.turns.profile().thinking_tokens
    }

    fn samples(&self) -> u32 {
        self.turns.profile().samples.into()
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        refuse_unserved(self, &question.model)?;
        let profile = self.turns.profile();
        if let Some(reply) = abstain_unanswerable(self, profile.dialect.name(), question) {
            return Ok(reply);
        }
        let samples = self.samples(question).await?;
        let (answer, confidence) = samples.decision();
        let template = match question.answer {
            AnswerKind::Text { .. } | AnswerKind::Json { .. } => OPEN,
            _ => CLOSED,
        };
        let runs: Vec<&ModelRun> = samples.runs().collect();
        let last = runs.last().map(|run| &run.completion);
        let model = last.and_then(|completion| completion.model.clone());
        let model = model.unwrap_or_else(|| profile.model.clone());
        let exchanges: Vec<_> = runs.iter().map(|run| &run.exchange).collect();
        let refused: Vec<_> = runs.iter().flat_map(|run| &run.refused).collect();
        let usages: Vec<_> = runs.iter().map(|run| &run.completion.usage).collect();
        let mut record = json!({
            "provider": profile.dialect.name(),
            "model": { "asked": profile.model, "reported": model },
            "template": template,
            "question": record_of(question),
            "exchanges": exchanges,
            "usage": last.map(|completion| &completion.usage),
            "usages": usages,
            "system_fingerprint": last.and_then(|completion| completion.fingerprint.as_ref()),
        });
        if let Some(members) = record.as_object_mut() {
            if !refused.is_empty() {
                members.insert("refused_requests".to_owned(), json!(refused));
            }
            if let Some(last) = runs.last().filter(|run| !run.adjustments.is_empty()) {
                members.insert("adjustments".to_owned(), json!(last.adjustments));
            }
            members.extend(samples.record());
        }
        Ok(ProviderReply {
            answer,
            confidence,
            model,
            record,
        })
    }
}

/// Reads a response's body as an answer's would be read.
#[cfg(test)]
pub(super) fn read_completion(body: &str) {
    use dialect::Dialect;
    for dialect in [Dialect::OpenAi, Dialect::Responses, Dialect::Anthropic] {
        if let Ok(completion) = read::completion(dialect, body) {
            let clean = clean::clean(&completion.text);
            chat::why_no_answer(clean.text);
            clean::without_citations(clean.text);
        }
    }
    words::ServerWords::of_body(body).is_filtered();
}

/// Where questions go with this `base_url`, if anywhere.
#[cfg(test)]
pub(super) fn read_base_url(base_url: &str, with_key: bool) -> Option<reqwest::Url> {
    let mut config: HostedConfig =
        serde_json::from_value(json!({ "base_url": base_url, "model": "m" })).ok()?;
    config.provider = "openai";
    let profile = settings::ServerProfile::new(&config).ok()?;
    http::address(&profile, with_key).ok()
}

#[cfg(test)]
mod sample_tests;
#[cfg(test)]
mod tests;

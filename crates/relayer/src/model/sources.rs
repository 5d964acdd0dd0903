//! What stands around a question to a model: its sources, which are fetched and read before, and the rationale of its
//! answer, which is asked for after.

use super::rationale::{self, RationaleConfig};
use async_trait::async_trait;
use llm_oracle_llm::{
    record_of, ModelError, ModelQuestion, Provider, ProviderReply, ProviderState,
};
use llm_oracle_primitives::{Answer, ModelRef, Reason, Source};
use llm_oracle_sources::{
    quotes::QuotableText, reader::DocumentReader, LoadedSources, SourceFailure, SourceLoader,
    SourceQuestion, SourcesConfig,
};
use serde_json::{json, Value};
use std::{io, sync::Arc, time::Duration};

/// Pause before the second look at sources that may come back.
const PAUSE: Duration = Duration::from_secs(5);
/// Room for marks, dates and the names of sources in a prompt, bytes.
const MARKS_BYTES: usize = 8 * 1024;

/// A provider that shows its models what a question is about.
pub struct SourceReadingProvider {
    provider: Arc<dyn Provider>,
    loader: SourceLoader,
    passage_bytes_max: usize,
    rationale: RationaleConfig,
}

impl SourceReadingProvider {
    /// Puts the reading of sources before a provider. Documents are read by this program, started once more
    /// as [`llm_oracle_sources::reader::ARGUMENT`].
    ///
    /// # Errors
    /// Which setting is wrong.
    pub fn new(
        provider: Arc<dyn Provider>,
        config: &SourcesConfig,
        rationale: RationaleConfig,
    ) -> Result<Self, String> {
        Ok(Self {
            rationale,
            provider,
            loader: SourceLoader::new(config, DocumentReader::of_this_program())?,
            passage_bytes_max: config.passage_bytes_max,
        })
    }

    /// Asks for the rationale of an answer, if it is one.
    async fn explain(
        &self,
        asked: &ModelQuestion,
        reply: &mut ProviderReply,
        texts: &[QuotableText],
    ) {
        if !self.rationale.enabled || matches!(reply.answer, Answer::Abstain(_)) {
            return;
        }
        let within = Duration::from_millis(self.rationale.timeout_ms);
        let provider = self.provider.as_ref();
        let why = rationale::rationale(provider, asked, reply, texts, within).await;
        if let Some(members) = reply.record.as_object_mut() {
            members.insert("rationale".to_owned(), why);
        }
    }

    /// Greatest cost of an answer to a question as the model is shown it, planck.
    fn price_shown(&self, shown: &ModelQuestion) -> u128 {
        let answer = self.provider.price(shown);
        if !self.rationale.enabled {
            return answer;
        }
        let rationale = self.provider.price(&rationale::longest(shown));
        answer.saturating_add(rationale)
    }

    /// Loads the sources, again after a moment while what is missing may come back.
    async fn load(
        &self,
        question: &ModelQuestion,
        sources: &[Source],
        seen_ms: i64,
    ) -> Result<LoadedSources, ModelError> {
        let asked = SourceQuestion {
            prompt: &question.prompt,
            sources,
            seen_ms,
        };
        let unreadable = |error: io::Error| ModelError::Unavailable {
            model: self.name().to_owned(),
            reason: format!("sources can't be read on this machine: {error}"),
            wait: Duration::from_secs(60),
        };
        let loaded = self.loader.load(&asked).await.map_err(unreadable)?;
        if !loaded.is_transient {
            return Ok(loaded);
        }
        tokio::time::sleep(PAUSE).await;
        self.loader.load(&asked).await.map_err(unreadable)
    }

    fn abstention(
        &self,
        question: &ModelQuestion,
        loaded: &LoadedSources,
        reason: Reason,
    ) -> ProviderReply {
        let failures = loaded.records.iter().filter_map(|record| {
            let SourceFailure { reason, .. } = record.failure.as_ref()?;
            Some(format!("source {}: {reason}", record.number))
        });
        let why: Vec<String> = failures.collect();
        ProviderReply {
            answer: Answer::Abstain(reason),
            confidence: 0,
            model: self.name().to_owned(),
            record: json!({
                "not_asked": why.join("; "),
                "model": self.name(),
                "question": record_of(question),
                "sources": loaded.records,
            }),
        }
    }
}

/// The record of an answer, of the question as it was asked and of what the model was shown.
fn with_sources(record: &mut Value, question: &ModelQuestion, loaded: LoadedSources) {
    let Some(members) = record.as_object_mut() else {
        return;
    };
    members.insert("question".to_owned(), record_of(question));
    members.insert("sources".to_owned(), json!(loaded.records));
    members.insert("prompt_with_sources".to_owned(), json!(loaded.prompt));
}

#[async_trait]
impl Provider for SourceReadingProvider {
    fn name(&self) -> &str {
        self.provider.name()
    }

    fn serves(&self, model: &ModelRef) -> bool {
        self.provider.serves(model)
    }

    fn served(&self) -> Vec<String> {
        self.provider.served()
    }

    fn thinking_tokens(&self) -> u32 {
        self.provider.thinking_tokens()
    }

    fn samples(&self) -> u32 {
        self.provider.samples()
    }

    fn price(&self, question: &ModelQuestion) -> u128 {
        self.provider.price(question)
    }

    fn price_about(&self, question: &ModelQuestion, sources: &[Source]) -> u128 {
        if sources.is_empty() {
            return self.price_shown(question);
        }
        let mut shown = question.clone();
        let room = self.passage_bytes_max.saturating_add(MARKS_BYTES);
        shown.prompt.extend(std::iter::repeat_n(' ', room));
        self.price_shown(&shown)
    }

    fn states(&self) -> Vec<ProviderState> {
        self.provider.states()
    }

    fn fault(&self) -> Option<String> {
        self.provider.fault()
    }

    fn restore(&self, states: &[ProviderState]) {
        self.provider.restore(states);
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        self.provider.answer(question).await
    }

    async fn answer_about(
        &self,
        question: &ModelQuestion,
        sources: &[Source],
        seen_ms: i64,
    ) -> Result<ProviderReply, ModelError> {
        if sources.is_empty() {
            let mut reply = self.provider.answer(question).await?;
            self.explain(question, &mut reply, &[]).await;
            return Ok(reply);
        }
        let loaded = self.load(question, sources, seen_ms).await?;
        if let Some(reason) = loaded.abstention {
            return Ok(self.abstention(question, &loaded, reason));
        }
        let shown = ModelQuestion {
            prompt: loaded.prompt.clone(),
            ..question.clone()
        };
        let mut reply = self.provider.answer(&shown).await?;
        self.explain(&shown, &mut reply, &loaded.texts).await;
        with_sources(&mut reply.record, question, loaded);
        Ok(reply)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "sources_tests.rs"]
mod tests;

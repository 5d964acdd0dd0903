//! Asking a local model again.

use super::{document, Findings, OnChainRequest, SeatFinding};
use crate::question;
use llm_oracle_llm::{self as llm, ModelError, Provider, ProviderConfig, ProviderReply};
use llm_oracle_rules::Form;
use serde_json::Value;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Greatest difference between two numbers of a record that count as equal: log-likelihoods.
const NUMBER_TOLERANCE: f64 = 1e-4;

/// Local models by what the evidence says of their threads and name; loaded once each.
pub struct Rerun {
    file: Option<PathBuf>,
    loaded: HashMap<(u16, String), Arc<dyn Provider>>,
}

impl Rerun {
    /// Reruns with this file; without one, not at all.
    pub fn new(file: Option<&Path>) -> Self {
        Self {
            file: file.map(Path::to_owned),
            loaded: HashMap::new(),
        }
    }

    /// Asks a seat's question again and returns the new finding of a consistent seat.
    pub async fn seat(
        &mut self,
        subject: &OnChainRequest,
        document: &[u8],
        found: &mut Findings,
    ) -> SeatFinding {
        let Ok(value) = serde_json::from_slice::<Value>(document) else {
            return SeatFinding::Consistent;
        };
        let made = document::making(&value);
        if made["provider"] != "local" || made["not_asked"].is_string() {
            found.note("its model is not one that can be asked again here");
            return SeatFinding::Consistent;
        }
        match self.ask(subject, made).await {
            Ok(Some(reply)) => compare(subject, &value, &reply, found),
            Ok(None) => {
                found.note("there is no file of a local model here; give --model-file");
                SeatFinding::Consistent
            }
            Err(error) => {
                found.note(format!("the model could not be asked again: {error}"));
                SeatFinding::Consistent
            }
        }
    }

    async fn ask(
        &mut self,
        subject: &OnChainRequest,
        made: &Value,
    ) -> Result<Option<ProviderReply>, ModelError> {
        let Some(path) = self.file.clone() else {
            return Ok(None);
        };
        let question = question(&subject.terms).map_err(|why| {
            ModelError::NotConfigured(format!("its question can't be put: {why}"))
        })?;
        let threads = made["engine"]["threads"].as_u64();
        let threads = threads
            .and_then(|threads| threads.try_into().ok())
            .unwrap_or(1);
        let name = made["model"].as_str().unwrap_or_default().to_owned();
        let provider = match self.loaded.get(&(threads, name.clone())) {
            Some(provider) => provider.clone(),
            None => {
                let config = ProviderConfig::Local {
                    path,
                    threads,
                    name: Some(name.clone()),
                };
                // Loading blocks for a second or so.
                let built = tokio::task::spawn_blocking(move || llm::build(&config)).await;
                let provider = built.map_err(|error| ModelError::Engine(error.to_string()))??;
                self.loaded.insert((threads, name), provider.clone());
                provider
            }
        };
        let asked = llm::record_of(&question);
        let mut shown = question;
        if let Some(prompt) = made["prompt_with_sources"].as_str() {
            shown.prompt = prompt.to_owned();
        }
        let mut reply = provider.answer(&shown).await?;
        reply.record["question"] = asked;
        Ok(Some(reply))
    }
}

/// Compares a document with what the model said when it was asked again.
pub fn compare(
    subject: &OnChainRequest,
    value: &Value,
    reply: &ProviderReply,
    found: &mut Findings,
) -> SeatFinding {
    let (made, again) = (document::making(value), &reply.record);
    if made["file"]["sha256"] != again["file"]["sha256"] {
        found.note(
            "the file of the model here is another one than its evidence names; give --model-file",
        );
        return SeatFinding::Consistent;
    }
    let same_template = made["template"] == again["template"];
    let same_engine = made["engine"] == again["engine"];
    let all = [
        "question",
        "sampling",
        "rendered",
        "rendered_neutral",
        "grammar",
    ];
    let outputs = ["response", "scores", "margin", "margin_min", "usage"];
    let compared = all.iter().filter(|_| same_template);
    let compared = compared.chain(outputs.iter().filter(|_| same_template && same_engine));
    for name in compared {
        if let Some(path) = difference(name, &made[*name], &again[*name]) {
            found.wrong(format!(
                "`{path}` in its evidence is not what the model gives again"
            ));
        }
    }
    if !found.wrong.is_empty() {
        return SeatFinding::Wrong;
    }
    let same_answer = document::answer(value) == Some(fitted(subject, reply));
    match (same_answer, same_template && same_engine) {
        (true, true) => SeatFinding::Reproduced,
        (true, false) => {
            found.note("the model gives the same answer under another engine or template");
            SeatFinding::Reproduced
        }
        (false, true) => {
            found.wrong("the model gives another answer when it is asked again");
            SeatFinding::Wrong
        }
        (false, false) => {
            found.note("under another engine or template the model gives another answer");
            SeatFinding::Consistent
        }
    }
}

/// The answer that a relayer makes of a reply.
fn fitted(subject: &OnChainRequest, reply: &ProviderReply) -> llm_oracle_primitives::Answer {
    use llm_oracle_primitives::{Answer, Reason};
    match Form::of(&subject.terms.answer).check(&reply.answer, 0) {
        Ok(()) => reply.answer.clone(),
        Err(_) => Answer::Abstain(Reason::Unclear),
    }
}

/// Where two values differ, if they do.
fn difference(path: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys());
            names.into_iter().find_map(|name| {
                let (left, right) = (one.get(name), other.get(name));
                let null = Value::Null;
                let inner = format!("{path}.{name}");
                difference(&inner, left.unwrap_or(&null), right.unwrap_or(&null))
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs.into_iter().find_map(|(index, (one, other))| {
                difference(&format!("{path}.{index}"), one, other)
            })
        }
        (Value::Number(one), Value::Number(other)) => {
            let near = match (one.as_f64(), other.as_f64()) {
                (Some(one), Some(other)) => (one - other).abs() <= NUMBER_TOLERANCE,
                _ => one == other,
            };
            (!near).then(|| path.to_owned())
        }
        _ => (one != other).then(|| path.to_owned()),
    }
}

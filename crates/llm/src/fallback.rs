//! Several providers behind one: asked in their order, each within its limits, and resting after its
//! failures. It never sleeps: when nobody can be asked it says when to come again, and the pipeline,
//! which knows the deadline, does or doesn't.
//!
//! **Architecture invariant:** a provider is only asked for a model that it serves. That another
//! one has failed changes nothing about it.

use super::{
    day_of, meter::Meter, refuse_unserved, CallLimits, Load, ModelError, Provider, Question, Reply,
    Retry, Used,
};
use async_trait::async_trait;
use llm_oracle_primitives::ModelRef;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes around the question in what is sent to a server: instructions, and the second turn.
const FRAME_BYTES: u64 = 2_048;
/// Requests that one answer can take: the question, and once more with what was wrong with the reply.
const REQUESTS_AN_ANSWER: u32 = 2;

/// Where one provider stands, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderState {
    /// The model that it serves.
    pub model: String,
    /// How much longer it rests, milliseconds; none when it can be asked.
    pub rests_ms: Option<u64>,
    /// Why it rests.
    pub why: Option<String>,
    /// What it has used today.
    pub used: Used,
}

struct Member {
    provider: Arc<dyn Provider>,
    limits: CallLimits,
    places: Arc<Semaphore>,
    meter: Mutex<Meter>,
}

impl Member {
    fn meter(&self) -> MutexGuard<'_, Meter> {
        // Counters are whole after each of its methods, a panic in one included.
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The question to it, if its limits allow that now.
    async fn ask(
        &self,
        question: &Question,
        _place: OwnedSemaphorePermit,
    ) -> Result<Reply, ModelError> {
        let taken = most(question);
        self.meter()
            .take(&self.limits, taken, Instant::now(), today())
            .map_err(|closed| ModelError::Resting {
                model: self.provider.name().to_owned(),
                reason: closed.reason,
                wait: closed.wait,
            })?;
        let result = self.provider.answer(question).await;
        let mut meter = self.meter();
        match &result {
            Ok(reply) => {
                meter.settle(&self.limits, taken, needed(&reply.record, taken));
                meter.succeeded();
            }
            Err(error) => {
                if error.is_free() {
                    meter.settle(&self.limits, taken, Load::default());
                }
                meter.failed(error, Instant::now());
                if let Some((rest, why)) = meter.rest(Instant::now()) {
                    let (model, rest_ms) = (self.provider.name(), rest.as_millis());
                    tracing::warn!(model, rest_ms, why, "provider rests");
                }
            }
        }
        result
    }
}

/// Providers in the order in which they are asked.
pub struct Fallback {
    members: Vec<Member>,
}

impl Fallback {
    /// These providers with their limits.
    ///
    /// # Errors
    /// `NotConfigured` when there is none.
    pub fn new(providers: Vec<(Arc<dyn Provider>, CallLimits)>) -> Result<Self, ModelError> {
        if providers.is_empty() {
            let reason = "the settings name no model: add [[models]]".to_owned();
            return Err(ModelError::NotConfigured(reason));
        }
        let members = providers.into_iter().map(|(provider, limits)| Member {
            provider,
            limits,
            places: Arc::new(Semaphore::new(limits.calls_at_once.max(1).into())),
            meter: Mutex::default(),
        });
        Ok(Self {
            members: members.collect(),
        })
    }

    fn serving<'a>(&'a self, model: &'a ModelRef) -> impl Iterator<Item = &'a Member> {
        self.members
            .iter()
            .filter(|member| member.provider.serves(model))
    }
}

#[async_trait]
impl Provider for Fallback {
    fn name(&self) -> &str {
        // There is at least one.
        self.members
            .first()
            .map_or("none", |member| member.provider.name())
    }

    fn serves(&self, model: &ModelRef) -> bool {
        self.members
            .iter()
            .any(|member| member.provider.serves(model))
    }

    fn served(&self) -> Vec<String> {
        let names = self.members.iter().flat_map(|m| m.provider.served());
        names.collect()
    }

    fn price(&self, question: &Question) -> u128 {
        // One after the other may take money and fail.
        self.serving(&question.model)
            .map(|member| member.limits.price(most(question)))
            .fold(0, u128::saturating_add)
    }

    fn states(&self) -> Vec<ProviderState> {
        let now = Instant::now();
        let state = |member: &Member| {
            let meter = member.meter();
            let rest = meter.rest(now);
            ProviderState {
                model: member.provider.name().to_owned(),
                rests_ms: rest.map(|(rest, _)| u64::try_from(rest.as_millis()).unwrap_or(u64::MAX)),
                why: rest.map(|(_, why)| why.to_owned()),
                used: meter.used().clone(),
            }
        };
        self.members.iter().map(state).collect()
    }

    fn restore(&self, states: &[ProviderState]) {
        // By place among those of one name: the settings may have been changed in between.
        for (index, member) in self.members.iter().enumerate() {
            let name = member.provider.name();
            let same = |other: &&Member| other.provider.name() == name;
            let before = self.members.iter().take(index).filter(same).count();
            let mut known = states.iter().filter(|state| state.model == name);
            if let Some(state) = known.nth(before) {
                member.meter().restore(state.used.clone());
            }
        }
    }

    async fn answer(&self, question: &Question) -> Result<Reply, ModelError> {
        refuse_unserved(self, &question.model)?;
        let (mut failed, mut busy) = (Vec::new(), Vec::new());
        for member in self.serving(&question.model) {
            // Its place is held only while it is asked: waiting for one provider takes no other's.
            let Ok(place) = member.places.clone().try_acquire_owned() else {
                busy.push(member);
                continue;
            };
            match member.ask(question, place).await {
                Ok(reply) => return Ok(with_failures(reply, &failed)),
                Err(error) => failed.push(error),
            }
        }
        for member in busy {
            // The semaphore is never closed.
            let Ok(place) = member.places.clone().acquire_owned().await else {
                continue;
            };
            match member.ask(question, place).await {
                Ok(reply) => return Ok(with_failures(reply, &failed)),
                Err(error) => failed.push(error),
            }
        }
        Err(summary(failed))
    }
}

/// The reply, with those that were asked in vain on record.
fn with_failures(mut reply: Reply, failed: &[ModelError]) -> Reply {
    if !failed.is_empty() {
        let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
        reply.record = json!({ "made": reply.record, "failed_before": failed });
    }
    reply
}

/// One error for all: what another try can help with comes first, and of those what is soonest.
fn summary(mut failed: Vec<ModelError>) -> ModelError {
    if failed.len() == 1 {
        if let Some(only) = failed.pop() {
            return only;
        }
    }
    let texts: Vec<_> = failed.iter().map(ToString::to_string).collect();
    let mut soonest: Option<Duration> = None;
    let mut again = false;
    for error in &failed {
        if let Retry::Later(wait) = error.retry() {
            let wait = wait.unwrap_or_default();
            soonest = Some(soonest.map_or(wait, |known| known.min(wait)));
            again = true;
        }
    }
    ModelError::NoneAnswered {
        texts: texts.join("; "),
        again,
        wait: soonest.filter(|wait| !wait.is_zero()),
        free: failed.iter().all(ModelError::is_free),
    }
}

/// The most that a question can take. A token has at least one byte.
fn most(question: &Question) -> Load {
    let bytes = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX);
    let form = match &question.answer {
        llm_oracle_primitives::AnswerKind::Choice { options } => {
            options.iter().map(|option| option.len() as u64).sum()
        }
        llm_oracle_primitives::AnswerKind::Json { schema } => schema.len() as u64,
        _ => 0_u64,
    };
    let system = question.system.as_deref().map_or(0, bytes);
    // The form stands twice in the second turn.
    let once = bytes(&question.prompt)
        .saturating_add(system)
        .saturating_add(form.saturating_mul(2))
        .saturating_add(FRAME_BYTES)
        .saturating_add(question.sampling.max_tokens.into());
    Load {
        requests: REQUESTS_AN_ANSWER,
        tokens: once.saturating_mul(REQUESTS_AN_ANSWER.into()),
    }
}

/// What an answer took by its record; all that was taken where the record does not say.
fn needed(record: &Value, taken: Load) -> Load {
    let exchanges = record.get("exchanges").and_then(Value::as_array);
    let requests = exchanges.map_or(1, |all| u32::try_from(all.len()).unwrap_or(u32::MAX));
    let requests = if record.get("not_asked").is_some() {
        0
    } else {
        requests
    };
    let count = |name: &str| record.get("usage")?.get(name)?.as_u64();
    let sum = |one: &str, other: &str| Some(count(one)?.saturating_add(count(other)?));
    let last = count("total_tokens").or_else(|| sum("input_tokens", "output_tokens"));
    // The usage on record is the last exchange's, and that is the longer one.
    let tokens = match (requests, last) {
        (0, _) => 0,
        (_, Some(tokens)) => tokens.saturating_mul(requests.into()),
        (_, None) => taken.tokens,
    };
    Load { requests, tokens }
}

fn today() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    day_of(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;

//! Several providers behind one. They are called in order, each within its limits, and a provider that
//! failed is in cooldown. Nothing here sleeps: when no provider can be called, the error says how long
//! to back off, and the caller, which knows the deadline, decides.
//!
//! **Architecture invariant:** a provider is only called for a model that it serves, also after
//! another provider has failed.

use super::{
    day_of,
    meter::{Meter, ProviderState},
    refuse_unserved, CallCost, CallLimits, ModelError, ModelQuestion, Provider, ProviderReply,
    Retry,
};
use async_trait::async_trait;
use llm_oracle_primitives::{AnswerKind, ModelRef};
use llm_oracle_support::clock::{now_ms, Instant};
use serde_json::{json, Value};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes sent to a server beside the question: instructions, and the second turn.
const FRAME_BYTES: u64 = 2_048;
/// Most requests for one answer: the question, and one correction of a malformed reply.
const REQUESTS_PER_ANSWER_MAX: u32 = 2;

struct LimitedProvider {
    provider: Arc<dyn Provider>,
    limits: CallLimits,
    permits: Arc<Semaphore>,
    meter: Mutex<Meter>,
}

impl LimitedProvider {
    fn meter(&self) -> MutexGuard<'_, Meter> {
        // A method that panics leaves consistent counters.
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the provider if its limits allow it now.
    async fn ask(
        &self,
        question: &ModelQuestion,
        _permit: OwnedSemaphorePermit,
    ) -> Result<ProviderReply, ModelError> {
        let taken = max_cost(question);
        self.meter()
            .take(&self.limits, taken, Instant::now(), day_of(now_ms()))
            .map_err(|denied| ModelError::Unavailable {
                model: self.provider.name().to_owned(),
                reason: denied.reason,
                wait: denied.wait,
            })?;
        let result = self.provider.answer(question).await;
        let mut meter = self.meter();
        match &result {
            Ok(reply) => {
                meter.settle(&self.limits, taken, actual_cost(&reply.record, taken));
                meter.succeeded();
            }
            Err(error) => {
                if error.is_free() {
                    meter.settle(&self.limits, taken, CallCost::default());
                }
                meter.failed(error, Instant::now());
                if let Some((cooldown, reason)) = meter.cooldown(Instant::now()) {
                    let (model, cooldown_ms) = (self.provider.name(), cooldown.as_millis());
                    tracing::warn!(model, cooldown_ms, reason, "provider in cooldown");
                }
            }
        }
        result
    }
}

/// Providers in the order in which they are called.
pub struct Fallback {
    members: Vec<LimitedProvider>,
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
        let members = providers
            .into_iter()
            .map(|(provider, limits)| LimitedProvider {
                provider,
                limits,
                permits: Arc::new(Semaphore::new(limits.max_concurrent_calls.max(1).into())),
                meter: Mutex::default(),
            });
        Ok(Self {
            members: members.collect(),
        })
    }

    fn serving<'a>(&'a self, model: &'a ModelRef) -> impl Iterator<Item = &'a LimitedProvider> {
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

    fn price(&self, question: &ModelQuestion) -> u128 {
        // Each of them may charge for the call and then fail.
        self.serving(&question.model)
            .map(|member| member.limits.price(max_cost(question)))
            .fold(0, u128::saturating_add)
    }

    fn states(&self) -> Vec<ProviderState> {
        let now = Instant::now();
        let state = |member: &LimitedProvider| {
            let meter = member.meter();
            let cooldown = meter.cooldown(now);
            ProviderState {
                model: member.provider.name().to_owned(),
                cooldown_ms: cooldown
                    .map(|(left, _)| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
                reason: cooldown.map(|(_, reason)| reason.to_owned()),
                used: meter.used().clone(),
            }
        };
        self.members.iter().map(state).collect()
    }

    fn restore(&self, states: &[ProviderState]) {
        // Matched by position among those of one name: the settings may have changed.
        for (index, member) in self.members.iter().enumerate() {
            let name = member.provider.name();
            let same = |other: &&LimitedProvider| other.provider.name() == name;
            let before = self.members.iter().take(index).filter(same).count();
            let mut known = states.iter().filter(|state| state.model == name);
            if let Some(state) = known.nth(before) {
                member.meter().restore(state.used.clone());
            }
        }
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        refuse_unserved(self, &question.model)?;
        let (mut failed, mut busy) = (Vec::new(), Vec::new());
        for member in self.serving(&question.model) {
            // The permit is held only during the call: waiting for one provider blocks no other.
            let Ok(permit) = member.permits.clone().try_acquire_owned() else {
                busy.push(member);
                continue;
            };
            match member.ask(question, permit).await {
                Ok(reply) => return Ok(with_failures(reply, &failed)),
                Err(error) => failed.push(error),
            }
        }
        for member in busy {
            // The semaphore is never closed.
            let Ok(permit) = member.permits.clone().acquire_owned().await else {
                continue;
            };
            match member.ask(question, permit).await {
                Ok(reply) => return Ok(with_failures(reply, &failed)),
                Err(error) => failed.push(error),
            }
        }
        Err(summary(failed))
    }
}

/// Adds the errors of the providers that were called before to the record of a reply.
fn with_failures(mut reply: ProviderReply, failed: &[ModelError]) -> ProviderReply {
    if !failed.is_empty() {
        let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
        reply.record = json!({ "made": reply.record, "failed_before": failed });
    }
    reply
}

/// One error for all. It is retryable if one of them is, after the shortest wait that one names.
fn summary(mut failed: Vec<ModelError>) -> ModelError {
    if failed.len() == 1 {
        if let Some(only) = failed.pop() {
            return only;
        }
    }
    let texts: Vec<_> = failed.iter().map(ToString::to_string).collect();
    let mut soonest: Option<Duration> = None;
    let mut retryable = false;
    for error in &failed {
        if let Retry::Backoff(wait) = error.retry() {
            let wait = wait.unwrap_or_default();
            soonest = Some(soonest.map_or(wait, |known| known.min(wait)));
            retryable = true;
        }
    }
    ModelError::NoneAnswered {
        texts: texts.join("; "),
        retryable,
        wait: soonest.filter(|wait| !wait.is_zero()),
        free: failed.iter().all(ModelError::is_free),
    }
}

/// Upper bound of a question's cost. A token has at least one byte.
fn max_cost(question: &ModelQuestion) -> CallCost {
    let bytes = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX);
    let form = match &question.answer {
        AnswerKind::Choice { options } => options.iter().map(|option| option.len() as u64).sum(),
        AnswerKind::Json { schema } => schema.len() as u64,
        _ => 0_u64,
    };
    let system = question.system.as_deref().map_or(0, bytes);
    // The options or schema occur twice in the second turn.
    let once = bytes(&question.prompt)
        .saturating_add(system)
        .saturating_add(form.saturating_mul(2))
        .saturating_add(FRAME_BYTES)
        .saturating_add(question.sampling.max_tokens.into());
    CallCost {
        requests: REQUESTS_PER_ANSWER_MAX,
        tokens: once.saturating_mul(REQUESTS_PER_ANSWER_MAX.into()),
    }
}

/// What an answer cost according to its record; the reserved cost where the record does not say.
fn actual_cost(record: &Value, taken: CallCost) -> CallCost {
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
    CallCost { requests, tokens }
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;

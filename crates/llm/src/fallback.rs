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

    fn max_cost(&self, question: &ModelQuestion) -> CallCost {
        let (provider, samples) = (&self.provider, self.provider.samples());
        max_cost(question, provider.thinking_tokens(), samples)
    }

    /// Calls the provider if its limits allow it now.
    async fn ask(
        &self,
        question: &ModelQuestion,
        _permit: OwnedSemaphorePermit,
    ) -> Result<ProviderReply, ModelError> {
        let taken = self.max_cost(question);
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
                let needed = actual_cost(&reply.record, taken);
                if needed.tokens() > taken.tokens() {
                    let (model, most) = (self.provider.name(), taken.tokens());
                    let used = needed.tokens();
                    tracing::warn!(
                        model,
                        used,
                        most,
                        "an answer took more tokens than were reserved"
                    );
                }
                meter.settle(&self.limits, taken, needed);
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
            .map(|member| member.limits.price(member.max_cost(question)))
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
                budget_used_ppm: meter.budget_used_ppm(&member.limits, day_of(now_ms())),
                fault: member.provider.fault(),
            }
        };
        self.members.iter().map(state).collect()
    }

    fn fault(&self) -> Option<String> {
        let mut first = None;
        for member in &self.members {
            let fault = member.provider.fault()?;
            first.get_or_insert(fault);
        }
        first
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
        match reply.record.as_object_mut() {
            Some(members) => drop(members.insert("failed_before".to_owned(), json!(failed))),
            None => reply.record = json!({ "made": reply.record, "failed_before": failed }),
        }
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
        if let Retry::Backoff(wait) = error.retry_while_due() {
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
fn max_cost(question: &ModelQuestion, thinking_tokens: u32, samples: u32) -> CallCost {
    let bytes = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX);
    let form = match &question.answer {
        AnswerKind::Choice { options } => options.iter().map(|option| option.len() as u64).sum(),
        AnswerKind::Json { schema } => schema.len() as u64,
        _ => 0_u64,
    };
    let system = question.system.as_deref().map_or(0, bytes);
    // The options or schema occur twice in the second turn.
    let input = bytes(&question.prompt)
        .saturating_add(system)
        .saturating_add(form.saturating_mul(2))
        .saturating_add(FRAME_BYTES);
    let output = question.sampling.max_tokens.saturating_add(thinking_tokens);
    let requests = REQUESTS_PER_ANSWER_MAX.saturating_mul(samples.max(1));
    let each = |tokens: u64| tokens.saturating_mul(requests.into());
    CallCost {
        requests,
        input_tokens: each(input),
        output_tokens: each(output.into()),
    }
}

/// What an answer cost according to its record; the reserved cost `taken` where the record does not say.
pub fn actual_cost(record: &Value, taken: CallCost) -> CallCost {
    if record.get("not_asked").is_some() {
        return CallCost::default();
    }
    let count = |name: &str| {
        let list = record.get(name).and_then(Value::as_array);
        list.map(|all| u32::try_from(all.len()).unwrap_or(u32::MAX))
    };
    let runs = count("exchanges").unwrap_or(1);
    let refused = count("refused_requests").unwrap_or_default();
    let requests = runs.saturating_add(refused);
    // The usage on record is the last exchange's, and that is the longer one.
    let last = vec![record.get("usage").unwrap_or(&Value::Null)];
    let (each, times) = match record.get("usages").and_then(Value::as_array) {
        Some(all) => (all.iter().collect(), 1),
        None => (last, runs.into()),
    };
    let mut sum = (0_u64, 0_u64);
    for usage in each {
        let Some((input, output)) = tokens_of(usage) else {
            return CallCost { requests, ..taken };
        };
        sum.0 = sum.0.saturating_add(input);
        sum.1 = sum.1.saturating_add(output);
    }
    CallCost {
        requests,
        input_tokens: sum.0.saturating_mul(times),
        output_tokens: sum.1.saturating_mul(times),
    }
}

/// Tokens in and out. What a server only counts in sum is taken for generated, which costs more. Some
/// count thinking in the sum alone.
fn tokens_of(usage: &Value) -> Option<(u64, u64)> {
    let count = |name: &str| usage.get(name).and_then(Value::as_u64);
    let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"]
        .iter()
        .filter_map(|name| count(name))
        .fold(0, u64::saturating_add);
    let of_messages = || Some(count("input_tokens")?.saturating_add(cached));
    let input = count("prompt_tokens").or_else(of_messages);
    let output = count("completion_tokens").or_else(|| count("output_tokens"));
    match (input, output, count("total_tokens")) {
        (Some(input), output, Some(total)) => {
            let rest = total.saturating_sub(input);
            Some((input, rest.max(output.unwrap_or_default())))
        }
        (Some(input), Some(output), None) => Some((input, output)),
        (None, output, Some(total)) => Some((0, total.max(output.unwrap_or_default()))),
        _ => None,
    }
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;

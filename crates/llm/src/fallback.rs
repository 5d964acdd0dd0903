//! Several providers behind one. They are called in order, each within its limits, and a provider that
//! failed is in cooldown. Nothing here sleeps: when no provider can be called, the error says how long
//! to back off, and the caller, which knows the deadline, decides.
//!
//! **Architecture invariant:** a provider is only called for a model that it serves, also after
//! another provider has failed.

use super::{
    cost::{actual_cost, max_cost},
    day_of,
    meter::{Meter, ProviderState, Reservation},
    refuse_unserved, CallCost, CallLimits, ModelError, ModelQuestion, Provider, ProviderReply,
    Retry,
};
use async_trait::async_trait;
use llm_oracle_primitives::ModelRef;
use llm_oracle_support::clock::{now_ms, Instant};
use serde_json::json;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

    /// Reserves the question's maximum cost.
    ///
    /// # Errors
    /// The cooldown or limit that forbids the call now.
    fn reserve(&self, question: &ModelQuestion) -> Result<UnderWay<'_>, ModelError> {
        let (cost, now) = (self.max_cost(question), Instant::now());
        let taken = self.meter().take(&self.limits, cost, now, day_of(now_ms()));
        let reserved = taken.map_err(|denied| {
            let model = self.provider.name().to_owned();
            let (reason, wait) = (denied.reason, denied.wait);
            match denied.is_rate {
                true => ModelError::RateLimited {
                    model,
                    reason,
                    wait,
                },
                false => ModelError::Unavailable {
                    model,
                    reason,
                    wait,
                },
            }
        })?;
        Ok(UnderWay {
            meter: &self.meter,
            reserved,
            has_ended: false,
        })
    }

    /// Calls the provider if its limits allow it now.
    async fn ask(
        &self,
        question: &ModelQuestion,
        _permit: OwnedSemaphorePermit,
    ) -> Result<ProviderReply, ModelError> {
        let reserved = self.reserve(question)?;
        let result = self.provider.answer(question).await;
        let reserved = reserved.end();
        let taken = reserved.cost;
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
                meter.settle(&self.limits, &reserved, needed, Instant::now());
                meter.succeeded();
            }
            Err(error) => {
                if error.is_free() {
                    let nothing = CallCost::default();
                    meter.settle(&self.limits, &reserved, nothing, Instant::now());
                } else {
                    meter.keep(&reserved, Instant::now());
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

/// A question under way. One that is stopped, as at its deadline, keeps what was reserved for it.
struct UnderWay<'a> {
    meter: &'a Mutex<Meter>,
    reserved: Reservation,
    has_ended: bool,
}

impl UnderWay<'_> {
    /// The provider has answered or failed.
    fn end(mut self) -> Reservation {
        self.has_ended = true;
        self.reserved
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
            meter.keep(&self.reserved, Instant::now());
        }
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
    let is_rate = |error: &ModelError| matches!(error, ModelError::RateLimited { .. });
    if let (Some(ModelError::RateLimited { model, .. }), true, Some(wait)) =
        (failed.first(), failed.iter().all(is_rate), soonest)
    {
        return ModelError::RateLimited {
            model: model.clone(),
            reason: texts.join("; "),
            wait,
        };
    }
    ModelError::NoneAnswered {
        texts: texts.join("; "),
        retryable,
        wait: soonest.filter(|wait| !wait.is_zero()),
        free: failed.iter().all(ModelError::is_free),
    }
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;

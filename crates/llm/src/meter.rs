//! Rate limits, daily budgets and cooldown of one provider. Pure: the caller passes the time.

use super::{ModelError, Retry};
use llm_oracle_support::clock::Instant;
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, time::Duration};

/// Length of a budget day in UTC, milliseconds.
const DAY_MS: i64 = 86_400_000;
/// The window of `max_requests_per_minute`.
const MINUTE: Duration = Duration::from_secs(60);
/// Consecutive failures without a cooldown: the questions may have caused them, not the provider.
const FAILURES_FORGIVEN: u32 = 2;
/// Longest cooldown after failures, unless the server asks for a longer one.
const COOLDOWN_MAX: Duration = Duration::from_secs(60);
/// Cooldown of a provider that only an operator can repair, for example one with a wrong API key.
const MISCONFIGURED_COOLDOWN: Duration = Duration::from_secs(300);
/// Time until a provider with a used-up daily budget is tried again.
const BUDGET_COOLDOWN: Duration = Duration::from_secs(60);

/// Limits of one provider. By default only the number of concurrent calls is limited.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct CallLimits {
    /// Most concurrent questions.
    #[serde(alias = "calls_at_once")]
    pub max_concurrent_calls: u16,
    /// Most requests in any 60 seconds; 0 for any number.
    #[serde(alias = "requests_a_minute")]
    pub max_requests_per_minute: u32,
    /// Most input and output tokens in a day (UTC); 0 for any number.
    #[serde(alias = "tokens_a_day")]
    pub max_tokens_per_day: u64,
    /// Price of a request, planck.
    #[serde(
        deserialize_with = "llm_oracle_support::amount::planck",
        alias = "planck_per_call"
    )]
    pub planck_per_request: u128,
    /// Price of a million tokens, planck, where the next two keys do not say otherwise.
    #[serde(deserialize_with = "llm_oracle_support::amount::planck")]
    pub planck_per_million_tokens: u128,
    /// Price of a million tokens of the prompt, planck; 0: as `planck_per_million_tokens` has it.
    #[serde(deserialize_with = "llm_oracle_support::amount::planck")]
    pub planck_per_million_input_tokens: u128,
    /// Price of a million generated tokens, those of thinking included, planck; 0: as
    /// `planck_per_million_tokens` has it.
    #[serde(deserialize_with = "llm_oracle_support::amount::planck")]
    pub planck_per_million_output_tokens: u128,
    /// Most spend in a day (UTC), planck; 0 for any amount.
    #[serde(
        alias = "money_a_day",
        deserialize_with = "llm_oracle_support::amount::planck"
    )]
    pub max_spend_per_day: u128,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            max_concurrent_calls: 4,
            max_requests_per_minute: 0,
            max_tokens_per_day: 0,
            planck_per_request: 0,
            planck_per_million_tokens: 0,
            planck_per_million_input_tokens: 0,
            planck_per_million_output_tokens: 0,
            max_spend_per_day: 0,
        }
    }
}

impl CallLimits {
    /// Keys of the settings file, and behind them the names that five of them had before. Release
    /// 0.4 reads both; a later one drops the old names.
    pub(super) const KEYS: [&'static str; 13] = [
        "max_concurrent_calls",
        "max_requests_per_minute",
        "max_tokens_per_day",
        "planck_per_request",
        "planck_per_million_tokens",
        "planck_per_million_input_tokens",
        "planck_per_million_output_tokens",
        "max_spend_per_day",
        "planck_per_call",
        "calls_at_once",
        "requests_a_minute",
        "tokens_a_day",
        "money_a_day",
    ];

    /// What so many requests and tokens cost, planck, rounded up.
    pub fn price(&self, cost: CallCost) -> u128 {
        let calls = self.planck_per_request.saturating_mul(cost.requests.into());
        let of = |own: u128, tokens: u64| {
            let price = if own > 0 {
                own
            } else {
                self.planck_per_million_tokens
            };
            price.saturating_mul(tokens.into())
        };
        let input = of(self.planck_per_million_input_tokens, cost.input_tokens);
        let output = of(self.planck_per_million_output_tokens, cost.output_tokens);
        let tokens = input.saturating_add(output).div_ceil(1_000_000);
        calls.saturating_add(tokens)
    }
}

/// Requests and tokens of one answer: an upper bound before the call, the actual use after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallCost {
    /// Requests to the server.
    pub requests: u32,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens generated, those of thinking included.
    pub output_tokens: u64,
}

impl CallCost {
    /// Tokens in and out.
    pub fn tokens(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// What a provider has used on one day. Survives restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DailyUsage {
    /// The day, counted from 1970 in UTC.
    pub day: i64,
    /// Requests.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
    /// Money, planck, as a decimal: JSON's numbers end at 2^53.
    pub planck: String,
}

/// Status of one provider, for status output and to restore its counters after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderState {
    /// The model that it serves.
    pub model: String,
    /// Remaining cooldown, milliseconds; `None` when it can be called.
    #[serde(alias = "rests_ms")]
    pub cooldown_ms: Option<u64>,
    /// Why it is in cooldown.
    #[serde(alias = "why")]
    pub reason: Option<String>,
    /// Usage of the current day.
    pub used: DailyUsage,
    /// Used part of the daily budget that is used most, parts per million; `None` without one.
    #[serde(skip)]
    pub budget_used_ppm: Option<u32>,
    /// Why it can answer no question until somebody acts; not kept over a restart.
    #[serde(skip)]
    pub fault: Option<String>,
}

/// A part of a whole, parts per million.
pub fn share_ppm(part: u128, whole: u128) -> u32 {
    let share = part.saturating_mul(1_000_000).checked_div(whole);
    u32::try_from(share.unwrap_or_default()).unwrap_or(u32::MAX)
}

impl DailyUsage {
    fn planck(&self) -> u128 {
        // A value that does not parse counts as spent, so that no budget is exceeded.
        self.planck.parse().unwrap_or(match self.planck.as_str() {
            "" => 0,
            _ => u128::MAX,
        })
    }
}

/// The day of a time in milliseconds since 1970.
pub fn day_of(now_ms: i64) -> i64 {
    now_ms.div_euclid(DAY_MS)
}

/// Why a provider cannot be called now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallDenied {
    /// The reason, as a text.
    pub reason: String,
    /// Time until another try can succeed.
    pub wait: Duration,
}

/// Counters of one provider.
#[derive(Debug, Default)]
pub(super) struct Meter {
    failures: u32,
    cooldown_until: Option<Instant>,
    reason: String,
    recent: VecDeque<Instant>,
    used: DailyUsage,
}

impl Meter {
    pub(super) fn restore(&mut self, used: DailyUsage) {
        self.used = used;
    }

    /// Usage of the current day.
    pub(super) fn used(&self) -> &DailyUsage {
        &self.used
    }

    /// Remaining cooldown and its reason; `None` when the provider can be called.
    pub(super) fn cooldown(&self, now: Instant) -> Option<(Duration, &str)> {
        let left = self.cooldown_until?.checked_duration_since(now)?;
        (!left.is_zero()).then_some((left, self.reason.as_str()))
    }

    /// Used part of the daily budget that is used most, parts per million; `None` without one.
    pub(super) fn budget_used_ppm(&self, limits: &CallLimits, day: i64) -> Option<u32> {
        let is_today = self.used.day == day;
        let budgets = [
            (limits.max_tokens_per_day.into(), self.used.tokens.into()),
            (limits.max_spend_per_day, self.used.planck()),
        ];
        let budgets = budgets
            .into_iter()
            .filter(|(most, _): &(u128, u128)| *most > 0);
        let parts = budgets.map(|(most, used)| match is_today {
            true => share_ppm(used, most),
            false => 0,
        });
        parts.max()
    }

    /// Reserves an answer's maximum cost.
    ///
    /// # Errors
    /// The cooldown or the limit that forbids the call.
    pub(super) fn take(
        &mut self,
        limits: &CallLimits,
        cost: CallCost,
        now: Instant,
        day: i64,
    ) -> Result<(), CallDenied> {
        if let Some((wait, reason)) = self.cooldown(now) {
            let reason = format!("in cooldown after: {reason}");
            return Err(CallDenied { reason, wait });
        }
        self.check_minute(limits, cost, now)?;
        if self.used.day != day {
            self.used = DailyUsage {
                day,
                ..DailyUsage::default()
            };
        }
        let tokens = self.used.tokens.saturating_add(cost.tokens());
        let planck = self.used.planck().saturating_add(limits.price(cost));
        for (most, wanted, what) in [
            (
                u128::from(limits.max_tokens_per_day),
                tokens.into(),
                "max_tokens_per_day",
            ),
            (limits.max_spend_per_day, planck, "max_spend_per_day"),
        ] {
            if most > 0 && wanted > most {
                let reason = format!("its next answer may reach {wanted}, and {what} is {most}");
                return Err(CallDenied {
                    reason,
                    wait: BUDGET_COOLDOWN,
                });
            }
        }
        for _ in 0..cost.requests {
            self.recent.push_back(now);
        }
        self.used.requests = self.used.requests.saturating_add(cost.requests.into());
        self.used.tokens = tokens;
        self.used.planck = planck.to_string();
        Ok(())
    }

    fn check_minute(
        &mut self,
        limits: &CallLimits,
        cost: CallCost,
        now: Instant,
    ) -> Result<(), CallDenied> {
        let old = |at: &Instant| now.saturating_duration_since(*at) >= MINUTE;
        while self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        let most = limits.max_requests_per_minute;
        if most == 0 {
            // Without a limit the times are not needed.
            self.recent.clear();
            return Ok(());
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Two requests for one answer must fit even where only one a minute is allowed.
        let room = most.saturating_sub(self.recent.len());
        let wanted = usize::try_from(cost.requests).unwrap_or(usize::MAX);
        if wanted.min(most) <= room {
            return Ok(());
        }
        let first_needed = wanted.min(most).saturating_sub(room).saturating_sub(1);
        let wait = self.recent.get(first_needed).map_or(MINUTE, |at| {
            MINUTE.saturating_sub(now.saturating_duration_since(*at))
        });
        let reason = format!("{} requests in the last minute", self.recent.len());
        Err(CallDenied { reason, wait })
    }

    /// Replaces a reservation by what the answer took, which may be more: servers count thinking that the
    /// limit on tokens does not.
    pub(super) fn settle(&mut self, limits: &CallLimits, taken: CallCost, needed: CallCost) {
        for _ in needed.requests..taken.requests {
            self.recent.pop_back();
        }
        let last = self.recent.back().copied();
        for _ in taken.requests..needed.requests {
            self.recent.extend(last);
        }
        let used = &mut self.used;
        used.requests = used
            .requests
            .saturating_sub(taken.requests.into())
            .saturating_add(needed.requests.into());
        used.tokens = used
            .tokens
            .saturating_sub(taken.tokens())
            .saturating_add(needed.tokens());
        used.planck = used
            .planck()
            .saturating_sub(limits.price(taken))
            .saturating_add(limits.price(needed))
            .to_string();
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.cooldown_until = None;
    }

    /// Starts a cooldown if the provider is at fault. A bad question does not, and neither do one or
    /// two slow ones: otherwise one requester could disable the model for all requesters.
    pub(super) fn failed(&mut self, error: &ModelError, now: Instant) {
        if error.is_of_question() {
            return;
        }
        let cooldown = match error.retry() {
            Retry::Backoff(Some(named)) if !named.is_zero() => Some(named),
            Retry::Backoff(_) => self.cooldown_after_failure(error),
            Retry::Never => Some(MISCONFIGURED_COOLDOWN),
        };
        let Some(cooldown) = cooldown else { return };
        self.reason = error.to_string();
        self.cooldown_until = now.checked_add(cooldown);
    }

    fn cooldown_after_failure(&mut self, error: &ModelError) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let provider_at_fault = matches!(
            error,
            ModelError::Unreachable { .. }
                | ModelError::NoKey { .. }
                | ModelError::Status { code: 429, .. }
        );
        let forgiven = if provider_at_fault {
            0
        } else {
            FAILURES_FORGIVEN
        };
        let over = self.failures.checked_sub(forgiven).filter(|n| *n > 0)?;
        let seconds = 2_u64.saturating_pow(over.saturating_sub(1).min(6));
        Some(Duration::from_secs(seconds).min(COOLDOWN_MAX))
    }
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;

//! What one provider may be asked: how many calls at once and a minute, how many tokens and how much
//! money a day, and how long it rests after failures. Pure: the caller brings the time.

use super::{ModelError, Retry};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Milliseconds of the day that budgets count by: days of UTC.
const DAY_MS: i64 = 86_400_000;
/// The window of `requests_a_minute`.
const MINUTE: Duration = Duration::from_secs(60);
/// Failures in a row that may be the question's fault and not the provider's.
const FAILURES_FORGIVEN: u32 = 2;
/// Longest rest after failures, unless the other side names a longer one.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// Rest of a provider that somebody must change something about.
const BROKEN_REST: Duration = Duration::from_secs(300);
/// How long to wait before a limit of the day is looked at again.
const BUDGET_REST: Duration = Duration::from_secs(60);

/// Limits of one provider. Nothing is limited by default but the calls at once.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct CallLimits {
    /// Questions put to it at the same time.
    pub calls_at_once: u16,
    /// Requests in any 60 seconds; 0 for any number.
    pub requests_a_minute: u32,
    /// Tokens in and out in a day (UTC); 0 for any number.
    pub tokens_a_day: u64,
    /// Price of a request, planck.
    #[serde(deserialize_with = "llm_oracle_support::amount::planck")]
    pub planck_per_call: u128,
    /// Price of a million tokens, in or out, whichever costs more, planck.
    #[serde(deserialize_with = "llm_oracle_support::amount::planck")]
    pub planck_per_million_tokens: u128,
    /// Most money in a day (UTC), planck; 0 for any amount.
    #[serde(deserialize_with = "llm_oracle_support::amount::planck")]
    pub money_a_day: u128,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            calls_at_once: 4,
            requests_a_minute: 0,
            tokens_a_day: 0,
            planck_per_call: 0,
            planck_per_million_tokens: 0,
            money_a_day: 0,
        }
    }
}

impl CallLimits {
    /// The names of its keys, as the settings file has them.
    pub(super) const KEYS: [&'static str; 6] = [
        "calls_at_once",
        "requests_a_minute",
        "tokens_a_day",
        "planck_per_call",
        "planck_per_million_tokens",
        "money_a_day",
    ];

    /// What so many requests and tokens cost, planck, rounded up.
    pub fn price(&self, load: Load) -> u128 {
        let calls = self.planck_per_call.saturating_mul(load.requests.into());
        let tokens = self
            .planck_per_million_tokens
            .saturating_mul(load.tokens.into())
            .div_ceil(1_000_000);
        calls.saturating_add(tokens)
    }
}

/// What one answer takes: at most, or in fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Requests to the server.
    pub requests: u32,
    /// Tokens in and out.
    pub tokens: u64,
}

/// What a provider has used on one day. Kept over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Used {
    /// The day, counted from 1970 in UTC.
    pub day: i64,
    /// Requests.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
    /// Money, planck, as a decimal: JSON's numbers end at 2^53.
    pub planck: String,
}

impl Used {
    fn planck(&self) -> u128 {
        // Written by us; what does not read back is taken as spent, so that no budget is passed.
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

/// Why a provider is not asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Closed {
    /// In words.
    pub reason: String,
    /// When to look again.
    pub wait: Duration,
}

/// One provider's counters.
#[derive(Debug, Default)]
pub(super) struct Meter {
    failures: u32,
    rests_until: Option<Instant>,
    why: String,
    recent: VecDeque<Instant>,
    used: Used,
}

impl Meter {
    pub(super) fn restore(&mut self, used: Used) {
        self.used = used;
    }

    /// What was used today.
    pub(super) fn used(&self) -> &Used {
        &self.used
    }

    /// How much longer it rests, and why.
    pub(super) fn rest(&self, now: Instant) -> Option<(Duration, &str)> {
        let left = self.rests_until?.checked_duration_since(now)?;
        (!left.is_zero()).then_some((left, self.why.as_str()))
    }

    /// Takes an answer's greatest load out of all limits, or says why that can't be.
    pub(super) fn take(
        &mut self,
        limits: &CallLimits,
        load: Load,
        now: Instant,
        day: i64,
    ) -> Result<(), Closed> {
        if let Some((wait, why)) = self.rest(now) {
            let reason = format!("it rests after: {why}");
            return Err(Closed { reason, wait });
        }
        self.check_minute(limits, load, now)?;
        if self.used.day != day {
            self.used = Used {
                day,
                ..Used::default()
            };
        }
        let tokens = self.used.tokens.saturating_add(load.tokens);
        let planck = self.used.planck().saturating_add(limits.price(load));
        for (most, wanted, what) in [
            (
                u128::from(limits.tokens_a_day),
                tokens.into(),
                "tokens_a_day",
            ),
            (limits.money_a_day, planck, "money_a_day"),
        ] {
            if most > 0 && wanted > most {
                let reason = format!("its next answer may reach {wanted}, and {what} is {most}");
                return Err(Closed {
                    reason,
                    wait: BUDGET_REST,
                });
            }
        }
        for _ in 0..load.requests {
            self.recent.push_back(now);
        }
        self.used.requests = self.used.requests.saturating_add(load.requests.into());
        self.used.tokens = tokens;
        self.used.planck = planck.to_string();
        Ok(())
    }

    fn check_minute(
        &mut self,
        limits: &CallLimits,
        load: Load,
        now: Instant,
    ) -> Result<(), Closed> {
        let old = |at: &Instant| now.saturating_duration_since(*at) >= MINUTE;
        while self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        let most = limits.requests_a_minute;
        if most == 0 {
            // Nobody asks for them.
            self.recent.clear();
            return Ok(());
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Two requests for one answer must fit even where only one a minute is allowed.
        let room = most.saturating_sub(self.recent.len());
        let wanted = usize::try_from(load.requests).unwrap_or(usize::MAX);
        if wanted.min(most) <= room {
            return Ok(());
        }
        let first_needed = wanted.min(most).saturating_sub(room).saturating_sub(1);
        let wait = self.recent.get(first_needed).map_or(MINUTE, |at| {
            MINUTE.saturating_sub(now.saturating_duration_since(*at))
        });
        let reason = format!("{} requests in the last minute", self.recent.len());
        Err(Closed { reason, wait })
    }

    /// Gives back what an answer did not need of what was taken for it.
    pub(super) fn settle(&mut self, limits: &CallLimits, taken: Load, needed: Load) {
        let spare = Load {
            requests: taken.requests.saturating_sub(needed.requests),
            tokens: taken.tokens.saturating_sub(needed.tokens),
        };
        for _ in 0..spare.requests {
            self.recent.pop_back();
        }
        let price = limits.price(taken).saturating_sub(limits.price(needed));
        let used = &mut self.used;
        used.requests = used.requests.saturating_sub(spare.requests.into());
        used.tokens = used.tokens.saturating_sub(spare.tokens);
        used.planck = used.planck().saturating_sub(price).to_string();
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.rests_until = None;
    }

    /// Lets it rest if the failure is its own. A question that no provider could answer rests nobody,
    /// and neither do one or two slow ones: else one requester could put out everybody's model.
    pub(super) fn failed(&mut self, error: &ModelError, now: Instant) {
        let rest = match error {
            ModelError::PromptTooLong { .. } | ModelError::BadQuestion(_) => return,
            ModelError::Status {
                code: 400 | 413 | 422,
                ..
            } => return,
            _ => match error.retry() {
                Retry::Later(Some(named)) => Some(named),
                Retry::Later(None) => self.rest_after_failure(error),
                Retry::Never => Some(BROKEN_REST),
            },
        };
        let Some(rest) = rest else { return };
        self.why = error.to_string();
        self.rests_until = now.checked_add(rest);
    }

    fn rest_after_failure(&mut self, error: &ModelError) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let surely_its_own = matches!(
            error,
            ModelError::Unreachable { .. } | ModelError::Status { code: 429, .. }
        );
        let forgiven = if surely_its_own { 0 } else { FAILURES_FORGIVEN };
        let over = self.failures.checked_sub(forgiven).filter(|n| *n > 0)?;
        let seconds = 2_u64.saturating_pow(over.saturating_sub(1).min(6));
        Some(Duration::from_secs(seconds).min(LONGEST_REST))
    }
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;

//! Rate limits, daily budgets and cooldown of one provider. Pure: the caller passes the time.

use super::{
    call_limits::{CallCost, CallLimits},
    token_window::{CallDenied, TokenWindow, MINUTE},
    ModelError, Retry,
};
use llm_oracle_support::clock::Instant;
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, time::Duration};

/// Length of a budget day in UTC, milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Consecutive failures without a cooldown: the questions may have caused them, not the provider.
const FAILURES_FORGIVEN: u32 = 2;
/// Longest cooldown after failures, unless the server asks for a longer one.
const COOLDOWN_MAX: Duration = Duration::from_secs(60);
/// Cooldown of a provider that only an operator can repair, for example one with a wrong API key.
const MISCONFIGURED_COOLDOWN: Duration = Duration::from_secs(300);
/// Time until a provider with a used-up daily budget is tried again.
const BUDGET_COOLDOWN: Duration = Duration::from_secs(60);

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

/// What was reserved for one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reservation {
    /// The maximum cost.
    pub cost: CallCost,
    id: u64,
}

/// Counters of one provider.
#[derive(Debug, Default)]
pub(super) struct Meter {
    failures: u32,
    cooldown_until: Option<Instant>,
    reason: String,
    recent: VecDeque<Instant>,
    window: TokenWindow,
    reservations: u64,
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
    ) -> Result<Reservation, CallDenied> {
        if let Some((wait, reason)) = self.cooldown(now) {
            return Err(CallDenied {
                reason: format!("in cooldown after: {reason}"),
                wait,
                is_rate: false,
            });
        }
        self.check_minute(limits, cost, now)?;
        self.window
            .check(limits.max_tokens_per_minute, cost.tokens(), now)?;
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
                    is_rate: false,
                });
            }
        }
        for _ in 0..cost.requests {
            self.recent.push_back(now);
        }
        self.used.requests = self.used.requests.saturating_add(cost.requests.into());
        self.used.tokens = tokens;
        self.used.planck = planck.to_string();
        let id = self.reservations;
        self.reservations = id.wrapping_add(1);
        if limits.max_tokens_per_minute > 0 {
            self.window.open(id, cost.tokens());
        }
        Ok(Reservation { cost, id })
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
        Err(CallDenied {
            reason,
            wait,
            is_rate: true,
        })
    }

    /// Replaces a reservation by what the answer took, which may be more: servers count thinking that the
    /// limit on tokens does not.
    pub(super) fn settle(
        &mut self,
        limits: &CallLimits,
        reserved: &Reservation,
        needed: CallCost,
        now: Instant,
    ) {
        self.window.close(reserved.id, needed.tokens(), now);
        let taken = reserved.cost;
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

    /// Keeps a reservation as it is: what the answer took is not known.
    pub(super) fn keep(&mut self, reserved: &Reservation, now: Instant) {
        self.window.close(reserved.id, reserved.cost.tokens(), now);
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

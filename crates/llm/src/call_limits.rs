//! How much of one provider may be used, and at which price.

use serde::Deserialize;

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
    /// Most input and output tokens in any 60 seconds, questions under way counted by their maximum cost; 0 for
    /// any number.
    pub max_tokens_per_minute: u64,
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
            max_tokens_per_minute: 0,
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
    pub(super) const KEYS: [&'static str; 14] = [
        "max_concurrent_calls",
        "max_requests_per_minute",
        "max_tokens_per_minute",
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

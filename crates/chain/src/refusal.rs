//! What a node's JSON error says about the node: whether to ask again, when, or never.
//!
//! No JSON error says anything about the chain or the contract: those are judged by decoded answers only.

use std::time::Duration;
use subxt::rpcs::UserError;

/// Longest pause that a node's own word is followed for.
const PAUSE_MAX: Duration = Duration::from_secs(120);

/// Kind of a node's JSON error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RpcRefusal {
    /// Too many requests; with the pause that the node asks for, if it names one.
    RateLimited(Option<Duration>),
    /// It has no state of that block any more, or not yet.
    StateGone,
    /// It does not serve this method.
    MethodNotFound,
    /// The node failed at it, and may not the next time.
    Internal,
    /// Anything else, such as what the pool says.
    Other,
}

/// Codes that hosts use for a rate limit: HTTP's own, and those of common gateways.
const RATE_LIMIT_CODES: [i32; 4] = [429, -32005, -32999, -32029];
/// Texts of a rate limit under any code, in lower case.
const RATE_LIMIT_TEXTS: [&str; 4] = [
    "rate limit",
    "too many requests",
    "limit exceeded",
    "quota exceeded",
];
/// Texts about state that is gone, in lower case.
const STATE_TEXTS: [&str; 4] = [
    "state already discarded",
    "unknownblock",
    "unknown block",
    "header was not found",
];
const METHOD_NOT_FOUND: i32 = -32601;
/// What hosts say, beside the word 'method', under other codes of a method that they do not serve.
const METHOD_TEXTS: [&str; 3] = ["not supported", "not allowed", "not available"];
const INTERNAL_ERROR: [i32; 2] = [-32603, -32000];

impl RpcRefusal {
    pub(super) fn of(error: &UserError) -> Self {
        let text = error.message.to_lowercase();
        let says = |known: &[&str]| known.iter().any(|known| text.contains(known));
        let data = error.data.as_ref().map(|data| data.get());
        if RATE_LIMIT_CODES.contains(&error.code) || says(&RATE_LIMIT_TEXTS) {
            let named = pause(&text).or_else(|| pause(&data.unwrap_or_default().to_lowercase()));
            return Self::RateLimited(named.map(|pause| pause.min(PAUSE_MAX)));
        }
        let state_gone = says(&STATE_TEXTS)
            || data.is_some_and(|data| {
                let data = data.to_lowercase();
                STATE_TEXTS.iter().any(|known| data.contains(known))
            });
        match error.code {
            _ if state_gone => Self::StateGone,
            METHOD_NOT_FOUND => Self::MethodNotFound,
            _ if text.contains("method") && says(&METHOD_TEXTS) => Self::MethodNotFound,
            code if INTERNAL_ERROR.contains(&code) => Self::Internal,
            _ => Self::Other,
        }
    }
}

/// The number after 'retry' or 'backoff': seconds, unless 'ms' or 'milli' stands with it.
fn pause(text: &str) -> Option<Duration> {
    let after = ["retry", "backoff", "try again"]
        .iter()
        .find_map(|word| text.split_once(word))?
        .1;
    let digit = after.find(|c: char| c.is_ascii_digit())?;
    let (between, number) = after.split_at(digit);
    let end = number.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = number.split_at(end.unwrap_or(number.len()));
    let amount: f64 = number.trim_end_matches('.').parse().ok()?;
    let ms = unit.trim_start().starts_with("ms") || between.contains("ms");
    let seconds = if ms || unit.contains("milli") {
        amount / 1_000.0
    } else {
        amount
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(code: i32, message: &str, data: Option<&str>) -> RpcRefusal {
        RpcRefusal::of(&UserError {
            code,
            message: message.to_owned(),
            data: data.map(|data| serde_json::value::RawValue::from_string(data.into()).unwrap()),
        })
    }

    #[test]
    fn every_refusal_of_a_node_has_its_class() {
        let pause = |ms| RpcRefusal::RateLimited(Some(Duration::from_millis(ms)));
        for (code, message, data, expected) in [
            (
                429,
                "Too Many Requests",
                None,
                RpcRefusal::RateLimited(None),
            ),
            (
                -32005,
                "limit exceeded",
                None,
                RpcRefusal::RateLimited(None),
            ),
            (-32999, "slow down", None, RpcRefusal::RateLimited(None)),
            (
                -32000,
                "rate limit reached",
                None,
                RpcRefusal::RateLimited(None),
            ),
            (429, "Retry-After: 7", None, pause(7_000)),
            (429, "retry in 250 ms", None, pause(250)),
            (
                -32005,
                "daily request count exceeded",
                Some(r#"{"rate":{"backoff_seconds":30}}"#),
                pause(30_000),
            ),
            // A host may not silence us for a day.
            (429, "retry after 86400 s", None, pause(120_000)),
            (
                4003,
                "State already discarded for 0x12",
                None,
                RpcRefusal::StateGone,
            ),
            (
                -32000,
                "Client error",
                Some(r#""UnknownBlock: Header was not found""#),
                RpcRefusal::StateGone,
            ),
            (-32601, "Method not found", None, RpcRefusal::MethodNotFound),
            (
                -32601,
                "RPC call is unsafe to be called externally",
                None,
                RpcRefusal::MethodNotFound,
            ),
            (
                -32000,
                "the method childstate_getStorageEntries is not supported",
                None,
                RpcRefusal::MethodNotFound,
            ),
            (-32603, "Internal error", None, RpcRefusal::Internal),
            (1010, "Invalid Transaction", None, RpcRefusal::Other),
            (4003, "Execution failed", None, RpcRefusal::Other),
        ] {
            assert_eq!(of(code, message, data), expected, "{code} {message}");
        }
    }
}

//! What a server's refusal comes to: an error, or an abstention of the model.

use super::words::ServerWords;
use crate::error::ModelError;
use std::time::Duration;

/// Longest wait that a server may ask for; a longer one would be a stall by its word alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// Shortest wait that is kept to: a server that is asked at once, again and again, is not helped.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// Statuses under which servers report that a filter took the question.
const FILTER_STATUSES: [u16; 6] = [200, 400, 403, 406, 422, 451];
/// The kind of error that says that the account is empty. `quota` alone is a rate limit elsewhere.
const NO_CREDIT: &str = "insufficient_quota";

/// A refusal with its circumstances.
#[derive(Clone, Debug)]
pub(super) struct ServerRefusal<'a> {
    /// The model that was asked for.
    pub(super) model: &'a str,
    /// The HTTP status.
    pub(super) status: u16,
    /// The status that the body reports, if another.
    pub(super) code: Option<u16>,
    /// The pause that a header names.
    pub(super) retry_after: Option<Duration>,
    /// The model had begun to answer.
    pub(super) is_paid: bool,
    pub(super) words: &'a ServerWords,
}

impl ServerRefusal<'_> {
    /// Whether the question was declined, which is an answer of its own.
    pub(super) fn is_filtered(&self) -> bool {
        FILTER_STATUSES.contains(&self.status) && self.words.is_filtered()
    }

    pub(super) fn error(&self) -> ModelError {
        let said = self.words.text.clone();
        let is_success = (200..300).contains(&self.status);
        let code = match self.code {
            Some(code) if is_success => code,
            None if is_success => {
                let reason = format!("it reports an error: {said}");
                return ModelError::BadResponse { reason };
            }
            _ => self.status,
        };
        if code == 404 && said.to_lowercase().contains("model") {
            return ModelError::NotServed {
                name: self.model.to_owned(),
                remedy: format!("check `model` and `provider`; its server says: {said}"),
                is_paid: self.is_paid,
            };
        }
        let has_no_credit = code == 429 && self.words.has_kind(NO_CREDIT);
        ModelError::Status {
            code: if has_no_credit { 402 } else { code },
            retry_after: self.pause(),
            said,
            is_paid: self.is_paid,
        }
    }

    /// The pause that the server names. None at all is no pause to keep: the own schedule holds.
    fn pause(&self) -> Option<Duration> {
        let in_body = self.words.pause_ms().map(Duration::from_millis);
        let pause = self.retry_after.or(in_body)?;
        (!pause.is_zero()).then_some(pause.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX))
    }
}

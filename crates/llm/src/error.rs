//! Why a model gave no answer. Texts carry no URL and no key.

use std::{path::PathBuf, time::Duration};

/// Pause after a server has refused the key or the account, unless it names one.
const ACCOUNT_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Whether a retry can help, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not until an operator changes something.
    Never,
    /// Later; after this time if the server named one, else by the caller's own backoff.
    Backoff(Option<Duration>),
}

/// Why there is no answer, not even an abstention.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No provider serves the requested model.
    #[error("model '{name}' is not served here: {remedy}")]
    NotServed {
        /// The model asked for.
        name: String,
        /// What is served, or what to change.
        remedy: String,
        /// A model has run all the same.
        is_paid: bool,
    },
    /// The server could not be reached.
    #[error("model server of '{model}' not reached ({reason}): check `base_url`, the network and `timeout_ms`")]
    Unreachable {
        /// The model asked for.
        model: String,
        /// What failed, in a word or two.
        reason: String,
    },
    /// The server was reached and gave no whole response; it may have worked, and cost, all the same.
    #[error("model server of '{model}' gave no whole answer ({reason}): check `timeout_ms` and the server")]
    Broken {
        /// The model asked for.
        model: String,
        /// What failed, in a word or two.
        reason: String,
    },
    /// The provider cannot be called now.
    #[error("model '{model}' is not asked now: {reason}")]
    Unavailable {
        /// The model asked for.
        model: String,
        /// It is in cooldown after failures, or a limit is reached.
        reason: String,
        /// Time until another try can succeed.
        wait: Duration,
    },
    /// It is not the question's turn: the settings limit how much the provider is asked in a minute.
    #[error("model '{model}' is asked later, within its limits of a minute: {reason}")]
    RateLimited {
        /// The model asked for.
        model: String,
        /// What counts in this minute, and the limit.
        reason: String,
        /// Time until another try can succeed.
        wait: Duration,
    },
    /// None of several providers answered.
    #[error("no provider answered: {texts}")]
    NoneAnswered {
        /// What each of them said.
        texts: String,
        /// Whether asking again can help.
        retryable: bool,
        /// After this time, if one of them named one.
        wait: Option<Duration>,
        /// Whether it cost nothing.
        free: bool,
    },
    /// The server answered with an HTTP status that is no success, or reported one in its response.
    #[error("model server answered status {code}: {}{}", remedy(*code), quoted(said))]
    Status {
        /// The HTTP status.
        code: u16,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
        /// The server's own words, cut, without the key.
        said: String,
        /// A model has run for this question.
        is_paid: bool,
    },
    /// The model ran and said nothing that could be read as a reply.
    #[error("model '{model}' gave no answer: {reason}")]
    EmptyReply {
        /// The model asked for.
        model: String,
        /// Why, with the setting that helps.
        reason: String,
    },
    /// The server's response is not what a chat-completions server sends.
    #[error("response of the model server is unusable ({reason}): check that `base_url` and `provider` are those of its API")]
    BadResponse {
        /// What is wrong with it.
        reason: String,
    },
    /// The model's file cannot be used.
    #[error("model file '{}' cannot be used: {reason}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with the remedy.
        reason: String,
    },
    /// The rendered prompt does not fit the model. It is never cut: another text would be answered.
    #[error("prompt of {tokens} tokens exceeds the {most} that the model takes: shorten it or serve a model with a larger context")]
    PromptTooLong {
        /// Tokens of the rendered prompt with room for the answer.
        tokens: usize,
        /// Most tokens.
        most: usize,
        /// A model has run, with a part of the prompt.
        is_paid: bool,
    },
    /// The question's own bytes cannot be put to a model.
    #[error("question cannot be asked: {0}")]
    BadQuestion(String),
    /// There is no key to ask with, and one may be had later.
    #[error("no API key for model '{model}': {reason}")]
    NoKey {
        /// The model asked for.
        model: String,
        /// Why, with the remedy; never the key.
        reason: String,
    },
    /// The provider is not set up.
    #[error("provider is not configured: {0}")]
    NotConfigured(String),
    /// The engine in this process failed.
    #[error("model engine failed: {0}")]
    Engine(String),
}

impl ModelError {
    /// Whether a retry can help, and when.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NotServed { .. }
            | Self::Load { .. }
            | Self::PromptTooLong { .. }
            | Self::EmptyReply { .. }
            | Self::BadQuestion(_)
            | Self::NotConfigured(_) => Retry::Never,
            Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::BadResponse { .. }
            | Self::NoKey { .. }
            | Self::Engine(_) => Retry::Backoff(None),
            Self::Unavailable { wait, .. } | Self::RateLimited { wait, .. } => {
                Retry::Backoff(Some(*wait))
            }
            Self::NoneAnswered {
                retryable, wait, ..
            } => match retryable {
                true => Retry::Backoff(*wait),
                false => Retry::Never,
            },
            Self::Status {
                code, retry_after, ..
            } => match code {
                408 | 409 | 424 | 425 | 429 | 500..=599 => Retry::Backoff(*retry_after),
                _ => Retry::Never,
            },
        }
    }
}

impl ModelError {
    /// The same for who has until a deadline, which may be hours away: an operator changes a key that is
    /// refused, or pays the bill.
    pub fn retry_while_due(&self) -> Retry {
        match self {
            Self::Status {
                code: 401..=403,
                retry_after,
                ..
            } => Retry::Backoff(Some(retry_after.unwrap_or(ACCOUNT_RETRY_AFTER))),
            _ => self.retry(),
        }
    }

    /// Whether no model ran, so that nothing was paid for and asking again is only a matter of time.
    pub fn is_free(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Unavailable { .. }
            | Self::RateLimited { .. }
            | Self::Load { .. }
            | Self::BadQuestion(_)
            | Self::NoKey { .. }
            | Self::NotConfigured(_) => true,
            Self::NotServed { is_paid, .. } | Self::PromptTooLong { is_paid, .. } => !is_paid,
            Self::Status { code, is_paid, .. } => !is_paid && !may_have_run(*code),
            Self::NoneAnswered { free, .. } => *free,
            Self::Broken { .. }
            | Self::BadResponse { .. }
            | Self::EmptyReply { .. }
            | Self::Engine(_) => false,
        }
    }

    /// The same error after an earlier request for the same answer was paid for.
    pub(crate) fn after_paid_request(self) -> Self {
        match self {
            Self::Status {
                code,
                retry_after,
                said,
                ..
            } => Self::Status {
                code,
                retry_after,
                said,
                is_paid: true,
            },
            Self::NotServed { name, remedy, .. } => Self::NotServed {
                name,
                remedy,
                is_paid: true,
            },
            Self::Unreachable { model, reason } | Self::NoKey { model, reason } => {
                Self::Broken { model, reason }
            }
            other => other,
        }
    }

    /// Whether a question alone can cause it, however well the provider is. Such an error says nothing
    /// about the next question.
    pub(crate) fn is_of_question(&self) -> bool {
        match self {
            Self::PromptTooLong { .. }
            | Self::BadQuestion(_)
            | Self::EmptyReply { .. }
            | Self::NotServed { .. } => true,
            // Filters answer with 403, accounts that cannot pay for a long reply with 402, and models
            // that lack a feature with 404.
            Self::Status { code, .. } => {
                matches!(
                    code,
                    400 | 402 | 403 | 404 | 405 | 406 | 410 | 413 | 414 | 415 | 422 | 451
                )
            }
            _ => false,
        }
    }
}

/// Statuses that come after a model may have worked: the server or a gateway gave up waiting for it.
fn may_have_run(code: u16) -> bool {
    matches!(code, 408 | 424 | 500 | 502 | 504 | 520 | 524)
}

/// The server's words behind the remedy.
fn quoted(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!("; it says: {said}"),
    }
}

fn remedy(code: u16) -> &'static str {
    match code {
        300..=399 => "redirects are not followed, set `base_url` to the final address",
        401 | 403 => "check the API key and what it may use",
        402 => "check the account's credit",
        404 => "check `base_url`, up to and including the version, and `model`",
        413 => "too large: fewer `max_tokens`, a shorter prompt or a larger context help",
        429 => "over the server's rate limit or quota",
        500..=599 => "the server failed, it is asked again later",
        _ => "the server refuses the request as sent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_says_whether_asking_again_helps() {
        let after = Some(Duration::from_secs(7));
        let retry = |code| {
            ModelError::Status {
                code,
                retry_after: after,
                said: String::new(),
                is_paid: false,
            }
            .retry()
        };
        for code in [301, 400, 401, 402, 403, 404, 413, 422] {
            assert_eq!(retry(code), Retry::Never, "{code}");
        }
        for code in [408, 424, 429, 500, 502, 503, 529] {
            assert_eq!(retry(code), Retry::Backoff(after), "{code}");
        }
        // A key may be changed before the deadline.
        let refused = ModelError::Status {
            code: 402,
            retry_after: None,
            said: String::new(),
            is_paid: false,
        };
        let later = Retry::Backoff(Some(ACCOUNT_RETRY_AFTER));
        assert_eq!(refused.retry_while_due(), later);
    }

    #[test]
    fn what_may_have_been_paid_for_is_not_free() {
        let status = |code| ModelError::Status {
            code,
            retry_after: None,
            said: "so".to_owned(),
            is_paid: false,
        };
        for code in [400, 401, 402, 403, 404, 413, 422, 429, 503, 529] {
            assert!(status(code).is_free(), "{code}");
            assert!(!status(code).after_paid_request().is_free(), "{code}");
        }
        for code in [408, 500, 502, 504, 524] {
            assert!(!status(code).is_free(), "{code}");
        }
        let gone = ModelError::Unreachable {
            model: "m".to_owned(),
            reason: "gone".to_owned(),
        };
        assert!(gone.is_free() && !gone.after_paid_request().is_free());
        assert!(status(400).to_string().ends_with("; it says: so"));
    }
}

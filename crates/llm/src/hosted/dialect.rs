//! The APIs that servers have: where they are asked, and under which headers.

/// An API that hosted models speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Chat completions, as most servers have them.
    OpenAi,
    /// Responses, as OpenAI's servers have them.
    Responses,
    /// Messages, as Anthropic's servers have them.
    Anthropic,
}

/// The version of the messages API that the bodies here are written for.
const MESSAGES_VERSION: &str = "2023-06-01";

impl Dialect {
    /// Its name in evidence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
        }
    }

    /// What comes after the base address.
    pub(super) fn path(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &["chat", "completions"],
            Self::Responses => &["responses"],
            Self::Anthropic => &["messages"],
        }
    }

    /// Headers of every request.
    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::OpenAi | Self::Responses => &[],
            Self::Anthropic => &[("anthropic-version", MESSAGES_VERSION)],
        }
    }
}

//! Answers, what becomes of them, and how sure the result is.

/// The typed answer of one operator, the thing that seats agree on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub enum Answer {
    /// 'I can't tell': honest, counts for no option.
    Abstain(Reason),
    /// Yes or no.
    Bool(bool),
    /// Index into the request's options.
    Choice(u8),
    /// Mantissa at the request's decimal scale.
    Number(i128),
    /// Canonical text.
    Text(ink::prelude::vec::Vec<u8>),
    /// Canonical JSON.
    Json(ink::prelude::vec::Vec<u8>),
}

/// An answer of a seat, as events and views show it: open kinds are long, so seats keep their digest.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub enum SeatAnswer {
    /// The answer itself: any abstention, and every answer of a closed kind.
    Whole(Answer),
    /// [`crate::digest::answer_digest`] of a text or a JSON document.
    Digest(crate::Hash),
}

/// Why an operator abstains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub enum Reason {
    /// The question or the model's reply does not decide it.
    Unclear,
    /// The event asked about has not happened yet.
    TooSoon,
    /// The model or the operator's policy refused.
    Refused,
}

/// How clear a result is, so that a consumer can gate on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub struct Margin {
    /// Seats asked for.
    pub seats: u8,
    /// Seats that revealed.
    pub revealed: u8,
    /// Revealed seats that agree with the best answer.
    pub agreeing: u8,
    /// Revealed seats that abstained.
    pub abstaining: u8,
    /// For numbers: greatest minus least agreeing mantissa; otherwise 0.
    pub spread: u128,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub enum Outcome {
    /// At least `threshold` seats agree.
    Answered {
        /// What they agree on.
        answer: Answer,
        /// How clearly.
        margin: Margin,
    },
    /// At least `threshold` seats abstained.
    Undetermined {
        /// How clearly.
        margin: Margin,
    },
    /// Neither.
    NoConsensus {
        /// How far from it.
        margin: Margin,
    },
    /// Fewer seats than the threshold were taken in time.
    Expired,
}

impl Outcome {
    /// The margin; an expired request has none.
    pub fn margin(&self) -> Option<Margin> {
        match self {
            Self::Answered { margin, .. }
            | Self::Undetermined { margin }
            | Self::NoConsensus { margin } => Some(*margin),
            Self::Expired => None,
        }
    }
}

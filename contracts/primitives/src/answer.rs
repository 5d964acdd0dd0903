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
    /// A source that the answer needs could not be had.
    SourceMissing,
    /// The sources contradict one another.
    SourcesDisagree,
    /// The question itself is broken.
    BadInput,
}

impl Reason {
    /// Every reason, in the order of [`Margin::abstained`].
    pub const ALL: [Self; 6] = [
        Self::Unclear,
        Self::TooSoon,
        Self::Refused,
        Self::SourceMissing,
        Self::SourcesDisagree,
        Self::BadInput,
    ];
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
    /// Revealed seats that abstained, by reason, in the order of [`Reason::ALL`].
    pub abstained: [u8; 6],
    /// Lower median of the confidences of the agreeing seats, 0 to 100; 0 when nobody agrees.
    pub confidence: u8,
    /// Model families among the agreeing seats; those that declare none count as one.
    pub families: u8,
    /// For numbers: greatest minus least agreeing mantissa; otherwise 0.
    pub spread: u128,
}

impl Margin {
    /// Revealed seats that abstained, for whatever reason.
    pub fn abstaining(&self) -> u8 {
        self.abstained
            .iter()
            .fold(0u8, |sum, count| sum.saturating_add(*count))
    }
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
    /// At least `threshold` seats abstained, or those that agree are less sure than
    /// [`crate::Terms::min_confidence`] asks for.
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

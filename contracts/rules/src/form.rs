//! What an answer must look like, in the few bytes that the contract needs of it.

use llm_oracle_primitives::{Answer, AnswerKind, Error, Slot};
use scale::{Decode, Encode};

use crate::{refuse, Refusal};

/// What the contract must know of an [`AnswerKind`] to check and compare answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Form {
    /// Yes or no.
    Bool,
    /// Index below the number of options.
    Choice {
        /// Number of options.
        options: u8,
    },
    /// A number near the median.
    Number {
        /// Greatest distance from the median.
        tolerance: u128,
    },
}

impl Form {
    /// Form of a kind.
    ///
    /// # Errors
    /// `NotSupportedYet` for open kinds.
    pub fn of(kind: &AnswerKind) -> Result<Self, Refusal> {
        match kind {
            AnswerKind::Bool => Ok(Self::Bool),
            // At most 32 by `AnswerKind::check`.
            AnswerKind::Choice { options } => Ok(Self::Choice {
                options: options.len() as u8,
            }),
            AnswerKind::Number { tolerance, .. } => Ok(Self::Number {
                tolerance: *tolerance,
            }),
            AnswerKind::Text { .. } | AnswerKind::Json { .. } => refuse(Error::NotSupportedYet),
        }
    }

    /// Greatest distance at which two answers agree.
    pub fn tolerance(&self) -> u128 {
        match self {
            Self::Bool | Self::Choice { .. } => 0,
            Self::Number { tolerance } => *tolerance,
        }
    }

    /// Checks that an answer has the form.
    ///
    /// # Errors
    /// `WrongForm`, `OptionOutOfRange`.
    pub fn check(&self, answer: &Answer, slot: Slot) -> Result<(), Refusal> {
        match (self, answer) {
            (_, Answer::Abstain(_))
            | (Self::Bool, Answer::Bool(_))
            | (Self::Number { .. }, Answer::Number(_)) => Ok(()),
            (Self::Choice { options }, Answer::Choice(choice)) if choice < options => Ok(()),
            (Self::Choice { options }, Answer::Choice(choice)) => refuse(Error::OptionOutOfRange {
                choice: *choice,
                options: *options,
            }),
            _ => refuse(Error::WrongForm { slot }),
        }
    }
}

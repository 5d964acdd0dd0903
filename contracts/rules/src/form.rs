//! What an answer must look like, in the few bytes that the contract needs of it.

use llm_oracle_primitives::{limits::MAX_ANSWER_BYTES, Answer, AnswerKind, Error, Slot};
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
    /// A text of at most so many bytes.
    Text {
        /// The greatest length, bytes.
        most: u32,
    },
    /// A JSON document.
    Json,
}

impl Form {
    /// Form of a kind.
    pub fn of(kind: &AnswerKind) -> Self {
        match kind {
            AnswerKind::Bool => Self::Bool,
            // At most 32 by `AnswerKind::check`.
            AnswerKind::Choice { options } => Self::Choice {
                options: options.len() as u8,
            },
            AnswerKind::Number { tolerance, .. } => Self::Number {
                tolerance: *tolerance,
            },
            AnswerKind::Text { max_bytes } => Self::Text { most: *max_bytes },
            AnswerKind::Json { .. } => Self::Json,
        }
    }

    /// Greatest length of an open answer in bytes; none for closed forms.
    pub fn open_bytes(&self) -> Option<u32> {
        match self {
            Self::Bool | Self::Choice { .. } | Self::Number { .. } => None,
            Self::Text { most } => Some(*most),
            Self::Json => Some(MAX_ANSWER_BYTES),
        }
    }

    /// Greatest distance at which two answers agree.
    pub fn tolerance(&self) -> u128 {
        match self {
            Self::Number { tolerance } => *tolerance,
            _ => 0,
        }
    }

    /// Checks that an answer has the form.
    ///
    /// # Errors
    /// `WrongForm`, `OptionOutOfRange`, `AnswerLength`.
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
            (Self::Text { most }, Answer::Text(bytes)) => check_length(bytes, *most),
            (Self::Json, Answer::Json(bytes)) => check_length(bytes, MAX_ANSWER_BYTES),
            _ => refuse(Error::WrongForm { slot }),
        }
    }
}

fn check_length(bytes: &[u8], most: u32) -> Result<(), Refusal> {
    let bytes = bytes.len() as u32; // A message has at most 16 KiB.
    if bytes == 0 || bytes > most {
        return refuse(Error::AnswerLength { bytes, most });
    }
    Ok(())
}

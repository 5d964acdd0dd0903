//! Finds defects in a question before money is bound: rules over its text.
//!
//! [`QuestionChecker`] reads a [`DraftQuestion`] and gives a list of [`Finding`]s. Each rule is a module of
//! `rules`; [`ranges`] reads options that are ranges of numbers.
//!
//! **Architecture invariant:** no I/O, no clock and no model. Equal questions have equal findings.

mod checker;
mod finding;
mod paraphrase;
mod patterns;
mod question;
pub mod ranges;
#[cfg(test)]
mod rate_tests;
mod rules;
mod text;

pub use checker::{DefectRule, QuestionChecker};
pub use finding::{DefectKind, Finding, TextPart};
pub use paraphrase::{Paraphraser, WORDINGS_MAX};
pub use question::DraftQuestion;
pub use rules::hidden::{is_invisible, latin_lookalike};

//! Terms as tests ask for them.

use llm_oracle_fixtures::request::terms;
use llm_oracle_primitives::{AnswerKind, Terms};

/// Blocks of either phase: more than all tests that share the chain ever make.
pub const LONG: u32 = 10_000;

/// An open question for `seats` operators of which more than half must agree.
pub fn question(prompt: &str, answer: AnswerKind, seats: u8) -> Terms {
    Terms {
        answer,
        seats,
        threshold: seats / 2 + 1,
        commit_blocks: LONG,
        reveal_blocks: LONG,
        ..terms(prompt.as_bytes())
    }
}

/// A yes-or-no question.
pub fn yes_or_no(seats: u8) -> Terms {
    question("Is water wet?", AnswerKind::Bool, seats)
}

/// A choice.
pub fn choice(prompt: &str, options: &[&str], seats: u8) -> Terms {
    let options = options
        .iter()
        .map(|option| option.as_bytes().to_vec())
        .collect();
    question(prompt, AnswerKind::Choice { options }, seats)
}

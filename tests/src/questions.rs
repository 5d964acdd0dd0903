//! Terms as tests ask for them.

use llm_oracle_primitives::{AnswerKind, Assignment, ModelRef, Prompt, Sampling, Terms};

/// Blocks of either phase: more than all tests that share the chain ever make.
pub const LONG: u32 = 10_000;

/// An open question for `seats` operators of which more than half must agree.
pub fn question(prompt: &str, answer: AnswerKind, seats: u8) -> Terms {
    Terms {
        model: ModelRef::Any,
        prompt: Prompt::Inline(prompt.into()),
        system: None,
        answer,
        sampling: Sampling::default(),
        seats,
        threshold: seats / 2 + 1,
        assignment: Assignment::Open,
        one_step: false,
        commit_blocks: LONG,
        reveal_blocks: LONG,
        callback: None,
        refund_to: None,
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

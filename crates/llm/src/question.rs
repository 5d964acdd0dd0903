//! What a model is asked.

use llm_oracle_primitives::{AnswerKind, ModelRef, Sampling};

/// A question for a model, with its bytes already checked as UTF-8.
#[derive(Clone, Debug)]
pub struct ModelQuestion {
    /// The question itself.
    pub prompt: String,
    /// Instruction that stands before the question.
    pub system: Option<String>,
    /// The type of the answer.
    pub answer: AnswerKind,
    /// How to sample.
    pub sampling: Sampling,
    /// Which model may answer.
    pub model: ModelRef,
}

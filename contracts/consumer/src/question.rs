//! A builder for terms with sensible defaults.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    AccountId, AnswerKind, Assignment, CallbackLimits, LeastRecord, ModelRef, Prompt, Sampling,
    Terms,
};

/// Builds [`Terms`]. Starts with three open seats of which two must agree, any model, phases of 256
/// blocks, and no callback.
#[derive(Clone, Debug)]
pub struct Question {
    terms: Terms,
}

impl Question {
    /// A question with an answer of any kind.
    pub fn new(prompt: impl AsRef<[u8]>, answer: AnswerKind) -> Self {
        Self {
            terms: Terms {
                model: ModelRef::Any,
                prompt: Prompt::Inline(prompt.as_ref().to_vec()),
                system: None,
                answer,
                sampling: Sampling::default(),
                seats: 3,
                threshold: 2,
                assignment: Assignment::Open,
                one_step: false,
                commit_blocks: 256,
                reveal_blocks: 256,
                callback: None,
                refund_to: None,
            },
        }
    }

    /// A question answered with yes or no.
    pub fn yes_or_no(prompt: impl AsRef<[u8]>) -> Self {
        Self::new(prompt, AnswerKind::Bool)
    }

    /// A question answered with one of the options.
    pub fn choice<O: AsRef<[u8]>>(prompt: impl AsRef<[u8]>, options: &[O]) -> Self {
        let options = options
            .iter()
            .map(|option| option.as_ref().to_vec())
            .collect();
        Self::new(prompt, AnswerKind::Choice { options })
    }

    /// A question answered with a number of `scale` decimal places; answers within `tolerance`
    /// units of the last place of the median agree.
    pub fn number(prompt: impl AsRef<[u8]>, scale: u8, tolerance: u128) -> Self {
        Self::new(prompt, AnswerKind::Number { scale, tolerance })
    }

    /// A question answered with a text of at most so many bytes. Answers agree when their canonical
    /// bytes are equal, so ask for one word or a fixed phrase.
    pub fn text(prompt: impl AsRef<[u8]>, max_bytes: u32) -> Self {
        Self::new(prompt, AnswerKind::Text { max_bytes })
    }

    /// A question answered with a JSON document of this schema, compared in canonical form.
    pub fn json(prompt: impl AsRef<[u8]>, schema: impl AsRef<[u8]>) -> Self {
        let schema = schema.as_ref().to_vec();
        Self::new(prompt, AnswerKind::Json { schema })
    }

    /// Puts an instruction before the question.
    pub fn system(mut self, instruction: impl AsRef<[u8]>) -> Self {
        self.terms.system = Some(instruction.as_ref().to_vec());
        self
    }

    /// Asks for a model by name instead of any.
    pub fn model(mut self, name: impl AsRef<[u8]>) -> Self {
        self.terms.model = ModelRef::Name(name.as_ref().to_vec());
        self
    }

    /// Sets the number of seats and how many must agree.
    pub fn committee(mut self, seats: u8, threshold: u8) -> Self {
        (self.terms.seats, self.terms.threshold) = (seats, threshold);
        self
    }

    /// Lets only these operators take seats.
    pub fn named(mut self, operators: impl Into<Vec<AccountId>>) -> Self {
        self.terms.assignment = Assignment::Named {
            operators: operators.into(),
        };
        self
    }

    /// Draws the committee by bond. Needs as many registered operators as seats; ask so wherever there
    /// are twice as many.
    pub fn drawn(mut self) -> Self {
        self.terms.assignment = Assignment::Drawn;
        self
    }

    /// Lets only operators with at least this track record take seats, drawn or open.
    pub fn qualified(mut self, least: LeastRecord, drawn: bool) -> Self {
        self.terms.assignment = Assignment::Qualified { least, drawn };
        self
    }

    /// Sets the lengths of the commit and the reveal phase, in blocks.
    pub fn windows(mut self, commit_blocks: u32, reveal_blocks: u32) -> Self {
        (self.terms.commit_blocks, self.terms.reveal_blocks) = (commit_blocks, reveal_blocks);
        self
    }

    /// Wants the outcome handed to `on_answer`, within these limits.
    pub fn callback(mut self, limits: CallbackLimits) -> Self {
        self.terms.callback = Some(limits);
        self
    }

    /// Sends refunds to this account instead of the asking contract.
    pub fn refund_to(mut self, account: AccountId) -> Self {
        self.terms.refund_to = Some(account);
        self
    }

    /// The terms.
    pub fn terms(self) -> Terms {
        self.terms
    }
}

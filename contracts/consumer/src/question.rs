//! A builder for terms with sensible defaults.

use crate::{Oracle, OracleError};
use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    AccountId, AnswerKind, Assignment, CallbackLimits, LeastRecord, ModelRef, Prompt, Sampling,
    Terms,
};

/// Builds [`Terms`]. Starts with three seats of which two must agree, any model, phases of 256 blocks, and
/// no callback.
#[derive(Clone, Debug)]
pub struct Question {
    terms: Terms,
    /// Whether the asker has said who may take seats.
    chosen: bool,
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
            chosen: false,
        }
    }

    fn assigned(mut self, assignment: Assignment) -> Self {
        self.terms.assignment = assignment;
        self.chosen = true;
        self
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
    pub fn named(self, operators: impl Into<Vec<AccountId>>) -> Self {
        let operators = operators.into();
        self.assigned(Assignment::Named { operators })
    }

    /// Draws the committee by bond. Needs as many registered operators as seats.
    pub fn drawn(self) -> Self {
        self.assigned(Assignment::Drawn)
    }

    /// Leaves the seats to whoever commits first: for tests, and where all operators are trusted.
    pub fn open(self) -> Self {
        self.assigned(Assignment::Open)
    }

    /// Lets only operators with at least this track record take seats, drawn or open.
    pub fn qualified(self, least: LeastRecord, drawn: bool) -> Self {
        self.assigned(Assignment::Qualified { least, drawn })
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

    /// The terms for an oracle with so many registered operators. Unless the asker has said who may
    /// take seats, the committee is drawn where there are at least twice as many operators as seats,
    /// and open to all otherwise.
    pub fn terms(mut self, operators: u32) -> Terms {
        if !self.chosen && operators >= u32::from(self.terms.seats).saturating_mul(2) {
            self.terms.assignment = Assignment::Drawn;
        }
        self.terms
    }

    /// [`Self::terms`] for an oracle that is asked how many operators it has.
    ///
    /// # Errors
    /// `CallFailed` when there is no oracle.
    pub fn terms_for(self, oracle: &Oracle) -> Result<Terms, OracleError> {
        let operators = if self.chosen { 0 } else { oracle.operators()? };
        Ok(self.terms(operators))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_committee_is_drawn_by_default_where_there_are_twice_as_many_operators() {
        let asked = || Question::yes_or_no("?");
        let drawn = |question: Question, operators| {
            question.terms(operators).assignment == Assignment::Drawn
        };
        assert!(!drawn(asked(), 5));
        assert!(drawn(asked(), 6));
        assert!(!drawn(asked().committee(7, 4), 13));
        assert!(drawn(asked().committee(7, 4), 14));
        // What the asker said stands.
        assert!(!drawn(asked().open(), 100));
        assert!(!drawn(asked().named([[1; 32].into()]), 100));
        assert!(drawn(asked().drawn(), 0));
    }
}

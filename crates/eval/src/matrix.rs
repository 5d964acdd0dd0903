//! All answers of all models, as the report reads them.

use crate::{answer_text, LabelledQuestion};
use llm_oracle_primitives::Answer;
use llm_oracle_rules::{tally::Ballot, Form};

/// What a model gave to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenAnswer {
    /// The answer, or an abstention.
    pub answer: Answer,
    /// How sure it is, 0 to 100; 0: the model does not say.
    pub confidence: u8,
    /// Time it took, milliseconds.
    pub milliseconds: u64,
    /// Tokens in and out, as the model's server counts them.
    pub tokens: u64,
    /// What it cost by the settings' prices, planck.
    pub planck: u128,
}

/// One model with what it gave to each question, in their order; `None` where it was not asked or failed.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelColumn {
    /// Name of the model.
    pub model: String,
    /// Its answers.
    pub given: Vec<Option<GivenAnswer>>,
    /// Its answers with the options in reverse order, in the numbers of the usual order.
    pub reversed: Vec<Option<Answer>>,
}

/// Questions, and what each model gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerMatrix {
    /// The questions.
    pub questions: Vec<LabelledQuestion>,
    /// The models.
    pub columns: Vec<ModelColumn>,
}

/// Whether an answer is right, by the rule by which answers agree.
pub fn is_right(question: &LabelledQuestion, answer: &Answer) -> bool {
    let form = Form::of(&question.kind);
    Ballot::of(answer).agrees(&form, &Ballot::of(&question.truth))
}

/// Whether it is an answer, and not the right one.
pub fn is_wrong(question: &LabelledQuestion, answer: &Answer) -> bool {
    !answer_text::abstains(answer) && !is_right(question, answer)
}

impl ModelColumn {
    /// The questions that were answered or abstained from, with what was given.
    pub fn answered<'a>(
        &'a self,
        questions: &'a [LabelledQuestion],
    ) -> impl Iterator<Item = (&'a LabelledQuestion, &'a GivenAnswer)> {
        let pairs = questions.iter().zip(&self.given);
        pairs.filter_map(|(question, given)| Some((question, given.as_ref()?)))
    }
}

//! Several answers of one model to one question, and what they come to.

use super::{likelihood, turn::ModelRun};
use crate::{answer_type, ModelError, ModelQuestion};
use llm_oracle_primitives::Answer;
use serde_json::{json, Value};

/// One answer, and the model runs that it came of.
pub(super) struct Sample {
    answer: Answer,
    /// How sure the model was of it, percent; `None` where the server does not say.
    confidence: Option<u8>,
    runs: Vec<ModelRun>,
    /// Why the second question was refused.
    pub(super) second_refused: Option<String>,
}

impl Sample {
    /// An answer with the confidence that the tokens of the last run tell.
    ///
    /// # Errors
    /// `BadQuestion` when an option is not UTF-8.
    pub(super) fn of(
        question: &ModelQuestion,
        answer: Answer,
        runs: Vec<ModelRun>,
    ) -> Result<Self, ModelError> {
        let closed = answer_type::label_and_forms(&question.answer, &answer)?;
        let confidence = closed.zip(runs.last()).and_then(|((label, forms), run)| {
            likelihood::confidence(&run.completion.tokens, &forms, &label)
        });
        Ok(Self {
            answer,
            confidence,
            runs,
            second_refused: None,
        })
    }
}

/// The samples of one question, at least one.
pub(super) struct Samples {
    first: Sample,
    others: Vec<Sample>,
    broke_off: Option<String>,
}

impl Samples {
    pub(super) fn of(first: Sample) -> Self {
        Self {
            first,
            others: Vec::new(),
            broke_off: None,
        }
    }

    pub(super) fn push(&mut self, sample: Sample) {
        self.others.push(sample);
    }

    /// No further sample could be had.
    pub(super) fn broke_off(&mut self, error: &ModelError) {
        self.broke_off = Some(error.to_string());
    }

    fn all(&self) -> impl Iterator<Item = &Sample> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// All model runs in their order.
    pub(super) fn runs(&self) -> impl Iterator<Item = &ModelRun> {
        self.all().flat_map(|sample| &sample.runs)
    }

    /// The answer that most samples gave, of several the one that came first, and how sure it is: the mean
    /// of what the samples say of it. One sample without likelihoods says nothing; of several each is sure
    /// of its own answer where the server does not say. An abstention has no confidence.
    pub(super) fn decision(&self) -> (Answer, u8) {
        let votes = |answer: &Answer| self.all().filter(|one| one.answer == *answer).count();
        let mut most = &self.first.answer;
        for sample in &self.others {
            if votes(&sample.answer) > votes(most) {
                most = &sample.answer;
            }
        }
        let count = self.all().count();
        let unknown = if count > 1 { 100 } else { 0 };
        let given = self.all().filter(|sample| sample.answer == *most);
        let sum: usize = given
            .map(|sample| usize::from(sample.confidence.unwrap_or(unknown)))
            .sum();
        let mean = sum.checked_div(count).unwrap_or_default();
        let confidence = match most {
            Answer::Abstain(_) => 0,
            _ => u8::try_from(mean).unwrap_or_default(),
        };
        (most.clone(), confidence)
    }

    /// What the record has of them beside their runs.
    pub(super) fn record(&self) -> Vec<(String, Value)> {
        let mut members = Vec::new();
        let mut refused = self
            .all()
            .filter_map(|sample| sample.second_refused.as_ref());
        if let Some(why) = refused.next() {
            members.push(("second_refused".to_owned(), json!(why)));
        }
        let is_known = self.all().any(|sample| sample.confidence.is_some());
        if is_known || !self.others.is_empty() {
            let samples: Vec<Value> = self.all().map(sample_record).collect();
            members.push(("samples".to_owned(), json!(samples)));
        }
        if let Some(why) = &self.broke_off {
            members.push(("samples_broke_off".to_owned(), json!(why)));
        }
        members
    }
}

fn sample_record(sample: &Sample) -> Value {
    json!({
        "read": sample.runs.last().map(|run| &run.text),
        "runs": sample.runs.len(),
        "confidence": sample.confidence,
    })
}

//! What an evaluation found: plain values that become JSON, a summary and a page.

use crate::stats::{
    calibration::CalibrationReport, correlation::ErrorCorrelation, coverage::CoveragePoint,
    interval::Proportion, paired::PairedDifference,
};
use serde::Serialize;

/// Name and version of the report's form in JSON.
pub const FORMAT: &str = "llm-oracle-eval/1";

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalReport {
    /// [`FORMAT`].
    pub format: &'static str,
    /// Seed of everything random.
    pub seed: u64,
    /// Number of questions.
    pub questions: usize,
    /// The models, in the order of the settings.
    pub models: Vec<String>,
    /// Accuracy of each model: over all, for each kind, for each set and kind.
    pub slices: Vec<SliceReport>,
    /// Errors of each two models.
    pub pairs: Vec<PairReport>,
    /// Each committee.
    pub committees: Vec<CommitteeReport>,
    /// Committees of growing size.
    pub sizes: Vec<SizeReport>,
    /// Effect of the options' order.
    pub orders: Vec<OrderReport>,
    /// Time and cost of each model.
    pub costs: Vec<CostReport>,
}

/// One model on some of the questions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SliceReport {
    /// The model.
    pub model: String,
    /// The set; `None`: all.
    pub set: Option<String>,
    /// The kind of question; `None`: all.
    pub kind: Option<&'static str>,
    /// Questions without a reply. They count nowhere else.
    pub unanswered: usize,
    /// Right answers of all replies; an abstention is not right.
    pub accuracy: Proportion,
    /// Abstentions of all replies.
    pub abstained: Proportion,
    /// Whether its confidence comes true; `None` if it never says how sure it is.
    pub calibration: Option<CalibrationReport>,
    /// Accuracy against coverage, from the surest answers to all.
    pub coverage: Vec<CoveragePoint>,
    /// Area under risk against coverage, 0 to 1.
    pub risk_area: f64,
}

/// Two models on the questions that both answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairReport {
    /// The models.
    pub models: [String; 2],
    /// Correlation of their errors; `None` where it has no meaning.
    pub correlation: Option<ErrorCorrelation>,
    /// Questions on which both are wrong.
    pub both_wrong: Proportion,
    /// Questions on which both give the same answer.
    pub same_answer: Proportion,
}

/// One committee on the questions that all its members answered or abstained from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommitteeReport {
    /// Seats, and how many must agree, such as `3:2`.
    pub committee: String,
    /// The model of each seat.
    pub seats: Vec<String>,
    /// Questions on which it agrees on the right answer.
    pub right: Proportion,
    /// Questions on which it agrees on a wrong answer.
    pub wrong: Proportion,
    /// Right answers of those on which it agrees.
    pub right_of_agreed: Proportion,
    /// Questions on which every seat is wrong.
    pub all_wrong: Proportion,
    /// Mean correlation of the errors of its pairs of models; `None` where no pair has one.
    pub correlation: Option<f64>,
    /// Its accuracy against coverage, by the confidence of the agreed answer.
    pub coverage: Vec<CoveragePoint>,
    /// The best of its members; chosen on the same questions, so a little too good.
    pub best_seat: String,
    /// The committee less its best member.
    pub against_best_seat: PairedDifference,
    /// What hostile seats change.
    pub hostile: Vec<HostileReport>,
}

/// A committee whose seats are hostile with some probability and then agree on the worst wrong answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostileReport {
    /// Probability that a seat is hostile, 0 to 1.
    pub hostile: f64,
    /// Questions on which it still agrees on the right answer: mean of the draws, interval of the questions.
    pub right: Proportion,
    /// Questions on which it agrees on a wrong answer.
    pub wrong: Proportion,
}

/// Committees of one size with the smallest majority, mean over the mixes of models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SizeReport {
    /// Seats.
    pub seats: u8,
    /// Committees that were measured.
    pub committees: usize,
    /// Mean share of right agreed answers.
    pub right: f64,
    /// Mean share of wrong agreed answers.
    pub wrong: f64,
    /// Mean share of questions on which every seat is wrong.
    pub all_wrong: f64,
    /// What `right` would be with independent errors and two answers (Condorcet).
    pub right_if_independent: f64,
}

/// One model on choice questions with the options in both orders.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OrderReport {
    /// The model.
    pub model: String,
    /// Questions on which the answer changes with the order.
    pub changed: Proportion,
    /// Accuracy with reversed options less accuracy in the usual order.
    pub difference: PairedDifference,
}

/// What a model took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostReport {
    /// The model.
    pub model: String,
    /// Answers.
    pub answers: usize,
    /// Median time of an answer, milliseconds.
    pub median_ms: u64,
    /// Time that 95 % of answers stay below, milliseconds.
    pub p95_ms: u64,
    /// Tokens in and out of all answers.
    pub tokens: u64,
    /// Cost of all answers, planck, as a decimal.
    pub planck: String,
}

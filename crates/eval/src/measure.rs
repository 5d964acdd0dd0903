//! From answers to the report.

use crate::{
    answer_text,
    committee::CommitteeSpec,
    matrix::{is_right, is_wrong, AnswerMatrix, GivenAnswer, ModelColumn},
    measure_committees::{committees, sizes},
    report::{CostReport, EvalReport, OrderReport, PairReport, SliceReport, FORMAT},
    stats::{
        calibration::{self, Forecast},
        correlation, coverage,
        interval::Proportion,
        paired,
    },
    LabelledQuestion,
};
use llm_oracle_primitives::AnswerKind;
use std::collections::BTreeSet;

/// Measures everything. What is random depends on the seed alone.
pub fn report(matrix: &AnswerMatrix, specs: &[CommitteeSpec], seed: u64) -> EvalReport {
    let columns = &matrix.columns;
    let all = |part: fn(&AnswerMatrix, &ModelColumn, u64) -> Option<OrderReport>| {
        let found = columns
            .iter()
            .filter_map(|column| part(matrix, column, seed));
        found.collect::<Vec<_>>()
    };
    EvalReport {
        format: FORMAT,
        seed,
        questions: matrix.questions.len(),
        models: columns.iter().map(|column| column.model.clone()).collect(),
        slices: columns
            .iter()
            .flat_map(|column| slices(matrix, column))
            .collect(),
        pairs: pairs(matrix),
        committees: specs
            .iter()
            .flat_map(|spec| committees(matrix, *spec, seed))
            .collect(),
        sizes: sizes(matrix, seed),
        orders: all(order),
        costs: columns.iter().map(cost).collect(),
    }
}

/// All questions, then each kind, then each set and kind.
fn slices(matrix: &AnswerMatrix, column: &ModelColumn) -> Vec<SliceReport> {
    let questions = &matrix.questions;
    let kinds: BTreeSet<_> = questions.iter().map(LabelledQuestion::kind_name).collect();
    let named = |question: &LabelledQuestion| (question.set.clone(), question.kind_name());
    let sets: BTreeSet<_> = questions.iter().map(named).collect();
    let mut wanted = vec![(None, None)];
    wanted.extend(kinds.into_iter().map(|kind| (None, Some(kind))));
    wanted.extend(sets.into_iter().map(|(set, kind)| (Some(set), Some(kind))));
    let slice = |(set, kind): (Option<String>, Option<&'static str>)| {
        let is_in = |question: &LabelledQuestion| {
            set.as_ref().is_none_or(|set| *set == question.set)
                && kind.is_none_or(|kind| kind == question.kind_name())
        };
        let answered = column.answered(questions);
        let answered: Vec<_> = answered.filter(|(question, _)| is_in(question)).collect();
        let asked = questions.iter().filter(|question| is_in(question)).count();
        slice(&column.model, (set.clone(), kind), (asked, &answered))
    };
    wanted.into_iter().map(slice).collect()
}

fn slice(
    model: &str,
    (set, kind): (Option<String>, Option<&'static str>),
    (asked, answered): (usize, &[(&LabelledQuestion, &GivenAnswer)]),
) -> SliceReport {
    let right =
        |(question, given): &(&LabelledQuestion, &GivenAnswer)| is_right(question, &given.answer);
    let forecasts: Vec<Forecast> = answered
        .iter()
        .filter_map(|one| forecast(one.0, one.1))
        .collect();
    let coverage = coverage::curve(&forecasts, answered.len());
    SliceReport {
        model: model.to_owned(),
        set,
        kind,
        unanswered: asked.saturating_sub(answered.len()),
        accuracy: Proportion::of(answered.iter().map(right)),
        abstained: Proportion::of(
            answered
                .iter()
                .map(|one| answer_text::abstains(&one.1.answer)),
        ),
        calibration: calibration::measure(&forecasts),
        risk_area: coverage::area(&coverage),
        coverage,
    }
}

/// Confidence and outcome of an answer that says how sure it is.
pub(crate) fn forecast(question: &LabelledQuestion, given: &GivenAnswer) -> Option<Forecast> {
    let says = given.confidence > 0 && !answer_text::abstains(&given.answer);
    says.then(|| (given.confidence, is_right(question, &given.answer)))
}

fn pairs(matrix: &AnswerMatrix) -> Vec<PairReport> {
    let columns = matrix.columns.iter().enumerate();
    columns
        .flat_map(|(at, one)| {
            let others = matrix.columns.iter().skip(at.saturating_add(1));
            others.map(move |other| pair(matrix, one, other))
        })
        .collect()
}

fn pair(matrix: &AnswerMatrix, one: &ModelColumn, other: &ModelColumn) -> PairReport {
    let both = both_answered(matrix, one, other);
    let errors: Vec<_> = both
        .iter()
        .map(|(question, a, b)| (is_wrong(question, &a.answer), is_wrong(question, &b.answer)))
        .collect();
    PairReport {
        models: [one.model.clone(), other.model.clone()],
        correlation: correlation::measure(&errors),
        both_wrong: Proportion::of(errors.iter().map(|(a, b)| *a && *b)),
        same_answer: Proportion::of(both.iter().map(|(_, a, b)| a.answer == b.answer)),
    }
}

/// Correlation of the errors of two models; `None` where it has no meaning.
pub(crate) fn pair_phi(
    matrix: &AnswerMatrix,
    one: &ModelColumn,
    other: &ModelColumn,
) -> Option<f64> {
    pair(matrix, one, other).correlation.map(|found| found.phi)
}

/// Questions that both answered: abstentions are no errors.
fn both_answered<'a>(
    matrix: &'a AnswerMatrix,
    one: &'a ModelColumn,
    other: &'a ModelColumn,
) -> Vec<(&'a LabelledQuestion, &'a GivenAnswer, &'a GivenAnswer)> {
    let given = one.given.iter().zip(&other.given);
    let rows = matrix.questions.iter().zip(given);
    rows.filter_map(|(question, (a, b))| Some((question, a.as_ref()?, b.as_ref()?)))
        .filter(|(_, a, b)| ![a, b].iter().any(|one| answer_text::abstains(&one.answer)))
        .collect()
}

fn order(matrix: &AnswerMatrix, column: &ModelColumn, seed: u64) -> Option<OrderReport> {
    let given = column.given.iter().zip(&column.reversed);
    let rows: Vec<_> = matrix
        .questions
        .iter()
        .zip(given)
        .filter(|(question, _)| matches!(question.kind, AnswerKind::Choice { .. }))
        .filter_map(|(question, (a, b))| Some((question, &a.as_ref()?.answer, b.as_ref()?)))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let pairs: Vec<_> = rows
        .iter()
        .map(|(question, usual, reversed)| {
            (is_right(question, reversed), is_right(question, usual))
        })
        .collect();
    Some(OrderReport {
        model: column.model.clone(),
        changed: Proportion::of(rows.iter().map(|(_, usual, reversed)| usual != reversed)),
        difference: paired::compare(&pairs, seed),
    })
}

fn cost(column: &ModelColumn) -> CostReport {
    let given = || column.given.iter().flatten();
    let mut times: Vec<u64> = given().map(|one| one.milliseconds).collect();
    times.sort_unstable();
    let at = |percent: usize| {
        let rank = times.len().saturating_mul(percent) / 100;
        times.get(rank).or(times.last()).copied().unwrap_or(0)
    };
    CostReport {
        model: column.model.clone(),
        answers: times.len(),
        median_ms: at(50),
        p95_ms: at(95),
        tokens: given().map(|one| one.tokens).fold(0, u64::saturating_add),
        planck: given()
            .map(|one| one.planck)
            .fold(0, u128::saturating_add)
            .to_string(),
    }
}

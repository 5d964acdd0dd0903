//! Committees of the report.

use crate::{
    committee::{
        answered_by_all, decide, end_of, hostile_answer, members, vote, CommitteeEnd, CommitteeSpec,
    },
    matrix::{is_right, is_wrong, AnswerMatrix, GivenAnswer, ModelColumn},
    measure::pair_phi,
    report::{CommitteeReport, HostileReport, SizeReport},
    stats::{
        coverage,
        interval::Proportion,
        paired, real,
        rng::SeededRng,
        theory::{mean, SeatTheory},
    },
    LabelledQuestion,
};
use llm_oracle_primitives::limits;
use llm_oracle_rules::tally::{Ballot, Vote};
use std::collections::BTreeSet;

/// Probabilities of a hostile seat that are measured, 0 to 1.
pub const HOSTILE: [f64; 4] = [0.1, 0.2, 0.3, 0.4];
/// Draws of hostile seats for each question.
const DRAWS: usize = 20;
/// Confidence of hostile seats.
const HOSTILE_CONFIDENCE: u8 = 100;

/// A question with what each seat gave.
type Row<'a> = (
    &'a LabelledQuestion,
    Vec<(&'a ModelColumn, &'a GivenAnswer)>,
);

/// All committees of this form.
pub fn committees(matrix: &AnswerMatrix, spec: CommitteeSpec, seed: u64) -> Vec<CommitteeReport> {
    let found = members(matrix.columns.len(), spec.seats.into(), seed);
    let each = found
        .iter()
        .filter_map(|members| committee(matrix, members, spec, seed));
    each.collect()
}

fn committee(
    matrix: &AnswerMatrix,
    members: &[usize],
    spec: CommitteeSpec,
    seed: u64,
) -> Option<CommitteeReport> {
    let rows = answered_by_all(matrix, members);
    let decided: Vec<_> = rows
        .iter()
        .map(|row| (row.0, decide(&row.0.kind, &votes(row), spec)))
        .collect();
    let ends: Vec<_> = decided
        .iter()
        .map(|(question, verdict)| end_of(question, verdict))
        .collect();
    let is = |wanted: CommitteeEnd| Proportion::of(ends.iter().map(|end| *end == wanted));
    let (right, wrong) = (is(CommitteeEnd::Right), is(CommitteeEnd::Wrong));
    let best = best_seat(&rows, members.len())?;
    let against: Vec<_> = rows
        .iter()
        .zip(&ends)
        .filter_map(|(row, end)| {
            let (_, given) = row.1.get(best)?;
            Some((*end == CommitteeEnd::Right, is_right(row.0, &given.answer)))
        })
        .collect();
    let forecasts: Vec<_> = decided
        .iter()
        .zip(&ends)
        .filter(|(_, end)| **end != CommitteeEnd::NoResult)
        .map(|((_, verdict), end)| (verdict.margin.confidence, *end == CommitteeEnd::Right))
        .collect();
    let name = |member: &usize| {
        matrix
            .columns
            .get(*member)
            .map(|column| column.model.clone())
    };
    Some(CommitteeReport {
        committee: spec.to_string(),
        seats: members.iter().filter_map(name).collect(),
        right,
        wrong,
        right_of_agreed: Proportion::new(right.count, right.count.saturating_add(wrong.count)),
        all_wrong: Proportion::of(rows.iter().map(all_wrong)),
        correlation: mean_phi(matrix, members),
        coverage: coverage::curve(&forecasts, rows.len()),
        best_seat: members.get(best).and_then(name)?,
        against_best_seat: paired::compare(&against, seed),
        hostile: HOSTILE
            .iter()
            .map(|share| hostile(&rows, spec, *share, seed))
            .collect(),
    })
}

fn votes((_, seats): &Row<'_>) -> Vec<Vote> {
    seats
        .iter()
        .map(|(column, given)| vote(&column.model, given))
        .collect()
}

fn all_wrong((question, seats): &Row<'_>) -> bool {
    seats
        .iter()
        .all(|(_, given)| is_wrong(question, &given.answer))
}

/// The seat with most right answers, the first of equals; `None` without questions.
fn best_seat(rows: &[Row<'_>], seats: usize) -> Option<usize> {
    let right = |seat: &usize| {
        let rows = rows
            .iter()
            .filter_map(|row| Some((row.0, row.1.get(*seat)?.1)));
        rows.filter(|(question, given)| is_right(question, &given.answer))
            .count()
    };
    // `max_by_key` would take the last of equals.
    let best = (0..seats).rev().max_by_key(right);
    best.filter(|_| !rows.is_empty())
}

/// Mean over the pairs of different models.
fn mean_phi(matrix: &AnswerMatrix, members: &[usize]) -> Option<f64> {
    let models: BTreeSet<_> = members.iter().collect();
    let columns: Vec<_> = models
        .iter()
        .filter_map(|at| matrix.columns.get(**at))
        .collect();
    let pairs = columns.iter().enumerate().flat_map(|(at, one)| {
        let others = columns.iter().skip(at.saturating_add(1));
        others.filter_map(|other| pair_phi(matrix, one, other))
    });
    let found: Vec<f64> = pairs.collect();
    (!found.is_empty()).then(|| mean(found.into_iter()))
}

fn hostile(rows: &[Row<'_>], spec: CommitteeSpec, share: f64, seed: u64) -> HostileReport {
    let mut rng = SeededRng::new(seed);
    let (mut right, mut wrong) = (0_usize, 0_usize);
    for row in rows {
        let honest: Vec<_> = row.1.iter().map(|(_, given)| &given.answer).collect();
        let ballot = Ballot::of(&hostile_answer(row.0, &honest));
        for _ in 0..DRAWS {
            let mut votes = votes(row);
            for vote in &mut votes {
                if rng.unit() < share {
                    vote.ballot = ballot;
                    vote.confidence = HOSTILE_CONFIDENCE;
                }
            }
            match end_of(row.0, &decide(&row.0.kind, &votes, spec)) {
                CommitteeEnd::Right => right = right.saturating_add(1),
                CommitteeEnd::Wrong => wrong = wrong.saturating_add(1),
                CommitteeEnd::NoResult => {}
            }
        }
    }
    // Draws of one question are no further questions.
    let mean = |count: usize| Proportion::of_mean(real(count) / real(DRAWS), rows.len());
    HostileReport {
        hostile: share,
        right: mean(right),
        wrong: mean(wrong),
    }
}

/// Committees of 1, 3, 5 … different models.
pub fn sizes(matrix: &AnswerMatrix, seed: u64) -> Vec<SizeReport> {
    let models = matrix.columns.len().min(limits::MAX_SEATS.into());
    let sizes = (1..=models)
        .step_by(2)
        .filter_map(|seats| u8::try_from(seats).ok());
    sizes.map(|seats| size(matrix, seats, seed)).collect()
}

fn size(matrix: &AnswerMatrix, seats: u8, seed: u64) -> SizeReport {
    let spec = CommitteeSpec::majority(seats);
    let found = members(matrix.columns.len(), seats.into(), seed);
    let measured: Vec<[f64; 4]> = found
        .iter()
        .map(|members| {
            let rows = answered_by_all(matrix, members);
            let ends: Vec<_> = rows
                .iter()
                .map(|row| end_of(row.0, &decide(&row.0.kind, &votes(row), spec)))
                .collect();
            let share =
                |wanted: CommitteeEnd| Proportion::of(ends.iter().map(|end| *end == wanted)).share;
            let seats = rows
                .iter()
                .flat_map(|row| row.1.iter().map(|seat| (row.0, seat.1)));
            // An abstention is not right, in a committee of one as well.
            let error =
                Proportion::of(seats.map(|(question, given)| !is_right(question, &given.answer)));
            let all = Proportion::of(rows.iter().map(all_wrong)).share;
            [
                share(CommitteeEnd::Right),
                share(CommitteeEnd::Wrong),
                all,
                error.share,
            ]
        })
        .collect();
    let over = |part: usize| {
        measured.iter().map(|one| one[part]).sum::<f64>() / real(measured.len().max(1))
    };
    let theory = SeatTheory {
        error: over(3),
        correlation: 0.0,
    };
    SizeReport {
        seats,
        committees: found.len(),
        right: over(0),
        wrong: over(1),
        all_wrong: over(2),
        right_if_independent: theory.right(seats.into(), spec.threshold.into()),
    }
}

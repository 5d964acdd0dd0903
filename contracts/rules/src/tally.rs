//! How answers agree. Order statistics and votes only: no mean can be dragged by one absurd number.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{Answer, Margin};

use crate::{End, Form};

/// What the revealed answers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `Answered`, `Undetermined` or `NoConsensus`.
    pub end: End,
    /// How clearly.
    pub margin: Margin,
    /// The agreed answer, with `Answered` only.
    pub answer: Option<Answer>,
}

/// Agrees on one of the revealed `answers`, each already accepted by `form`.
pub fn tally(form: &Form, seats: u8, threshold: u8, answers: &[Answer]) -> Verdict {
    let values: Vec<i128> = answers.iter().filter_map(value).collect();
    // At most 32 answers.
    let (revealed, decided) = (answers.len() as u8, values.len() as u8);
    let tolerance = form.tolerance();
    let best = match form {
        Form::Bool | Form::Choice { .. } => most_voted(&values),
        Form::Number { .. } => lower_median(&values),
    };
    let (agreeing, spread) = best.map_or((0, 0), |best| agreement(&values, best, tolerance));
    let abstaining = revealed.saturating_sub(decided);
    let (end, answer) = if agreeing >= threshold {
        let stands = |answer: &&Answer| best.is_some() && value(answer) == best;
        (End::Answered, answers.iter().find(stands).cloned())
    } else if abstaining >= threshold {
        (End::Undetermined, None)
    } else {
        (End::NoConsensus, None)
    };
    Verdict {
        end,
        margin: Margin {
            seats,
            revealed,
            agreeing,
            abstaining,
            spread,
        },
        answer,
    }
}

/// Whether an answer stands with the `result`.
pub fn agrees(form: &Form, result: &Answer, answer: &Answer) -> bool {
    match (value(result), value(answer)) {
        (Some(result), Some(answer)) => result.abs_diff(answer) <= form.tolerance(),
        _ => false,
    }
}

/// A closed answer as a number: options agree when they are equal, numbers when they are near.
fn value(answer: &Answer) -> Option<i128> {
    match answer {
        Answer::Bool(yes) => Some(i128::from(*yes)),
        Answer::Choice(option) => Some(i128::from(*option)),
        Answer::Number(mantissa) => Some(*mantissa),
        Answer::Abstain(_) | Answer::Text(_) | Answer::Json(_) => None,
    }
}

/// How many values stand with the `best`, and how far apart they are.
fn agreement(values: &[i128], best: i128, tolerance: u128) -> (u8, u128) {
    let (mut count, mut least, mut most) = (0u8, best, best);
    for value in values {
        if value.abs_diff(best) <= tolerance {
            count = count.saturating_add(1);
            least = least.min(*value);
            most = most.max(*value);
        }
    }
    (count, most.abs_diff(least))
}

/// A value with most votes: which of equals does not matter, for a threshold above half lets no
/// tie win.
fn most_voted(values: &[i128]) -> Option<i128> {
    let votes = |value: &&i128| agreement(values, **value, 0).0;
    values.iter().max_by_key(votes).copied()
}

/// The middle value, the lower of two middle ones. Found by rank instead of sorting: there are at
/// most 32, and a sort would be the largest function of the contract's code.
fn lower_median(values: &[i128]) -> Option<i128> {
    let middle = values.len().checked_sub(1)? / 2;
    let is_middle = |candidate: &&i128| {
        let below = values.iter().filter(|other| other < candidate).count();
        let up_to = values.iter().filter(|other| other <= candidate).count();
        (below..up_to).contains(&middle)
    };
    values.iter().find(is_middle).copied()
}

//! How answers agree. Order statistics and votes only: no mean can be dragged by one absurd number.

use llm_oracle_primitives::{limits::MAX_OPTIONS, Answer, Margin};

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
    let count = |matches: &dyn Fn(&Answer) -> bool| -> u8 {
        // At most 32 answers.
        answers.iter().filter(|answer| matches(answer)).count() as u8
    };
    let abstaining = count(&|answer| matches!(answer, Answer::Abstain(_)));
    let best = match form {
        Form::Bool | Form::Choice { .. } => most_voted(answers),
        Form::Number { .. } => lower_median(answers).map(Answer::Number),
    };
    let agreeing = best
        .as_ref()
        .map_or(0, |best| count(&|answer| agrees(form, best, answer)));
    let spread = best.as_ref().map_or(0, |best| spread(form, best, answers));
    let revealed = answers.len() as u8;
    let margin = Margin {
        seats,
        revealed,
        agreeing,
        abstaining,
        spread,
    };
    if agreeing >= threshold {
        Verdict {
            end: End::Answered,
            margin,
            answer: best,
        }
    } else if abstaining >= threshold {
        Verdict {
            end: End::Undetermined,
            margin,
            answer: None,
        }
    } else {
        Verdict {
            end: End::NoConsensus,
            margin,
            answer: None,
        }
    }
}

/// Whether an answer stands with the `result`.
pub fn agrees(form: &Form, result: &Answer, answer: &Answer) -> bool {
    match (form, result, answer) {
        (Form::Number { tolerance }, Answer::Number(result), Answer::Number(answer)) => {
            result.abs_diff(*answer) <= *tolerance
        }
        (_, Answer::Abstain(_), _) => false,
        _ => result == answer,
    }
}

/// The option with most votes, the first of equals: a threshold above half lets no tie win.
fn most_voted(answers: &[Answer]) -> Option<Answer> {
    let mut votes = [0u8; MAX_OPTIONS as usize];
    let mut best: Option<(u8, usize, &Answer)> = None;
    for answer in answers {
        let index = match answer {
            Answer::Bool(yes) => usize::from(*yes),
            Answer::Choice(option) => usize::from(*option),
            _ => continue,
        };
        let Some(place) = votes.get_mut(index) else {
            continue;
        };
        *place = place.saturating_add(1);
        let lead = (*place, usize::MAX.saturating_sub(index));
        if best.is_none_or(|(votes, rank, _)| lead > (votes, rank)) {
            best = Some((lead.0, lead.1, answer));
        }
    }
    best.map(|(_, _, answer)| answer.clone())
}

/// The middle number, the lower of two middle ones. Found by rank instead of sorting: there are at
/// most 32, and a sort would be the largest function of the contract's code.
fn lower_median(answers: &[Answer]) -> Option<i128> {
    let numbers = || answers.iter().filter_map(number);
    let middle = numbers().count().checked_sub(1)? / 2;
    numbers().find(|candidate| {
        let below = numbers().filter(|other| other < candidate).count();
        let up_to = numbers().filter(|other| other <= candidate).count();
        (below..up_to).contains(&middle)
    })
}

fn spread(form: &Form, result: &Answer, answers: &[Answer]) -> u128 {
    let agreeing = || {
        answers
            .iter()
            .filter(|answer| agrees(form, result, answer))
            .filter_map(number)
    };
    match (agreeing().min(), agreeing().max()) {
        (Some(least), Some(most)) => most.abs_diff(least),
        _ => 0,
    }
}

fn number(answer: &Answer) -> Option<i128> {
    match answer {
        Answer::Number(mantissa) => Some(*mantissa),
        _ => None,
    }
}

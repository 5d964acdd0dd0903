//! How answers agree. Order statistics and votes only: no mean can be dragged by one absurd number.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{digest, Answer, Hash, Margin, SeatAnswer};

use crate::{End, Form};

/// A revealed answer, as far as agreement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ballot {
    /// For nothing.
    Abstention,
    /// A closed answer: options agree when they are equal, numbers when they are near.
    Value(i128),
    /// An open answer by its digest.
    Digest(Hash),
}

impl Ballot {
    /// The ballot of an answer.
    pub fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Abstain(_) => Self::Abstention,
            Answer::Bool(yes) => Self::Value(i128::from(*yes)),
            Answer::Choice(option) => Self::Value(i128::from(*option)),
            Answer::Number(mantissa) => Self::Value(*mantissa),
            Answer::Text(_) | Answer::Json(_) => Self::Digest(digest::answer_digest(answer)),
        }
    }

    /// The ballot of a seat.
    pub fn of_seat(answer: &SeatAnswer) -> Self {
        match answer {
            SeatAnswer::Whole(answer) => Self::of(answer),
            SeatAnswer::Digest(digest) => Self::Digest(*digest),
        }
    }

    /// Whether it stands with the `result`.
    pub fn agrees(&self, form: &Form, result: &Self) -> bool {
        match (result, self) {
            (Self::Value(result), Self::Value(value)) => {
                result.abs_diff(*value) <= form.tolerance()
            }
            (Self::Digest(result), Self::Digest(digest)) => result == digest,
            _ => false,
        }
    }

    fn value(&self) -> Option<i128> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Abstention | Self::Digest(_) => None,
        }
    }
}

/// What the revealed answers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `Answered`, `Undetermined` or `NoConsensus`.
    pub end: End,
    /// How clearly.
    pub margin: Margin,
    /// The agreed answer, with `Answered` only; it is one of the ballots.
    pub result: Option<Ballot>,
}

/// Agrees on one of the revealed `ballots`, each already accepted by `form`.
pub fn tally(form: &Form, seats: u8, threshold: u8, ballots: &[Ballot]) -> Verdict {
    let best = match form {
        Form::Number { .. } => lower_median(ballots),
        _ => most_voted(form, ballots),
    };
    let (agreeing, spread) = best.map_or((0, 0), |best| agreement(form, ballots, &best));
    let abstaining = count(ballots, |ballot| **ballot == Ballot::Abstention);
    let (end, result) = if agreeing >= threshold {
        (End::Answered, best)
    } else if abstaining >= threshold {
        (End::Undetermined, None)
    } else {
        (End::NoConsensus, None)
    };
    Verdict {
        end,
        margin: Margin {
            seats,
            revealed: ballots.len() as u8, // At most 32.
            agreeing,
            abstaining,
            spread,
        },
        result,
    }
}

fn count(ballots: &[Ballot], which: impl Fn(&&Ballot) -> bool) -> u8 {
    ballots.iter().filter(which).count() as u8 // At most 32.
}

/// How many ballots stand with the `best`, and how far apart they are.
fn agreement(form: &Form, ballots: &[Ballot], best: &Ballot) -> (u8, u128) {
    let near = |ballot: &&Ballot| ballot.agrees(form, best);
    let values = || ballots.iter().filter(near).filter_map(Ballot::value);
    let spread = match (values().min(), values().max()) {
        (Some(least), Some(most)) => most.abs_diff(least),
        _ => 0,
    };
    (count(ballots, near), spread)
}

/// A ballot with most votes: which of equals does not matter, for a threshold above half lets no
/// tie win.
fn most_voted(form: &Form, ballots: &[Ballot]) -> Option<Ballot> {
    let votes = |one: &&Ballot| count(ballots, |other| other.agrees(form, one));
    let best = ballots.iter().max_by_key(votes).copied();
    best.filter(|best| *best != Ballot::Abstention)
}

/// The middle value, the lower of two middle ones. Found by rank instead of sorting: there are at
/// most 32, and a sort would be the largest function of the contract's code.
#[inline(never)] // Entered by numbers only, see `Oracle::settle`.
fn lower_median(ballots: &[Ballot]) -> Option<Ballot> {
    let values: Vec<i128> = ballots.iter().filter_map(Ballot::value).collect();
    let middle = values.len().checked_sub(1)? / 2;
    let is_middle = |candidate: &&i128| {
        let below = values.iter().filter(|other| other < candidate).count();
        let up_to = values.iter().filter(|other| other <= candidate).count();
        (below..up_to).contains(&middle)
    };
    values.iter().find(is_middle).copied().map(Ballot::Value)
}

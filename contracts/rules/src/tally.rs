//! How answers agree. Order statistics and votes only: no mean can be dragged by one absurd number.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{digest, Answer, Hash, Margin, Reason, SeatAnswer};

use crate::{End, Form};

/// A revealed answer, as far as agreement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ballot {
    /// For nothing, with its reason.
    Abstention(Reason),
    /// A closed answer: options agree when they are equal, numbers when they are near.
    Value(i128),
    /// An open answer by its digest.
    Digest(Hash),
}

impl Ballot {
    /// The ballot of an answer.
    pub fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Abstain(reason) => Self::Abstention(*reason),
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
            Self::Abstention(_) | Self::Digest(_) => None,
        }
    }
}

/// A ballot with what else of its seat makes a result clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The answer.
    pub ballot: Ballot,
    /// How sure it is, 0 to 100.
    pub confidence: u8,
    /// Family of the model, see [`digest::family_tag`].
    pub family: [u8; 4],
}

/// What the terms say about agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The form of an answer.
    pub form: &'a Form,
    /// Seats asked for.
    pub seats: u8,
    /// Seats that must agree.
    pub threshold: u8,
    /// Least confidence of a result, 0 to 100.
    pub min_confidence: u8,
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

/// Agrees on one of the revealed answers, each already accepted by the form.
pub fn tally(rule: &Rule<'_>, votes: &[Vote]) -> Verdict {
    let form = rule.form;
    let ballots: Vec<Ballot> = votes.iter().map(|vote| vote.ballot).collect();
    let best = match form {
        Form::Number { .. } => lower_median(&ballots),
        _ => most_voted(form, &ballots),
    };
    let (agreeing, spread) = best.map_or((0, 0), |best| agreement(form, &ballots, &best));
    let (confidence, families) = best.map_or((0, 0), |best| certainty(form, votes, &best));
    let abstained = abstentions(&ballots);
    let margin = Margin {
        seats: rule.seats,
        revealed: votes.len() as u8, // At most 32.
        agreeing,
        abstained,
        confidence,
        families,
        spread,
    };
    let (end, result) = if agreeing >= rule.threshold {
        if confidence >= rule.min_confidence {
            (End::Answered, best)
        } else {
            (End::Undetermined, None)
        }
    } else if margin.abstaining() >= rule.threshold {
        (End::Undetermined, None)
    } else {
        (End::NoConsensus, None)
    };
    Verdict {
        end,
        margin,
        result,
    }
}

fn count(ballots: &[Ballot], which: impl Fn(&&Ballot) -> bool) -> u8 {
    ballots.iter().filter(which).count() as u8 // At most 32.
}

/// Abstentions by reason, in the order of [`llm_oracle_primitives::Reason::ALL`].
fn abstentions(ballots: &[Ballot]) -> [u8; 6] {
    let mut counts = [0u8; 6];
    for ballot in ballots {
        if let Ballot::Abstention(reason) = ballot {
            if let Some(count) = counts.get_mut(*reason as usize) {
                *count = count.saturating_add(1);
            }
        }
    }
    counts
}

/// Lower median of the confidences of the votes that stand with the `best`, and how many families they
/// are of. By rank, as [`lower_median`].
fn certainty(form: &Form, votes: &[Vote], best: &Ballot) -> (u8, u8) {
    let agrees = |vote: &&Vote| vote.ballot.agrees(form, best);
    let agreeing: Vec<&Vote> = votes.iter().filter(agrees).collect();
    let middle = agreeing.len().saturating_sub(1) / 2;
    let is_middle = |one: &&&Vote| {
        let below = |most: u8| {
            let lower = agreeing.iter().filter(|other| other.confidence < most);
            lower.count()
        };
        let confidence = one.confidence;
        (below(confidence)..below(confidence.saturating_add(1))).contains(&middle)
    };
    let median = agreeing.iter().find(is_middle);
    let is_first = |(index, vote): &(usize, &&Vote)| {
        let mut before = agreeing.iter().take(*index);
        !before.any(|other| other.family == vote.family)
    };
    let families = agreeing.iter().enumerate().filter(is_first).count();
    // At most 32 families.
    (median.map_or(0, |vote| vote.confidence), families as u8)
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
    best.filter(|best| !matches!(best, Ballot::Abstention(_)))
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

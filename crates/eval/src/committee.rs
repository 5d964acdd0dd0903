//! Committees in memory, on the contract's own rule of agreement.

use crate::{
    matrix::{is_right, AnswerMatrix, GivenAnswer, ModelColumn},
    stats::rng::SeededRng,
    LabelledQuestion,
};
use llm_oracle_primitives::{digest, limits, Answer, AnswerKind};
use llm_oracle_rules::{
    tally::{tally, Ballot, Rule, Verdict, Vote},
    End, Form,
};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Most committees of one size that are measured; of more a sample is drawn.
pub const COMMITTEES_MAX: usize = 16;
/// What a hostile text says.
const HOSTILE_TEXT: &[u8] = b"hostile";

/// Seats, and how many of them must agree, written `3:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitteeSpec {
    /// Seats, 1 to [`limits::MAX_SEATS`].
    pub seats: u8,
    /// Seats that must agree: more than half.
    pub threshold: u8,
}

impl CommitteeSpec {
    /// So many seats, of which the smallest majority must agree.
    pub fn majority(seats: u8) -> Self {
        Self {
            seats,
            threshold: (seats / 2).saturating_add(1).min(seats),
        }
    }
}

impl fmt::Display for CommitteeSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.seats, self.threshold)
    }
}

impl FromStr for CommitteeSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |part: &str| part.parse::<u8>().ok();
        let parts = text.split_once(':');
        let parts = parts.and_then(|(seats, least)| Some((read(seats)?, read(least)?)));
        let (seats, threshold) = parts.ok_or_else(|| {
            format!("'{text}' is no committee: write seats and how many must agree, such as 3:2")
        })?;
        let most = limits::MAX_SEATS;
        if seats == 0 || seats > most {
            return Err(format!("{seats} seats: a committee has 1 to {most}"));
        }
        if threshold > seats || threshold <= seats / 2 {
            return Err(format!(
                "{threshold} of {seats} seats: more than half of them must agree, and at most all"
            ));
        }
        Ok(Self { seats, threshold })
    }
}

/// How a committee's request would end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitteeEnd {
    /// It agrees on the right answer.
    Right,
    /// It agrees on a wrong one.
    Wrong,
    /// It agrees on nothing, or that it can't tell.
    NoResult,
}

/// The vote of a seat that this model holds. Each model is a family of its own.
pub fn vote(model: &str, given: &GivenAnswer) -> Vote {
    Vote {
        ballot: Ballot::of(&given.answer),
        confidence: given.confidence,
        family: digest::family_tag(model.as_bytes()),
    }
}

/// What the contract would decide.
pub fn decide(kind: &AnswerKind, votes: &[Vote], spec: CommitteeSpec) -> Verdict {
    let form = Form::of(kind);
    let rule = Rule {
        form: &form,
        seats: spec.seats,
        threshold: spec.threshold,
        min_confidence: 0,
    };
    tally(&rule, votes)
}

/// Whether what was decided is right.
pub fn end_of(question: &LabelledQuestion, verdict: &Verdict) -> CommitteeEnd {
    let form = Form::of(&question.kind);
    match (verdict.end, verdict.result) {
        (End::Answered, Some(result)) if result.agrees(&form, &Ballot::of(&question.truth)) => {
            CommitteeEnd::Right
        }
        (End::Answered, Some(_)) => CommitteeEnd::Wrong,
        _ => CommitteeEnd::NoResult,
    }
}

/// Questions that all members of a committee answered or abstained from, with what each gave.
pub fn answered_by_all<'a>(
    matrix: &'a AnswerMatrix,
    members: &[usize],
) -> Vec<(
    &'a LabelledQuestion,
    Vec<(&'a ModelColumn, &'a GivenAnswer)>,
)> {
    let given = |at: usize, member: &usize| {
        let column = matrix.columns.get(*member)?;
        Some((column, column.given.get(at)?.as_ref()?))
    };
    let questions = matrix.questions.iter().enumerate();
    questions
        .filter_map(|(at, question)| {
            let seats: Option<Vec<_>> = members.iter().map(|member| given(at, member)).collect();
            Some((question, seats?))
        })
        .collect()
}

/// Committees of so many seats among the models, as places of columns. With fewer models than seats there
/// is one, and models hold several seats in turn. All of them up to [`COMMITTEES_MAX`], else a sample.
pub fn members(models: usize, seats: usize, seed: u64) -> Vec<Vec<usize>> {
    if models == 0 || seats == 0 {
        return Vec::new();
    }
    if seats >= models {
        return vec![(0..models).cycle().take(seats).collect()];
    }
    let mut found = BTreeSet::new();
    let mut next: Vec<usize> = (0..seats).collect();
    loop {
        found.insert(next.clone());
        if found.len() > COMMITTEES_MAX {
            return sample(models, seats, seed);
        }
        // The last place that can still move on, and those behind it as near as possible.
        let room = |place: usize| models.saturating_sub(seats).saturating_add(place);
        let places = 0..seats;
        let Some(place) = places.rev().find(|place| next[*place] < room(*place)) else {
            return found.into_iter().collect();
        };
        let first = next[place].saturating_add(1);
        for (offset, member) in next.iter_mut().skip(place).enumerate() {
            *member = first.saturating_add(offset);
        }
    }
}

fn sample(models: usize, seats: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut rng = SeededRng::new(seed);
    let mut found = BTreeSet::new();
    let mut all: Vec<usize> = (0..models).collect();
    // There are more than are wanted, so this ends.
    while found.len() < COMMITTEES_MAX {
        rng.shuffle(&mut all);
        let mut one: Vec<usize> = all.iter().take(seats).copied().collect();
        one.sort_unstable();
        found.insert(one);
    }
    found.into_iter().collect()
}

/// The wrong answer on which hostile seats do best: the one that most honest seats give by mistake.
pub fn hostile_answer(question: &LabelledQuestion, honest: &[&Answer]) -> Answer {
    let wrong =
        |answer: &&&Answer| !is_right(question, answer) && !crate::answer_text::abstains(answer);
    let votes = |one: &&&Answer| honest.iter().filter(|other| **other == **one).count();
    if let Some(answer) = honest.iter().filter(wrong).max_by_key(votes) {
        return (*answer).clone();
    }
    match (&question.truth, &question.kind) {
        (Answer::Bool(yes), _) => Answer::Bool(!yes),
        (Answer::Choice(option), AnswerKind::Choice { .. }) => {
            // There are two options at least.
            Answer::Choice(if *option == 0 { 1 } else { 0 })
        }
        (Answer::Number(mantissa), AnswerKind::Number { tolerance, .. }) => {
            let far = i128::try_from(*tolerance)
                .unwrap_or(i128::MAX)
                .saturating_add(1);
            let above = mantissa.checked_add(far);
            Answer::Number(above.unwrap_or_else(|| mantissa.saturating_sub(far)))
        }
        _ => Answer::Text(HOSTILE_TEXT.to_vec()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_committee_is_read_and_checked_as_the_contract_does() {
        let spec = "5:4".parse::<CommitteeSpec>().unwrap();
        assert_eq!((spec.seats, spec.threshold), (5, 4));
        assert_eq!(CommitteeSpec::majority(5).to_string(), "5:3");
        assert_eq!(CommitteeSpec::majority(4).to_string(), "4:3");
        for (text, word) in [
            ("3", "such as 3:2"),
            ("0:0", "1 to 32"),
            ("33:17", "1 to 32"),
            ("4:2", "more than half"),
            ("3:4", "at most all"),
        ] {
            let error = text.parse::<CommitteeSpec>().unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn committees_are_all_or_a_sample() {
        assert_eq!(members(3, 2, 0), [[0, 1], [0, 2], [1, 2]]);
        assert_eq!(members(2, 3, 0), [[0, 1, 0]]);
        assert_eq!(members(3, 3, 0), [[0, 1, 2]]);
        assert_eq!(members(0, 3, 0), Vec::<Vec<usize>>::new());
        assert_eq!(members(6, 3, 1).len(), COMMITTEES_MAX);
        assert_eq!(members(6, 3, 1), members(6, 3, 1));
        assert_eq!(members(6, 5, 1).len(), 6);
    }

    #[test]
    fn hostile_seats_join_the_commonest_mistake() {
        let text = r#"{"id": "b", "set": "s", "kind": "choice", "options": ["x", "y", "z"], "prompt": "p", "answer": "y"}"#;
        let question = crate::labels::read("q", text).unwrap().remove(0);
        let [x, y, z] = [0, 1, 2].map(Answer::Choice);
        assert_eq!(hostile_answer(&question, &[&x, &z, &z, &y]), z);
        assert_eq!(hostile_answer(&question, &[&y]), x);
    }
}

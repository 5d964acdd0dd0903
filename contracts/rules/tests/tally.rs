//! How answers agree: tables and properties.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use llm_oracle_primitives::Reason;
use llm_oracle_rules::{
    tally::{Ballot, Rule, Verdict, Vote},
    End, Form,
};
use proptest::prelude::*;

/// Agrees on ballots of which all are sure and none declares a family.
fn tally(form: &Form, seats: u8, threshold: u8, ballots: &[Ballot]) -> Verdict {
    let votes: Vec<Vote> = ballots.iter().map(|ballot| vote(*ballot, 100, 0)).collect();
    certain(form, (seats, threshold, 0), &votes)
}

fn vote(ballot: Ballot, confidence: u8, family: u8) -> Vote {
    Vote {
        ballot,
        confidence,
        family: [family; 4],
    }
}

fn certain(
    form: &Form,
    (seats, threshold, min_confidence): (u8, u8, u8),
    votes: &[Vote],
) -> Verdict {
    let rule = Rule {
        form,
        seats,
        threshold,
        min_confidence,
    };
    llm_oracle_rules::tally::tally(&rule, votes)
}

fn numbers(values: &[i128]) -> Vec<Ballot> {
    values.iter().copied().map(Ballot::Value).collect()
}

#[test]
fn one_absurd_number_moves_nothing() {
    let form = Form::Number { tolerance: 10 };
    let verdict = tally(&form, 3, 2, &numbers(&[100, 105, i128::MAX]));
    assert_eq!(
        (verdict.end, verdict.result),
        (End::Answered, Some(Ballot::Value(105)))
    );
    assert_eq!((verdict.margin.agreeing, verdict.margin.spread), (2, 5));
    let verdict = tally(&form, 3, 2, &numbers(&[i128::MIN, 0, i128::MAX]));
    assert_eq!(
        (verdict.end, verdict.margin.agreeing),
        (End::NoConsensus, 1)
    );
}

#[test]
fn the_lower_median_is_always_one_of_the_answers() {
    let form = Form::Number { tolerance: 0 };
    let verdict = tally(&form, 4, 3, &numbers(&[4, 1, 3, 2]));
    assert_eq!(
        (verdict.end, verdict.margin.agreeing),
        (End::NoConsensus, 1)
    );
    let wide = Form::Number {
        tolerance: u128::MAX,
    };
    let verdict = tally(&wide, 4, 3, &numbers(&[4, 1, 3, 2]));
    assert_eq!(verdict.result, Some(Ballot::Value(2)));
}

#[test]
fn a_tie_has_no_winner() {
    let verdict = tally(&Form::Choice { options: 2 }, 4, 3, &numbers(&[0, 1, 1, 0]));
    assert_eq!(
        (verdict.end, verdict.margin.agreeing),
        (End::NoConsensus, 2)
    );
}

#[test]
fn nothing_revealed_is_no_consensus() {
    let verdict = tally(&Form::Bool, 3, 2, &[]);
    assert_eq!(
        (verdict.end, verdict.margin.revealed),
        (End::NoConsensus, 0)
    );
}

fn ballots(form: Form) -> impl Strategy<Value = Vec<Ballot>> {
    let one = match form {
        Form::Bool => (0i128..2).prop_map(Ballot::Value).boxed(),
        Form::Choice { options } => (0..i128::from(options)).prop_map(Ballot::Value).boxed(),
        Form::Number { .. } => (-20i128..20).prop_map(Ballot::Value).boxed(),
        Form::Text { .. } | Form::Json => {
            (0u8..4).prop_map(|text| Ballot::Digest([text; 32])).boxed()
        }
    };
    let abstain = (0..Reason::ALL.len()).prop_map(|one| Ballot::Abstention(Reason::ALL[one]));
    prop::collection::vec(prop_oneof![4 => one, 1 => abstain], 0..=32)
}

fn cases() -> impl Strategy<Value = (Form, Vec<Ballot>, u8)> {
    let forms = prop_oneof![
        Just(Form::Bool),
        (2u8..=32).prop_map(|options| Form::Choice { options }),
        (0u128..10).prop_map(|tolerance| Form::Number { tolerance }),
        Just(Form::Text { most: 9 }),
        Just(Form::Json),
    ];
    forms.prop_flat_map(|form| (Just(form), ballots(form), 1u8..=32))
}

#[test]
fn texts_agree_only_when_they_are_equal() {
    let texts = [1, 2, 1].map(|text| Ballot::Digest([text; 32]));
    let verdict = tally(&Form::Text { most: 9 }, 3, 2, &texts);
    assert_eq!(verdict.result, Some(texts[0]));
    assert_eq!((verdict.margin.agreeing, verdict.margin.spread), (2, 0));
    let verdict = tally(&Form::Json, 3, 3, &texts);
    assert_eq!(verdict.end, End::NoConsensus);
}

/// The lower median of those that agree counts: what dissenters and abstentions claim does not.
#[test]
fn a_result_must_be_as_sure_as_the_terms_ask() {
    let yes = |confidence, family| vote(Ballot::Value(1), confidence, family);
    let votes = [
        yes(90, 1),
        yes(20, 1),
        yes(60, 2),
        yes(70, 3),
        vote(Ballot::Value(0), 100, 4),
        vote(Ballot::Abstention(Reason::TooSoon), 100, 5),
    ];
    let verdict = certain(&Form::Bool, (7, 4, 60), &votes);
    assert_eq!(verdict.end, End::Answered);
    let margin = verdict.margin;
    assert_eq!((margin.confidence, margin.families), (60, 3));
    assert_eq!(margin.abstained, [0, 1, 0, 0, 0, 0]);
    let verdict = certain(&Form::Bool, (7, 4, 61), &votes);
    assert_eq!((verdict.end, verdict.result), (End::Undetermined, None));
    assert_eq!(verdict.margin, margin);
    // Two are sure: the lower one of two middles.
    let verdict = certain(&Form::Bool, (3, 2, 31), &[yes(30, 0), yes(99, 0)]);
    assert_eq!(
        (verdict.end, verdict.margin.confidence),
        (End::Undetermined, 30)
    );
}

proptest! {
    /// Found by counting, checked by sorting.
    #[test]
    fn the_confidence_is_the_lower_median(confidences in prop::collection::vec(0u8..=100, 1..33)) {
        let votes: Vec<Vote> = confidences.iter().map(|one| vote(Ballot::Value(1), *one, 0)).collect();
        let seats = votes.len() as u8;
        let verdict = certain(&Form::Bool, (seats, seats, 0), &votes);
        let mut sorted = confidences;
        sorted.sort_unstable();
        prop_assert_eq!(verdict.margin.confidence, sorted[(sorted.len() - 1) / 2]);
    }

    #[test]
    fn the_order_of_the_seats_does_not_matter((form, ballots, threshold) in cases(), turn in 0usize..32) {
        let threshold = threshold.max(ballots.len() as u8 / 2 + 1);
        let verdict = tally(&form, 32, threshold, &ballots);
        let mut turned = ballots.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        let again = tally(&form, 32, threshold, &turned);
        prop_assert_eq!(verdict.end, again.end);
        prop_assert_eq!(verdict.margin, again.margin);
        prop_assert_eq!(verdict.result, again.result);
    }

    #[test]
    fn a_result_is_what_the_threshold_says((form, ballots, threshold) in cases()) {
        let threshold = threshold.max(ballots.len() as u8 / 2 + 1);
        let verdict = tally(&form, 32, threshold, &ballots);
        match verdict.result {
            Some(result) => {
                let agreeing = ballots.iter().filter(|one| one.agrees(&form, &result)).count();
                prop_assert_eq!(verdict.end, End::Answered);
                prop_assert_eq!(agreeing as u8, verdict.margin.agreeing);
                prop_assert!(agreeing >= usize::from(threshold));
            }
            None => prop_assert_ne!(verdict.end, End::Answered),
        }
    }
}

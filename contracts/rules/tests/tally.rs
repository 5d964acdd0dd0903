//! How answers agree: tables and properties.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use llm_oracle_primitives::{Answer, Reason};
use llm_oracle_rules::{
    tally::{agrees, tally},
    End, Form,
};
use proptest::prelude::*;

fn numbers(values: &[i128]) -> Vec<Answer> {
    values.iter().map(|value| Answer::Number(*value)).collect()
}

#[test]
fn one_absurd_number_moves_nothing() {
    let form = Form::Number { tolerance: 10 };
    let verdict = tally(&form, 3, 2, &numbers(&[100, 105, i128::MAX]));
    assert_eq!(
        (verdict.end, verdict.answer),
        (End::Answered, Some(Answer::Number(105)))
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
    assert_eq!(verdict.answer, Some(Answer::Number(2)));
}

#[test]
fn a_tie_has_no_winner() {
    let answers = [
        Answer::Choice(0),
        Answer::Choice(1),
        Answer::Choice(1),
        Answer::Choice(0),
    ];
    let verdict = tally(&Form::Choice { options: 2 }, 4, 3, &answers);
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

fn answers(form: Form) -> impl Strategy<Value = Vec<Answer>> {
    let one = match form {
        Form::Bool => any::<bool>().prop_map(Answer::Bool).boxed(),
        Form::Choice { options } => (0..options).prop_map(Answer::Choice).boxed(),
        Form::Number { .. } => (-20i128..20).prop_map(Answer::Number).boxed(),
    };
    let abstain = Just(Answer::Abstain(Reason::Unclear));
    prop::collection::vec(prop_oneof![4 => one, 1 => abstain], 0..=32)
}

fn cases() -> impl Strategy<Value = (Form, Vec<Answer>, u8)> {
    let forms = prop_oneof![
        Just(Form::Bool),
        (2u8..=32).prop_map(|options| Form::Choice { options }),
        (0u128..10).prop_map(|tolerance| Form::Number { tolerance }),
    ];
    forms.prop_flat_map(|form| (Just(form), answers(form), 1u8..=32))
}

proptest! {
    #[test]
    fn the_order_of_the_seats_does_not_matter((form, answers, threshold) in cases(), turn in 0usize..32) {
        let threshold = threshold.max(answers.len() as u8 / 2 + 1);
        let verdict = tally(&form, 32, threshold, &answers);
        let mut turned = answers.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        let again = tally(&form, 32, threshold, &turned);
        prop_assert_eq!(verdict.end, again.end);
        prop_assert_eq!(verdict.margin, again.margin);
        prop_assert_eq!(verdict.answer, again.answer);
    }

    #[test]
    fn a_result_is_what_the_threshold_says((form, answers, threshold) in cases()) {
        let threshold = threshold.max(answers.len() as u8 / 2 + 1);
        let verdict = tally(&form, 32, threshold, &answers);
        match verdict.answer {
            Some(result) => {
                let agreeing = answers.iter().filter(|one| agrees(&form, &result, one)).count();
                prop_assert_eq!(verdict.end, End::Answered);
                prop_assert_eq!(agreeing as u8, verdict.margin.agreeing);
                prop_assert!(agreeing >= usize::from(threshold));
            }
            None => prop_assert_ne!(verdict.end, End::Answered),
        }
    }
}

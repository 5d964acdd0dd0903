//! From the arguments of `ask` to checked terms.

use super::{
    args::{AskArgs, Form},
    exit::Failure,
};
use llm_oracle_primitives::{
    canonical::parse_decimal, AnswerKind, Assignment, ModelRef, Prompt, Sampling, Terms,
};

/// Seats of a question that says nothing about them.
const SEATS: u8 = 3;

/// The terms that `ask` was given, checked by the contract's own rules.
///
/// # Errors
/// The first broken rule. Nothing has been sent by then.
pub fn terms(args: &AskArgs) -> Result<Terms, Failure> {
    let named: Vec<_> = args.named.iter().map(|account| account.0).collect();
    let seats = seats(args)?;
    let terms = Terms {
        model: args
            .model
            .as_ref()
            .map_or(ModelRef::Any, |name| ModelRef::Name(name.clone().into())),
        prompt: Prompt::Inline(args.prompt.clone().into()),
        system: args.system.clone().map(Into::into),
        answer: kind(&args.form)?,
        sampling: Sampling::default(),
        seats,
        threshold: args.threshold.unwrap_or_else(|| majority(seats)),
        assignment: if named.is_empty() {
            Assignment::Open
        } else {
            Assignment::Named { operators: named }
        },
        one_step: args.one_step,
        commit_blocks: args.commit_blocks,
        reveal_blocks: args.reveal_blocks,
        callback: None,
        refund_to: None,
    };
    terms
        .check()
        .map_err(|error| Failure::usage(error).help("nothing was sent"))?;
    Ok(terms)
}

fn seats(args: &AskArgs) -> Result<u8, Failure> {
    match args.seats {
        Some(seats) if args.one_step && seats != 1 => Err(Failure::usage(format!(
            "--one-step has 1 seat, and --seats asks for {seats}"
        ))
        .help("leave one of the two out; nothing was sent")),
        Some(seats) => Ok(seats),
        None => Ok(if args.one_step { 1 } else { SEATS }),
    }
}

/// The least threshold of a committee: more than half.
pub fn majority(seats: u8) -> u8 {
    (seats / 2).saturating_add(1)
}

fn kind(form: &Form) -> Result<AnswerKind, Failure> {
    if let Some(options) = &form.choice {
        let options = options
            .iter()
            .map(|option| option.trim().as_bytes().to_vec())
            .collect();
        return Ok(AnswerKind::Choice { options });
    }
    if form.number {
        let (scale, text) = (form.decimals, &form.tolerance);
        let wrong = |why: String| Failure::usage(format!("--tolerance '{text}' {why}"));
        let places = text
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len());
        if places > usize::from(scale) {
            return Err(wrong(format!(
                "has more than the {scale} decimal places of the number"
            ))
            .help(format!(
                "raise --decimals to {places} or round the tolerance"
            )));
        }
        let mantissa =
            parse_decimal(text, scale).map_err(|error| wrong(format!("is wrong: {error}")))?;
        let tolerance = mantissa
            .try_into()
            .map_err(|_| wrong("is below zero".into()))?;
        return Ok(AnswerKind::Number { scale, tolerance });
    }
    Ok(AnswerKind::Bool)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Verb};
    use clap::Parser;

    fn ask(arguments: &[&str]) -> Result<Terms, Failure> {
        let line = ["llm-oracle", "ask", "Is it so?"].iter().chain(arguments);
        match Cli::try_parse_from(line).map_err(Failure::usage)?.verb {
            Verb::Ask(args) => terms(&args),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn the_threshold_is_more_than_half_of_the_seats() {
        for (seats, threshold) in [("1", 1), ("2", 2), ("3", 2), ("4", 3), ("32", 17)] {
            assert_eq!(
                ask(&["--bool", "--seats", seats]).unwrap().threshold,
                threshold
            );
        }
        assert_eq!(ask(&["--bool", "--threshold", "3"]).unwrap().threshold, 3);
    }

    #[test]
    fn each_form_of_answer_can_be_asked_for() {
        assert_eq!(ask(&["--bool"]).unwrap().answer, AnswerKind::Bool);
        let options = vec![b"red".to_vec(), b"dark green".to_vec()];
        assert_eq!(
            ask(&["--choice", "red, dark green"]).unwrap().answer,
            AnswerKind::Choice { options }
        );
        assert_eq!(
            ask(&["--number", "--decimals", "2", "--tolerance", "0.5"])
                .unwrap()
                .answer,
            AnswerKind::Number {
                scale: 2,
                tolerance: 50
            }
        );
        assert_eq!(
            ask(&["--number"]).unwrap().answer,
            AnswerKind::Number {
                scale: 0,
                tolerance: 0
            }
        );
    }

    #[test]
    fn named_operators_and_one_step_reach_the_terms() {
        let terms = ask(&["--bool", "--seats", "1", "--named", "//Alice,//Bob"]).unwrap();
        assert!(
            matches!(terms.assignment, Assignment::Named { operators } if operators.len() == 2)
        );
        let terms = ask(&["--bool", "--one-step"]).unwrap();
        assert_eq!((terms.seats, terms.threshold, terms.one_step), (1, 1, true));
        assert!(ask(&["--bool", "--one-step", "--seats", "1"]).is_ok());
        assert_eq!(ask(&["--bool"]).unwrap().seats, 3);
    }

    #[test]
    fn a_wrong_question_is_refused_by_its_value() {
        for (arguments, named) in [
            (&["--choice", "one"][..], "1 options"),
            (&["--choice", "a,a"], "twice"),
            (&["--bool", "--seats", "33"], "33 seats"),
            (&["--bool", "--one-step", "--seats", "5"], "asks for 5"),
            (&["--bool", "--one-step", "--seats", "0"], "asks for 0"),
            (
                &["--bool", "--seats", "4", "--threshold", "2"],
                "threshold of 2 for 4",
            ),
            (&["--number", "--decimals", "37"], "37 decimals"),
            (&["--number", "--tolerance", "0.5"], "0.5"),
            (&["--number", "--tolerance=-1"], "below zero"),
            (&["--number", "--tolerance", "much"], "much"),
            (&["--bool", "--named", "Alice"], "Alice"),
            (&["--bool", "--named", "//Alice"], "1 operators named for 3"),
            (&[], "--bool"),
            (&["--bool", "--number"], "--number"),
            (&["--bool", "--fee", "1DOT"], "1DOT"),
        ] {
            let refused = ask(arguments).unwrap_err();
            assert!(refused.message.contains(named), "{arguments:?}: {refused}");
        }
    }

    #[test]
    fn a_prompt_over_the_limit_is_refused_and_never_cut() {
        let long = "x".repeat(8193);
        let cli = Cli::try_parse_from(["llm-oracle", "ask", &long, "--bool"]).unwrap();
        let Verb::Ask(args) = cli.verb else {
            unreachable!()
        };
        let refused = terms(&args).unwrap_err();
        assert!(refused.message.contains("8193 bytes"), "{refused}");
        assert_eq!(refused.code, crate::cli::exit::USAGE);
    }
}

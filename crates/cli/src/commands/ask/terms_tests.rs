//! From arguments to terms.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    commands::{CommandLine, Subcommands},
    NoMoreSubcommands,
};
use clap::Parser;
use std::fs;

fn ask(arguments: &[&str]) -> Result<Terms, CliError> {
    let line = ["llm-oracle", "ask", "Is it so?"].iter().chain(arguments);
    match CommandLine::<NoMoreSubcommands>::try_parse_from(line)
        .map_err(CliError::usage)?
        .subcommand
    {
        Subcommands::Ask(args) => terms(&args, Vec::new()),
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
    assert!(matches!(terms.assignment, Assignment::Named { operators } if operators.len() == 2));
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
        (&["--bool", "--reward", "1.DOT"], "1.DOT"),
    ] {
        let refused = ask(arguments).unwrap_err();
        assert!(refused.message.contains(named), "{arguments:?}: {refused}");
    }
}

#[test]
fn a_prompt_over_the_limit_is_refused_and_never_cut() {
    let long = "x".repeat(8193);
    let cli =
        CommandLine::<NoMoreSubcommands>::try_parse_from(["llm-oracle", "ask", &long, "--bool"])
            .unwrap();
    let Subcommands::Ask(args) = cli.subcommand else {
        unreachable!()
    };
    let refused = terms(&args, Vec::new()).unwrap_err();
    assert!(refused.message.contains("8193 bytes"), "{refused}");
    assert_eq!(refused.code, crate::exit::USAGE);
}

#[test]
fn each_committee_can_be_asked_for() {
    let least = LeastRecord {
        agreement_ppm: 995_000,
        answers: 20,
    };
    for (arguments, assignment) in [
        (&[][..], Assignment::open()),
        (&["--open"], Assignment::open()),
        (
            &["--min-agreement", "99.5", "--min-answers", "20"],
            Assignment::Open { least },
        ),
        (&["--set", "3"], Assignment::Set(3)),
    ] {
        let arguments = [&["--bool"], arguments].concat();
        assert_eq!(ask(&arguments).unwrap().assignment, assignment);
    }
    for arguments in [
        &["--named", "//Alice", "--min-answers", "1"][..],
        &["--set", "1", "--min-answers", "1"],
        &["--open", "--set", "1"],
        &["--named", "//Alice", "--set", "1"],
        &["--min-agreement", "101"],
        &["--min-confidence", "101"],
    ] {
        let arguments = [&["--bool"], arguments].concat();
        assert!(ask(&arguments).is_err(), "{arguments:?}");
    }
    let terms = ask(&[
        "--bool",
        "--max-seats-per-family",
        "1",
        "--min-confidence",
        "70",
        "--not-before",
        "900",
    ])
    .unwrap();
    let limits = (
        terms.max_seats_per_family,
        terms.min_confidence,
        terms.not_before,
    );
    assert_eq!(limits, (1, 70, 900));
}

#[test]
fn sources_reach_the_terms() {
    let digest = format!("0x{}:9:text/plain", "07".repeat(32));
    let url = "https://example.com";
    let terms = ask(&["--bool", "--attach-digest", &digest, "--source", url]).unwrap();
    let page = |must| Source::Page {
        url: url.into(),
        must,
    };
    assert_eq!(terms.sources.len(), 2);
    assert_eq!(terms.sources[1], page(false));
    let needed = ask(&["--bool", "--source", url, "--must"]).unwrap();
    assert_eq!(needed.sources, [page(true)]);
    assert!(ask(&["--bool", "--must"]).is_err());
    let refused = ask(&["--bool", "--source", "http://example.com"]).unwrap_err();
    assert!(refused.message.contains("source number 0"), "{refused}");
}

#[test]
fn open_answers_have_a_length_or_a_schema() {
    let text = ask(&["--text", "--max-bytes", "600"]).unwrap();
    assert_eq!(text.answer, AnswerKind::Text { max_bytes: 600 });
    // Room for all of it.
    assert_eq!(text.sampling.max_tokens, 300);
    let default = AnswerKind::Text { max_bytes: 256 };
    assert_eq!(ask(&["--text"]).unwrap().answer, default);

    let schema = br#"{"type":"object"}"#.to_vec();
    let inline = ask(&["--json-schema", "{ \"type\": \"object\" }"]).unwrap();
    let wanted = AnswerKind::Json { schema };
    assert_eq!(inline.answer, wanted);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "{\n  \"type\": \"object\"\n}\n").unwrap();
    let read = ask(&["--json-schema", file.path().to_str().unwrap()]).unwrap();
    assert_eq!(read.answer, wanted);

    for (arguments, named) in [
        (&["--text", "--max-bytes", "0"][..], "0 bytes"),
        (&["--text", "--max-bytes", "2049"], "2049 bytes"),
        (&["--text", "--tolerance", "1"], "--tolerance"),
        (&["--bool", "--max-bytes", "9"], "--max-bytes"),
        (
            &["--json-schema", "/nowhere/schema.json"],
            "/nowhere/schema.json",
        ),
        (&["--json-schema", "{"], "not usable"),
        (&["--json-schema", "{}", "--text"], "--text"),
    ] {
        let refused = ask(arguments).unwrap_err();
        assert!(refused.message.contains(named), "{arguments:?}: {refused}");
    }
}

#[test]
fn a_schema_that_no_operator_can_check_is_refused_before_anybody_pays() {
    assert!(ask(&["--json-schema", r#"{"type":"string"}"#]).is_ok());
    let remote = r#"{"$ref":"https://example.org/schema.json"}"#;
    assert!(ask(&["--json-schema", remote]).is_err());
}

#[test]
fn flags_of_version_0_3_are_accepted_for_one_release() {
    let line = ["llm-oracle", "ask", "Is it so?", "--bool"];
    let old = [
        "--fee",
        "0.02UNIT",
        "--least-agreement",
        "80",
        "--least-answers",
        "5",
    ];
    let cli = CommandLine::<NoMoreSubcommands>::try_parse_from(line.iter().chain(&old)).unwrap();
    let Subcommands::Ask(args) = cli.subcommand else {
        unreachable!()
    };
    assert_eq!(
        args.reward.map(|reward| reward.planck()),
        Some(Ok(20_000_000_000))
    );
    let share = args.committee.min_agreement.map(|share| share.ppm);
    assert_eq!(
        (share, args.committee.min_answers),
        (Some(800_000), Some(5))
    );
}

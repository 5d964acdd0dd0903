//! The arguments of `check`.

use crate::{
    commands::ask::{kind, not_blank, prompt, AnswerFlags, SourceFlags},
    exit::CliError,
    money::AmountInput,
};
use clap::{ArgGroup, Args};
use llm_oracle_eval::{asked, AskedQuestion, CommitteeSpec};
use std::{fs, io, path::PathBuf};

/// Name of the question of the command line in reports.
const FROM_FLAGS: &str = "question";

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("answer_type"),
    group = ArgGroup::new("questions").required(true)
)]
pub struct CheckArgs {
    /// The question; - reads it from stdin
    #[arg(group = "questions", requires = "answer_type")]
    pub prompt: Option<String>,
    /// Many questions instead, one JSON object a line; may be repeated
    #[arg(
        long,
        value_name = "FILE",
        group = "questions",
        conflicts_with_all = ["answer_type", "system", "attach", "attach_digest", "source"]
    )]
    pub file: Vec<PathBuf>,
    /// System prompt: an instruction before the question
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// The type of the answer.
    #[command(flatten)]
    pub answer: AnswerFlags,
    /// What the question is about.
    #[command(flatten)]
    pub sources: SourceFlags,
    /// Asking models.
    #[command(flatten)]
    pub estimate: EstimateFlags,
}

/// How models are asked for an estimate.
#[derive(Args, Debug)]
#[command(next_help_heading = "Expected agreement and price")]
#[group(skip)]
pub struct EstimateFlags {
    /// Ask models how they would answer, and say what agreement and price to expect
    #[arg(long)]
    pub estimate: bool,
    /// Settings file with [model] or [[models]] to ask [default: those of the settings]
    #[arg(long, value_name = "FILE", requires = "estimate")]
    pub models: Option<PathBuf>,
    /// Committee that is to answer: seats, and how many must agree
    #[arg(
        long,
        value_name = "SEATS:AGREE",
        requires = "estimate",
        default_value = "3:2"
    )]
    pub committee: CommitteeSpec,
    /// Wordings of each question, the original among them
    #[arg(long, value_name = "N", requires = "estimate", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=6))]
    pub wordings: u8,
    /// How often each wording is asked
    #[arg(long, value_name = "N", requires = "estimate", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeats: u32,
    /// Folder of the replies; what is there is not asked again
    #[arg(
        long,
        value_name = "FOLDER",
        requires = "estimate",
        default_value = "check"
    )]
    pub out: PathBuf,
    /// Questions under way at once
    #[arg(long, value_name = "N", requires = "estimate", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,
    /// End after so many questions to models in this run
    #[arg(long, value_name = "N", requires = "estimate")]
    pub max_questions: Option<u64>,
    /// End before this run costs more by the prices of the settings, planck
    #[arg(long, value_name = "AMOUNT", requires = "estimate")]
    pub max_spend: Option<AmountInput>,
}

impl CheckArgs {
    /// All questions, of the flags or of the files.
    ///
    /// # Errors
    /// When a flag or a file is wrong.
    pub fn questions(&self) -> Result<Vec<AskedQuestion>, CliError> {
        if let Some(argument) = &self.prompt {
            return self.question(argument).map(|question| vec![question]);
        }
        let mut questions: Vec<AskedQuestion> = Vec::new();
        for file in &self.file {
            let name = file.display().to_string();
            let text = fs::read_to_string(file).map_err(|error| {
                let failure = CliError::usage(format!("{name} cannot be read: {error}"));
                failure.help("name a file with one question a line")
            })?;
            questions.extend(asked::read(&name, &text).map_err(CliError::usage)?);
        }
        Ok(questions)
    }

    fn question(&self, argument: &str) -> Result<AskedQuestion, CliError> {
        let prompt = prompt(argument, io::stdin())?;
        not_blank("--system", self.system.as_deref().unwrap_or_default())?;
        let kind = kind(&self.answer)?;
        kind.check().map_err(CliError::usage)?;
        let sources = &self.sources;
        let of_documents = sources
            .attach
            .len()
            .saturating_add(sources.attach_digest.len());
        Ok(AskedQuestion {
            system: self.system.clone(),
            sources: of_documents.saturating_add(sources.source.len()),
            ..AskedQuestion::new(FROM_FLAGS, kind, prompt)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        commands::{CommandLine, Subcommands},
        NoMoreSubcommands,
    };
    use clap::Parser;
    use llm_oracle_primitives::AnswerKind;

    fn check(arguments: &[&str]) -> Option<CheckArgs> {
        let line = ["llm-oracle", "check"].iter().chain(arguments);
        let line = CommandLine::<NoMoreSubcommands>::try_parse_from(line).ok()?;
        match line.subcommand {
            Subcommands::Check(args) => Some(args),
            _ => None,
        }
    }

    #[test]
    fn a_question_is_asked_with_the_flags_of_ask_or_read_from_files() {
        let args = check(&[
            "Is it?",
            "--bool",
            "--source",
            "https://example.com",
            "--system",
            "s",
        ]);
        let questions = args.unwrap().questions().unwrap();
        assert_eq!(
            (questions[0].sources, &questions[0].kind),
            (1, &AnswerKind::Bool)
        );
        assert_eq!(questions[0].system.as_deref(), Some("s"));
        assert!(check(&["--file", "a.jsonl", "--file", "b.jsonl"]).is_some());
        assert!(check(&[
            "--file",
            "a",
            "--estimate",
            "--models",
            "m",
            "--repeats",
            "9"
        ])
        .is_some());
        for wrong in [
            &["Is it?"][..],
            &[],
            &["--bool"],
            &["Is it?", "--bool", "--file", "a"],
            &["--file", "a", "--bool"],
            &["Is it?", "--bool", "--number"],
            &["Is it?", "--bool", "--repeats", "3"],
            &["Is it?", "--bool", "--estimate", "--wordings", "7"],
        ] {
            assert!(check(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = check(&["--file", "nowhere.jsonl"]).unwrap().questions();
        let error = error.unwrap_err();
        assert!(error.message.contains("nowhere.jsonl"), "{error}");
        assert_eq!(error.code, crate::exit::USAGE);
    }
}

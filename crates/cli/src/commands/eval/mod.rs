//! `eval`: measures models and committees on labelled questions.

mod calibrate;
mod files;

use crate::{
    config,
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    money::AmountInput,
    subcommand::RunSubcommand,
};
use clap::{Args, Subcommand};
use files::{read_files, write};
use llm_oracle_eval::{
    measure, page,
    reply_log::{LogError, ReplyLog},
    runner::{self, RunBudget, RunError, RunOptions, RunProgress},
    summary, CommitteeSpec,
};
use std::path::PathBuf;

/// Arguments of `eval`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EvalArgs {
    /// What to do with replies instead.
    #[command(subcommand)]
    pub subcommand: Option<EvalSubcommand>,
    /// Labelled questions, one JSON object a line
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Settings file with [model] or [[models]], each of which is measured [default: those of the settings]
    #[arg(long, value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// Committee: seats, and how many must agree; may be repeated [default: 3:2 and all models, with 3 models or more]
    #[arg(long, value_name = "SEATS:AGREE")]
    pub committee: Vec<CommitteeSpec>,
    /// Folder of replies, report.json and report.html
    #[arg(long, value_name = "FOLDER", default_value = "eval")]
    pub out: PathBuf,
    /// Only so many questions, drawn by the seed
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Seed of the sample, the committees and the intervals
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Questions under way at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,
    /// Ask choice questions in one order of options only
    #[arg(long)]
    pub one_order: bool,
    /// End after so many questions to models in this run
    #[arg(long, value_name = "N")]
    pub max_questions: Option<u64>,
    /// End before this run costs more by the prices of the settings, planck
    #[arg(long, value_name = "AMOUNT")]
    pub max_spend: Option<AmountInput>,
}

/// Subcommands of `eval`.
#[derive(Subcommand, Debug)]
pub enum EvalSubcommand {
    /// Write the calibration map: what a model's confidence is worth
    Calibrate(calibrate::EvalCalibrateArgs),
}

impl RunSubcommand for EvalArgs {
    /// # Errors
    /// When a file is wrong, a model cannot be used, or a file cannot be written. Questions without a reply
    /// are a result, with the exit code of [`exit::MODEL`].
    async fn run(self, context: &CommandContext) -> CommandResult {
        if let Some(EvalSubcommand::Calibrate(calibrate)) = self.subcommand {
            return calibrate.run(context).await;
        }
        let options = self.options()?;
        let questions = runner::sample(read_files(&self.files)?, self.limit, self.seed);
        let models = match &self.models {
            Some(file) => config::load_models(file)?,
            None => context.settings.model.clone(),
        };
        let models = runner::build_models(&models)?;
        let mut log = ReplyLog::open(&self.out)?;
        let show = |progress: &RunProgress| {
            let kept = u64::try_from(progress.kept).unwrap_or(u64::MAX);
            let total = u64::try_from(progress.total).unwrap_or(u64::MAX);
            let done = kept.saturating_add(progress.asked);
            let message = format!("{} failed", progress.failed);
            context.out.progress(done, total, message);
        };
        let progress = runner::run(&models, &questions, options, &mut log, show).await?;
        context.out.quiet();
        tell(context, &progress);
        let names: Vec<String> = models.into_iter().map(|model| model.name).collect();
        let matrix = log.matrix(&names, &questions);
        let report = measure::report(&matrix, &self.committees(names.len()), self.seed);
        let json = serde_json::to_value(&report).map_err(CliError::bug)?;
        write(
            &self.out.join("report.json"),
            format!("{json:#}\n").as_bytes(),
        )?;
        write(
            &self.out.join("report.html"),
            page::html(&report).as_bytes(),
        )?;
        context.out.stage(format!(
            "wrote report.json and report.html to {}",
            self.out.display()
        ));
        context.out.result(&summary::text(&report), &json)?;
        Ok(if progress.failed > 0 {
            exit::MODEL
        } else {
            exit::OK
        })
    }
}

impl EvalArgs {
    fn options(&self) -> Result<RunOptions, CliError> {
        let max_spend = self.max_spend.as_ref().map(AmountInput::read).transpose()?;
        Ok(RunOptions {
            parallel: self.parallel.into(),
            budget: RunBudget {
                max_questions: self.max_questions,
                max_spend,
            },
            both_orders: !self.one_order,
        })
    }

    fn committees(&self, models: usize) -> Vec<CommitteeSpec> {
        if !self.committee.is_empty() || models < 3 {
            return self.committee.clone();
        }
        let all = u8::try_from(models).unwrap_or(u8::MAX);
        let mut specs = vec![CommitteeSpec::majority(3)];
        let most = llm_oracle_primitives::limits::MAX_SEATS;
        specs.extend((all > 3).then(|| CommitteeSpec::majority(all.min(most))));
        specs
    }
}

/// What did not go as wanted, on stderr.
pub(super) fn tell(context: &CommandContext, progress: &RunProgress) {
    for failure in &progress.failures {
        context.out.stage(format!("failed: {failure}"));
    }
    if progress.failed > 0 {
        let failed = progress.failed;
        context.out.stage(format!(
            "{failed} questions have no reply: run it again to ask them"
        ));
    }
    if progress.budget_reached {
        let RunProgress {
            asked, kept, total, ..
        } = progress;
        context.out.stage(format!(
            "the budget ended the run after {asked} questions; {kept} of {total} were there before: run it again to go on"
        ));
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::SameName(_) => Self::usage(error),
            RunError::Model { .. } => Self::new(exit::MODEL, error),
            RunError::Log(error) => error.into(),
        }
    }
}

impl From<LogError> for CliError {
    fn from(error: LogError) -> Self {
        Self::usage(error)
    }
}

#[cfg(test)]
mod tests {
    use crate::NoMoreSubcommands;

    #[test]
    fn files_and_calibrate_are_told_apart() {
        let parses = |line: &str| {
            let words = ["llm-oracle", "eval"].into_iter().chain(line.split(' '));
            crate::parses::<NoMoreSubcommands>(words)
        };
        assert!(parses(
            "a.jsonl b.jsonl --models m.toml --committee 3:2 --committee 5:4"
        ));
        assert!(parses(
            "a.jsonl --out o --limit 9 --seed 2 --parallel 8 --max-spend 7 --max-questions 3"
        ));
        assert!(parses("calibrate a.jsonl --out o --map map.json"));
        assert!(
            !parses("--limit 9") && !parses("a.jsonl --committee 4:2") && !parses("a --parallel 0")
        );
    }
}

//! `check`: what is wrong with a question, before money is bound.

mod estimate;
mod flags;
mod report;

pub use flags::CheckArgs;

use crate::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    subcommand::RunSubcommand,
};
use llm_oracle_question_check::QuestionChecker;
use report::CheckReport;

impl RunSubcommand for CheckArgs {
    /// # Errors
    /// When a flag or a file is wrong, or a model cannot be used. Defects are a result, with the exit code of
    /// [`exit::QUESTION_DEFECTS`], and so are questions without a reply, with that of [`exit::MODEL`].
    async fn run(self, context: &CommandContext) -> CommandResult {
        let questions = self.questions()?;
        let checker = QuestionChecker::new().map_err(CliError::bug)?;
        let mut report = CheckReport::new(&checker, &questions);
        let mut is_complete = true;
        if self.estimate.estimate {
            let estimate = estimate::estimate(context, &self.estimate, &questions).await?;
            super::eval::tell(context, &estimate.progress);
            is_complete = estimate.progress.failed == 0;
            report.add(estimate.expected);
        }
        let json = serde_json::to_value(&report).map_err(CliError::bug)?;
        context.out.result(&report.text(), &json)?;
        Ok(match (is_complete, report.findings) {
            (false, _) => exit::MODEL,
            (true, 0) => exit::OK,
            (true, _) => exit::QUESTION_DEFECTS,
        })
    }
}

//! What models are likely to answer: agreement, abstentions and price, from their replies to several wordings.

use super::flags::EstimateFlags;
use crate::{config, context::CommandContext, exit::CliError, output::table};
use llm_oracle_eval::{
    agreement::{self, ExpectedAgreement, Variant},
    reply_log::ReplyLog,
    runner::{self, RunBudget, RunOptions, RunProgress},
    stats::interval::Proportion,
    AskedQuestion,
};
use llm_oracle_question_check::Paraphraser;

/// Seed of the committees, of which a sample is drawn where there are many.
const SEED: u64 = 1;

/// What is expected of each question, in their order, and how the run went.
pub struct Estimate {
    /// Each question.
    pub expected: Vec<ExpectedAgreement>,
    /// The run.
    pub progress: RunProgress,
}

/// Asks the models what is missing, and sums up.
///
/// # Errors
/// When a model or the folder of replies cannot be used.
pub async fn estimate(
    context: &CommandContext,
    flags: &EstimateFlags,
    questions: &[AskedQuestion],
) -> Result<Estimate, CliError> {
    let models = match &flags.models {
        Some(file) => config::load_models(file)?,
        None => context.settings.model.clone(),
    };
    let models = runner::build_models(&models)?;
    let mut log = ReplyLog::open(&flags.out)?;
    let paraphraser = Paraphraser::new().map_err(CliError::bug)?;
    let variants: Vec<Vec<Variant>> = questions
        .iter()
        .map(|question| {
            let wordings = paraphraser.wordings(&question.prompt, flags.wordings.into());
            agreement::variants(question, &wordings, flags.repeats)
        })
        .collect();
    let asked: Vec<AskedQuestion> = variants.iter().flatten().flatten().cloned().collect();
    let max_spend = flags.max_spend.as_ref().map(|amount| amount.read());
    let options = RunOptions {
        parallel: flags.parallel.into(),
        budget: RunBudget {
            max_questions: flags.max_questions,
            max_spend: max_spend.transpose()?,
        },
        // The variants have both orders.
        both_orders: false,
    };
    let show = |progress: &RunProgress| {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let done = count(progress.kept).saturating_add(progress.asked);
        let message = format!("{} failed", progress.failed);
        context.out.progress(done, count(progress.total), message);
    };
    let progress = runner::run_asked(&models, &asked, options, &mut log, show).await?;
    context.out.quiet();
    let names: Vec<String> = models.into_iter().map(|model| model.name).collect();
    let of =
        |variants: &Vec<Variant>| agreement::expect(&log, &names, variants, flags.committee, SEED);
    Ok(Estimate {
        expected: variants.iter().map(of).collect(),
        progress,
    })
}

/// What is expected of a question, as a table.
pub fn text(expected: &ExpectedAgreement) -> String {
    let answers = expected.answers.iter();
    let answers: Vec<String> = answers
        .map(|(answer, count)| format!("{answer} {count}"))
        .collect();
    let rows = [
        (
            "agreement",
            expected.agreement.as_ref().map_or_else(
                || "unknown: no two seats gave an answer".to_owned(),
                per_cent,
            ),
        ),
        ("abstention", per_cent(&expected.abstention)),
        ("answered", per_cent(&expected.answered)),
        ("undetermined", per_cent(&expected.undetermined)),
        ("answers", answers.join(", ")),
        ("tokens", expected.tokens.to_string()),
        ("planck", expected.planck.clone()),
        (
            "replies",
            match expected.missing {
                0 => expected.replies.to_string(),
                missing => format!("{}, and {missing} are missing", expected.replies),
            },
        ),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    table(&["expected", ""], rows)
}

fn per_cent(share: &Proportion) -> String {
    let per_cent = |share: f64| (share * 100.0).round();
    format!(
        "{} % ({} to {})",
        per_cent(share.share),
        per_cent(share.low),
        per_cent(share.high)
    )
}

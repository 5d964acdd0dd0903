//! Puts questions to models: in parallel, within a budget, each reply kept as it comes.

use crate::{
    answer_text,
    reply_log::{KeptReply, LogError, ReplyLog},
    stats::rng::SeededRng,
    LabelledQuestion,
};
use futures::{stream, StreamExt};
use llm_oracle_llm::{
    actual_cost, build_all, CallCost, CallLimits, ModelError, Models, Provider, ProviderReply,
    Retry,
};
use llm_oracle_primitives::digest;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use thiserror::Error;

/// Tries of one question before it counts as failed.
const ATTEMPTS_MAX: u32 = 4;
/// Pause before another try where the model names none; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A model that wants a longer pause is left to a later run.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Failures whose text is kept for the summary.
const FAILURES_SHOWN: usize = 5;

/// A model that is measured.
#[derive(Clone)]
pub struct EvalModel {
    /// Its name, one of its own.
    pub name: String,
    /// The model with its limits.
    pub provider: Arc<dyn Provider>,
    /// The limits, for prices.
    pub limits: CallLimits,
}

/// How much a run may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunBudget {
    /// Most questions put to models in this run; `None`: any number.
    pub max_questions: Option<u64>,
    /// Most cost in this run, planck, by the prices of the settings; `None`: any.
    pub max_spend: Option<u128>,
}

/// How a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Questions under way at once.
    pub parallel: usize,
    /// The budget.
    pub budget: RunBudget,
    /// Whether choice questions are asked again with their options reversed.
    pub both_orders: bool,
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Questions of all models, each order of options counted.
    pub total: usize,
    /// Those that an earlier run asked.
    pub kept: usize,
    /// Asked now.
    pub asked: u64,
    /// Without a reply.
    pub failed: u64,
    /// Cost of this run by the settings' prices, planck.
    pub planck: u128,
    /// Whether the budget ended it.
    pub budget_reached: bool,
    /// Some of the failures.
    pub failures: Vec<String>,
}

/// Why nothing can be measured.
#[derive(Debug, Error)]
pub enum RunError {
    /// Two models of one name.
    #[error("two models are named '{0}': give one of them another `name`")]
    SameName(String),
    /// A model cannot be used.
    #[error("model {number} of the settings: {error}")]
    Model {
        /// Its place, from 1.
        number: usize,
        /// Why.
        error: ModelError,
    },
    /// A reply cannot be kept.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Makes the models, each for itself: here none answers instead of another.
///
/// # Errors
/// When one of them cannot be used, or two have the same name.
pub fn build_models(models: &Models) -> Result<Vec<EvalModel>, RunError> {
    let mut made: Vec<EvalModel> = Vec::new();
    for (number, model) in (1..).zip(&models.0) {
        let provider = build_all(&Models(vec![model.clone()]));
        let provider = provider.map_err(|error| RunError::Model { number, error })?;
        let name = provider.name().to_owned();
        if made.iter().any(|other| other.name == name) {
            return Err(RunError::SameName(name));
        }
        made.push(EvalModel {
            name,
            provider,
            limits: model.limits,
        });
    }
    Ok(made)
}

/// So many of the questions, drawn by the seed, in their order.
pub fn sample(
    questions: Vec<LabelledQuestion>,
    limit: Option<usize>,
    seed: u64,
) -> Vec<LabelledQuestion> {
    let mut places: Vec<usize> = (0..questions.len()).collect();
    SeededRng::new(seed).shuffle(&mut places);
    let wanted = places.into_iter().take(limit.unwrap_or(usize::MAX));
    let wanted: HashSet<usize> = wanted.collect();
    let all = questions.into_iter().enumerate();
    all.filter(|(at, _)| wanted.contains(at))
        .map(|(_, one)| one)
        .collect()
}

/// One question for one model.
struct Task<'a> {
    model: &'a EvalModel,
    question: LabelledQuestion,
    digest: String,
}

/// Asks what is missing. Ends when all is asked, or the budget is reached; what is under way then is kept.
///
/// # Errors
/// When a reply cannot be kept.
pub async fn run(
    models: &[EvalModel],
    questions: &[LabelledQuestion],
    options: RunOptions,
    log: &mut ReplyLog,
    mut show: impl FnMut(&RunProgress),
) -> Result<RunProgress, RunError> {
    let (tasks, mut progress) = missing(models, questions, options, log);
    show(&progress);
    let mut waiting = tasks.into_iter();
    let mut under_way = stream::FuturesUnordered::new();
    loop {
        while under_way.len() < options.parallel.max(1) && !progress.budget_reached {
            let Some(task) = waiting.next() else { break };
            if !fits(models, &task, options.budget, progress.asked) {
                progress.budget_reached = true;
                break;
            }
            progress.asked = progress.asked.saturating_add(1);
            under_way.push(ask(task));
        }
        let Some((task, took, result)) = under_way.next().await else {
            break;
        };
        match result {
            Ok(reply) => {
                let kept = kept(&task, took, &reply);
                let planck: u128 = kept.planck.parse().unwrap_or_default();
                progress.planck = progress.planck.saturating_add(planck);
                log.keep(kept, &reply.record)?;
            }
            Err(error) => note_failure(&mut progress, &task, &error),
        }
        show(&progress);
    }
    Ok(progress)
}

fn missing<'a>(
    models: &'a [EvalModel],
    questions: &[LabelledQuestion],
    options: RunOptions,
    log: &ReplyLog,
) -> (Vec<Task<'a>>, RunProgress) {
    let mut progress = RunProgress::default();
    let mut tasks = Vec::new();
    for question in questions {
        let reversed = question.reversed().filter(|_| options.both_orders);
        for question in [Some(question.clone()), reversed].into_iter().flatten() {
            let digest = question.digest();
            for model in models {
                progress.total = progress.total.saturating_add(1);
                if log.has(&model.name, &digest) {
                    progress.kept = progress.kept.saturating_add(1);
                    continue;
                }
                tasks.push(Task {
                    model,
                    question: question.clone(),
                    digest: digest.clone(),
                });
            }
        }
    }
    (tasks, progress)
}

/// Whether the budget allows one more, at its greatest cost. What is under way counts with its greatest cost.
fn fits(models: &[EvalModel], task: &Task<'_>, budget: RunBudget, asked: u64) -> bool {
    if budget.max_questions.is_some_and(|most| asked >= most) {
        return false;
    }
    let Some(most) = budget.max_spend else {
        return true;
    };
    let states = models.iter().flat_map(|model| model.provider.states());
    // What does not parse counts as too much.
    let used = states.map(|state| match state.used.planck.as_str() {
        "" => 0,
        text => text.parse().unwrap_or(u128::MAX),
    });
    let used = used.fold(0, u128::saturating_add);
    let price = task.model.provider.price(&task.question.model_question());
    used.saturating_add(price) <= most
}

/// The reply, with the time of the try that gave it. A model that is busy or failed is asked again later.
async fn ask(task: Task<'_>) -> (Task<'_>, Duration, Result<ProviderReply, ModelError>) {
    let asked = task.question.model_question();
    let mut pause = FIRST_PAUSE;
    let mut attempts = 1_u32;
    loop {
        let start = Instant::now();
        let result = task.model.provider.answer(&asked).await;
        let wait = result.as_ref().err().map(ModelError::retry);
        let wait = match wait {
            Some(Retry::Backoff(named)) => named.unwrap_or(pause),
            _ => Duration::MAX,
        };
        if wait > LONGEST_PAUSE || attempts >= ATTEMPTS_MAX {
            return (task, start.elapsed(), result);
        }
        tokio::time::sleep(wait).await;
        pause = pause.saturating_mul(2);
        attempts = attempts.saturating_add(1);
    }
}

fn kept(task: &Task<'_>, took: Duration, reply: &ProviderReply) -> KeptReply {
    let cost = actual_cost(&reply.record, CallCost::default());
    KeptReply {
        model: task.model.name.clone(),
        question: task.digest.clone(),
        id: task.question.id.clone(),
        answer: answer_text::write(&reply.answer, &task.question.kind),
        confidence: reply.confidence.min(100),
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        tokens: cost.tokens().max(prompt_tokens(reply)),
        planck: task.model.limits.price(cost).to_string(),
        record: hex::encode(digest::blake2(reply.record.to_string().as_bytes())),
    }
}

/// A scored question generates nothing, so its record counts the prompt alone.
fn prompt_tokens(reply: &ProviderReply) -> u64 {
    reply.record["usage"]["prompt_tokens"].as_u64().unwrap_or(0)
}

fn note_failure(progress: &mut RunProgress, task: &Task<'_>, error: &ModelError) {
    progress.failed = progress.failed.saturating_add(1);
    if progress.failures.len() < FAILURES_SHOWN {
        let (model, id) = (&task.model.name, &task.question.id);
        progress.failures.push(format!("{model}, {id}: {error}"));
    }
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;

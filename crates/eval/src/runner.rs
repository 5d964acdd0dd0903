//! Puts questions to models: in parallel, within a budget, each reply kept as it comes.

use crate::{
    answer_text,
    reply_log::{KeptReply, LogError, ReplyLog},
    stats::rng::SeededRng,
    AskedQuestion, LabelledQuestion,
};
use futures::{stream, StreamExt};
use llm_oracle_llm::{
    actual_cost, build_all, CallCost, CallLimits, ModelError, Models, Provider, ProviderConfig,
    ProviderReply, Retry,
};
use llm_oracle_primitives::digest;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use thiserror::Error;
use tokio::sync::Semaphore;

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
    /// Questions that it takes at once: more would wait inside of it and count as its time.
    pub places: Arc<Semaphore>,
}

impl EvalModel {
    /// A model with these limits that takes so many questions at once.
    pub fn new(provider: Arc<dyn Provider>, limits: CallLimits, at_once: u16) -> Self {
        Self {
            name: provider.name().to_owned(),
            provider,
            limits,
            places: Arc::new(Semaphore::new(at_once.max(1).into())),
        }
    }
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
        // The embedded one computes one question after the other.
        let at_once = match model.provider {
            ProviderConfig::Local { .. } => 1,
            _ => model.limits.max_concurrent_calls,
        };
        made.push(EvalModel::new(provider, model.limits, at_once));
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
    question: AskedQuestion,
    digest: String,
    /// The most that its answer can cost, planck.
    price: u128,
}

/// Asks labelled questions, with their options in both orders if that is wanted: [`run_asked`].
///
/// # Errors
/// When a reply cannot be kept.
pub async fn run(
    models: &[EvalModel],
    questions: &[LabelledQuestion],
    options: RunOptions,
    log: &mut ReplyLog,
    show: impl FnMut(&RunProgress),
) -> Result<RunProgress, RunError> {
    let mut asked = Vec::new();
    for question in questions.iter().map(LabelledQuestion::asked) {
        let reversed = question.reversed().filter(|_| options.both_orders);
        asked.extend([Some(question), reversed].into_iter().flatten());
    }
    run_asked(models, &asked, options, log, show).await
}

/// Asks what is missing, in the order of options that each question has. Ends when all is asked, or the budget is
/// reached; what is under way then is kept.
///
/// # Errors
/// When a reply cannot be kept.
pub async fn run_asked(
    models: &[EvalModel],
    questions: &[AskedQuestion],
    options: RunOptions,
    log: &mut ReplyLog,
    mut show: impl FnMut(&RunProgress),
) -> Result<RunProgress, RunError> {
    let (tasks, mut progress) = missing(models, questions, log);
    show(&progress);
    let mut waiting = tasks.into_iter();
    let mut under_way = stream::FuturesUnordered::new();
    // The greatest cost of what is under way, planck.
    let mut reserved = 0_u128;
    loop {
        while under_way.len() < options.parallel.max(1) && !progress.budget_reached {
            let Some(task) = waiting.next() else { break };
            let spent = progress.planck.saturating_add(reserved);
            if !fits(&task, options.budget, progress.asked, spent) {
                progress.budget_reached = true;
                break;
            }
            reserved = reserved.saturating_add(task.price);
            progress.asked = progress.asked.saturating_add(1);
            under_way.push(ask(task));
        }
        let Some((task, took, result)) = under_way.next().await else {
            break;
        };
        reserved = reserved.saturating_sub(task.price);
        match result {
            Ok(reply) => {
                let kept = kept(&task, took, &reply);
                let planck: u128 = kept.planck.parse().unwrap_or_default();
                progress.planck = progress.planck.saturating_add(planck);
                log.keep(kept, &reply.record)?;
            }
            Err(error) => {
                if !error.is_free() {
                    progress.planck = progress.planck.saturating_add(task.price);
                }
                note_failure(&mut progress, &task, &error);
            }
        }
        show(&progress);
    }
    Ok(progress)
}

fn missing<'a>(
    models: &'a [EvalModel],
    questions: &[AskedQuestion],
    log: &ReplyLog,
) -> (Vec<Task<'a>>, RunProgress) {
    let mut progress = RunProgress::default();
    let mut tasks = Vec::new();
    for question in questions {
        let digest = question.digest();
        for model in models {
            progress.total = progress.total.saturating_add(1);
            if log.has(&model.name, &digest) {
                progress.kept = progress.kept.saturating_add(1);
                continue;
            }
            tasks.push(Task {
                price: model.provider.price(&question.model_question()),
                model,
                question: question.clone(),
                digest: digest.clone(),
            });
        }
    }
    (tasks, progress)
}

/// Whether the budget allows one more at its greatest cost, when so much is spent or reserved, planck.
fn fits(task: &Task<'_>, budget: RunBudget, asked: u64, spent: u128) -> bool {
    let has_turn = budget.max_questions.is_none_or(|most| asked < most);
    let cost = spent.saturating_add(task.price);
    has_turn && budget.max_spend.is_none_or(|most| cost <= most)
}

/// The reply, with the time of the try that gave it. A model that is busy or failed is asked again later, as long as
/// what failed has cost nothing: one answer is reserved.
async fn ask(task: Task<'_>) -> (Task<'_>, Duration, Result<ProviderReply, ModelError>) {
    let asked = task.question.model_question();
    let mut pause = FIRST_PAUSE;
    let mut attempts = 1_u32;
    loop {
        // The semaphore is never closed.
        let place = task.model.places.acquire().await.ok();
        let start = Instant::now();
        let result = task.model.provider.answer(&asked).await;
        let took = start.elapsed();
        drop(place);
        let is_free = |error: &ModelError| task.price == 0 || error.is_free();
        let wait = result.as_ref().err().map(ModelError::retry);
        let wait = match wait {
            Some(Retry::Backoff(named)) if result.as_ref().is_err_and(is_free) => {
                named.unwrap_or(pause)
            }
            _ => Duration::MAX,
        };
        if wait > LONGEST_PAUSE || attempts >= ATTEMPTS_MAX {
            return (task, took, result);
        }
        tokio::time::sleep(wait).await;
        pause = pause.saturating_mul(2);
        attempts = attempts.saturating_add(1);
    }
}

fn kept(task: &Task<'_>, took: Duration, reply: &ProviderReply) -> KeptReply {
    let cost = actual_cost(&reply.record, CallCost::default());
    // A server that counts nothing may have cost all that was reserved.
    let counted = task.model.limits.price(cost);
    let planck = match cost.tokens() {
        0 if reply.record.get("not_asked").is_none() => task.price.max(counted),
        _ => counted,
    };
    KeptReply {
        model: task.model.name.clone(),
        question: task.digest.clone(),
        id: task.question.id.clone(),
        answer: answer_text::write(&reply.answer, &task.question.kind),
        confidence: reply.confidence.min(100),
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        tokens: cost.tokens().max(prompt_tokens(reply)),
        planck: planck.to_string(),
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

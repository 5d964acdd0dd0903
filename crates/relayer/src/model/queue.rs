//! Asking the model, beside everything else: a slow answer must not keep a reveal from leaving.

use super::{
    backoffs::Backoffs,
    budgets::Budgets,
    latency::Latency,
    operator_models::OperatorModels,
    record::AnswerRecorder,
    request::ModelRequest,
    tasks::{ModelCall, ModelTasks, ReadyQuestion},
};
use crate::{
    error::RelayerError,
    failures::FailureLog,
    ops::Ops,
    plan::{Candidate, PolicyConfig},
};
use llm_oracle_evidence as evidence;
use llm_oracle_llm::{ModelError, Provider, ProviderReply, Retry};
use llm_oracle_primitives::{Answer, BlockNumber, Reason, Terms};
use llm_oracle_store::{Purpose, SeatId, Store};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// How long an iteration waits for answers to the questions that it has put.
const PROMPT_REPLY: Duration = Duration::from_millis(3);

/// Questions under way.
pub(crate) struct ModelQueue {
    provider: Arc<dyn Provider>,
    operator_models: OperatorModels,
    tasks: ModelTasks,
    backoffs: Backoffs,
    budgets: Budgets,
    store: Arc<Store>,
    ops: Arc<Ops>,
    failures: FailureLog,
    recorder: AnswerRecorder,
    /// How long answers take.
    pub(crate) latency: Latency,
}

impl ModelQueue {
    /// Nothing under way; what an earlier process used today is read from the store.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn new(
        (provider, operator_models): (Arc<dyn Provider>, OperatorModels),
        (at_once, policy): (u16, PolicyConfig),
        (store, ops, failures): (Arc<Store>, Arc<Ops>, FailureLog),
        recorder: AnswerRecorder,
    ) -> Result<Self, RelayerError> {
        Ok(Self {
            budgets: Budgets::load(policy, store.clone(), &*provider)?,
            provider,
            operator_models,
            tasks: ModelTasks::new(at_once),
            backoffs: Backoffs::default(),
            store,
            ops,
            failures,
            recorder,
            latency: Latency::default(),
        })
    }

    /// Takes another provider, number of questions at the same time, and policy. What has been used today
    /// stays used; questions under way are answered by the provider that they were put to.
    pub(crate) fn reload(
        &mut self,
        provider: Arc<dyn Provider>,
        (at_once, policy): (u16, PolicyConfig),
    ) {
        provider.restore(&self.provider.states());
        self.provider = provider;
        self.tasks.reload(at_once);
        self.budgets.reload(policy);
    }

    /// Whether a question is with the model or waits for it.
    pub(crate) fn is_asking(&self, entry: &SeatId) -> bool {
        self.tasks.contains(entry)
    }

    /// Seats whose question is with the model or waits for it.
    pub(crate) fn asked(&self) -> impl Iterator<Item = SeatId> + '_ {
        self.tasks.seats()
    }

    /// Questions that wait before the model is asked again.
    pub(crate) fn backoffs(&self) -> &Backoffs {
        &self.backoffs
    }

    /// The most that an operator's answer can cost, planck.
    pub(crate) fn price(&self, operator: &[u8; 32], terms: &Terms) -> u128 {
        // What can't be put costs nothing.
        evidence::question(terms).map_or(0, |question| {
            let question = self.operator_models.put_for(operator, question);
            let sources = &terms.sources;
            self.provider.price_about(&question, sources)
        })
    }

    /// Whether a seat has cost something and has not ended.
    pub(crate) fn is_spent_on(&self, entry: &SeatId) -> bool {
        self.budgets.is_open(entry)
    }

    /// Begins the day that it is, for everything that asks about budgets.
    pub(crate) fn begin_day(&mut self) {
        self.budgets.begin_day();
    }

    /// Why policy or budgets refuse a seat, if they do.
    pub(crate) fn refusal(&self, min_reward: u128, candidate: &Candidate<'_>) -> Option<String> {
        self.budgets.refusal(min_reward, candidate)
    }

    /// A seat has ended and was paid so much: what it earned is no longer at risk.
    pub(crate) fn close(&mut self, entry: &SeatId, seat_fee: u128, paid: u128) {
        self.backoffs.end(entry);
        self.budgets.close(entry, seat_fee, paid);
    }

    /// Waits for any question to come back; for ever when there is none.
    pub(crate) async fn any(&mut self) {
        self.tasks.any().await;
    }

    /// Adds the requests of a plan, and puts those that are due first to the model. Says whether
    /// something was put or recorded.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn start(&mut self, requests: Vec<ModelRequest>) -> Result<bool, RelayerError> {
        let mut unasked = Vec::new();
        for request in requests {
            match evidence::question(&request.terms) {
                Ok(question) => {
                    let operator = &request.stake.entry.operator;
                    let question = self.operator_models.put_for(operator, question);
                    self.tasks.push(request, question);
                }
                // An answer like any other, so that the seat is not lost: the text can't be read.
                Err(why) => {
                    let reply = ProviderReply {
                        answer: Answer::Abstain(Reason::BadInput),
                        confidence: 0,
                        model: self.provider.name().to_owned(),
                        record: json!({ "not_asked": why }),
                    };
                    unasked.push((request, reply));
                }
            }
        }
        let replies = unasked.iter();
        let replies = replies.map(|(request, reply)| (request, reply.clone(), Duration::ZERO));
        self.recorder.record(replies.collect())?;
        Ok(self.put_next()? || !unasked.is_empty())
    }

    /// Puts questions to the model for as long as it takes more. Each is on record before it leaves: it counts
    /// as spent, and as what the process may die of.
    fn put_next(&mut self) -> Result<bool, RelayerError> {
        self.begin_day();
        let mut next: Vec<ReadyQuestion> = Vec::new();
        while let Some(first) = self.tasks.first(&next) {
            let starts = &self.budgets.starts;
            let is_alone = next.is_empty() && self.tasks.is_empty();
            let refusal = starts.refusal(&first.key);
            let must_be_alone = refusal.is_none() && starts.is_suspect(&first.key);
            if starts.has_suspect() || must_be_alone && !is_alone {
                break;
            }
            let with_sources = first.has_sources();
            let Some(ready) = self.tasks.pop(with_sources) else {
                break;
            };
            let stake = &ready.request.stake;
            let charged = refusal.map_or_else(|| self.budgets.charge(stake), Err);
            if let Err(reason) = charged {
                self.failures.skip(&stake.entry, &reason)?;
                continue;
            }
            self.budgets.begin_start(&ready.key);
            next.push(ready);
        }
        if next.is_empty() {
            return Ok(false);
        }
        self.budgets.store(&*self.provider)?;
        for ready in next {
            let request = ready.request.stake.entry.request_id;
            tracing::debug!(request, "asking the model");
            self.tasks.spawn(self.provider.clone(), ready);
        }
        Ok(true)
    }

    /// Stops asking what can't be committed above the best block any more, with the reason on record.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn drop_overdue(&mut self, best: BlockNumber) -> Result<(), RelayerError> {
        for (entry, question) in self.tasks.cancel_overdue(best) {
            // On disk with the next write.
            if let Some(question) = question {
                self.budgets.starts.end(&question);
            }
            self.overdue(&entry)?;
        }
        Ok(())
    }

    /// Records that a request's commit deadline is past and what kept it from an answer.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn overdue(&mut self, entry: &SeatId) -> Result<(), RelayerError> {
        if is_answered(&self.store, entry)? {
            return Ok(());
        }
        let why = self.backoffs.end(entry);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let reason = format!("no answer was made by its commit deadline{why}");
        self.failures.skip(entry, &reason)
    }

    /// Why an operator has no answer from the model that a request asks for, if it has none.
    pub(crate) fn model_refusal(&self, operator: &[u8; 32], terms: &Terms) -> Option<String> {
        let provider = self.provider.as_ref();
        self.operator_models
            .refusal(operator, &terms.model, provider)
    }

    /// Records what the model says at once, if anything: that saves a second read of the chain. Says
    /// whether something was recorded.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn collect_prompt_answers(&mut self) -> Result<bool, RelayerError> {
        let timeout = tokio::time::sleep(PROMPT_REPLY);
        tokio::pin!(timeout);
        while !self.tasks.is_idle() {
            tokio::select! {
                biased;
                () = self.any() => {}
                () = &mut timeout => break,
            }
        }
        self.collect_answers()
    }

    /// Ends in order: waits for answers that the model is about to give, so that they need not be asked for
    /// again, and lets no question that is still with it count as the cause of a death.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn wind_up(&mut self, timeout: Duration) -> Result<(), RelayerError> {
        let timeout = tokio::time::sleep(timeout);
        tokio::pin!(timeout);
        while !self.tasks.is_idle() {
            tokio::select! {
                () = self.any() => {}
                () = &mut timeout => break,
            }
        }
        self.collect_answers()?;
        self.budgets.starts.end_all();
        self.budgets.store(&*self.provider)
    }

    /// Records every answer that has come back, with one write to the disk. What waits is put to the
    /// model only after the chain has been read: its deadline may have passed while no node answered.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn collect_answers(&mut self) -> Result<bool, RelayerError> {
        let finished = self.tasks.take_finished();
        if finished.is_empty() {
            return Ok(false);
        }
        if let Err(error) = self.ingest(&finished) {
            // A shared store that is away comes back: what has not been recorded by then is.
            self.tasks.put_back(finished);
            return Err(error);
        }
        self.budgets.store(&*self.provider)?;
        Ok(true)
    }

    /// Records what became of questions.
    fn ingest(&mut self, finished: &[ModelCall]) -> Result<(), RelayerError> {
        let replies = finished.iter().flatten().filter_map(|reply| {
            let said = reply.result.as_ref().ok()?;
            Some((&reply.request, said.clone(), reply.took))
        });
        self.recorder.record(replies.collect())?;
        for reply in finished {
            match reply {
                Ok(reply) => {
                    // How long pages take is in the hands of whoever asks.
                    if reply.request.terms.sources.is_empty() {
                        self.latency.add(reply.took);
                    }
                    self.ingest_one(&reply.request.stake.entry, &reply.result)?;
                }
                // Stopped by us, at its deadline.
                Err(error) if error.is_cancelled() => {}
                // A panic in the provider. Counted like a failure: the question may be what does it.
                Err(error) => {
                    tracing::error!(%error, "the model's task died");
                    if let Some(entry) = self.tasks.seat_of(error.id()) {
                        let reason = "the model's task died";
                        self.failures.fail(&entry, Purpose::Ask, reason)?;
                        came_back(&mut self.tasks, &mut self.budgets, &entry);
                    }
                }
            }
        }
        Ok(())
    }

    fn ingest_one(
        &mut self,
        entry: &SeatId,
        result: &Result<ProviderReply, ModelError>,
    ) -> Result<(), RelayerError> {
        match result {
            Ok(_) => drop(self.backoffs.end(entry)),
            // Counted once, should one that comes after it fail to be recorded.
            Err(error) if self.tasks.is_running(entry) => self.model_failed(entry, error)?,
            Err(_) => {}
        }
        came_back(&mut self.tasks, &mut self.budgets, entry);
        Ok(())
    }

    /// What can get better by waiting is tried again: for as long as the deadline allows if no model
    /// ran, else a bounded number of times, since each may have cost something.
    fn model_failed(&mut self, entry: &SeatId, error: &ModelError) -> Result<(), RelayerError> {
        if let ModelError::RateLimited { wait, .. } = error {
            // It waits for its turn, and nothing failed.
            tracing::debug!(request = entry.request_id, %error, "the question waits");
            self.backoffs.start(*entry, Some(*wait), error.to_string());
            return Ok(());
        }
        self.ops.metrics().model_failed();
        match error.retry_while_due() {
            // Another replica may have had more luck.
            Retry::Never if is_answered(&self.store, entry)? => Ok(()),
            Retry::Never => self.failures.skip(entry, &error.to_string()),
            Retry::Backoff(pause) if error.is_free() => {
                tracing::warn!(request = entry.request_id, %error, "the model was not asked");
                self.backoffs.start(*entry, pause, error.to_string());
                Ok(())
            }
            Retry::Backoff(pause) => {
                if pause.is_some() {
                    self.backoffs.start(*entry, pause, error.to_string());
                }
                self.failures.fail(entry, Purpose::Ask, &error.to_string())
            }
        }
    }
}

/// Says how the models and the budgets are.
pub(crate) fn show_models(models: &ModelQueue) {
    models.ops.models(&models.provider.states());
    if let Some(used_ppm) = models.budgets.at_risk_ppm() {
        let parts = models.ops.metrics().parts();
        parts.budget("max_stake_at_risk_per_day", used_ppm);
    }
}

/// A question is not with the model any more.
fn came_back(tasks: &mut ModelTasks, budgets: &mut Budgets, entry: &SeatId) {
    if let Some(question) = tasks.remove(entry) {
        budgets.starts.end(&question);
    }
}

/// Whether a replica has recorded an answer of this seat.
fn is_answered(store: &Store, entry: &SeatId) -> Result<bool, RelayerError> {
    let job = store.job(entry.request_id, &entry.operator)?;
    Ok(store.is_shared() && job.is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "queue_tests.rs"]
mod tests;

//! Asking the model, beside everything else: a slow answer must not keep a reveal from leaving.

use super::{record::AnswerRecorder, spend::SpendTracker};
use crate::{
    error::RelayerError,
    failures::FailureLog,
    ops::Ops,
    plan::{Candidate, PolicyConfig, Stake},
    requests::DeadlineQueue,
};
use llm_oracle_evidence as evidence;
use llm_oracle_llm::{
    day_of, ModelError, ModelQuestion, Provider, ProviderReply, ProviderState, Retry,
};
use llm_oracle_primitives::{Answer, BlockNumber, Hash, ModelRef, Reason, Terms};
use llm_oracle_store::{now_ms, Purpose, SeatId, Store};
use llm_oracle_support::clock::Instant;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::task::{self, AbortHandle, JoinError, JoinSet};

/// Questions that may wait for the model; more stay on the chain until these are through.
const WAITING_MAX: usize = 256;
/// Longest pause before a provider that failed at no cost is asked again, without its own word.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How long a turn waits for answers to the questions that it has put.
const PROMPT_REPLY: Duration = Duration::from_millis(3);
/// Longest pause by a provider's word.
const NAMED_BACKOFF_MAX: Duration = Duration::from_secs(3_600);

/// One question to put, with all that its answer will be bound to.
pub(crate) struct ModelRequest {
    pub(crate) stake: Stake,
    pub(crate) terms: Arc<Terms>,
    pub(crate) terms_digest: Hash,
    pub(crate) seen_at_ms: i64,
    /// Last block for its commit.
    pub(crate) deadline: BlockNumber,
}

/// A question that has come back.
struct ModelReply {
    request: ModelRequest,
    result: Result<ProviderReply, ModelError>,
    took: Duration,
}

/// A question that waits for time to pass: no model ran, so it costs nothing to try again.
struct Backoff {
    until: Instant,
    tries: u32,
    why: String,
}

/// What has been used, as the store keeps it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Usage {
    providers: Vec<ProviderState>,
    /// The name is that of the stored row.
    ledger: SpendTracker,
}

/// Questions under way.
pub(crate) struct ModelQueue {
    provider: Arc<dyn Provider>,
    at_once: usize,
    waiting: DeadlineQueue<(ModelRequest, ModelQuestion)>,
    running: JoinSet<ModelReply>,
    tasks: BTreeMap<SeatId, (BlockNumber, AbortHandle)>,
    finished: Vec<Result<ModelReply, JoinError>>,
    backoffs: HashMap<SeatId, Backoff>,
    spend: SpendTracker,
    policy: PolicyConfig,
    store: Arc<Store>,
    ops: Arc<Ops>,
    failures: FailureLog,
    recorder: AnswerRecorder,
}

impl ModelQueue {
    /// Nothing under way; what an earlier process used today is read from the store.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn new(
        provider: Arc<dyn Provider>,
        (at_once, policy): (u16, PolicyConfig),
        (store, ops, failures): (Arc<Store>, Arc<Ops>, FailureLog),
        recorder: AnswerRecorder,
    ) -> Result<Self, RelayerError> {
        let usage: Usage = store
            .usage()?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        provider.restore(&usage.providers);
        Ok(Self {
            provider,
            at_once: at_once.max(1).into(),
            waiting: DeadlineQueue::new(WAITING_MAX),
            running: JoinSet::new(),
            tasks: BTreeMap::new(),
            finished: Vec::new(),
            backoffs: HashMap::new(),
            spend: usage.ledger,
            policy,
            store,
            ops,
            failures,
            recorder,
        })
    }

    /// Whether a question is with the model or waits for it.
    pub(crate) fn is_asking(&self, entry: &SeatId) -> bool {
        self.tasks.contains_key(entry) || self.waiting.contains(entry)
    }

    /// Questions under way.
    pub(crate) fn pending(&self) -> usize {
        self.tasks.len().saturating_add(self.waiting.len())
    }

    /// Whether any question is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(crate) fn must_wait(&self, entry: &SeatId) -> bool {
        let backoff = self.backoffs.get(entry);
        backoff.is_some_and(|pause| Instant::now() < pause.until)
    }

    /// The most that an answer can cost, planck.
    pub(crate) fn price(&self, terms: &Terms) -> u128 {
        // What can't be put costs nothing.
        evidence::question(terms).map_or(0, |question| self.provider.price(&question))
    }

    /// Whether a seat has cost something and has not ended.
    pub(crate) fn is_spent_on(&self, entry: &SeatId) -> bool {
        self.spend.is_open(entry)
    }

    /// Begins the day that it is, for everything that asks about budgets.
    pub(crate) fn begin_day(&mut self) {
        self.spend.begin_day(day_of(now_ms()));
    }

    /// Why policy or budgets refuse a seat, if they do.
    pub(crate) fn refusal(&self, min_reward: u128, candidate: &Candidate<'_>) -> Option<String> {
        self.policy.refusal(min_reward, candidate, &self.spend)
    }

    /// A seat has ended and was paid so much: what it earned is no longer at risk.
    pub(crate) fn close(&mut self, entry: &SeatId, seat_fee: u128, paid: u128) {
        self.begin_day();
        self.spend.close(&self.policy, entry, seat_fee, paid);
    }

    /// Waits for any question to come back; for ever when there is none.
    pub(crate) async fn any(&mut self) {
        match self.running.join_next().await {
            Some(done) => self.finished.push(done),
            None => std::future::pending().await,
        }
    }

    fn put(&mut self, request: ModelRequest, question: ModelQuestion) {
        let provider = self.provider.clone();
        let (entry, deadline) = (request.stake.entry, request.deadline);
        let task = self.running.spawn(async move {
            let started = Instant::now();
            let result = provider.answer(&question).await;
            ModelReply {
                request,
                result,
                took: started.elapsed(),
            }
        });
        self.tasks.insert(entry, (deadline, task));
    }

    /// Stops what can't be committed above this block any more.
    fn cancel_overdue(&mut self, best: BlockNumber) -> Vec<SeatId> {
        let mut dropped = self.waiting.drop_overdue(best);
        self.tasks.retain(|entry, (deadline, task)| {
            let overdue = *deadline <= best;
            if overdue {
                task.abort();
                dropped.push(*entry);
            }
            !overdue
        });
        dropped
    }

    /// Whose task it is, which is over.
    fn entry_of(&self, id: task::Id) -> Option<SeatId> {
        let mut tasks = self.tasks.iter();
        tasks
            .find(|(_, (_, task))| task.id() == id)
            .map(|(entry, _)| *entry)
    }

    fn back_off(&mut self, entry: SeatId, named: Option<Duration>, why: String) {
        let tries = self.backoffs.get(&entry).map_or(0, |pause| pause.tries);
        let own = Duration::from_secs(2_u64.saturating_pow(tries.min(6))).min(BACKOFF_MAX);
        let pause = named.map_or(own, |named| named.min(NAMED_BACKOFF_MAX));
        let now = Instant::now();
        let until = now.checked_add(pause).unwrap_or(now);
        let tries = tries.saturating_add(1);
        self.backoffs.insert(entry, Backoff { until, tries, why });
    }
}

impl ModelQueue {
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
                    let (deadline, entry) = (request.deadline, request.stake.entry);
                    self.waiting.push(deadline, entry, (request, question));
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

    /// Puts questions to the model for as long as it takes more; each counts as spent before it leaves.
    fn put_next(&mut self) -> Result<bool, RelayerError> {
        let mut put = false;
        self.begin_day();
        while self.tasks.len() < self.at_once {
            let Some((request, question)) = self.waiting.pop() else {
                break;
            };
            if let Some(reason) = self.policy.over_budget(&request.stake, &self.spend) {
                self.failures.skip(&request.stake.entry, &reason)?;
                continue;
            }
            self.spend.charge(&self.policy, &request.stake);
            tracing::debug!(request = request.stake.entry.request_id, "asking the model");
            self.put(request, question);
            put = true;
        }
        if put {
            self.store_usage()?;
        }
        Ok(put)
    }

    /// Keeps over a restart what the day's budgets have left.
    fn store_usage(&mut self) -> Result<(), RelayerError> {
        self.begin_day();
        let usage = Usage {
            providers: self.provider.states(),
            ledger: self.spend.clone(),
        };
        let bytes = serde_json::to_vec(&usage).unwrap_or_default();
        Ok(self.store.set_usage(&bytes)?)
    }

    /// Stops asking what can't be committed above the best block any more, with the reason on record.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn drop_overdue(&mut self, best: BlockNumber) -> Result<(), RelayerError> {
        for entry in self.cancel_overdue(best) {
            self.overdue(&entry)?;
        }
        Ok(())
    }

    /// Records that a request's commit deadline is past and what kept it from an answer.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn overdue(&mut self, entry: &SeatId) -> Result<(), RelayerError> {
        if self.is_answered(entry)? {
            return Ok(());
        }
        let why = self.backoffs.remove(entry).map(|backoff| backoff.why);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let reason = format!("no answer was made by its commit deadline{why}");
        self.failures.skip(entry, &reason)
    }

    /// Whether the model that a request asks for is served here; if not, why.
    pub(crate) fn serves(&self, terms: &Terms) -> Result<(), String> {
        if self.provider.serves(&terms.model) {
            return Ok(());
        }
        let wanted = match &terms.model {
            ModelRef::Name(name) => format!("'{}'", String::from_utf8_lossy(name)),
            other => format!("{other:?}"),
        };
        Err(format!(
            "asks for the model {wanted}, and '{}' is served",
            self.provider.served().join("', '")
        ))
    }

    /// Records what the model says at once, if anything: that saves a second read of the chain. Says
    /// whether something was recorded.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn collect_prompt_answers(&mut self) -> Result<bool, RelayerError> {
        let timeout = tokio::time::sleep(PROMPT_REPLY);
        tokio::pin!(timeout);
        while !self.is_idle() {
            tokio::select! {
                biased;
                () = self.any() => {}
                () = &mut timeout => break,
            }
        }
        self.collect_answers()
    }

    /// Records every answer that has come back, with one write to the disk. What waits is put to the
    /// model only after the chain has been read: its deadline may have passed while no node answered.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn collect_answers(&mut self) -> Result<bool, RelayerError> {
        while let Some(reply) = self.running.try_join_next() {
            self.finished.push(reply);
        }
        let finished = std::mem::take(&mut self.finished);
        if finished.is_empty() {
            return Ok(false);
        }
        if let Err(error) = self.ingest(&finished) {
            // A shared store that is away comes back: what has not been recorded by then is.
            self.finished.extend(finished);
            return Err(error);
        }
        self.store_usage()?;
        Ok(true)
    }

    /// Records what became of questions.
    fn ingest(&mut self, finished: &[Result<ModelReply, JoinError>]) -> Result<(), RelayerError> {
        let replies = finished.iter().flatten().filter_map(|reply| {
            let said = reply.result.as_ref().ok()?;
            Some((&reply.request, said.clone(), reply.took))
        });
        self.recorder.record(replies.collect())?;
        for reply in finished {
            match reply {
                Ok(reply) => self.ingest_one(&reply.request.stake.entry, &reply.result)?,
                // Stopped by us, at its deadline.
                Err(error) if error.is_cancelled() => {}
                // A panic in the provider. Counted like a failure: the question may be what does it.
                Err(error) => {
                    tracing::error!(%error, "the model's task died");
                    if let Some(entry) = self.entry_of(error.id()) {
                        let reason = "the model's task died";
                        self.failures.fail(&entry, Purpose::Ask, reason)?;
                        self.tasks.remove(&entry);
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
            Ok(_) => drop(self.backoffs.remove(entry)),
            // Counted once, should one that comes after it fail to be recorded.
            Err(error) if self.tasks.contains_key(entry) => self.model_failed(entry, error)?,
            Err(_) => {}
        }
        self.tasks.remove(entry);
        Ok(())
    }

    /// What can get better by waiting is tried again: for as long as the deadline allows if no model
    /// ran, else a bounded number of times, since each may have cost something.
    fn model_failed(&mut self, entry: &SeatId, error: &ModelError) -> Result<(), RelayerError> {
        self.ops.metrics().model_failed();
        match error.retry() {
            // Another replica may have had more luck.
            Retry::Never if self.is_answered(entry)? => Ok(()),
            Retry::Never => self.failures.skip(entry, &error.to_string()),
            Retry::Backoff(pause) if error.is_free() => {
                tracing::warn!(request = entry.request_id, %error, "the model was not asked");
                self.back_off(*entry, pause, error.to_string());
                Ok(())
            }
            Retry::Backoff(pause) => {
                if pause.is_some() {
                    self.back_off(*entry, pause, error.to_string());
                }
                self.failures.fail(entry, Purpose::Ask, &error.to_string())
            }
        }
    }

    fn is_answered(&self, entry: &SeatId) -> Result<bool, RelayerError> {
        let job = self.store.job(entry.request_id, &entry.operator)?;
        Ok(self.store.is_shared() && job.is_some())
    }
}

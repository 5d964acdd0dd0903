//! Asking the model, beside everything else: a slow answer must not keep a reveal from leaving.

use super::{error::RelayerError, ledger::Ledger, policy::Stake, queue::Queue, relayer::Relayer};
use llm_oracle_evidence as evidence;
use llm_oracle_llm::{day_of, ModelError, Provider, ProviderState, Question, Reply, Retry};
use llm_oracle_primitives::{Answer, BlockNumber, Hash, Reason, Terms};
use llm_oracle_store::{now_ms, Entry, Purpose, Skip};
use llm_oracle_support::{
    address::ss58,
    clock::Instant,
    planted::{planted, Bug},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::task::{self, AbortHandle, JoinError, JoinSet};

/// Questions that may wait for the model; more stay on the chain until these are through.
const MOST_WAITING: usize = 256;
/// Longest pause before a provider that failed at no cost is asked again, without its own word.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a turn waits for answers to the questions that it has put.
const AT_ONCE: Duration = Duration::from_millis(3);
/// Longest pause by a provider's word.
const LONGEST_NAMED_PAUSE: Duration = Duration::from_secs(3_600);

/// One question to put, with all that its answer will be bound to.
pub(super) struct Ask {
    pub(super) stake: Stake,
    pub(super) terms: Arc<Terms>,
    pub(super) terms_digest: Hash,
    pub(super) seen_at_ms: i64,
    /// Last block for its commit.
    pub(super) deadline: BlockNumber,
}

/// A question that has come back.
struct Done {
    ask: Ask,
    result: Result<Reply, ModelError>,
    took: Duration,
}

/// A question that waits for time to pass: no model ran, so it costs nothing to try again.
struct Pause {
    until: Instant,
    tries: u32,
    why: String,
}

/// What has been used, as the store keeps it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Usage {
    providers: Vec<ProviderState>,
    ledger: Ledger,
}

/// Questions under way.
pub(super) struct Asks {
    provider: Arc<dyn Provider>,
    at_once: usize,
    waiting: Queue<(Ask, Question)>,
    running: JoinSet<Done>,
    tasks: BTreeMap<Entry, (BlockNumber, AbortHandle)>,
    finished: Vec<Result<Done, JoinError>>,
    pauses: HashMap<Entry, Pause>,
    ledger: Ledger,
}

impl Asks {
    /// Nothing under way; `usage` is what the store has of an earlier process.
    pub(super) fn new(provider: Arc<dyn Provider>, at_once: u16, usage: Option<&[u8]>) -> Self {
        let usage: Usage = usage
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default();
        provider.restore(&usage.providers);
        Self {
            provider,
            at_once: at_once.max(1).into(),
            waiting: Queue::new(MOST_WAITING),
            running: JoinSet::new(),
            tasks: BTreeMap::new(),
            finished: Vec::new(),
            pauses: HashMap::new(),
            ledger: usage.ledger,
        }
    }

    /// Whether a question is with the model or waits for it.
    pub(super) fn is_asking(&self, entry: &Entry) -> bool {
        self.tasks.contains_key(entry) || self.waiting.contains(entry)
    }

    /// Questions under way.
    pub(super) fn asking(&self) -> usize {
        self.tasks.len().saturating_add(self.waiting.len())
    }

    /// Whether any question is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn must_wait(&self, entry: &Entry) -> bool {
        let pause = self.pauses.get(entry);
        pause.is_some_and(|pause| Instant::now() < pause.until)
    }

    /// Why a question has no answer yet, as far as known, and forgets it.
    pub(super) fn take_reason(&mut self, entry: &Entry) -> Option<String> {
        self.pauses.remove(entry).map(|pause| pause.why)
    }

    /// The most that an answer can cost, planck.
    pub(super) fn price(&self, terms: &Terms) -> u128 {
        // What can't be put costs nothing.
        evidence::question(terms).map_or(0, |question| self.provider.price(&question))
    }

    /// Whether the books wait for the end of a seat.
    pub(super) fn is_booked(&self, entry: &Entry) -> bool {
        self.ledger.is_open(entry)
    }

    /// The day's books.
    pub(super) fn ledger(&mut self) -> &mut Ledger {
        self.ledger.open(day_of(now_ms()));
        &mut self.ledger
    }

    /// Waits for any question to come back; for ever when there is none.
    pub(super) async fn any(&mut self) {
        match self.running.join_next().await {
            Some(done) => self.finished.push(done),
            None => std::future::pending().await,
        }
    }

    fn start(&mut self, ask: Ask, question: Question) {
        let provider = self.provider.clone();
        let (entry, deadline) = (ask.stake.entry, ask.deadline);
        let task = self.running.spawn(async move {
            let started = Instant::now();
            let result = provider.answer(&question).await;
            Done {
                ask,
                result,
                took: started.elapsed(),
            }
        });
        self.tasks.insert(entry, (deadline, task));
    }

    /// Stops what can't be committed above this block any more.
    fn drop_overdue(&mut self, best: BlockNumber) -> Vec<Entry> {
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
    fn entry_of(&self, id: task::Id) -> Option<Entry> {
        let mut tasks = self.tasks.iter();
        tasks
            .find(|(_, (_, task))| task.id() == id)
            .map(|(entry, _)| *entry)
    }

    fn pause(&mut self, entry: Entry, named: Option<Duration>, why: String) {
        let tries = self.pauses.get(&entry).map_or(0, |pause| pause.tries);
        let own = Duration::from_secs(2_u64.saturating_pow(tries.min(6))).min(LONGEST_PAUSE);
        let pause = named.map_or(own, |named| named.min(LONGEST_NAMED_PAUSE));
        let now = Instant::now();
        let until = now.checked_add(pause).unwrap_or(now);
        let tries = tries.saturating_add(1);
        self.pauses.insert(entry, Pause { until, tries, why });
    }
}

impl Relayer {
    /// Takes the questions of a plan in, and puts those that are due first to the model.
    pub(super) fn start_asks(&mut self, asks: Vec<Ask>) -> Result<bool, RelayerError> {
        let mut unasked = Vec::new();
        for ask in asks {
            match evidence::question(&ask.terms) {
                Ok(question) => {
                    let (deadline, entry) = (ask.deadline, ask.stake.entry);
                    self.asks.waiting.push(deadline, entry, (ask, question));
                }
                // An answer like any other, so that the seat is not lost: the text can't be read.
                Err(why) => {
                    let reply = Reply {
                        answer: Answer::Abstain(Reason::Refused),
                        model: self.asks.provider.name().to_owned(),
                        record: json!({ "not_asked": why }),
                    };
                    unasked.push((ask, reply));
                }
            }
        }
        let replies = unasked.iter();
        let replies = replies.map(|(ask, reply)| (ask, reply.clone(), Duration::ZERO));
        self.record(replies.collect())?;
        Ok(self.put_next()? || !unasked.is_empty())
    }

    /// Puts questions to the model for as long as it takes more, each booked before it leaves.
    fn put_next(&mut self) -> Result<bool, RelayerError> {
        let mut put = false;
        while self.asks.tasks.len() < self.asks.at_once {
            let Some((ask, question)) = self.asks.waiting.pop() else {
                break;
            };
            let policy = &self.config.policy;
            let ledger = self.asks.ledger();
            if let Some(reason) = policy.over_budget(&ask.stake, ledger) {
                self.leave_out(&ask.stake.entry, &reason)?;
                continue;
            }
            ledger.charge(policy, &ask.stake);
            tracing::debug!(request = ask.stake.entry.request_id, "asking the model");
            self.asks.start(ask, question);
            put = true;
        }
        if put {
            self.note_usage()?;
        }
        Ok(put)
    }

    /// Keeps over a restart what the day's budgets have left.
    fn note_usage(&mut self) -> Result<(), RelayerError> {
        let usage = Usage {
            providers: self.asks.provider.states(),
            ledger: self.asks.ledger().clone(),
        };
        let bytes = serde_json::to_vec(&usage).unwrap_or_default();
        Ok(self.store.set_usage(&bytes)?)
    }

    /// Stops asking what can't be committed above the best block any more, with the reason on record.
    pub(super) fn drop_overdue(&mut self, best: BlockNumber) -> Result<(), RelayerError> {
        for entry in self.asks.drop_overdue(best) {
            self.overdue(&entry)?;
        }
        Ok(())
    }

    /// Records that a request's commit deadline is past and what kept it from an answer.
    pub(super) fn overdue(&mut self, entry: &Entry) -> Result<(), RelayerError> {
        if self.is_answered(entry)? {
            return Ok(());
        }
        let why = self.asks.take_reason(entry);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let reason = format!("no answer was made by its commit deadline{why}");
        self.leave_out(entry, &reason)
    }

    /// Whether the model that a request asks for is served here.
    pub(super) fn serves(&self, terms: &Terms) -> Result<(), String> {
        if self.asks.provider.serves(&terms.model) {
            return Ok(());
        }
        let wanted = match &terms.model {
            llm_oracle_primitives::ModelRef::Name(name) => {
                format!("'{}'", String::from_utf8_lossy(name))
            }
            other => format!("{other:?}"),
        };
        Err(format!(
            "asks for the model {wanted}, and '{}' is served",
            self.asks.provider.served().join("', '")
        ))
    }

    /// Records what the model says at once, if anything: a turn of its own would cost a look at the
    /// chain. Says whether something was recorded.
    pub(super) async fn record_prompt_answers(&mut self) -> Result<bool, RelayerError> {
        let patience = tokio::time::sleep(AT_ONCE);
        tokio::pin!(patience);
        while !self.asks.is_idle() {
            tokio::select! {
                biased;
                () = self.asks.any() => {}
                () = &mut patience => break,
            }
        }
        self.record_answers()
    }

    /// Records every answer that has come back, with one write to the disk. What waits is put to the
    /// model only after a look at the chain: its deadline may have passed while no node answered.
    pub(super) fn record_answers(&mut self) -> Result<bool, RelayerError> {
        while let Some(done) = self.asks.running.try_join_next() {
            self.asks.finished.push(done);
        }
        let finished = std::mem::take(&mut self.asks.finished);
        if finished.is_empty() {
            return Ok(false);
        }
        if let Err(error) = self.take_in(&finished) {
            // A shared store that is away comes back: what has not been recorded by then is.
            self.asks.finished.extend(finished);
            return Err(error);
        }
        self.note_usage()?;
        Ok(true)
    }

    /// Records what became of questions.
    fn take_in(&mut self, finished: &[Result<Done, JoinError>]) -> Result<(), RelayerError> {
        let replies = finished.iter().flatten().filter_map(|done| {
            let reply = done.result.as_ref().ok()?;
            Some((&done.ask, reply.clone(), done.took))
        });
        self.record(replies.collect())?;
        for done in finished {
            match done {
                Ok(Done { ask, result, .. }) => {
                    let entry = ask.stake.entry;
                    match result {
                        Ok(_) => drop(self.asks.pauses.remove(&entry)),
                        // Counted once, should one that comes after it fail to be taken in.
                        Err(error) if self.asks.tasks.contains_key(&entry) => {
                            self.model_failed(&entry, error)?;
                        }
                        Err(_) => {}
                    }
                    self.asks.tasks.remove(&entry);
                }
                // Stopped by us, at its deadline.
                Err(error) if error.is_cancelled() => {}
                // A panic in the provider. Counted like a failure: the question may be what does it.
                Err(error) => {
                    tracing::error!(%error, "the model's task died");
                    if let Some(entry) = self.asks.entry_of(error.id()) {
                        self.fail(&entry, Purpose::Ask, "the model's task died")?;
                        self.asks.tasks.remove(&entry);
                    }
                }
            }
        }
        Ok(())
    }

    /// What can get better by waiting is tried again: for as long as the deadline allows if no model
    /// ran, else a bounded number of times, since each may have cost something.
    fn model_failed(&mut self, entry: &Entry, error: &ModelError) -> Result<(), RelayerError> {
        self.ops.metrics().model_failed();
        if planted(Bug::ModelErrorEnds) {
            return Err(RelayerError::NoOperators);
        }
        match error.retry() {
            // Another replica may have had more luck.
            Retry::Never if self.is_answered(entry)? => Ok(()),
            Retry::Never => self.leave_out(entry, &error.to_string()),
            Retry::Later(pause) if error.is_free() => {
                tracing::warn!(request = entry.request_id, %error, "the model was not asked");
                self.asks.pause(*entry, pause, error.to_string());
                Ok(())
            }
            Retry::Later(pause) => {
                if pause.is_some() {
                    self.asks.pause(*entry, pause, error.to_string());
                }
                self.fail(entry, Purpose::Ask, &error.to_string())
            }
        }
    }

    fn is_answered(&self, entry: &Entry) -> Result<bool, RelayerError> {
        let job = self.store.job(entry.request_id, &entry.operator)?;
        Ok(self.store.is_shared() && job.is_some())
    }

    /// Leaves a request out for good, with the reason on record.
    pub(super) fn leave_out(&self, entry: &Entry, reason: &str) -> Result<(), RelayerError> {
        if planted(Bug::SkipWithoutRecord) {
            return Ok(());
        }
        let reason = if planted(Bug::SkipWithoutReason) {
            ""
        } else {
            reason
        };
        let operator = ss58(&entry.operator.into());
        tracing::info!(request = entry.request_id, operator, reason, "left out");
        let Entry {
            request_id,
            operator,
        } = *entry;
        Ok(self.store.skip(&Skip {
            request_id,
            operator,
            reason: reason.to_owned(),
        })?)
    }
}

/// When this process first saw something, milliseconds since 1970.
pub(super) fn seen_now() -> i64 {
    now_ms()
}

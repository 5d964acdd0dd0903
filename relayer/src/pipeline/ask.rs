//! Asking the model, beside everything else: a slow answer must not keep a reveal from leaving.

use super::{
    error::RelayerError,
    evidence::{self, Secret, Times},
    relayer::Relayer,
};
use crate::{
    chain::ss58,
    llm::{ModelError, Provider, Question, Reply, Retry},
    store::{fault, now_ms, Entry, Purpose, Recorded, Skip},
};
use llm_oracle_primitives::{Answer, Hash, Reason, Terms};
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
};

/// Questions that may wait for the model; more stay on the chain until these are through.
const MOST_WAITING: usize = 64;

/// One question to put, with all that its answer will be bound to.
pub(super) struct Ask {
    pub(super) entry: Entry,
    pub(super) terms: Arc<Terms>,
    pub(super) terms_digest: Hash,
    pub(super) seen_at_ms: i64,
}

/// A question that has come back.
struct Done {
    ask: Ask,
    result: Result<Reply, ModelError>,
    took: Duration,
}

/// Questions under way.
pub(super) struct Asks {
    provider: Arc<dyn Provider>,
    permits: Arc<Semaphore>,
    running: JoinSet<Done>,
    entries: HashSet<Entry>,
    finished: Vec<Result<Done, JoinError>>,
    not_before: HashMap<Entry, Instant>,
}

impl Asks {
    pub(super) fn new(provider: Arc<dyn Provider>, at_once: u16) -> Self {
        Self {
            provider,
            permits: Arc::new(Semaphore::new(usize::from(at_once.max(1)))),
            running: JoinSet::new(),
            entries: HashSet::new(),
            finished: Vec::new(),
            not_before: HashMap::new(),
        }
    }

    pub(super) fn is_asking(&self, entry: &Entry) -> bool {
        self.entries.contains(entry)
    }

    /// Questions under way.
    pub(super) fn asking(&self) -> usize {
        self.entries.len()
    }

    /// Whether any question is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn must_wait(&self, entry: &Entry) -> bool {
        self.not_before
            .get(entry)
            .is_some_and(|ready| Instant::now() < *ready)
    }

    /// Waits for any question to come back; for ever when there is none.
    pub(super) async fn any(&mut self) {
        match self.running.join_next().await {
            Some(done) => self.finished.push(done),
            None => std::future::pending().await,
        }
    }

    fn start(&mut self, ask: Ask, question: Question) {
        let (provider, permits) = (self.provider.clone(), self.permits.clone());
        self.entries.insert(ask.entry);
        self.running.spawn(async move {
            // The semaphore is never closed; without a permit the question is put all the same.
            let _permit = permits.acquire_owned().await;
            let started = Instant::now();
            let result = provider.answer(&question).await;
            Done {
                ask,
                result,
                took: started.elapsed(),
            }
        });
    }
}

impl Relayer {
    /// Puts the questions of a plan to the model.
    pub(super) fn start_asks(&mut self, asks: Vec<Ask>) -> bool {
        let mut started = false;
        for ask in asks {
            if self.asks.entries.len() >= MOST_WAITING {
                break;
            }
            let prepared = evidence::question(&ask.terms);
            let Ok(question) = prepared else {
                // An answer like any other, so that the seat is not lost: the text can't be read.
                let why = prepared.err().unwrap_or_default();
                let reply = Reply {
                    answer: Answer::Abstain(Reason::Refused),
                    model: self.asks.provider.name().to_owned(),
                    record: json!({ "not_asked": why }),
                };
                let done = Done {
                    ask,
                    result: Ok(reply),
                    took: Duration::ZERO,
                };
                self.asks.finished.push(Ok(done));
                started = true;
                continue;
            };
            tracing::debug!(request = ask.entry.request_id, "asking the model");
            self.asks.start(ask, question);
            started = true;
        }
        started
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
            self.asks.provider.name()
        ))
    }

    /// Records every answer that has come back.
    pub(super) fn record_answers(&mut self) -> Result<bool, RelayerError> {
        while let Some(done) = self.asks.running.try_join_next() {
            self.asks.finished.push(done);
        }
        let finished = std::mem::take(&mut self.asks.finished);
        let worked = !finished.is_empty();
        for done in finished {
            match done {
                Ok(done) => {
                    self.asks.entries.remove(&done.ask.entry);
                    self.record(done)?;
                }
                Err(error) => {
                    // A panic in the provider. Its question is asked again: nothing was recorded.
                    tracing::error!(%error, "the model's task died");
                    self.asks.entries.clear();
                    self.asks.running.abort_all();
                }
            }
        }
        Ok(worked)
    }

    fn record(&mut self, done: Done) -> Result<(), RelayerError> {
        let Done { ask, result, took } = done;
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.model_failed(&ask.entry, &error),
        };
        let reply = evidence::fit(&ask.terms, reply);
        fault::reach(fault::ANSWER_MADE);
        let Entry {
            request_id,
            operator,
        } = ask.entry;
        let number = self.store.secrets().current();
        let secret = Secret {
            number,
            bytes: self.store.secrets().get(number)?,
        };
        let context = evidence::context(&self.base, request_id, ask.terms_digest, operator);
        let model_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        let times = Times {
            model_ms,
            seen_at_ms: ask.seen_at_ms,
        };
        let answered = evidence::bind(&context, &ask.terms, reply, &secret, &times)?;
        let recorded = self.store.record_answer(&answered)?;
        fault::reach(fault::ANSWER_RECORDED);
        let (request, operator) = (request_id, ss58(&operator.into()));
        match recorded {
            Recorded::New => {
                let abstained = matches!(answered.answer, Answer::Abstain(_));
                self.ops.metrics().answered(abstained, model_ms);
                tracing::info!(
                    request,
                    operator,
                    model = answered.model,
                    model_ms,
                    "answered"
                );
            }
            Recorded::Same => {}
            Recorded::Conflict(_) => {
                tracing::warn!(
                    request,
                    operator,
                    "an answer was recorded before; that one stands"
                );
            }
        }
        Ok(())
    }

    fn model_failed(&mut self, entry: &Entry, error: &ModelError) -> Result<(), RelayerError> {
        self.ops.metrics().model_failed();
        match error.retry() {
            Retry::Never => self.leave_out(entry, &error.to_string()),
            Retry::Later(pause) => {
                if let Some(pause) = pause {
                    self.asks.not_before.insert(*entry, deadline(pause));
                }
                self.fail(entry, Purpose::Ask, &error.to_string())
            }
        }
    }

    /// Leaves a request out for good, with the reason on record.
    pub(super) fn leave_out(&self, entry: &Entry, reason: &str) -> Result<(), RelayerError> {
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

fn deadline(pause: Duration) -> Instant {
    let now = Instant::now();
    // A server that names an absurd time is asked again after an hour.
    now.checked_add(pause.min(Duration::from_secs(3600)))
        .unwrap_or(now)
}

/// When this process first saw something, milliseconds since 1970.
pub(super) fn seen_now() -> i64 {
    now_ms()
}

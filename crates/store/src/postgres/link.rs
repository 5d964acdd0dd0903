//! The database thread: it owns one connection and reconnects when that breaks.
//!
//! An operation may run twice, because the result of an unconfirmed commit is unknown. So a second run
//! finds out what the first one did: rows carry the mark of the call that wrote them.

use super::{
    session::{explain, Session, SessionError},
    url::ConnectOptions,
};
use crate::StoreError;
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::BoxFuture;
use llm_oracle_support::blocking::blocking;
use std::{
    sync::mpsc::{sync_channel, Receiver, SyncSender},
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

/// Most queued operations; further callers block.
const QUEUE_MAX: usize = 64;
/// Longest wait for the database's answer to one operation.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long an operation is tried again on new connections before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

type Operation = Box<dyn FnOnce(&mut Worker) + Send>;

/// The caller's side. Dropping it ends the thread and waits.
pub(super) struct DatabaseThread {
    jobs: Option<SyncSender<Operation>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread's side.
struct Worker {
    way: ConnectOptions,
    runtime: Runtime,
    session: Option<Session>,
}

impl DatabaseThread {
    /// Starts the thread. It connects with the first operation.
    pub(super) fn new(way: ConnectOptions) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let failed = |error: std::io::Error| StoreError::Database(error.into());
        let worker = Worker {
            way,
            runtime: runtime.map_err(failed)?,
            session: None,
        };
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || worker.work(&queue))
            .map_err(failed)?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs an operation and waits for it. Its argument says whether it may have run before.
    pub(super) fn run<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'s> FnMut(&'s mut Session, bool) -> BoxFuture<'s, Result<T, SessionError>>
            + Send
            + 'static,
    {
        let (reply, answer) = sync_channel(1);
        let job: Operation = Box::new(move |worker| {
            // An error means that the caller has stopped waiting.
            let _ = reply.send(worker.run(operation));
        });
        let outcome = blocking(|| {
            self.jobs.as_ref()?.send(job).ok()?;
            answer.recv().ok()
        });
        let died = || StoreError::Unreachable {
            reason: "its thread has died".to_owned(),
        };
        outcome.ok_or_else(died)?
    }
}

impl Drop for DatabaseThread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = blocking(|| thread.join());
        }
    }
}

impl Worker {
    fn work(mut self, queue: &Receiver<Operation>) {
        while let Ok(job) = queue.recv() {
            job(&mut self);
        }
    }

    fn run<T>(
        &mut self,
        mut operation: impl for<'s> FnMut(
            &'s mut Session,
            bool,
        ) -> BoxFuture<'s, Result<T, SessionError>>,
    ) -> Result<T, StoreError> {
        let started = Instant::now();
        let mut pauses = pauses();
        let mut again = false;
        loop {
            let reason = match self.attempt(&mut operation, again) {
                Ok(value) => return Ok(value),
                Err(SessionError::Store(error)) => return Err(error),
                Err(SessionError::Refused(error)) => {
                    // Its transaction may still be open.
                    self.session = None;
                    return Err(StoreError::Database(explain(&error).into()));
                }
                Err(SessionError::Lost(reason)) => reason,
            };
            self.session = None;
            again = true;
            let pause = pauses.next().unwrap_or_default();
            if started.elapsed().saturating_add(pause) > PATIENCE {
                return Err(StoreError::Unreachable { reason });
            }
            tracing::warn!(reason, "the database is away; connecting again");
            std::thread::sleep(pause);
        }
    }

    fn attempt<T>(
        &mut self,
        operation: &mut impl for<'s> FnMut(
            &'s mut Session,
            bool,
        ) -> BoxFuture<'s, Result<T, SessionError>>,
        again: bool,
    ) -> Result<T, SessionError> {
        let Self {
            way,
            runtime,
            session,
        } = self;
        let work = async {
            let session = match session {
                Some(session) => session,
                None => session.insert(Session::connect(way).await?),
            };
            operation(session, again).await
        };
        let late = |_| SessionError::Lost("no answer in time".to_owned());
        runtime.block_on(async {
            tokio::time::timeout(ANSWER_WITHIN, work)
                .await
                .map_err(late)?
        })
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .build()
}

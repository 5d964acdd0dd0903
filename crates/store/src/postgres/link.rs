//! The database thread: it owns one connection and reconnects when that breaks.
//!
//! An operation may run twice, because the result of an unconfirmed commit is unknown. So a second run
//! finds out what the first one did: rows carry the mark of the call that wrote them.

use super::{
    session::{explain, Session, SessionError},
    url::SharedDatabase,
};
use crate::StoreError;
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::BoxFuture;
use llm_oracle_support::blocking::blocking;
use std::{
    panic::{catch_unwind, AssertUnwindSafe},
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
    /// Read again for each connection: a password may change while the relayer runs.
    shared: SharedDatabase,
    reads_only: bool,
    runtime: Runtime,
    session: Option<Session>,
}

impl DatabaseThread {
    /// Starts the thread. It connects with the first operation.
    pub(super) fn new(shared: &SharedDatabase, reads_only: bool) -> Result<Self, StoreError> {
        // An address that can't be used is an error at once.
        drop(shared.way(reads_only)?);
        let runtime = Builder::new_current_thread().enable_all().build();
        let failed = |error: std::io::Error| StoreError::Database(error.into());
        let worker = Worker {
            shared: shared.clone(),
            reads_only,
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
            reason: "the operation panicked; see the log".to_owned(),
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
            // One operation that panics fails by itself; its caller sees that no answer came.
            if catch_unwind(AssertUnwindSafe(|| job(&mut self))).is_err() {
                tracing::error!("an operation of the store panicked");
                // Its transaction may still be open.
                self.session = None;
            }
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
            shared,
            reads_only,
            runtime,
            session,
        } = self;
        let work = async {
            let session = match session {
                Some(session) => session,
                None => {
                    // It was checked at the start: a file may be missing while it is replaced.
                    let way = shared.way(*reads_only);
                    let way = way.map_err(|error| SessionError::Lost(error.to_string()))?;
                    session.insert(Session::connect(&way).await?)
                }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::{postgres::UrlSource, DatabaseUrl};

    #[test]
    fn the_thread_outlives_an_operation_that_panics() {
        let shared = SharedDatabase {
            url: UrlSource::Text(DatabaseUrl::new("host=/nowhere user=me dbname=oracle")),
            ca_file: None,
            lease_ms: SharedDatabase::LEASE_MS,
        };
        let thread = DatabaseThread::new(&shared, false).unwrap();
        let jobs = thread.jobs.as_ref().unwrap();
        jobs.send(Box::new(|_| panic!("as the test wants")))
            .unwrap();
        let (say, heard) = sync_channel(1);
        jobs.send(Box::new(move |_| say.send(()).unwrap())).unwrap();
        heard.recv().unwrap();
    }
}

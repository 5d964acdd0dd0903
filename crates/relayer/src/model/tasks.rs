//! The calls of the model: what runs, what waits for a free place, and what has come back.

use super::{
    request::{ModelReply, ModelRequest},
    starts::question_key,
};
use crate::requests::DeadlineQueue;
use llm_oracle_llm::{ModelQuestion, Provider};
use llm_oracle_primitives::BlockNumber;
use llm_oracle_store::SeatId;
use llm_oracle_support::clock::Instant;
use std::{collections::BTreeMap, sync::Arc};
use tokio::task::{self, AbortHandle, JoinError, JoinSet};

/// Questions that may wait for the model, and as many that wait for their sources; more stay on the chain until
/// these are through.
const WAITING_MAX: usize = 256;
/// Questions with sources at the same time. They have places of their own: a page may take a minute, and whoever
/// asks about such pages must keep no other question from the model.
const SOURCED_MAX: usize = 8;

/// A call that has ended: its reply, or how its task died.
pub(super) type ModelCall = Result<ModelReply, JoinError>;

/// A question that can be put.
pub(super) struct ReadyQuestion {
    pub(super) request: ModelRequest,
    pub(super) question: ModelQuestion,
    /// Its name in [`super::starts::ModelStarts`].
    pub(super) key: String,
}

impl ReadyQuestion {
    pub(super) fn has_sources(&self) -> bool {
        !self.request.terms.sources.is_empty()
    }
}

/// A question that a model has.
struct RunningCall {
    deadline: BlockNumber,
    task: AbortHandle,
    key: String,
    has_sources: bool,
}

/// Questions in the model's hands and before it.
pub(super) struct ModelTasks {
    max_concurrent: usize,
    /// Those without sources.
    waiting: DeadlineQueue<ReadyQuestion>,
    waiting_with_sources: DeadlineQueue<ReadyQuestion>,
    running: JoinSet<ModelReply>,
    tasks: BTreeMap<SeatId, RunningCall>,
    finished: Vec<ModelCall>,
}

impl ModelTasks {
    pub(super) fn new(max_concurrent: u16) -> Self {
        Self {
            max_concurrent: max_concurrent.max(1).into(),
            waiting: DeadlineQueue::new(WAITING_MAX),
            waiting_with_sources: DeadlineQueue::new(WAITING_MAX),
            running: JoinSet::new(),
            tasks: BTreeMap::new(),
            finished: Vec::new(),
        }
    }

    /// Takes another number of questions at the same time; those under way go on.
    pub(super) fn reload(&mut self, max_concurrent: u16) {
        self.max_concurrent = max_concurrent.max(1).into();
    }

    /// Whether a seat's question is with the model or waits for it.
    pub(super) fn contains(&self, seat: &SeatId) -> bool {
        self.is_running(seat)
            || self.waiting.contains(seat)
            || self.waiting_with_sources.contains(seat)
    }

    /// Whether a seat's question is with the model, or its reply is not yet recorded.
    pub(super) fn is_running(&self, seat: &SeatId) -> bool {
        self.tasks.contains_key(seat)
    }

    /// Seats whose question is with the model or waits for it.
    pub(super) fn seats(&self) -> impl Iterator<Item = SeatId> + '_ {
        let waiting = self.waiting.entries();
        let waiting = waiting.chain(self.waiting_with_sources.entries());
        self.tasks.keys().copied().chain(waiting)
    }

    /// Whether no question is with the model.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether no question is with the model, and no reply waits to be recorded.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Lets a question wait for a free place. If there are too many, the one that is due last is dropped.
    pub(super) fn push(&mut self, request: ModelRequest, question: ModelQuestion) {
        let (deadline, seat) = (request.deadline, request.stake.entry);
        let key = question_key(&question, &request.terms.sources);
        let ready = ReadyQuestion {
            request,
            question,
            key,
        };
        self.lane_mut(ready.has_sources())
            .push(deadline, seat, ready);
    }

    /// The question that is due first, if there is a place for it beside those that are `taken`; one without
    /// sources before one with some.
    pub(super) fn first(&self, taken: &[ReadyQuestion]) -> Option<&ReadyQuestion> {
        let has_place = |with_sources: bool, most: usize| {
            let running = self.tasks.values();
            let running = running.filter(|call| call.has_sources == with_sources);
            let taken = taken.iter();
            let taken = taken.filter(|ready| ready.has_sources() == with_sources);
            running.count().saturating_add(taken.count()) < most
        };
        let plain = has_place(false, self.max_concurrent).then(|| self.waiting.first());
        let sourced = || has_place(true, SOURCED_MAX).then(|| self.waiting_with_sources.first());
        plain.flatten().or_else(|| sourced().flatten())
    }

    /// Takes the question that is due first, of those with sources or without.
    pub(super) fn pop(&mut self, with_sources: bool) -> Option<ReadyQuestion> {
        self.lane_mut(with_sources).pop()
    }

    fn lane_mut(&mut self, with_sources: bool) -> &mut DeadlineQueue<ReadyQuestion> {
        match with_sources {
            true => &mut self.waiting_with_sources,
            false => &mut self.waiting,
        }
    }

    /// Calls the model.
    pub(super) fn spawn(&mut self, provider: Arc<dyn Provider>, ready: ReadyQuestion) {
        let has_sources = ready.has_sources();
        let ReadyQuestion {
            request,
            question,
            key,
        } = ready;
        let (seat, deadline) = (request.stake.entry, request.deadline);
        let task = self.running.spawn(async move {
            let started = Instant::now();
            let sources = &request.terms.sources;
            let result = provider
                .answer_about(&question, sources, request.seen_at_ms)
                .await;
            ModelReply {
                request,
                result,
                took: started.elapsed(),
            }
        });
        let call = RunningCall {
            deadline,
            task,
            key,
            has_sources,
        };
        self.tasks.insert(seat, call);
    }

    /// Stops what can't be committed above this block any more, and returns its seats, with the names of the
    /// questions that were with the model.
    pub(super) fn cancel_overdue(
        &mut self,
        best: BlockNumber,
    ) -> impl Iterator<Item = (SeatId, Option<String>)> {
        let mut waited = self.waiting.drop_overdue(best);
        waited.extend(self.waiting_with_sources.drop_overdue(best));
        let mut dropped: Vec<_> = waited.into_iter().map(|seat| (seat, None)).collect();
        self.tasks.retain(|seat, call| {
            let overdue = call.deadline <= best;
            if overdue {
                call.task.abort();
                dropped.push((*seat, Some(std::mem::take(&mut call.key))));
            }
            !overdue
        });
        dropped.into_iter()
    }

    /// Waits for any call to end; for ever when there is none.
    pub(super) async fn any(&mut self) {
        match self.running.join_next().await {
            Some(call) => self.finished.push(call),
            None => std::future::pending().await,
        }
    }

    /// All calls that have ended.
    pub(super) fn take_finished(&mut self) -> Vec<ModelCall> {
        while let Some(call) = self.running.try_join_next() {
            self.finished.push(call);
        }
        std::mem::take(&mut self.finished)
    }

    /// Returns calls that could not be recorded now.
    pub(super) fn put_back(&mut self, calls: Vec<ModelCall>) {
        self.finished.extend(calls);
    }

    /// Forgets a seat's question, whose reply is recorded; returns the question's name.
    pub(super) fn remove(&mut self, seat: &SeatId) -> Option<String> {
        self.tasks.remove(seat).map(|call| call.key)
    }

    /// The seat of a task that has died.
    pub(super) fn seat_of(&self, id: task::Id) -> Option<SeatId> {
        let mut tasks = self.tasks.iter();
        tasks
            .find(|(_, call)| call.task.id() == id)
            .map(|(seat, _)| *seat)
    }
}

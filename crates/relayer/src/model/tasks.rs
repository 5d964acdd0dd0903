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

/// Questions that may wait for the model; more stay on the chain until these are through.
const WAITING_MAX: usize = 256;

/// A call that has ended: its reply, or how its task died.
pub(super) type ModelCall = Result<ModelReply, JoinError>;

/// A question that can be put.
pub(super) struct ReadyQuestion {
    pub(super) request: ModelRequest,
    pub(super) question: ModelQuestion,
    /// Its name in [`super::starts::ModelStarts`].
    pub(super) key: String,
}

/// A question that a model has.
struct RunningCall {
    deadline: BlockNumber,
    task: AbortHandle,
    key: String,
}

/// Questions in the model's hands and before it.
pub(super) struct ModelTasks {
    max_concurrent: usize,
    waiting: DeadlineQueue<ReadyQuestion>,
    running: JoinSet<ModelReply>,
    tasks: BTreeMap<SeatId, RunningCall>,
    finished: Vec<ModelCall>,
}

impl ModelTasks {
    pub(super) fn new(max_concurrent: u16) -> Self {
        Self {
            max_concurrent: max_concurrent.max(1).into(),
            waiting: DeadlineQueue::new(WAITING_MAX),
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
        self.is_running(seat) || self.waiting.contains(seat)
    }

    /// Whether a seat's question is with the model, or its reply is not yet recorded.
    pub(super) fn is_running(&self, seat: &SeatId) -> bool {
        self.tasks.contains_key(seat)
    }

    /// Seats whose question is with the model or waits for it.
    pub(super) fn seats(&self) -> impl Iterator<Item = SeatId> + '_ {
        self.tasks.keys().copied().chain(self.waiting.entries())
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
        let key = question_key(&question);
        let ready = ReadyQuestion {
            request,
            question,
            key,
        };
        self.waiting.push(deadline, seat, ready);
    }

    /// The question that is due first, if the model has a place for it beside `more` others.
    pub(super) fn first(&self, more: usize) -> Option<&ReadyQuestion> {
        let taken = self.tasks.len().saturating_add(more);
        let has_place = taken < self.max_concurrent;
        has_place.then(|| self.waiting.first()).flatten()
    }

    /// Takes the question that is due first.
    pub(super) fn pop(&mut self) -> Option<ReadyQuestion> {
        self.waiting.pop()
    }

    /// Calls the model.
    pub(super) fn spawn(&mut self, provider: Arc<dyn Provider>, ready: ReadyQuestion) {
        let ReadyQuestion {
            request,
            question,
            key,
        } = ready;
        let (seat, deadline) = (request.stake.entry, request.deadline);
        let task = self.running.spawn(async move {
            let started = Instant::now();
            let sources = &request.terms.sources;
            let result = provider.answer_about(&question, sources).await;
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
        };
        self.tasks.insert(seat, call);
    }

    /// Stops what can't be committed above this block any more, and returns its seats, with the names of the
    /// questions that were with the model.
    pub(super) fn cancel_overdue(
        &mut self,
        best: BlockNumber,
    ) -> impl Iterator<Item = (SeatId, Option<String>)> {
        let waited = self.waiting.drop_overdue(best);
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

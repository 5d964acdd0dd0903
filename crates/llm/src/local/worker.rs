//! The thread that a model lives on. It outlives a question that makes it panic, and gives a question up for
//! which nobody waits any more.

use super::super::{ModelError, ModelQuestion, ProviderReply};
use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Mutex, PoisonError,
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Pause before a model that could not be made anew is asked again.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Says to a running question that nobody waits for its answer.
#[derive(Clone, Default)]
pub(super) struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Cancels when it is dropped: a call that is given up drops it.
struct CancelOnDrop(CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0 .0.store(true, Ordering::Relaxed);
    }
}

/// A question in the queue of the thread.
pub(super) struct ModelJob {
    pub(super) question: ModelQuestion,
    pub(super) cancel: CancelFlag,
    pub(super) reply: oneshot::Sender<Result<ProviderReply, ModelError>>,
}

/// Why the model can't answer now, for whoever asks.
#[derive(Clone, Default)]
pub(super) struct ModelFault(Arc<Mutex<Option<String>>>);

impl ModelFault {
    pub(super) fn get(&self) -> Option<String> {
        // A plain value: a panic elsewhere leaves it readable.
        let fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone()
    }

    fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// What answers on the thread.
pub(super) trait ModelWorker {
    /// The model.
    fn name(&self) -> &str;

    /// Answers, or gives up soon after the flag is set.
    fn answer(
        &mut self,
        question: &ModelQuestion,
        cancel: &CancelFlag,
    ) -> Result<ProviderReply, ModelError>;

    /// Makes anew what a panic may have left half done.
    fn renew(&mut self) -> Result<(), ModelError>;
}

/// Puts a question to the thread and waits. Whoever drops this cancels the question.
pub(super) async fn put(
    jobs: &mpsc::Sender<ModelJob>,
    question: &ModelQuestion,
) -> Result<ProviderReply, ModelError> {
    let (reply, answered) = oneshot::channel();
    let cancel = CancelFlag::default();
    let job = ModelJob {
        question: question.clone(),
        cancel: cancel.clone(),
        reply,
    };
    let _guard = CancelOnDrop(cancel);
    jobs.send(job).await.map_err(|_| stopped())?;
    answered.await.map_err(|_| stopped())?
}

/// The thread is gone.
pub(super) fn stopped() -> ModelError {
    ModelError::Engine("the model's thread has stopped: restart the relayer".to_owned())
}

/// Answers until every front is dropped.
pub(super) fn work(
    queue: &mut mpsc::Receiver<ModelJob>,
    worker: &mut dyn ModelWorker,
    fault: &ModelFault,
) {
    let mut is_whole = true;
    while let Some(job) = queue.blocking_recv() {
        if job.reply.is_closed() {
            continue;
        }
        is_whole = is_whole || renew(worker, fault);
        let result = match is_whole {
            false => Err(ModelError::Unavailable {
                model: worker.name().to_owned(),
                reason: fault.get().unwrap_or_default(),
                wait: RENEW_AGAIN_AFTER,
            }),
            true => {
                let run = || worker.answer(&job.question, &job.cancel);
                catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                    tracing::error!("the model's engine panicked at a question");
                    is_whole = false;
                    let reason = "it panicked at this question; its state is made anew";
                    Err(ModelError::Engine(reason.to_owned()))
                })
            }
        };
        // At once, so that a model that can't go on says so before it is asked.
        is_whole = is_whole || renew(worker, fault);
        // The caller may have gone meanwhile.
        drop(job.reply.send(result));
    }
}

fn renew(worker: &mut dyn ModelWorker, fault: &ModelFault) -> bool {
    let renewed = catch_unwind(AssertUnwindSafe(|| worker.renew()));
    let why = match renewed {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("its state can't be made anew; restart the relayer".to_owned()),
    };
    fault.set(why.clone());
    why.is_none()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use llm_oracle_primitives::{Answer, AnswerKind, ModelRef, Sampling};

    /// Panics at `poison`, computes for ever at `long`, and answers anything else.
    struct ScriptedWorker {
        renewals_refused: u32,
        started: mpsc::UnboundedSender<()>,
    }

    impl ModelWorker for ScriptedWorker {
        fn name(&self) -> &str {
            "m"
        }

        fn answer(
            &mut self,
            question: &ModelQuestion,
            cancel: &CancelFlag,
        ) -> Result<ProviderReply, ModelError> {
            self.started.send(()).unwrap();
            match question.prompt.as_str() {
                "poison" => panic!("as asked"),
                "long" => {
                    while !cancel.is_set() {
                        std::thread::yield_now();
                    }
                    Err(ModelError::Engine("cancelled".to_owned()))
                }
                _ => Ok(ProviderReply {
                    answer: Answer::Bool(true),
                    confidence: 0,
                    model: "m".to_owned(),
                    record: serde_json::json!({}),
                }),
            }
        }

        fn renew(&mut self) -> Result<(), ModelError> {
            if self.renewals_refused == 0 {
                return Ok(());
            }
            self.renewals_refused = self.renewals_refused.saturating_sub(1);
            Err(ModelError::Engine("no memory".to_owned()))
        }
    }

    struct Front {
        jobs: mpsc::Sender<ModelJob>,
        fault: ModelFault,
    }

    fn front(renewals_refused: u32) -> (Front, mpsc::UnboundedReceiver<()>) {
        let (jobs, mut queue) = mpsc::channel(4);
        let (say, started) = mpsc::unbounded_channel();
        let fault = ModelFault::default();
        let known = fault.clone();
        std::thread::spawn(move || {
            let mut worker = ScriptedWorker {
                renewals_refused,
                started: say,
            };
            work(&mut queue, &mut worker, &known);
        });
        (Front { jobs, fault }, started)
    }

    impl Front {
        async fn ask(&self, prompt: &str) -> Result<ProviderReply, ModelError> {
            let question = ModelQuestion {
                prompt: prompt.to_owned(),
                system: None,
                answer: AnswerKind::Bool,
                sampling: Sampling::default(),
                model: ModelRef::Any,
            };
            put(&self.jobs, &question).await
        }
    }

    #[tokio::test]
    async fn a_thread_outlives_a_question_that_makes_it_panic() {
        let (front, _started) = front(0);
        let said = front.ask("poison").await;
        assert!(matches!(said, Err(ModelError::Engine(_))), "{said:?}");
        assert_eq!(front.fault.get(), None);
        assert!(front.ask("other").await.is_ok());
    }

    #[tokio::test]
    async fn a_model_that_can_not_go_on_says_so_until_it_can() {
        let (front, _started) = front(2);
        assert!(front.ask("poison").await.is_err());
        assert!(front.fault.get().unwrap().contains("no memory"));
        let said = front.ask("other").await.unwrap_err();
        assert!(
            said.is_free() && said.to_string().contains("no memory"),
            "{said}"
        );
        assert!(front.ask("other").await.is_ok());
        assert_eq!(front.fault.get(), None);
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_stops_computing() {
        let (front, mut started) = front(0);
        tokio::select! {
            _ = front.ask("long") => panic!("it never ends by itself"),
            begun = started.recv() => begun.unwrap(),
        }
        assert!(front.ask("other").await.is_ok());
    }
}

//! Questions over the deaths of processes.

use super::*;
use crate::plan::Stake;
use async_trait::async_trait;
use llm_oracle_fixtures::request;
use llm_oracle_llm::{CallLimits, Fallback, ModelQuestion};
use llm_oracle_primitives::{AccountId, DeploymentId, Source};
use llm_oracle_store::{sqlite::Sqlite, SaltSecrets, StoreIdentity};
use std::sync::{Mutex, PoisonError};

/// Never answers prompts that begin with `poison`: its process dies while they are with it.
#[derive(Default)]
struct MortalProvider {
    asked: Mutex<Vec<String>>,
}

impl MortalProvider {
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn times(&self, prompt: &str) -> usize {
        self.asked().iter().filter(|one| *one == prompt).count()
    }
}

#[async_trait]
impl Provider for MortalProvider {
    /// Pages never come.
    async fn answer_about(
        &self,
        question: &ModelQuestion,
        sources: &[Source],
        _: i64,
    ) -> Result<ProviderReply, ModelError> {
        if !sources.is_empty() {
            std::future::pending::<()>().await;
        }
        self.answer(question).await
    }

    fn name(&self) -> &str {
        "mortal"
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        let prompt = question.prompt.clone();
        let is_poison = prompt.starts_with("poison");
        self.asked.lock().unwrap().push(prompt);
        if is_poison {
            std::future::pending::<()>().await;
        }
        Ok(ProviderReply {
            answer: Answer::Bool(true),
            confidence: 0,
            model: "mortal".to_owned(),
            record: json!({}),
        })
    }
}

/// A store that outlives processes, and what they ask.
struct Machine {
    store: Arc<Store>,
    provider: Arc<MortalProvider>,
}

impl Machine {
    fn new() -> Self {
        let identity = StoreIdentity {
            genesis: [1; 32],
            contract: [2; 32],
            domain: [3; 32],
        };
        let database = Arc::new(Sqlite::open_in_memory(&identity).unwrap());
        let secrets = SaltSecrets::from_pairs([(1, [4; 32])]);
        Self {
            store: Arc::new(Store::with_database(database, secrets)),
            provider: Arc::default(),
        }
    }

    /// A process that has just started.
    fn start(&self, at_once: u16) -> ModelQueue {
        self.start_with(self.provider.clone(), at_once)
    }

    fn start_with(&self, provider: Arc<dyn Provider>, at_once: u16) -> ModelQueue {
        let (store, ops) = (self.store.clone(), Arc::<Ops>::default());
        let deployment = DeploymentId {
            domain: [3; 32],
            contract: [2; 32],
        };
        ModelQueue::new(
            (provider, OperatorModels::default()),
            (at_once, PolicyConfig::default()),
            (
                store.clone(),
                ops.clone(),
                FailureLog::new(store.clone(), vec![[9; 32], [8; 32]], 5),
            ),
            AnswerRecorder::new(store, ops, deployment),
        )
        .unwrap()
    }

    /// Asks what is not answered or skipped, until nothing moves any more.
    async fn work(&self, queue: &mut ModelQueue, seats: &[(SeatId, &str)]) {
        loop {
            let open = seats.iter().filter(|(seat, _)| {
                !queue.is_asking(seat) && !self.is_done(seat) && self.skipped(seat).is_none()
            });
            let requests = open.map(|(seat, prompt)| model_request(*seat, prompt));
            let mut moved = queue.start(requests.collect()).unwrap();
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            moved |= queue.collect_answers().unwrap();
            if !moved {
                return;
            }
        }
    }

    fn is_done(&self, seat: &SeatId) -> bool {
        let job = self.store.job(seat.request_id, &seat.operator).unwrap();
        job.is_some()
    }

    fn skipped(&self, seat: &SeatId) -> Option<String> {
        self.store.skipped(seat.request_id, &seat.operator).unwrap()
    }
}

fn seat(request_id: u64, operator: u8) -> SeatId {
    SeatId {
        request_id,
        operator: [operator; 32],
    }
}

fn model_request(entry: SeatId, prompt: &str) -> ModelRequest {
    ModelRequest {
        stake: Stake {
            entry,
            requester: AccountId::from([1; 32]),
            seat_fee: 0,
            effort: 0,
            kept: true,
            price: 0,
        },
        terms: Arc::new(request::terms(prompt.as_bytes())),
        terms_digest: [5; 32],
        seen_at_ms: 0,
        deadline: 100,
        seat_bond: 0,
    }
}

#[tokio::test]
async fn a_prompt_that_ends_the_process_is_put_at_most_twice() {
    let machine = Machine::new();
    // Of both operators, and in another request.
    let seats = [
        (seat(1, 9), "poison"),
        (seat(1, 8), "poison"),
        (seat(2, 9), "poison"),
    ];
    for _start in 0..5 {
        let mut queue = machine.start(1);
        machine.work(&mut queue, &seats).await;
    }
    assert_eq!(machine.provider.times("poison"), 2);
    for (seat, _) in &seats {
        let reason = machine.skipped(seat).unwrap();
        assert!(reason.contains("ended 2 times"), "{reason}");
    }
}

#[tokio::test]
async fn questions_beside_a_poison_are_answered_in_the_end() {
    let machine = Machine::new();
    let seats = [
        (seat(1, 9), "one"),
        (seat(2, 9), "poison"),
        (seat(3, 9), "three"),
    ];
    // The first process dies before an answer is recorded: whatever was put can be to blame.
    let mut queue = machine.start(3);
    let requests = seats.map(|(seat, prompt)| model_request(seat, prompt));
    queue.start(requests.into()).unwrap();
    tokio::task::yield_now().await;
    drop(queue);
    for _start in 0..3 {
        let mut queue = machine.start(3);
        machine.work(&mut queue, &seats).await;
    }
    assert_eq!(machine.provider.times("poison"), 2);
    assert!(machine.is_done(&seats[0].0) && machine.is_done(&seats[2].0));
    assert!(machine.skipped(&seats[1].0).is_some());
}

#[tokio::test]
async fn an_orderly_end_is_no_strike_against_what_is_asked() {
    let machine = Machine::new();
    let seats = [(seat(1, 9), "poison")];
    for _start in 0..4 {
        let mut queue = machine.start(1);
        machine.work(&mut queue, &seats).await;
        queue.wind_up(Duration::ZERO).await.unwrap();
    }
    assert_eq!(machine.provider.times("poison"), 4);
    assert_eq!(machine.skipped(&seats[0].0), None);
}

#[tokio::test]
async fn pages_that_never_come_keep_no_other_question_from_the_model() {
    let machine = Machine::new();
    let mut queue = machine.start(1);
    let slow = (10..30).map(|id| {
        let mut request = model_request(seat(id, 9), "slow");
        let page = Source::Page {
            url: b"https://example.com/".to_vec(),
            must: true,
        };
        Arc::make_mut(&mut request.terms).sources = vec![page];
        // Due before everything else.
        request.deadline = 50;
        request
    });
    queue.start(slow.collect()).unwrap();
    tokio::task::yield_now().await;
    let honest = [(seat(1, 9), "one"), (seat(2, 9), "two")];
    machine.work(&mut queue, &honest).await;
    assert!(honest.iter().all(|(seat, _)| machine.is_done(seat)));
    assert_eq!(
        queue.asked().count(),
        20,
        "the slow ones wait for their pages"
    );
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_its_turn_until_its_deadline_and_counts_as_no_failure() {
    let machine = Machine::new();
    // Room for the maximum of one question.
    let limits = CallLimits {
        max_tokens_per_minute: 5_000,
        ..CallLimits::default()
    };
    let limited = Fallback::new(vec![(machine.provider.clone(), limits)]).unwrap();
    let mut queue = machine.start_with(Arc::new(limited), 3);
    let seats = [seat(1, 9), seat(2, 9), seat(3, 9)];
    let put = |queue: &mut ModelQueue, seat| {
        queue.start(vec![model_request(seat, "q")]).unwrap();
    };
    let settle = || async {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    };
    for seat in seats {
        put(&mut queue, seat);
    }
    settle().await;
    queue.collect_answers().unwrap();
    assert_eq!(machine.provider.times("q"), 1);
    assert!(machine.is_done(&seats[0]) && !machine.is_done(&seats[1]));
    assert!(queue.backoffs().must_wait(&seats[1]));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(!queue.backoffs().must_wait(&seats[1]));
    for seat in &seats[1..] {
        put(&mut queue, *seat);
    }
    settle().await;
    queue.collect_answers().unwrap();
    assert!(machine.is_done(&seats[1]) && !machine.is_done(&seats[2]));
    queue.overdue(&seats[2]).unwrap();
    let reason = machine.skipped(&seats[2]).unwrap();
    assert!(reason.contains("max_tokens_per_minute is 5000"), "{reason}");
    let metrics = queue.ops.metrics().text().unwrap();
    assert!(
        metrics.contains("llm_oracle_model_failures_total 0"),
        "{metrics}"
    );
}

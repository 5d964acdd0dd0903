#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use crate::scripted::Scripted;
use llm_oracle_primitives::{Answer, AnswerKind, Sampling};
use serde_json::Value;

fn question(model: ModelRef) -> ModelQuestion {
    ModelQuestion {
        prompt: "p".to_owned(),
        system: None,
        answer: AnswerKind::Bool,
        sampling: Sampling::default(),
        model,
    }
}

fn failing(name: &str, error: ModelError) -> Arc<Scripted> {
    Arc::new(Scripted::from_fn(name, move |_| Err(error.clone())))
}

fn saying(name: &str, answer: bool) -> Arc<Scripted> {
    Arc::new(Scripted::from_fn(name, move |_| Ok(Answer::Bool(answer))))
}

fn list(providers: &[&Arc<Scripted>], limits: CallLimits) -> Fallback {
    let with = |provider: &&Arc<Scripted>| ((*provider).clone() as Arc<dyn Provider>, limits);
    Fallback::new(providers.iter().map(with).collect()).unwrap()
}

fn limited(after: Option<u64>) -> ModelError {
    ModelError::Status {
        code: 429,
        retry_after: after.map(Duration::from_secs),
        said: String::new(),
        is_paid: false,
    }
}

#[tokio::test]
async fn the_next_provider_answers_and_the_failed_one_is_left_to_rest() {
    let (first, second) = (failing("a", limited(Some(90))), saying("b", true));
    let all = list(&[&first, &second], CallLimits::default());
    let reply = all.answer(&question(ModelRef::Any)).await.unwrap();
    assert_eq!(reply.model, "b");
    let failed = reply.record["failed_before"][0].as_str().unwrap();
    assert!(failed.contains("429"), "{failed}");
    assert_eq!(reply.record["provider"], "scripted");
    let states = all.states();
    assert!(states[0].cooldown_ms.unwrap() > 80_000, "{states:?}");
    assert!(states[0].reason.as_ref().unwrap().contains("429"));
    assert_eq!(states[1].cooldown_ms, None);
    all.answer(&question(ModelRef::Any)).await.unwrap();
    assert_eq!((first.calls(), second.calls()), (1, 2));
}

#[tokio::test]
async fn another_model_than_the_one_asked_for_never_answers() {
    let (first, second) = (failing("a", limited(None)), saying("b", true));
    let all = list(&[&first, &second], CallLimits::default());
    let asked = question(ModelRef::Name(b"a".to_vec()));
    let error = all.answer(&asked).await.unwrap_err();
    assert!(error.to_string().contains("429"), "{error}");
    let error = all.answer(&asked).await.unwrap_err();
    assert!(matches!(error, ModelError::Unavailable { .. }), "{error:?}");
    assert!(error.is_free());
    assert_eq!(second.calls(), 0);
    let other = question(ModelRef::Name(b"c".to_vec()));
    let error = all.answer(&other).await.unwrap_err();
    assert!(error.to_string().contains("'a' or 'b'"), "{error}");
    assert_eq!(first.calls(), 1);
}

#[tokio::test]
async fn when_all_fail_the_soonest_is_named_and_nothing_is_made_up() {
    let all = list(
        &[
            &failing("a", limited(Some(90))),
            &failing("b", limited(Some(7))),
            &failing("c", ModelError::BadQuestion("no".to_owned())),
        ],
        CallLimits::default(),
    );
    let error = all.answer(&question(ModelRef::Any)).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Backoff(Some(Duration::from_secs(7))));
    assert!(error.is_free());
    let hopeless = list(
        &[
            &failing("a", ModelError::BadQuestion("no".to_owned())),
            &failing("b", ModelError::Engine("broke".to_owned())),
        ],
        CallLimits::default(),
    );
    let error = hopeless.answer(&question(ModelRef::Any)).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Backoff(None));
    assert!(!error.is_free(), "an engine ran");
}

#[tokio::test]
async fn a_budget_that_is_used_up_stops_a_provider_and_outlives_a_restart() {
    let limits = CallLimits {
        planck_per_request: 10,
        max_spend_per_day: 39,
        ..CallLimits::default()
    };
    let asked = question(ModelRef::Any);
    let (first, second) = (saying("a", true), saying("b", true));
    let all = list(&[&first, &second], limits);
    // Two requests may be actual_cost each time, and one was: 10, 20, and 40 would be too much.
    for _ in 0..3 {
        all.answer(&asked).await.unwrap();
    }
    assert_eq!((first.calls(), second.calls()), (2, 1));
    assert_eq!(all.states()[0].used.planck, "20");
    let again = list(&[&first, &second], limits);
    again.restore(&all.states());
    again.answer(&asked).await.unwrap();
    assert_eq!((first.calls(), second.calls()), (2, 2));
    let error = again.answer(&asked).await.unwrap_err();
    assert!(
        error.to_string().contains("max_spend_per_day is 39"),
        "{error}"
    );
    assert_eq!(again.price(&asked), 40);
}

/// Answers once it is let, and counts how many questions it held at the same time.
struct Gate {
    open: Semaphore,
    inside: Mutex<(u32, u32)>,
}

#[async_trait]
impl Provider for Gate {
    fn name(&self) -> &str {
        "gate"
    }

    async fn answer(&self, _question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        {
            let mut inside = self.inside.lock().unwrap();
            inside.0 = inside.0.saturating_add(1);
            inside.1 = inside.1.max(inside.0);
        }
        self.open.acquire().await.unwrap().forget();
        let mut inside = self.inside.lock().unwrap();
        inside.0 = inside.0.saturating_sub(1);
        Ok(ProviderReply {
            answer: Answer::Bool(true),
            confidence: 0,
            model: "gate".to_owned(),
            record: Value::Null,
        })
    }
}

#[tokio::test]
async fn a_busy_provider_hands_over_and_no_more_calls_run_at_once_than_allowed() {
    let gate = Arc::new(Gate {
        open: Semaphore::new(0),
        inside: Mutex::default(),
    });
    let limits = CallLimits {
        max_concurrent_calls: 1,
        ..CallLimits::default()
    };
    let second = saying("b", false);
    let members: Vec<(Arc<dyn Provider>, _)> =
        vec![(gate.clone(), limits), (second.clone(), limits)];
    let all = Fallback::new(members).unwrap();
    let asked = question(ModelRef::Any);
    let (one, two) = tokio::join!(all.answer(&asked), async {
        let answer = all.answer(&asked).await;
        gate.open.add_permits(1);
        answer
    });
    assert_eq!(one.unwrap().answer, Answer::Bool(true));
    assert_eq!(two.unwrap().answer, Answer::Bool(false));
    // With one provider the second question waits for its place.
    let alone = Fallback::new(vec![(gate.clone() as Arc<dyn Provider>, limits)]).unwrap();
    let (one, two, ()) = tokio::join!(alone.answer(&asked), alone.answer(&asked), async {
        gate.open.add_permits(2);
    });
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(gate.inside.lock().unwrap().1, 1);
}

#[tokio::test(start_paused = true)]
async fn cooldowns_and_budgets_follow_the_simulated_clock() {
    let _simulated = llm_oracle_support::simulated::begin(1);
    let asked = question(ModelRef::Any);
    let failing = failing("a", limited(Some(90)));
    let all = list(&[&failing], CallLimits::default());
    assert!(all.answer(&asked).await.is_err());
    assert_eq!(all.states()[0].cooldown_ms, Some(90_000));
    tokio::time::advance(Duration::from_secs(89)).await;
    let error = all.answer(&asked).await.unwrap_err();
    let left = Retry::Backoff(Some(Duration::from_secs(1)));
    assert_eq!((error.retry(), failing.calls()), (left, 1));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(all.answer(&asked).await.is_err());
    assert_eq!(failing.calls(), 2);

    let limits = CallLimits {
        planck_per_request: 10,
        max_spend_per_day: 20,
        max_requests_per_minute: 2,
        ..CallLimits::default()
    };
    let answering = saying("b", true);
    let all = list(&[&answering], limits);
    all.answer(&asked).await.unwrap();
    let error = all.answer(&asked).await.unwrap_err();
    assert!(error.to_string().contains("last minute"), "{error}");
    tokio::time::advance(Duration::from_secs(60)).await;
    let error = all.answer(&asked).await.unwrap_err();
    assert!(error.to_string().contains("max_spend_per_day"), "{error}");
    // Also when nothing but the wall clock moves: the day is the wall clock's.
    llm_oracle_support::simulated::jump(86_400_000);
    all.answer(&asked).await.unwrap();
    assert_eq!(answering.calls(), 2);
}

#[test]
fn states_that_were_stored_under_their_old_names_are_read() {
    let stored = r#"{"model":"a","rests_ms":7,"why":"429","used":{"day":1,"requests":2,"tokens":3,"planck":"4"}}"#;
    let state: ProviderState = serde_json::from_str(stored).unwrap();
    assert_eq!(
        (state.cooldown_ms, state.reason),
        (Some(7), Some("429".to_owned()))
    );
    assert_eq!(state.used.tokens, 3);
}

#[test]
fn what_an_answer_took_is_read_from_its_record() {
    let taken = CallCost {
        requests: 2,
        input_tokens: 4_000,
        output_tokens: 1_000,
    };
    for (record, requests, input_tokens, output_tokens) in [
        (
            json!({ "exchanges": [1], "usage": { "total_tokens": 12 } }),
            1,
            0,
            12,
        ),
        (
            json!({ "exchanges": [1, 2], "usage": { "input_tokens": 12, "output_tokens": 3 } }),
            2,
            24,
            6,
        ),
        (
            json!({
                "exchanges": [1, 2],
                "refused_requests": [1],
                "usage": null,
                "usages": [
                    { "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 30_000 },
                    { "input_tokens": 1, "cache_read_input_tokens": 8, "output_tokens": 3 },
                ],
            }),
            3,
            18,
            29_994,
        ),
        (json!({ "exchanges": [1], "usage": null }), 1, 4_000, 1_000),
        (json!({ "not_asked": "why" }), 0, 0, 0),
    ] {
        let expected = CallCost {
            requests,
            input_tokens,
            output_tokens,
        };
        assert_eq!(actual_cost(&record, taken), expected, "{record}");
    }
}

/// Takes this long for an answer, by the clock of the test.
struct Slow(Duration);

#[async_trait]
impl Provider for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    async fn answer(&self, _: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        tokio::time::sleep(self.0).await;
        Ok(ProviderReply {
            answer: Answer::Bool(true),
            confidence: 0,
            model: "slow".to_owned(),
            record: json!({ "usage": { "total_tokens": 1_000 } }),
        })
    }
}

/// Room for one question's maximum, which is 4,226 tokens, and not for two.
fn tokens_a_minute(answer_time: Duration) -> Fallback {
    let limits = CallLimits {
        max_tokens_per_minute: 5_000,
        ..CallLimits::default()
    };
    let slow: Arc<dyn Provider> = Arc::new(Slow(answer_time));
    Fallback::new(vec![(slow, limits)]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_its_turn_within_the_tokens_of_a_minute() {
    let all = tokens_a_minute(Duration::from_secs(90));
    let asked = question(ModelRef::Any);
    let (first, second) = tokio::join!(all.answer(&asked), all.answer(&asked));
    assert!(first.is_ok());
    let error = second.unwrap_err();
    assert!(matches!(error, ModelError::RateLimited { .. }), "{error:?}");
    assert!(error.is_free());
    // The first one took 1,000, which leave too little room for a minute from its end.
    let error = all.answer(&asked).await.unwrap_err();
    let wait = Duration::from_secs(60);
    assert_eq!(error.retry(), Retry::Backoff(Some(wait)));
    tokio::time::advance(wait - Duration::from_millis(1)).await;
    assert!(all.answer(&asked).await.is_err());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(all.answer(&asked).await.is_ok());
    // No cooldown, and no failure on the way.
    assert_eq!(all.states()[0].cooldown_ms, None);
}

#[tokio::test(start_paused = true)]
async fn the_fallback_answers_what_would_have_to_wait() {
    let slow: Arc<dyn Provider> = Arc::new(Slow(Duration::from_secs(90)));
    let limits = CallLimits {
        max_tokens_per_minute: 1,
        ..CallLimits::default()
    };
    let other: Arc<dyn Provider> = saying("other", true);
    let all = Fallback::new(vec![(slow, limits), (other, CallLimits::default())]).unwrap();
    let asked = question(ModelRef::Any);
    let (first, second) = tokio::join!(all.answer(&asked), all.answer(&asked));
    assert_eq!(first.unwrap().model, "slow");
    assert_eq!(second.unwrap().model, "other");
}

#[tokio::test(start_paused = true)]
async fn what_was_stopped_counts_for_a_minute_and_no_longer() {
    let all = tokens_a_minute(Duration::from_secs(90));
    let asked = question(ModelRef::Any);
    let stopped = tokio::time::timeout(Duration::from_secs(5), all.answer(&asked)).await;
    assert!(stopped.is_err());
    let error = all.answer(&asked).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Backoff(Some(Duration::from_secs(60))));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(all.answer(&asked).await.is_ok());
}

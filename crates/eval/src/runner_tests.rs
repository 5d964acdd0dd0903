//! Tests of a run: resumed, in parallel, within a budget.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::labels;
use llm_oracle_llm::{scripted::Scripted, Fallback};
use llm_oracle_primitives::{Answer, Reason};
use std::sync::atomic::{AtomicU32, Ordering};

const TEXT: &str = r#"{"id": "a", "set": "s", "kind": "bool", "prompt": "one", "answer": "yes"}
{"id": "b", "set": "s", "kind": "bool", "prompt": "two", "answer": "no"}
{"id": "c", "set": "s", "kind": "choice", "options": ["x", "y"], "prompt": "three", "answer": "y"}"#;

const OPTIONS: RunOptions = RunOptions {
    parallel: 3,
    budget: RunBudget {
        max_questions: None,
        max_spend: None,
    },
    both_orders: true,
};

fn model(provider: Scripted, planck_per_request: u128) -> EvalModel {
    let limits = CallLimits {
        planck_per_request,
        ..CallLimits::default()
    };
    let provider = Fallback::new(vec![(Arc::new(provider), limits)]).unwrap();
    EvalModel::new(Arc::new(provider), limits, 4)
}

/// Says yes, and takes the first option.
fn first(name: &str) -> Scripted {
    Scripted::from_fn(name, |question| {
        Ok(match question.answer {
            llm_oracle_primitives::AnswerKind::Bool => Answer::Bool(true),
            _ => Answer::Choice(0),
        })
    })
}

#[tokio::test]
async fn a_second_run_asks_nothing_again_and_the_report_is_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let questions = labels::read("q", TEXT).unwrap();
    let models = [model(first("one"), 0), model(first("two"), 0)];
    let budget = RunBudget {
        max_questions: Some(3),
        max_spend: None,
    };
    let mut log = ReplyLog::open(folder.path()).unwrap();
    let short = RunOptions { budget, ..OPTIONS };
    let mut shown = Vec::new();
    let see = |progress: &RunProgress| shown.push(progress.asked);
    let done = run(&models, &questions, short, &mut log, see)
        .await
        .unwrap();
    assert_eq!((done.total, done.kept, done.asked), (8, 0, 3));
    assert!(done.budget_reached && shown.len() == 4);

    let mut log = ReplyLog::open(folder.path()).unwrap();
    let done = run(&models, &questions, OPTIONS, &mut log, |_| {})
        .await
        .unwrap();
    assert_eq!((done.kept, done.asked, done.failed), (3, 5, 0));
    assert!(!done.budget_reached);
    let mut log = ReplyLog::open(folder.path()).unwrap();
    let done = run(&models, &questions, OPTIONS, &mut log, |_| {})
        .await
        .unwrap();
    assert_eq!((done.kept, done.asked), (8, 0));

    let names = ["one".to_owned(), "two".to_owned()];
    let report = crate::measure::report(&log.matrix(&names, &questions), &[], 1);
    assert_eq!(report.slices[0].accuracy.count, 1);
    // The first option is always taken, so the answer changes with the order.
    assert_eq!(
        (report.orders.len(), report.orders[0].changed.count),
        (2, 1)
    );
    assert_eq!(report.orders[0].difference.only_first, 1);
}

#[tokio::test]
async fn the_spend_stays_within_its_budget() {
    let folder = tempfile::tempdir().unwrap();
    let questions = labels::read("q", TEXT).unwrap();
    let models = [model(first("one"), 10)];
    let most = models[0]
        .provider
        .price(&questions[0].asked().model_question());
    // Several at once reserve what they may cost before any of them has cost something.
    for (max_spend, asked) in [(most - 1, 0), (most, 1)] {
        let options = RunOptions {
            parallel: 4,
            budget: RunBudget {
                max_questions: None,
                max_spend: Some(max_spend),
            },
            both_orders: false,
        };
        let mut log = ReplyLog::open(folder.path()).unwrap();
        let done = run(&models, &questions, options, &mut log, |_| {})
            .await
            .unwrap();
        assert_eq!((done.asked, done.budget_reached), (asked, true));
        assert!(done.planck <= max_spend);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_model_is_asked_again_and_a_bad_question_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let questions = labels::read("q", TEXT).unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let flaky = Scripted::from_fn("flaky", move |question| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        match question.prompt.as_str() {
            "two" => Err(ModelError::BadQuestion("not this one".to_owned())),
            _ if call == 0 => Err(ModelError::Engine("once".to_owned())),
            _ => Ok(Answer::Abstain(Reason::Unclear)),
        }
    });
    let options = RunOptions {
        parallel: 1,
        both_orders: false,
        ..OPTIONS
    };
    let models = [model(flaky, 0)];
    let mut log = ReplyLog::open(folder.path()).unwrap();
    let done = run(&models, &questions, options, &mut log, |_| {})
        .await
        .unwrap();
    assert_eq!((done.asked, done.failed), (3, 1));
    assert!(
        done.failures[0].starts_with("flaky, b: "),
        "{:?}",
        done.failures
    );
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert!(log.has("flaky", &questions[0].digest()) && !log.has("flaky", &questions[1].digest()));
}

#[test]
fn a_sample_is_drawn_by_the_seed_and_keeps_the_order() {
    let questions = labels::read("q", TEXT).unwrap();
    let ids = |limit, seed| {
        let drawn = sample(questions.clone(), limit, seed);
        drawn.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 1), ["a", "b", "c"]);
    assert_eq!(ids(Some(2), 5), ids(Some(2), 5));
    assert_eq!(ids(Some(2), 5).len(), 2);
    let draws = (0..20).map(|seed| ids(Some(1), seed));
    assert!(draws.collect::<HashSet<_>>().len() > 1);
}

//! What is expected of a question against what repeated runs of it then show.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
use super::*;
use crate::{
    runner::{run_asked, EvalModel, RunBudget, RunOptions},
    stats::rng::SeededRng,
};
use llm_oracle_llm::{scripted::Scripted, CallLimits, Fallback};
use llm_oracle_primitives::{digest, Reason};
use std::sync::{Arc, Mutex};

const QUESTIONS: usize = 60;
const WORDINGS: usize = 4;
const SPEC: CommitteeSpec = CommitteeSpec {
    seats: 3,
    threshold: 2,
};
/// How far prediction and measurement may be apart on the average of all questions.
const ERROR_MAX: f64 = 0.05;

/// A share from 0 to 1 that follows from a text.
fn share(text: &str) -> f64 {
    f64::from(digest::blake2(text.as_bytes())[0]) / 255.0
}

/// A model that says yes, no or that it can't tell with chances that follow from model and question, and a little
/// from the wording; each reply is drawn anew.
fn noisy(name: &'static str, seed: u64) -> EvalModel {
    let rng = Mutex::new(SeededRng::new(seed));
    let script = Scripted::from_fn(name, move |question| {
        let subject = question.prompt.split('#').nth(1).unwrap();
        // Half of what a model thinks is what all think.
        let common = share(subject);
        let own = share(&format!("{name}{subject}"));
        let wording = (share(&question.prompt) - 0.5) / 10.0;
        let yes = (common + own) / 2.0 + wording;
        let mut rng = rng.lock().unwrap();
        if rng.unit() < share(&format!("abstain {subject}")) / 4.0 {
            return Ok(Answer::Abstain(Reason::Unclear));
        }
        Ok(Answer::Bool(rng.unit() < yes))
    });
    let limits = CallLimits {
        planck_per_request: 7,
        ..CallLimits::default()
    };
    let provider = Fallback::new(vec![(Arc::new(script), limits)]).unwrap();
    EvalModel::new(Arc::new(provider), limits, 8)
}

/// The expectation of each question, from so many wordings and repeats.
async fn expected(wordings: usize, repeats: u32, seed: u64) -> Vec<ExpectedAgreement> {
    let folder = tempfile::tempdir().unwrap();
    let mut log = ReplyLog::open(folder.path()).unwrap();
    let models = [
        noisy("one", seed),
        noisy("two", seed + 1),
        noisy("three", seed + 2),
    ];
    let options = RunOptions {
        parallel: 8,
        budget: RunBudget::default(),
        both_orders: false,
    };
    let names: Vec<_> = models.iter().map(|model| model.name.clone()).collect();
    let mut found = Vec::new();
    for at in 0..QUESTIONS {
        let question = AskedQuestion::new(at.to_string(), AnswerKind::Bool, "");
        let rephrased: Vec<_> = (0..wordings)
            .map(|wording| format!("wording {wording} #{at}#"))
            .collect();
        let variants = variants(&question, &rephrased, repeats);
        let asked: Vec<_> = variants.iter().flatten().cloned().collect();
        let done = run_asked(&models, &asked, options, &mut log, |_| {}).await;
        assert_eq!(done.unwrap().failed, 0);
        found.push(expect(&log, &names, &variants, SPEC, 1));
    }
    found
}

fn mean(of: &[ExpectedAgreement], value: impl Fn(&ExpectedAgreement) -> f64) -> f64 {
    of.iter().map(value).sum::<f64>() / real(of.len())
}

#[tokio::test]
async fn what_is_expected_is_within_five_points_of_what_repeated_runs_show() {
    let predicted = expected(WORDINGS, 2, 1).await;
    // The question as it stands, asked 30 times.
    let measured = expected(1, 30, 100).await;
    let agreement = |one: &ExpectedAgreement| one.agreement.unwrap().share;
    for (name, value) in [
        ("agreement", agreement as fn(&ExpectedAgreement) -> f64),
        ("abstention", |one| one.abstention.share),
        ("answered", |one| one.answered.share),
    ] {
        let (before, after) = (mean(&predicted, value), mean(&measured, value));
        let each = predicted.iter().zip(&measured);
        let apart = each.map(|(one, other)| (value(one) - value(other)).abs());
        println!(
            "{name}: predicted {before:.3}, measured {after:.3}, one question off by {:.3} on the average",
            apart.sum::<f64>() / real(QUESTIONS)
        );
        assert!(
            (before - after).abs() <= ERROR_MAX,
            "{name}: {before} {after}"
        );
    }
}

#[tokio::test]
async fn cost_and_replies_are_those_of_a_request() {
    let one = &expected(2, 2, 1).await[0];
    assert_eq!((one.replies, one.missing), (12, 0));
    // The script counts no tokens, so a reply costs what was reserved for it.
    let question = AskedQuestion::new("q", AnswerKind::Bool, "p");
    let reserved = noisy("one", 1).provider.price(&question.model_question());
    assert!(reserved > 0);
    assert_eq!(one.planck, (3 * reserved).to_string(), "three seats");
    assert_eq!(one.answers.values().sum::<usize>(), 12);
}

fn given(answers: &[&str]) -> ModelReplies {
    let given = |text: &&str| GivenAnswer {
        answer: answer_text::read(text, &AnswerKind::Bool).unwrap(),
        confidence: 0,
        milliseconds: 0,
        tokens: 0,
        planck: 0,
    };
    answers.iter().map(given).collect()
}

#[test]
fn a_pair_is_two_seats_and_an_abstention_is_in_no_pair() {
    let share = |committee: &[usize], replies: &[ModelReplies]| {
        let mut pairs = PairCount::default();
        pairs.count(&AnswerKind::Bool, committee, replies);
        pairs.share(10).map(|share| share.share)
    };
    let same = given(&["yes", "no"]);
    assert_eq!(
        share(&[0, 0], std::slice::from_ref(&same)),
        Some(0.0),
        "not with itself"
    );
    assert_eq!(share(&[0, 1], &[same.clone(), same]), Some(0.5));
    let abstains = given(&["abstain:unclear", "yes"]);
    assert_eq!(share(&[0, 1], &[abstains, given(&["yes"])]), Some(1.0));
    let none = given(&["abstain:unclear"]);
    assert_eq!(share(&[0, 1], &[none.clone(), none]), None);
}

#[test]
fn options_are_asked_in_both_orders_and_each_several_times() {
    let options = vec![b"a".to_vec(), b"b".to_vec()];
    let question = AskedQuestion::new("q", AnswerKind::Choice { options }, "p");
    let wordings = ["p".to_owned(), "q".to_owned()];
    let variants = variants(&question, &wordings, 3);
    assert_eq!((variants.len(), variants[0].len()), (4, 3));
    let mut digests: Vec<_> = variants
        .iter()
        .flatten()
        .map(AskedQuestion::digest)
        .collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 12);
}

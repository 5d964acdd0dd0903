//! From likelihoods to an answer.
//!
//! A small model prefers some labels whatever it is asked. So each label's log-likelihood is reduced
//! by its mean over content-free inputs (contextual calibration); that also makes labels of
//! different lengths comparable, because a long label is as unlikely in both. The best label must
//! lead by [`MARGIN_MIN`], or the answer is an abstention.

use super::{
    super::{answer_type, ModelError, ModelQuestion},
    engine::{Engine, Likelihoods, SplitPrompt},
    template,
};
use llm_oracle_primitives::{Answer, Reason};
use serde_json::{json, Value};

/// Least lead of the best label over the second, in nats: below it, a change of thread count or
/// processor could tip the answer, and the model has no opinion worth a vote.
pub(super) const MARGIN_MIN: f64 = 0.05;

/// Scores the labels and decides: the answer, how sure it is in percent, and how it was made.
pub(super) fn closed(
    engine: &mut Engine<'_>,
    question: &ModelQuestion,
    asked: &template::ClosedPrompt,
) -> Result<(Answer, u8, Value), ModelError> {
    let scored = engine.likelihoods(&asked.prompt, &asked.continuations)?;
    let mut neutral = Vec::with_capacity(asked.neutral.len());
    for prompt in &asked.neutral {
        neutral.push(engine.likelihoods(prompt, &asked.continuations)?);
    }
    let base: Vec<_> = neutral
        .iter()
        .map(|scores| scores.log_likelihood.clone())
        .collect();
    let calibrated = calibrate(&scored.log_likelihood, &base);
    let (best, margin) = lead(&calibrated);
    let confidence = best.map_or(0, |best| share(&calibrated, best));
    let answer = best.map_or(Answer::Abstain(Reason::Unclear), |index| {
        answer_type::answer_at(&question.answer, index)
    });
    let how = json!({
        "template": template::CLOSED,
        "rendered": asked.prompt.text(),
        "rendered_neutral": asked.neutral.iter().map(SplitPrompt::text).collect::<Vec<_>>(),
        "scores": scores(asked, &scored, &base, &calibrated),
        "margin": shown(margin),
        "margin_min": MARGIN_MIN,
        "usage": {
            "prompt_tokens": scored.prompt_tokens,
            "neutral_tokens": neutral.iter().map(|scores| scores.prompt_tokens).sum::<usize>(),
        },
    });
    Ok((answer, confidence, how))
}

fn scores(
    asked: &template::ClosedPrompt,
    scored: &Likelihoods,
    base: &[Vec<f64>],
    calibrated: &[f64],
) -> Vec<Value> {
    let rows = asked
        .labels
        .iter()
        .zip(&scored.log_likelihood)
        .zip(&scored.tokens)
        .zip(calibrated);
    rows.enumerate()
        .map(|(index, (((label, raw), tokens), score))| {
            let neutral: Vec<_> = base
                .iter()
                .filter_map(|row| row.get(index))
                .map(|value| shown(*value))
                .collect();
            json!({
                "label": label,
                "tokens": tokens,
                "log_likelihood": shown(*raw),
                "neutral": neutral,
                "score": shown(*score),
            })
        })
        .collect()
}

/// Each label's log-likelihood less its mean over the content-free inputs.
fn calibrate(scored: &[f64], neutral: &[Vec<f64>]) -> Vec<f64> {
    let mean = |index: usize| {
        let values = neutral.iter().filter_map(|row| row.get(index));
        let sum: f64 = values.sum();
        if neutral.is_empty() {
            0.0
        } else {
            sum / neutral.len() as f64
        }
    };
    scored
        .iter()
        .enumerate()
        .map(|(index, score)| score - mean(index))
        .collect()
}

/// The best index if it leads by enough, and its lead.
fn lead(scores: &[f64]) -> (Option<usize>, f64) {
    let mut order: Vec<_> = scores.iter().copied().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    match order.as_slice() {
        [(best, first), (_, second), ..] => {
            let margin = first - second;
            // Infinities and what comes of them are no scores to decide by.
            let clear = margin.is_finite() && margin >= MARGIN_MIN;
            (clear.then_some(*best), margin)
        }
        _ => (None, 0.0),
    }
}

/// The part of one label in the probability of all, percent; 0 when the scores are no numbers.
fn share(scores: &[f64], of: usize) -> u8 {
    let Some(chosen) = scores.get(of) else {
        return 0;
    };
    let sum: f64 = scores.iter().map(|score| (score - chosen).exp()).sum();
    // Out of range and no number become the nearest bound, or 0.
    (100.0 / sum).round().clamp(0.0, 100.0) as u8
}

/// To a millionth: what is beyond is noise of the arithmetic.
fn shown(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_the_part_of_the_best_label_in_percent() {
        assert_eq!(share(&[0.0, 0.0], 0), 50);
        assert_eq!(share(&[3.0_f64.ln(), 0.0], 0), 75);
        assert_eq!(share(&[0.0, -900.0], 0), 100);
        assert_eq!(share(&[0.0, f64::NAN], 0), 0);
        assert_eq!(share(&[], 0), 0);
    }

    #[test]
    fn a_label_that_is_likely_anyway_gains_nothing() {
        let calibrated = calibrate(&[-1.0, -3.0], &[vec![-0.5, -4.0], vec![-0.7, -3.6]]);
        assert!((calibrated[0] + 0.4).abs() < 1e-12 && (calibrated[1] - 0.8).abs() < 1e-12);
        assert_eq!(lead(&calibrated).0, Some(1));
        assert_eq!(calibrate(&[-1.0], &[]), vec![-1.0]);
    }

    #[test]
    fn a_lead_near_zero_is_no_answer() {
        assert_eq!(lead(&[1.0, 1.0 + MARGIN_MIN * 0.9]).0, None);
        assert_eq!(lead(&[1.0, 1.0 + MARGIN_MIN * 1.1]).0, Some(1));
        assert_eq!(lead(&[0.0, 0.0, 0.0]), (None, 0.0));
        for strange in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(lead(&[strange, 1.0]).0, None, "{strange}");
        }
        assert_eq!(lead(&[1.0]).0, None);
    }
}

//! How far models are likely to agree on a question whose answer nobody knows yet.
//!
//! A question is asked in several wordings, in both orders of its options, several times each, of several models.
//! Seats of one committee see the same wording, so replies are compared within a wording, and averaged over all.

use crate::{
    answer_text,
    committee::{decide, members, vote, CommitteeSpec},
    matrix::GivenAnswer,
    reply_log::ReplyLog,
    stats::{interval::Proportion, real},
    AskedQuestion,
};
use llm_oracle_primitives::{Answer, AnswerKind};
use llm_oracle_rules::{tally::Ballot, End, Form};
use serde::Serialize;
use std::collections::BTreeMap;

/// One wording of a question in one order of options, once for each time that it is asked.
pub type Variant = Vec<AskedQuestion>;

/// What is to be expected of a question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExpectedAgreement {
    /// Replies that it was made of.
    pub replies: usize,
    /// Replies that are missing: a model failed, or the budget ended.
    pub missing: usize,
    /// Share of pairs of seats that give answers which agree; a pair with an abstention does not count. `None`: no pair.
    pub agreement: Option<Proportion>,
    /// Share of replies that abstain.
    pub abstention: Proportion,
    /// Share of committees that would end with an answer.
    pub answered: Proportion,
    /// Share of committees that would end undetermined: too many abstain.
    pub undetermined: Proportion,
    /// How often each answer was given, of all replies.
    pub answers: BTreeMap<String, usize>,
    /// Mean number of tokens of a request: of all seats.
    pub tokens: u64,
    /// Mean cost of a request by the settings' prices, of all seats, planck, as a decimal.
    pub planck: String,
}

/// All variants of a question: each wording, in both orders of options, so many times.
pub fn variants(question: &AskedQuestion, wordings: &[String], repeats: u32) -> Vec<Variant> {
    let rephrased = wordings.iter().map(|prompt| AskedQuestion {
        prompt: prompt.clone(),
        ..question.clone()
    });
    let ordered = rephrased.flat_map(|one| {
        let reversed = one.reversed();
        [Some(one), reversed].into_iter().flatten()
    });
    let repeated = |one: AskedQuestion| {
        let repeat = |repeat| AskedQuestion {
            repeat,
            ..one.clone()
        };
        (0..repeats.max(1)).map(repeat).collect()
    };
    ordered.map(repeated).collect()
}

/// The replies of one model to one variant, one for each time; a missing one is skipped.
type ModelReplies = Vec<GivenAnswer>;

/// What the replies that are there say about a committee of these models.
pub fn expect(
    log: &ReplyLog,
    models: &[String],
    variants: &[Variant],
    spec: CommitteeSpec,
    seed: u64,
) -> ExpectedAgreement {
    // All variants have the options of the first one, in some order: texts of answers mean the same in all.
    let first = variants.first().and_then(|variant| variant.first());
    let kind = first.map_or(AnswerKind::Bool, |one| one.kind.clone());
    let of_model = |variant: &Variant, model: &String| -> ModelReplies {
        let replies = variant
            .iter()
            .filter_map(|asked| log.reply(model, &asked.digest()));
        let given = replies.filter_map(|kept| kept.given(&kind));
        given.collect()
    };
    let given: Vec<Vec<ModelReplies>> = variants
        .iter()
        .map(|variant| {
            models
                .iter()
                .map(|model| of_model(variant, model))
                .collect()
        })
        .collect();
    let wanted: usize = variants.iter().map(Vec::len).sum();
    let all: Vec<&GivenAnswer> = given.iter().flatten().flatten().collect();
    let committees = members(models.len(), spec.seats.into(), seed);
    let mut pairs = PairCount::default();
    let mut ends = Vec::new();
    for replies in &given {
        for committee in &committees {
            pairs.count(&kind, committee, replies);
            ends.extend(ends_of(&kind, models, committee, replies, spec));
        }
    }
    let (tokens, planck) = cost(models.len(), &committees, &given);
    ExpectedAgreement {
        replies: all.len(),
        missing: wanted
            .saturating_mul(models.len())
            .saturating_sub(all.len()),
        agreement: pairs.share(wanted),
        abstention: Proportion::of(all.iter().map(|one| answer_text::abstains(&one.answer))),
        answered: Proportion::of(ends.iter().map(|end| *end == End::Answered)),
        undetermined: Proportion::of(ends.iter().map(|end| *end == End::Undetermined)),
        answers: counted(&kind, &all),
        tokens,
        planck: planck.to_string(),
    }
}

/// Pairs of seats, and those that agree.
#[derive(Default)]
struct PairCount {
    agreeing: f64,
    pairs: f64,
}

impl PairCount {
    /// Adds all pairs of seats of a committee. Each pair of seats weighs the same, however often models were asked.
    fn count(&mut self, kind: &AnswerKind, committee: &[usize], replies: &[ModelReplies]) {
        for (place, one) in committee.iter().enumerate() {
            for other in committee.iter().take(place) {
                let of = |model: &usize| replies.get(*model).map_or(&[][..], Vec::as_slice);
                let (mut agreeing, mut pairs) = (0_usize, 0_usize);
                for (at, left) in of(one).iter().enumerate() {
                    for (against, right) in of(other).iter().enumerate() {
                        // One reply is not two seats.
                        let is_same = one == other && at == against;
                        let [left, right] = [&left.answer, &right.answer];
                        let abstains = [left, right].into_iter().any(answer_text::abstains);
                        if is_same || abstains {
                            continue;
                        }
                        pairs = pairs.saturating_add(1);
                        agreeing = agreeing.saturating_add(usize::from(agree(kind, left, right)));
                    }
                }
                if pairs > 0 {
                    self.agreeing += real(agreeing) / real(pairs);
                    self.pairs += 1.0;
                }
            }
        }
    }

    /// The share that agrees, with the interval of as many questions as were asked.
    fn share(&self, asked: usize) -> Option<Proportion> {
        (self.pairs > 0.0).then(|| {
            let share = self.agreeing / self.pairs;
            Proportion::of_mean(share * real(asked), asked)
        })
    }
}

/// Whether two answers agree, by the rule of their kind.
fn agree(kind: &AnswerKind, one: &Answer, other: &Answer) -> bool {
    Ballot::of(one).agrees(&Form::of(kind), &Ballot::of(other))
}

/// How committees end: as many as there are replies of each seat's model. The second seat of a model takes its next
/// reply.
fn ends_of(
    kind: &AnswerKind,
    models: &[String],
    committee: &[usize],
    replies: &[ModelReplies],
    spec: CommitteeSpec,
) -> Vec<End> {
    let of = |model: usize| replies.get(model).map_or(&[][..], Vec::as_slice);
    let draws = committee.iter().map(|model| of(*model).len()).min();
    let draw = |draw: usize| {
        let mut votes = Vec::new();
        for (place, model) in committee.iter().enumerate() {
            let earlier = committee.iter().take(place);
            let turn = draw.saturating_add(earlier.filter(|other| *other == model).count());
            let given = of(*model).iter().cycle().nth(turn)?;
            votes.push(vote(models.get(*model)?, given));
        }
        Some(decide(kind, &votes, spec).end)
    };
    (0..draws.unwrap_or(0)).filter_map(draw).collect()
}

/// How often each answer was given.
fn counted(kind: &AnswerKind, all: &[&GivenAnswer]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for given in all {
        let count = counts
            .entry(answer_text::write(&given.answer, kind))
            .or_default();
        *count = count.saturating_add(1);
    }
    counts
}

/// Mean tokens and planck of a request: those of each seat's model, on the average of all committees.
fn cost(models: usize, committees: &[Vec<usize>], given: &[Vec<ModelReplies>]) -> (u64, u128) {
    let (mut tokens, mut planck) = (0_u64, 0_u128);
    for model in 0..models {
        let replies: Vec<_> = given
            .iter()
            .filter_map(|one| one.get(model))
            .flatten()
            .collect();
        let seats = committees.iter().flatten().filter(|seat| **seat == model);
        let seats = u64::try_from(seats.count()).unwrap_or(u64::MAX);
        let count = u64::try_from(replies.len()).unwrap_or(u64::MAX).max(1);
        let all: u64 = replies
            .iter()
            .fold(0, |sum, one| sum.saturating_add(one.tokens));
        let cost: u128 = replies
            .iter()
            .fold(0, |sum, one| sum.saturating_add(one.planck));
        tokens = tokens.saturating_add(all.saturating_mul(seats).div_ceil(count));
        let cost = cost.saturating_mul(seats.into());
        planck = planck.saturating_add(cost.div_ceil(count.into()));
    }
    let committees = u64::try_from(committees.len()).unwrap_or(u64::MAX).max(1);
    (
        tokens.div_ceil(committees),
        planck.div_ceil(committees.into()),
    )
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;

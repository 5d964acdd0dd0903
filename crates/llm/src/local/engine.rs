//! llama.cpp behind two verbs: the likelihood of given continuations, and greedy text under rules.
//!
//! The same file, threads and CPU features give the same numbers whatever was asked before: a prompt
//! is always decoded in the same batches, first its head (the examples, which most prompts share)
//! and then the rest. What is found in a cache was made in just this way.

mod generate;

pub(super) use generate::Rules;

use super::{super::ModelError, constrain::Spelling, worker::CancelFlag};
use llama_cpp_2::{
    context::{params::LlamaContextParams, LlamaContext},
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::LlamaModel,
    token::LlamaToken,
};
use std::{collections::VecDeque, num::NonZeroU32};

/// Largest context, tokens: a prompt of the greatest length (8 KiB) is about 2,000 English tokens.
/// The cache of the embedded model takes 23 KB for each.
pub(super) const CONTEXT_TOKENS_MAX: u32 = 4096;
/// Tokens of one decoding step.
const BATCH_TOKENS: usize = 512;
/// The one sequence that is used.
const SEQUENCE: i32 = 0;
/// Results kept: several operators of a process ask the same, and so do all calibrations of a form.
const MEMO_MAX: usize = 64;

/// A prompt and the part of it that stays from question to question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SplitPrompt {
    /// Instruction or examples.
    pub head: String,
    /// The question.
    pub rest: String,
}

impl SplitPrompt {
    /// The whole text.
    pub(super) fn text(&self) -> String {
        format!("{}{}", self.head, self.rest)
    }
}

/// A loaded model with its cache; lives on one thread.
pub(super) struct Engine<'model> {
    model: &'model LlamaModel,
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    context_tokens: usize,
    /// Tokens of the head that the cache holds.
    head: Vec<LlamaToken>,
    memo: VecDeque<(SplitPrompt, Vec<String>, Likelihoods)>,
    /// What the tokens spell, once JSON was asked for.
    spelling: Option<Spelling>,
    /// Of the question that is being answered.
    cancel: CancelFlag,
}

/// Log-likelihood (natural) of each continuation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Likelihoods {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Sum over the tokens of each continuation.
    pub log_likelihood: Vec<f64>,
    /// Number of tokens of each continuation.
    pub tokens: Vec<usize>,
}

impl<'model> Engine<'model> {
    pub(super) fn new(
        backend: &LlamaBackend,
        model: &'model LlamaModel,
        threads: u16,
    ) -> Result<Self, ModelError> {
        let context_tokens = model.n_ctx_train().min(CONTEXT_TOKENS_MAX);
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(context_tokens))
            .with_n_batch(BATCH_TOKENS as u32)
            .with_n_ubatch(BATCH_TOKENS as u32)
            .with_n_seq_max(1)
            .with_n_threads(i32::from(threads))
            .with_n_threads_batch(i32::from(threads))
            .with_no_perf(true);
        let context = model.new_context(backend, params).map_err(failed)?;
        Ok(Self {
            model,
            context,
            batch: LlamaBatch::new(BATCH_TOKENS, 1),
            context_tokens: context_tokens as usize,
            head: Vec::new(),
            memo: VecDeque::with_capacity(MEMO_MAX),
            spelling: None,
            cancel: CancelFlag::default(),
        })
    }

    /// Whatever is decoded from now on stops once this is set.
    pub(super) fn set_cancel(&mut self, cancel: CancelFlag) {
        self.cancel = cancel;
    }

    /// Most tokens of prompt and answer together.
    pub(super) fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    /// Likelihood of each continuation right after the prompt, with one run over the prompt.
    pub(super) fn likelihoods(
        &mut self,
        prompt: &SplitPrompt,
        continuations: &[String],
    ) -> Result<Likelihoods, ModelError> {
        let known = self
            .memo
            .iter()
            .find(|(p, c, _)| p == prompt && c == continuations);
        if let Some((_, _, likelihoods)) = known {
            return Ok(likelihoods.clone());
        }
        let likelihoods = self.measure(prompt, continuations)?;
        if self.memo.len() == MEMO_MAX {
            self.memo.pop_front();
        }
        self.memo
            .push_back((prompt.clone(), continuations.to_vec(), likelihoods.clone()));
        Ok(likelihoods)
    }

    fn measure(
        &mut self,
        prompt: &SplitPrompt,
        continuations: &[String],
    ) -> Result<Likelihoods, ModelError> {
        let text = prompt.text();
        // Tokenised together with the prompt: tokenisers differ in what they do at a border.
        let whole: Vec<_> = continuations
            .iter()
            .map(|after| self.tokens(&format!("{text}{after}")))
            .collect();
        let shared = shared_prefix(&whole, self.tokens(&text).len());
        self.check_length(whole.iter().map(Vec::len).max().unwrap_or(0))?;
        let tokens = whole
            .first()
            .and_then(|tokens| tokens.get(..shared))
            .unwrap_or_default();
        let start = self.prefill(&prompt.head, tokens)?;
        let mut log_likelihood = Vec::with_capacity(whole.len());
        for tokens in &whole {
            let after = tokens.get(shared..).unwrap_or_default();
            log_likelihood.push(self.continuation(&start, shared, after)?);
        }
        let tokens = whole
            .iter()
            .map(|tokens| tokens.len().saturating_sub(shared))
            .collect();
        Ok(Likelihoods {
            prompt_tokens: shared,
            log_likelihood,
            tokens,
        })
    }

    /// Special tokens are never read from text: a prompt must not be able to write a turn of its own.
    fn tokens(&self, text: &str) -> Vec<LlamaToken> {
        self.model.vocab().tokenize(text.as_bytes(), true, false)
    }

    fn check_length(&self, tokens: usize) -> Result<(), ModelError> {
        if tokens > self.context_tokens {
            return Err(ModelError::PromptTooLong {
                tokens,
                most: self.context_tokens,
                is_paid: false,
            });
        }
        Ok(())
    }

    /// Brings the prompt into the cache and returns the logits of what comes next.
    fn prefill(&mut self, head: &str, tokens: &[LlamaToken]) -> Result<Vec<f32>, ModelError> {
        if tokens.is_empty() {
            return Err(ModelError::BadQuestion(
                "the prompt has no tokens".to_owned(),
            ));
        }
        // At least one token is left to decode, so that there are logits to read.
        let most = tokens.len().saturating_sub(1);
        let border = shared_prefix(&[self.tokens(head), tokens.to_vec()], most);
        let (head, rest) = tokens.split_at(border);
        if self.head == head {
            let end = u32::try_from(border).map_err(failed)?;
            self.context
                .kv_cache_seq_rm(SEQUENCE, Some(end), None)
                .map_err(failed)?;
        } else {
            // Empty until the new head is in: an error in between must not leave a wrong name on it.
            self.head.clear();
            self.context.clear_kv_cache();
            self.decode_all(head, 0)?;
            self.head = head.to_vec();
        }
        self.decode_all(rest, border)?;
        Ok(self.context.get_logits_ith(-1).to_vec())
    }

    fn decode_all(&mut self, tokens: &[LlamaToken], mut at: usize) -> Result<(), ModelError> {
        for chunk in tokens.chunks(BATCH_TOKENS) {
            self.decode(chunk, at, false)?;
            at = at.saturating_add(chunk.len());
        }
        Ok(())
    }

    fn continuation(
        &mut self,
        start: &[f32],
        at: usize,
        tokens: &[LlamaToken],
    ) -> Result<f64, ModelError> {
        let Some((first, rest)) = tokens.split_first() else {
            return Ok(0.0);
        };
        let mut sum = log_probability(start, *first);
        if rest.is_empty() {
            return Ok(sum);
        }
        let before = tokens.get(..rest.len()).unwrap_or_default();
        if before.len() > BATCH_TOKENS {
            return Err(ModelError::BadQuestion("an option is too long".to_owned()));
        }
        self.decode(before, at, true)?;
        for (row, token) in (0..).zip(rest) {
            sum += log_probability(self.context.get_logits_ith(row), *token);
        }
        // Back to the end of the prompt for the next continuation.
        let end = u32::try_from(at).map_err(failed)?;
        self.context
            .kv_cache_seq_rm(SEQUENCE, Some(end), None)
            .map_err(failed)?;
        Ok(sum)
    }

    /// Decodes at most one batch; logits of every token or of the last. All work passes here, so it is here
    /// that a cancelled question ends.
    fn decode(&mut self, tokens: &[LlamaToken], at: usize, all: bool) -> Result<(), ModelError> {
        if self.cancel.is_set() {
            return Err(failed("nobody waits for this answer any more"));
        }
        self.batch.clear();
        let last = tokens.len().saturating_sub(1);
        for (index, token) in tokens.iter().enumerate() {
            let position = i32::try_from(at.saturating_add(index)).map_err(failed)?;
            self.batch
                .add(*token, position, &[SEQUENCE], all || index == last)
                .map_err(failed)?;
        }
        self.context.decode(&mut self.batch).map_err(failed)
    }
}

/// Tokens that all share, at most `most` so that no continuation is left without a token.
fn shared_prefix(whole: &[Vec<LlamaToken>], most: usize) -> usize {
    let Some((first, others)) = whole.split_first() else {
        return 0;
    };
    (0..most.min(first.len()))
        .take_while(|index| {
            others
                .iter()
                .all(|tokens| tokens.get(*index) == first.get(*index))
        })
        .count()
}

/// Natural logarithm of the softmax at a token, summed in f64.
fn log_probability(logits: &[f32], token: LlamaToken) -> f64 {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits
        .iter()
        .map(|logit| f64::from(logit - greatest).exp())
        .sum();
    let index = usize::try_from(token.0).unwrap_or(usize::MAX);
    let logit = logits.get(index).copied().unwrap_or(f32::NEG_INFINITY);
    f64::from(logit - greatest) - sum.ln()
}

fn failed(error: impl std::fmt::Display) -> ModelError {
    ModelError::Engine(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_an_unknown_token_has_none() {
        let logits = [1.0, -2.0, 30.0, 29.5];
        let sum: f64 = (0..4)
            .map(|id| log_probability(&logits, LlamaToken(id)).exp())
            .sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert_eq!(log_probability(&logits, LlamaToken(4)), f64::NEG_INFINITY);
        assert_eq!(log_probability(&logits, LlamaToken(-1)), f64::NEG_INFINITY);
    }

    #[test]
    fn a_shared_prefix_ends_with_the_prompt_or_before() {
        let tokens = |ids: &[i32]| ids.iter().map(|id| LlamaToken(*id)).collect::<Vec<_>>();
        let whole = [tokens(&[1, 2, 3, 4]), tokens(&[1, 2, 3, 4, 5])];
        assert_eq!(shared_prefix(&whole, 3), 3);
        assert_eq!(shared_prefix(&[tokens(&[1, 9]), tokens(&[1, 2, 3])], 2), 1);
        assert_eq!(shared_prefix(&[], 3), 0);
    }
}

//! Text decoded greedily, with or without rules of what may come.

use super::{
    super::{
        super::ModelError,
        constrain::{Guide, Next, Spelling},
    },
    failed, Engine, SplitPrompt,
};
use llama_cpp_2::{context::LlamaContext, model::LlamaModel, sampling::LlamaSampler};
use serde_json::Value;

/// What may be decoded.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Rules {
    /// A line of this GBNF grammar.
    Grammar(String),
    /// A line of anything.
    Line,
    /// A JSON document of this schema.
    Json(Value),
}

/// Text that was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Generated {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens decoded.
    pub tokens: usize,
    /// The text without white space around it.
    pub text: String,
    /// Whether the model ended it, rather than the limit.
    pub ended: bool,
    /// For JSON: whether the schema shaped it, rather than JSON's syntax alone.
    pub by_schema: Option<bool>,
}

/// How the next tokens are chosen: the most likely ones that the rules allow.
enum Chooser {
    Sampler(LlamaSampler),
    Guide(Box<Guide>),
}

impl Chooser {
    fn next(&mut self, context: &LlamaContext<'_>, model: &LlamaModel) -> Next {
        match self {
            // The sampler takes the token into the grammar's state itself.
            Self::Sampler(sampler) => Next::Tokens(vec![sampler.sample(context, -1)]),
            Self::Guide(guide) => guide.next(context.get_logits_ith(-1), |text| {
                model.vocab().tokenize(text, false, false)
            }),
        }
    }

    fn by_schema(&self) -> Option<bool> {
        match self {
            Self::Sampler(_) => None,
            Self::Guide(guide) => Some(guide.by_schema()),
        }
    }
}

impl Engine<'_> {
    /// The most likely text that the rules allow, until its end or `most` tokens.
    pub(in super::super) fn generate(
        &mut self,
        prompt: &SplitPrompt,
        rules: &Rules,
        most: usize,
    ) -> Result<Generated, ModelError> {
        let tokens = self.tokens(&prompt.text());
        self.check_length(tokens.len().saturating_add(most))?;
        let mut chooser = self.chooser(rules)?;
        self.prefill(&prompt.head, &tokens)?;
        let vocabulary = self.model.vocab();
        let by_line = !matches!(rules, Rules::Json(_));
        let (mut bytes, mut count, mut ended) = (Vec::new(), 0, false);
        loop {
            let next = match chooser.next(&self.context, self.model) {
                Next::Tokens(next) => next,
                Next::Done => {
                    ended = true;
                    break;
                }
                Next::Stuck(why) => {
                    tracing::debug!(why, "decoding ended early");
                    break;
                }
            };
            let at = tokens.len().saturating_add(count);
            count = count.saturating_add(next.len());
            if count > most {
                break;
            }
            // A token by itself: to join them is to join their bytes.
            for token in &next {
                bytes.extend(vocabulary.token_to_piece(*token, false, None));
            }
            let line = bytes.iter().position(|byte| by_line && *byte == b'\n');
            bytes.truncate(line.unwrap_or(bytes.len()));
            ended = line.is_some() || next.iter().any(|token| vocabulary.is_eog(*token));
            if ended {
                break;
            }
            self.decode_all(&next, at)?;
        }
        // Bytes that are no text are no answer.
        let whole = std::str::from_utf8(&bytes).is_ok();
        Ok(Generated {
            prompt_tokens: tokens.len(),
            tokens: count,
            text: String::from_utf8_lossy(&bytes).trim().to_owned(),
            ended: ended && whole,
            by_schema: chooser.by_schema(),
        })
    }

    fn chooser(&mut self, rules: &Rules) -> Result<Chooser, ModelError> {
        let samplers = match rules {
            Rules::Grammar(grammar) => {
                let grammar = LlamaSampler::grammar(self.model, grammar, "root").map_err(failed)?;
                vec![grammar, LlamaSampler::greedy()]
            }
            Rules::Line => vec![LlamaSampler::greedy()],
            Rules::Json(schema) => {
                let spelling = match self.spelling.take() {
                    Some(spelling) => spelling,
                    None => Spelling::of(self.model)?,
                };
                let guide = spelling.guide(schema);
                self.spelling = Some(spelling);
                return Ok(Chooser::Guide(Box::new(guide)));
            }
        };
        Ok(Chooser::Sampler(LlamaSampler::chain_simple(samplers)))
    }
}

//! A model that answers, fails, lies about the form and takes its time, by chance.

use super::witness::Witness;
use crate::network::{lock, Shared};
use async_trait::async_trait;
use llm_oracle_llm::{ModelError, ModelQuestion, Provider, ProviderReply};
use llm_oracle_primitives::{Answer, AnswerKind, Reason, RequestId};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Name of the model that is served.
pub const NAME: &str = "rng";
/// Word of a prompt that no answer comes to.
pub const HOPELESS: &str = "hopeless";

pub struct Model {
    pub world: Shared,
    pub witness: Arc<Witness>,
    /// It gives the same answer to the same question, at once.
    pub fixed: bool,
}

/// What the model does with one question.
enum Mood {
    Answer(u64),
    Junk,
    Free,
    Broken,
    Abstain,
}

/// The request's number, which its prompt begins with.
pub fn number(prompt: &str) -> RequestId {
    let digits = prompt.split(' ').next().and_then(|word| word.parse().ok());
    digits.unwrap_or(RequestId::MAX)
}

impl Model {
    fn mood(&self, question: &ModelQuestion) -> (Mood, u64) {
        let hopeless = question.prompt.contains(HOPELESS);
        if self.fixed && !hopeless {
            return (Mood::Answer(number(&question.prompt)), 5);
        }
        let mut world = lock(&self.world);
        let ways = world.ways;
        let wait = if world.rng.chance(ways.model_slow, 1_000) {
            world.count("model slow");
            1_000 + world.rng.below(12_000)
        } else {
            20 + world.rng.below(300)
        };
        let roll = world.rng.below(1_000);
        let mood = if hopeless {
            Mood::Broken
        } else if roll < ways.model_error {
            world.count("model error");
            match world.rng.chance(1, 2) {
                true => Mood::Free,
                false => Mood::Broken,
            }
        } else if roll < ways.model_error + ways.model_junk {
            world.count("model junk");
            Mood::Junk
        } else if world.rng.chance(1, 12) {
            Mood::Abstain
        } else {
            Mood::Answer(world.rng.next_u64())
        };
        (mood, wait)
    }
}

fn answer(kind: &AnswerKind, draw: u64) -> Answer {
    let small = u8::try_from(draw % 2).unwrap_or_default();
    match kind {
        AnswerKind::Bool => Answer::Bool(small == 1),
        AnswerKind::Choice { .. } => Answer::Choice(small),
        AnswerKind::Number { .. } => Answer::Number(i128::from(small)),
        AnswerKind::Text { .. } => Answer::Text(vec![b'a' + small]),
        AnswerKind::Json { .. } => Answer::Json(b"{}".to_vec()),
    }
}

#[async_trait]
impl Provider for Model {
    fn name(&self) -> &str {
        NAME
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        let id = number(&question.prompt);
        self.witness.asked(&mut lock(&self.world), id);
        let (mood, wait) = self.mood(question);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let answer = match mood {
            Mood::Answer(draw) => answer(&question.answer, draw),
            Mood::Abstain => Answer::Abstain(Reason::Unclear),
            Mood::Junk => Answer::Text(vec![b'x'; 4_000]),
            Mood::Free => {
                return Err(ModelError::Unreachable {
                    model: NAME.into(),
                    reason: "by chance".into(),
                })
            }
            Mood::Broken => {
                self.witness.charged(id);
                return Err(ModelError::Broken {
                    model: NAME.into(),
                    reason: "by chance".into(),
                });
            }
        };
        Ok(ProviderReply {
            answer,
            confidence: 60,
            model: NAME.into(),
            record: json!({ "provider": "simulated" }),
        })
    }
}

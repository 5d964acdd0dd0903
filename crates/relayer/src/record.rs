//! From a model's reply to an answer that stands.

use super::{ask::Ask, error::RelayerError, relayer::Relayer};
use llm_oracle_evidence::{self as evidence, Secret, Times};
use llm_oracle_llm::Reply;
use llm_oracle_primitives::Answer;
use llm_oracle_store::{fault, Answered, Entry, Recorded};
use llm_oracle_support::address::ss58;
use std::time::Duration;

impl Relayer {
    /// Binds replies to their questions and records them, with one write to the disk.
    pub(super) fn record(&self, replies: Vec<(&Ask, Reply, Duration)>) -> Result<(), RelayerError> {
        let answered: Result<Vec<_>, _> = replies
            .into_iter()
            .map(|(ask, reply, took)| self.bind(ask, reply, took))
            .collect();
        let answered = answered?;
        if answered.is_empty() {
            return Ok(());
        }
        fault::reach(fault::ANSWER_MADE);
        let recorded = self.store.record_answers(&answered)?;
        fault::reach(fault::ANSWER_RECORDED);
        for (answered, recorded) in answered.iter().zip(recorded) {
            self.recorded(answered, &recorded);
        }
        Ok(())
    }

    fn bind(&self, ask: &Ask, reply: Reply, took: Duration) -> Result<Answered, RelayerError> {
        let reply = evidence::fit(&ask.terms, reply);
        let Entry {
            request_id,
            operator,
        } = ask.stake.entry;
        let number = self.store.secrets().current();
        let secret = Secret {
            number,
            bytes: self.store.secrets().get(number)?,
        };
        let context = self
            .deployment
            .context(request_id, ask.terms_digest, operator);
        let times = Times {
            model_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            seen_at_ms: ask.seen_at_ms,
        };
        Ok(evidence::bind(
            &context, &ask.terms, reply, &secret, &times,
        )?)
    }

    fn recorded(&self, answered: &Answered, recorded: &Recorded) {
        let (request, operator) = (answered.request_id, ss58(&answered.operator.into()));
        match recorded {
            Recorded::New => {
                let abstained = matches!(answered.answer, Answer::Abstain(_));
                let model_ms = answered.model_ms;
                self.ops.metrics().answered(abstained, model_ms);
                tracing::info!(
                    request,
                    operator,
                    model = answered.model,
                    model_ms,
                    "answered"
                );
            }
            Recorded::Same => {}
            Recorded::Conflict(_) => {
                tracing::warn!(
                    request,
                    operator,
                    "an answer was recorded before; that one stands"
                );
            }
        }
    }
}

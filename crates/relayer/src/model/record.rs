//! From a model's reply to an answer that stands.

use super::request::ModelRequest;
use crate::{error::RelayerError, ops::Ops};
use llm_oracle_evidence::{self as evidence, AnswerTimes, NumberedSecret};
use llm_oracle_llm::ProviderReply;
use llm_oracle_primitives::{Answer, DeploymentId};
use llm_oracle_store::{crash_point, Answered, Recorded, SeatId, Store};
use llm_oracle_support::address::ss58;
use std::{sync::Arc, time::Duration};

/// Makes answers of replies, and records them before anything is signed.
pub(crate) struct AnswerRecorder {
    store: Arc<Store>,
    ops: Arc<Ops>,
    deployment: DeploymentId,
}

impl AnswerRecorder {
    pub(crate) fn new(store: Arc<Store>, ops: Arc<Ops>, deployment: DeploymentId) -> Self {
        Self {
            store,
            ops,
            deployment,
        }
    }

    /// Binds replies to their questions and records them, with one write to the disk.
    pub(crate) fn record(
        &self,
        replies: Vec<(&ModelRequest, ProviderReply, Duration)>,
    ) -> Result<(), RelayerError> {
        let answered: Result<Vec<_>, _> = replies
            .into_iter()
            .map(|(request, reply, took)| self.bind(request, reply, took))
            .collect();
        let answered = answered?;
        if answered.is_empty() {
            return Ok(());
        }
        crash_point::reach(crash_point::ANSWER_MADE);
        let recorded = self.store.record_answers(&answered)?;
        crash_point::reach(crash_point::ANSWER_RECORDED);
        for (answered, recorded) in answered.iter().zip(recorded) {
            self.recorded(answered, &recorded);
        }
        Ok(())
    }

    fn bind(
        &self,
        request: &ModelRequest,
        reply: ProviderReply,
        took: Duration,
    ) -> Result<Answered, RelayerError> {
        let reply = evidence::fit(&request.terms, reply);
        let SeatId {
            request_id,
            operator,
        } = request.stake.entry;
        let number = self.store.secrets().current();
        let secret = NumberedSecret {
            number,
            bytes: self.store.secrets().get(number)?,
        };
        let context = self
            .deployment
            .context(request_id, request.terms_digest, operator);
        let times = AnswerTimes {
            model_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            seen_at_ms: request.seen_at_ms,
        };
        Ok(evidence::bind(
            &context,
            &request.terms,
            reply,
            &secret,
            &times,
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

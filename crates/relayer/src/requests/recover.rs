//! Seats on the chain that the store knows nothing of: a lost store, or an old backup of it.
//!
//! Nothing is asked, signed or sent before this is settled. What can be found again is found by the
//! commitment on the chain, which only the true answer opens.

use super::RequestTracker;
use crate::{
    error::RelayerError,
    node_session::{AnyOracle, ChainView},
    operators::Operators,
};
use futures::{stream, StreamExt, TryStreamExt};
use llm_oracle_chain::{ChainError, READS_AT_ONCE};
use llm_oracle_primitives::{
    digest, limits, Answer, DeploymentId, Hash, Reason, RequestId, RequestView, SeatState,
    SeatView, Summary,
};
use llm_oracle_store::{now_ms, Answered, JobState, SaltSecrets, SeatId, Store};
use llm_oracle_support::address::ss58;
use std::collections::BTreeMap;

/// A seat as the chain has it.
pub(crate) struct UnknownSeat {
    request_id: RequestId,
    operator: [u8; 32],
    terms_digest: Hash,
    /// Whether its answer has a confidence.
    with_confidence: bool,
    commitment: Hash,
    evidence: Hash,
}

impl UnknownSeat {
    fn new(view: &RequestView, seat: &SeatView) -> Self {
        let operator: &[u8; 32] = seat.operator.as_ref();
        Self {
            request_id: view.summary.request_id,
            operator: *operator,
            terms_digest: view.terms_digest,
            with_confidence: view.signed_confidence(0).is_some(),
            commitment: seat.commitment,
            evidence: seat.evidence,
        }
    }

    /// The closed answers that a seat can hold, of whatever kind they are. Numbers and open answers are
    /// too many.
    fn candidates() -> Vec<Answer> {
        let mut all: Vec<_> = Reason::ALL.into_iter().map(Answer::Abstain).collect();
        all.extend([true, false].map(Answer::Bool));
        all.extend((0..limits::MAX_OPTIONS).map(Answer::Choice));
        all
    }

    /// The confidences that an answer can have.
    fn confidences(&self) -> Vec<Option<u8>> {
        match self.with_confidence {
            true => (0..=limits::MAX_CONFIDENCE).map(Some).collect(),
            false => vec![None],
        }
    }

    /// Finds the answer by trying: the salt is derived, and only the true answer gives the
    /// commitment. How it was made can't be found again, so its document stays empty.
    pub(crate) fn try_all(
        &self,
        deployment: &DeploymentId,
        secrets: &SaltSecrets,
    ) -> Option<Answered> {
        let Self {
            request_id,
            terms_digest,
            operator,
            evidence,
            commitment,
            ..
        } = *self;
        let context = deployment.context(request_id, terms_digest, operator);
        let (candidates, confidences) = (Self::candidates(), self.confidences());
        let tried = secrets.all().find_map(|(number, secret)| {
            let salt = digest::salt(secret, &context);
            let each = candidates.iter();
            let mut each =
                each.flat_map(|answer| confidences.iter().map(move |one| (answer, *one)));
            let opens = |(answer, confidence): &(&Answer, Option<u8>)| {
                digest::commitment(&context, answer, *confidence, &evidence, &salt) == commitment
            };
            let (answer, confidence) = each.find(opens)?;
            Some((number, answer.clone(), confidence))
        });
        let (salt_secret, answer, confidence) = tried?;
        Some(Answered {
            request_id,
            operator,
            terms_digest,
            answer,
            confidence,
            document: Vec::new(),
            evidence,
            salt_secret,
            commitment,
            model: "recovered".into(),
            model_ms: 0,
            seen_at_ms: now_ms(),
        })
    }

    /// Whether a copy opens this seat. A copy is believed for what it gives, not for its name.
    fn is_opened_by(
        &self,
        deployment: &DeploymentId,
        secrets: &SaltSecrets,
        copy: &Answered,
    ) -> bool {
        let context = deployment.context(self.request_id, self.terms_digest, self.operator);
        let Ok(secret) = secrets.get(copy.salt_secret) else {
            return false;
        };
        let salt = digest::salt(secret, &context);
        let named = (copy.request_id, copy.operator) == (self.request_id, self.operator);
        named
            && copy.terms_digest == self.terms_digest
            && copy.commitment == self.commitment
            && copy.evidence == digest::evidence(&salt, &copy.document)
            && self.commitment
                == digest::commitment(
                    &context,
                    &copy.answer,
                    copy.confidence,
                    &copy.evidence,
                    &salt,
                )
    }
}

/// Moves the cursor of a new store to where the first request may be that somebody still works on and that
/// concerns our operators: nobody has to read history to start.
///
/// # Errors
/// Errors of chain and store.
async fn begin_where_needed(
    chain: &ChainView,
    store: &Store,
    operators: &Operators,
) -> Result<(), RelayerError> {
    let mut first = operators.first_id();
    if store.is_fresh()? {
        match chain
            .oracle
            .lowest_open_id(Some(chain.finalized.hash))
            .await
        {
            // Its deployment is not final yet.
            Err(ChainError::NoContract { .. }) => {}
            lowest => first = first.max(lowest?),
        }
    }
    if first > store.cursor()? {
        store.set_cursor(first)?;
    }
    Ok(())
}

/// What recovery looks at and writes to.
struct Recovery<'a> {
    store: &'a Store,
    operators: &'a Operators,
    deployment: DeploymentId,
}

/// Refuses to work while the chain shows open seats of ours that the store does not know; with `recover`,
/// finds their answers again and records them first.
///
/// # Errors
/// `FreshStore`, `OldStore`, and errors of chain and store.
pub(crate) async fn account_for_seats(
    chain: &ChainView,
    store: &Store,
    operators: &Operators,
    tracker: &mut RequestTracker,
    deployment: DeploymentId,
    recover: bool,
) -> Result<(), RelayerError> {
    begin_where_needed(chain, store, operators).await?;
    let recovery = Recovery {
        store,
        operators,
        deployment,
    };
    let unknown = recovery.unknown_seats(chain).await?;
    let Some(first) = unknown.first() else {
        return Ok(());
    };
    if recover {
        return recovery.recover(&unknown, tracker);
    }
    let (place, seats) = (store.place(), unknown.len());
    let (operator, request_id) = (ss58(&first.operator.into()), first.request_id);
    Err(if store.is_fresh()? {
        RelayerError::FreshStore {
            store: place,
            operator,
            request_id,
            seats,
        }
    } else {
        RelayerError::OldStore {
            store: place,
            operator,
            request_id,
            seats,
        }
    })
}

impl Recovery<'_> {
    /// Open seats of ours without an answer in the store, at the finalized block and at the best
    /// one: what was sent shortly before the store was lost is not final yet.
    async fn unknown_seats(&self, chain: &ChainView) -> Result<Vec<UnknownSeat>, RelayerError> {
        let mut unknown = BTreeMap::new();
        let mut known: BTreeMap<RequestId, Summary> = BTreeMap::new();
        for at in [chain.finalized.hash, chain.best.hash] {
            let summaries = match chain.oracle.summaries_from(self.store.cursor()?, at).await {
                // Its deployment is not final yet.
                Err(ChainError::NoContract { .. }) => continue,
                summaries => summaries?,
            };
            let open = summaries
                .into_iter()
                .filter(|it| !it.settled && it.committed > 0);
            // The best block mostly shows the same as the finalized one.
            let open = open.filter(|it| known.get(&it.request_id) != Some(it));
            let open: BTreeMap<_, _> = open.map(|it| (it.request_id, it)).collect();
            for view in self.unaccounted(&chain.oracle, at, &open).await? {
                for seat in &view.seats {
                    if self.is_unknown(&view, seat)? {
                        let found = UnknownSeat::new(&view, seat);
                        unknown.insert((found.request_id, found.operator), found);
                    }
                }
            }
            known.extend(open);
        }
        Ok(unknown.into_values().collect())
    }

    /// Those of the requests in which there may be a seat of ours that the store does not know: in the
    /// others a finalized block has shown each of our operators its recorded commitment before.
    async fn unaccounted(
        &self,
        oracle: &AnyOracle,
        at: Hash,
        open: &BTreeMap<RequestId, Summary>,
    ) -> Result<Vec<RequestView>, RelayerError> {
        let mut ids: Vec<RequestId> = open.keys().copied().collect();
        let recall = self.store.seat_records(&ids)?;
        ids.retain(|id| {
            let mut entries = self.operators.entries(*id);
            !entries.all(|entry| {
                let job = recall.job(&entry);
                job.is_some_and(|job| matches!(job.state, JobState::Committed | JobState::Revealed))
            })
        });
        let reads = ids.into_iter().map(|id| oracle.request(id, Some(at)));
        let read = stream::iter(reads).buffered(READS_AT_ONCE);
        let views: Vec<Option<RequestView>> = read.try_collect().await?;
        Ok(views.into_iter().flatten().collect())
    }

    fn is_unknown(&self, view: &RequestView, seat: &SeatView) -> Result<bool, RelayerError> {
        let ours = self
            .operators
            .iter()
            .any(|one| one.account == seat.operator);
        if !ours || seat.state != SeatState::Committed {
            return Ok(false);
        }
        let id = view.summary.request_id;
        let operator: &[u8; 32] = seat.operator.as_ref();
        // On record already: this operator stops when its turn comes, and the others go on.
        if self.store.skipped(id, operator)?.is_some() {
            return Ok(false);
        }
        let job = self.store.job(id, operator)?;
        Ok(job.is_none_or(|job| job.answered.commitment != seat.commitment))
    }

    /// Records the answers that can be found again, and logs each seat that will miss its reveal.
    fn recover(
        &self,
        unknown: &[UnknownSeat],
        tracker: &mut RequestTracker,
    ) -> Result<(), RelayerError> {
        for seat in unknown {
            let (request, operator) = (seat.request_id, ss58(&seat.operator.into()));
            let secrets = self.store.secrets();
            let copy = self.store.backed_up(seat.request_id, &seat.operator)?;
            let copy = copy.filter(|copy| seat.is_opened_by(&self.deployment, secrets, copy));
            match copy.or_else(|| seat.try_all(&self.deployment, secrets)) {
                Some(answered) => {
                    self.store.record_answer(&answered)?;
                    tracing::warn!(request, operator, "found an answer again");
                }
                None => {
                    let entry = SeatId {
                        request_id: seat.request_id,
                        operator: seat.operator,
                    };
                    tracker.mark_lost(entry);
                    tracing::error!(
                        request,
                        operator,
                        "its answer is lost and its seat bond will be; \
                         bring back salt-secret-N and the copy in backup_dir before its reveals end"
                    );
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;

//! Finding out what became of transactions, from nonces and from the contract's state
//! alone.

use super::{
    jobs::{is_all_revealed, seat_of},
    outbox::{hand_over, next_action, Nonces, TxAction},
};
use crate::{
    error::RelayerError, failures::FailureLog, node_session::ChainView, requests::RequestCache,
};
use futures::future::try_join_all;
use llm_oracle_chain::{ChainError, ReadRequest, TxRetry};
use llm_oracle_primitives::{DeliveryStatus, Phase, RequestId, RequestView, SeatState};
use llm_oracle_store::{crash_point, now_ms, Attempt, AttemptState, Purpose, SeatId, Store};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Finds out what became of transactions.
pub(crate) struct Reconciler {
    store: Arc<Store>,
    failures: FailureLog,
}

impl Reconciler {
    pub(crate) fn new(store: Arc<Store>, failures: FailureLog) -> Self {
        Self { store, failures }
    }

    /// Finds out what became of the transactions that may still count.
    pub(crate) async fn reconcile(
        &self,
        chain: &ChainView,
        cache: &mut RequestCache,
    ) -> Result<bool, RelayerError> {
        let mut worked = false;
        // Another replica may be about to send one of its own.
        let elsewhere = self.store.held_elsewhere()?;
        let mut live = self.store.live_attempts()?;
        live.retain(|attempt| !elsewhere.contains(&attempt.id));
        let nonces = nonces(chain, &live).await?;
        let closing = closing(chain, cache, &live, &nonces);
        cache.read_ahead(chain, &closing).await?;
        for attempt in live {
            if let Some(nonces) = nonces.get(&attempt.tx.carrier) {
                worked |= self.reconcile_one(chain, cache, &attempt, *nonces).await?;
            }
        }
        Ok(worked)
    }

    async fn reconcile_one(
        &self,
        chain: &ChainView,
        cache: &mut RequestCache,
        attempt: &Attempt,
        nonces: Nonces,
    ) -> Result<bool, RelayerError> {
        match next_action(attempt, nonces, chain.finalized.number, now_ms()) {
            TxAction::Wait => Ok(false),
            TxAction::InBlock => {
                if attempt.state != AttemptState::InBlock {
                    self.store
                        .set_attempt_state(attempt.id, AttemptState::InBlock, None)?;
                }
                Ok(false)
            }
            TxAction::Expired => {
                let reason = "expired in no block";
                self.end(
                    attempt,
                    AttemptState::Expired,
                    reason,
                    &attempt.tx.entries,
                    reason,
                )
            }
            TxAction::Resend => self.resend(chain, attempt).await,
            TxAction::Over => self.close(chain, cache, attempt).await,
        }
    }

    async fn resend(&self, chain: &ChainView, attempt: &Attempt) -> Result<bool, RelayerError> {
        let Attempt { id, tx, .. } = attempt;
        let sent = hand_over(&self.store, &chain.oracle.chain, *id, &tx.bytes, tx.purpose).await;
        let error = match sent {
            Err(RelayerError::Chain(error)) if !error.is_connection() => error,
            other => return other.map(|()| true),
        };
        // Refused because it has just been included, or because it never can be?
        let best = chain.oracle.chain.best().await?;
        if tx.nonce
            < chain
                .oracle
                .chain
                .nonce_at(&tx.carrier.into(), best.hash)
                .await?
        {
            return Ok(false);
        }
        // A pool that has had it once may have passed it on, and one node that has no room for it now or
        // will look at it later proves nothing: its era ends it.
        if attempt.state != AttemptState::Signed && error.tx_retry() == TxRetry::Backoff {
            return Ok(false);
        }
        let reason = format!("the node refuses it: {error}");
        self.end(
            attempt,
            AttemptState::Expired,
            &reason,
            &tx.entries,
            &reason,
        )
    }

    /// Ends a transaction, and counts a failure of each entry that has come to nothing by it. Once:
    /// if another replica has ended it, that one has counted.
    fn end(
        &self,
        attempt: &Attempt,
        state: AttemptState,
        reason: &str,
        failed: &[SeatId],
        failure: &str,
    ) -> Result<bool, RelayerError> {
        let kept = (state == AttemptState::Expired).then_some(reason);
        if !self.store.set_attempt_state(attempt.id, state, kept)? {
            return Ok(true);
        }
        for entry in failed {
            self.failures.fail(entry, attempt.tx.purpose, failure)?;
        }
        Ok(true)
    }

    /// The nonce is used up at a finalized block: whether by this transaction, and to what effect,
    /// only the contract's state can say.
    async fn close(
        &self,
        chain: &ChainView,
        cache: &mut RequestCache,
        attempt: &Attempt,
    ) -> Result<bool, RelayerError> {
        let purpose = attempt.tx.purpose;
        let mut without = Vec::new();
        for entry in &attempt.tx.entries {
            if shows_effect(cache, purpose, entry.request_id) {
                continue;
            }
            let view = cache.view(chain, entry.request_id).await?;
            // A pruned request is over, whoever brought it there.
            if view.is_some_and(|view| !took_effect(purpose, &view, &entry.operator)) {
                without.push(*entry);
            }
        }
        let state = match without.len() < attempt.tx.entries.len() {
            true => AttemptState::Final,
            false => AttemptState::Expired,
        };
        let reason = "its nonce is used up and it had no effect";
        let failure = "sent, and the contract's state shows no effect";
        self.end(attempt, state, reason, &without, failure)?;
        if purpose == Purpose::Deliver {
            crash_point::reach(crash_point::DELIVER_FINAL);
        }
        Ok(true)
    }
}

/// Requests that transactions are about whose nonce is used up for good.
fn closing(
    chain: &ChainView,
    cache: &RequestCache,
    live: &[Attempt],
    nonces: &HashMap<[u8; 32], Nonces>,
) -> Vec<ReadRequest> {
    let over = live.iter().filter(|attempt| {
        let nonces = nonces.get(&attempt.tx.carrier);
        let action = nonces.map(|it| next_action(attempt, *it, chain.finalized.number, now_ms()));
        action == Some(TxAction::Over)
    });
    let ids: BTreeSet<RequestId> = over
        .flat_map(|attempt| {
            let entries = attempt.tx.entries.iter().map(|entry| entry.request_id);
            entries.filter(move |id| !shows_effect(cache, attempt.tx.purpose, *id))
        })
        .collect();
    let wanted = ids.into_iter().map(ReadRequest::view);
    wanted.collect()
}

/// Whether the summary alone shows that what was sent has had its effect: a reveal is sent for a
/// seat that a finalized block showed as taken, and all that are taken are open now.
fn shows_effect(cache: &RequestCache, purpose: Purpose, id: RequestId) -> bool {
    let summary = cache.summary(id);
    purpose == Purpose::Reveal && summary.is_some_and(is_all_revealed)
}

/// The nonces of everybody who sent one of these transactions.
async fn nonces(
    chain: &ChainView,
    live: &[Attempt],
) -> Result<HashMap<[u8; 32], Nonces>, ChainError> {
    let carriers: BTreeSet<_> = live.iter().map(|attempt| attempt.tx.carrier).collect();
    let read = carriers.into_iter().map(|carrier| async move {
        let account = carrier.into();
        let (finalized, best) = futures::try_join!(
            chain.oracle.chain.nonce_at(&account, chain.finalized.hash),
            chain.oracle.chain.nonce_at(&account, chain.best.hash),
        )?;
        Ok::<_, ChainError>((carrier, Nonces { finalized, best }))
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

fn took_effect(purpose: Purpose, view: &RequestView, operator: &[u8; 32]) -> bool {
    let seat = seat_of(view, operator);
    match purpose {
        // A report has its effect on the operator, whoever brought it.
        Purpose::Ask | Purpose::Report => true,
        Purpose::Commit => seat.is_some(),
        Purpose::Answer | Purpose::Reveal => {
            let closed = [SeatState::Vacant, SeatState::Committed, SeatState::Silent];
            seat.is_some_and(|seat| !closed.contains(&seat.state))
        }
        Purpose::Advance => view.summary.settled || view.summary.phase != Phase::Ended,
        // A callback that ran and failed is none: it counts as a failure, so that nobody pays for
        // an endless row of them.
        Purpose::Deliver => {
            matches!(
                view.summary.delivery,
                DeliveryStatus::Delivered | DeliveryStatus::None
            )
        }
    }
}

//! Finding out what became of transactions, from nonces and from the contract's state
//! alone.

use super::{
    jobs::{is_all_revealed, seat_of},
    outbox::{next_action, submit_attempt, Nonces, TxAction},
    sender::TxSender,
};
use crate::{
    error::RelayerError, failures::FailureLog, node_session::ChainView, requests::RequestCache,
};
use futures::future::try_join_all;
use llm_oracle_chain::{ChainError, ReadRequest, TxRetry};
use llm_oracle_primitives::{
    BlockNumber, DeliveryStatus, Phase, RequestId, RequestView, SeatState,
};
use llm_oracle_store::{crash_point, now_ms, Attempt, AttemptState, Purpose, SeatId, Store};
use llm_oracle_support::clock::Instant;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Refusals of a transaction that some pool may have, each at another best block, after which another one takes
/// its nonce.
const REFUSALS_MAX: u32 = 3;
/// Transactions that are handed in again in one iteration; the others follow in the next ones.
const RESENT_PER_ITERATION: u32 = 32;

/// Time after which a transaction is looked at that waits for a nonce, milliseconds: what has that nonce may be
/// on its way to the same pool.
const STRANDED_AFTER_MS: i64 = 4_000;
/// Why a transaction is given up that waits for a nonce that nothing has.
const STRANDED: &str = "a lower nonce is free: what had it was in no block";

/// Finds out what became of transactions.
pub(crate) struct Reconciler {
    store: Arc<Store>,
    failures: FailureLog,
    tx: TxSender,
    /// How often pools have refused transactions that one may have, and at which best block any node did last.
    /// A restart counts anew.
    refusals: HashMap<i64, (u32, BlockNumber)>,
    /// When this process first saw each transaction that may still count.
    first_seen: HashMap<i64, Instant>,
    /// What may be handed in again in this iteration.
    left: u32,
}

impl Reconciler {
    pub(crate) fn new(store: Arc<Store>, failures: FailureLog, tx: TxSender) -> Self {
        Self {
            store,
            failures,
            tx,
            refusals: HashMap::new(),
            first_seen: HashMap::new(),
            left: 0,
        }
    }

    /// Notes the heads of an iteration, by which eras are chosen.
    pub(crate) fn note_heads(&self, chain: &ChainView) {
        self.tx.note_heads(chain);
    }

    /// Finds out what became of the transactions that may still count.
    pub(crate) async fn reconcile(
        &mut self,
        chain: &ChainView,
        cache: &mut RequestCache,
    ) -> Result<bool, RelayerError> {
        let mut worked = false;
        // Another replica may be about to send one of its own.
        let elsewhere = self.store.held_elsewhere()?;
        let mut live = self.store.live_attempts()?;
        let lowest = lowest_nonces(&live);
        live.retain(|attempt| !elsewhere.contains(&attempt.id));
        let is_live = |id: &i64| live.iter().any(|attempt| attempt.id == *id);
        self.refusals.retain(|id, _| is_live(id));
        self.note_ages(&live);
        self.left = RESENT_PER_ITERATION;
        let nonces = nonces(chain, &live).await?;
        let closing = closing(chain, cache, &live, &nonces);
        cache.read_ahead(chain, &closing).await?;
        for attempt in live {
            let Some(nonces) = nonces.get(&attempt.tx.sender).copied() else {
                continue;
            };
            let is_lowest = lowest.get(&attempt.tx.sender) == Some(&attempt.tx.nonce);
            worked |= match is_lowest && self.is_stranded(chain, &attempt, nonces).await? {
                true => self.end(&attempt, AttemptState::Expired, STRANDED, &[], STRANDED)?,
                false => self.reconcile_one(chain, cache, &attempt, nonces).await?,
            };
        }
        Ok(worked)
    }

    fn note_ages(&mut self, live: &[Attempt]) {
        let now = Instant::now();
        self.first_seen
            .retain(|id, _| live.iter().any(|attempt| attempt.id == *id));
        for attempt in live {
            self.first_seen.entry(attempt.id).or_insert(now);
        }
        let oldest = self.first_seen.values().min();
        let age = oldest.map(|seen| now.saturating_duration_since(*seen));
        self.tx.note_oldest(age.unwrap_or_default());
    }

    /// Whether a transaction, the lowest that we have, waits behind a nonce that neither the pool nor a block has:
    /// what had it expired. It can't be included before that nonce is used, and nothing may come that does. What
    /// it carries is sent anew with that nonce; if both are included, the second has no effect.
    async fn is_stranded(
        &self,
        chain: &ChainView,
        attempt: &Attempt,
        nonces: Nonces,
    ) -> Result<bool, RelayerError> {
        let sent_at_ms = attempt.sent_at_ms.unwrap_or_default();
        let is_new = now_ms().saturating_sub(sent_at_ms) < STRANDED_AFTER_MS;
        if is_new || attempt.tx.nonce <= nonces.best {
            return Ok(false);
        }
        let account = attempt.tx.sender.into();
        Ok(chain.oracle.chain.next_nonce(&account).await? <= nonces.best)
    }

    async fn reconcile_one(
        &mut self,
        chain: &ChainView,
        cache: &mut RequestCache,
        attempt: &Attempt,
        nonces: Nonces,
    ) -> Result<bool, RelayerError> {
        match next_action(attempt, nonces, chain.finalized.number, now_ms()) {
            // Another node may never have had it.
            TxAction::Wait if chain.is_new_node => self.resend(chain, attempt).await,
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
            TxAction::Resend if self.left == 0 => Ok(false),
            TxAction::Resend => self.resend(chain, attempt).await,
            TxAction::Over => self.close(chain, cache, attempt).await,
        }
    }

    async fn resend(&mut self, chain: &ChainView, attempt: &Attempt) -> Result<bool, RelayerError> {
        let Attempt { id, tx, .. } = attempt;
        let refused_at = self.refusals.get(id).map(|(_, block)| *block);
        if refused_at.is_some_and(|block| block >= chain.best.number) {
            // The pool says the same until there is another block.
            return Ok(false);
        }
        self.left = self.left.saturating_sub(1);
        let sent =
            submit_attempt(&self.store, &chain.oracle.chain, *id, &tx.bytes, tx.purpose).await;
        let error = match sent {
            Err(RelayerError::Chain(error)) if error.is_refusal() => {
                // Of the node, which says nothing about the transaction.
                self.refusals.entry(*id).or_default().1 = chain.best.number;
                return Ok(false);
            }
            Err(RelayerError::Chain(error)) if !error.is_connection() => error,
            other => return other.map(|()| true),
        };
        // Refused because it has just been included, or because it never can be?
        let best = chain.oracle.chain.best().await?;
        if tx.nonce
            < chain
                .oracle
                .chain
                .nonce_at(&tx.sender.into(), best.hash)
                .await?
        {
            return Ok(false);
        }
        // Some pool may have it and may have passed it on, and one refusal by one node, that has no room now or
        // will look at it later, proves nothing. After some the next transaction takes its nonce: at most one of
        // the two can ever count, and whichever does, an entry takes effect once.
        if error.tx_retry() == TxRetry::Backoff && !self.is_refused_often(*id, best.number) {
            return Ok(false);
        }
        self.tx.release(tx.sender, tx.nonce);
        let reason = format!("the node refuses it: {error}");
        self.end(
            attempt,
            AttemptState::Expired,
            &reason,
            &tx.entries,
            &reason,
        )
    }

    /// Counts a refusal of a transaction that some pool may have.
    fn is_refused_often(&mut self, id: i64, best: BlockNumber) -> bool {
        let (count, at) = self.refusals.entry(id).or_default();
        *count = count.saturating_add(1);
        *at = best;
        *count >= REFUSALS_MAX
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
        let nonces = nonces.get(&attempt.tx.sender);
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

/// The lowest nonce of each account's transactions.
fn lowest_nonces(live: &[Attempt]) -> HashMap<[u8; 32], u64> {
    let mut lowest = HashMap::new();
    for attempt in live {
        let nonce = lowest.entry(attempt.tx.sender).or_insert(attempt.tx.nonce);
        *nonce = attempt.tx.nonce.min(*nonce);
    }
    lowest
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
    let senders: BTreeSet<_> = live.iter().map(|attempt| attempt.tx.sender).collect();
    let read = senders.into_iter().map(|sender| async move {
        let account = sender.into();
        let (finalized, best) = futures::try_join!(
            chain.oracle.chain.nonce_at(&account, chain.finalized.hash),
            chain.oracle.chain.nonce_at(&account, chain.best.hash),
        )?;
        Ok::<_, ChainError>((sender, Nonces { finalized, best }))
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

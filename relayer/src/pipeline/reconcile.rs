//! Finding out what became of transactions, from nonces and from the contract's state alone.

use super::{
    error::RelayerError,
    outbox::{fate, hand_over, Fate, Nonces},
    relayer::{Now, Relayer},
};
use crate::{
    chain::Oracle,
    store::{fault, now_ms, Attempt, AttemptState, Purpose},
};
use llm_oracle_primitives::{DeliveryStatus, Phase, RequestView, SeatState};

impl Relayer {
    /// Finds out what became of the transactions that may still count.
    pub(super) async fn reconcile(
        &mut self,
        oracle: &Oracle,
        now: &Now,
    ) -> Result<bool, RelayerError> {
        let mut worked = false;
        for attempt in self.store.live_attempts()? {
            worked |= self.reconcile_one(oracle, now, &attempt).await?;
        }
        Ok(worked)
    }

    async fn reconcile_one(
        &self,
        oracle: &Oracle,
        now: &Now,
        attempt: &Attempt,
    ) -> Result<bool, RelayerError> {
        let carrier = attempt.tx.carrier.into();
        let nonces = Nonces {
            finalized: oracle.chain.nonce_at(&carrier, now.finalized.hash).await?,
            best: oracle.chain.nonce_at(&carrier, now.best.hash).await?,
        };
        let purpose = attempt.tx.purpose;
        match fate(attempt, nonces, now.finalized.number, now_ms()) {
            Fate::Wait => Ok(false),
            Fate::InBlock => {
                if attempt.state != AttemptState::InBlock {
                    self.store.set_attempt_state(attempt.id, AttemptState::InBlock, None)?;
                }
                Ok(false)
            }
            Fate::Expired => {
                let reason = "expired in no block";
                self.store.set_attempt_state(attempt.id, AttemptState::Dead, Some(reason))?;
                for entry in &attempt.tx.entries {
                    self.fail(entry, purpose, reason)?;
                }
                Ok(true)
            }
            Fate::Resend => self.resend(oracle, attempt).await,
            Fate::Over => self.close(oracle, now, attempt).await,
        }
    }

    async fn resend(&self, oracle: &Oracle, attempt: &Attempt) -> Result<bool, RelayerError> {
        let Attempt { id, tx, .. } = attempt;
        let sent = hand_over(&self.store, &oracle.chain, *id, &tx.bytes, tx.purpose).await;
        let error = match sent {
            Err(RelayerError::Chain(error)) if !error.is_connection() => error,
            other => return other.map(|()| true),
        };
        // Refused because it has just been included, or because it never can be?
        let best = oracle.chain.best().await?;
        if tx.nonce < oracle.chain.nonce_at(&tx.carrier.into(), best.hash).await? {
            return Ok(false);
        }
        let reason = format!("the node refuses it: {error}");
        self.store.set_attempt_state(*id, AttemptState::Dead, Some(&reason))?;
        for entry in &tx.entries {
            self.fail(entry, tx.purpose, &reason)?;
        }
        Ok(true)
    }

    /// The nonce is used up at a finalized block: whether by this transaction, and to what effect,
    /// only the contract's state can say.
    async fn close(
        &self,
        oracle: &Oracle,
        now: &Now,
        attempt: &Attempt,
    ) -> Result<bool, RelayerError> {
        let purpose = attempt.tx.purpose;
        let mut without = Vec::new();
        for entry in &attempt.tx.entries {
            let view = oracle.request(entry.request_id, Some(now.finalized.hash)).await?;
            // A pruned request is over, whoever brought it there.
            if view.is_some_and(|view| !took_effect(purpose, &view, &entry.operator)) {
                without.push(*entry);
            }
        }
        if without.len() < attempt.tx.entries.len() {
            self.store.set_attempt_state(attempt.id, AttemptState::Final, None)?;
        } else {
            let reason = "its nonce is used up and it had no effect";
            self.store.set_attempt_state(attempt.id, AttemptState::Dead, Some(reason))?;
        }
        for entry in &without {
            self.fail(entry, purpose, "sent, and the contract's state shows no effect")?;
        }
        if purpose == Purpose::Deliver {
            fault::reach(fault::DELIVER_FINAL);
        }
        Ok(true)
    }
}

fn took_effect(purpose: Purpose, view: &RequestView, operator: &[u8; 32]) -> bool {
    let seat = view.seats.iter().find(|seat| {
        let holder: &[u8; 32] = seat.operator.as_ref();
        holder == operator
    });
    match purpose {
        Purpose::Ask => true,
        Purpose::Commit => seat.is_some(),
        Purpose::Answer | Purpose::Reveal => {
            seat.is_some_and(|seat| !matches!(seat.state, SeatState::Vacant | SeatState::Committed))
        }
        Purpose::Advance => view.summary.settled || view.summary.phase != Phase::Ended,
        Purpose::Deliver => !matches!(view.summary.delivery, DeliveryStatus::Waiting),
    }
}

//! One transaction of a carrier: a fresh nonce, disk, wire.

use super::{
    error::RelayerError,
    outbox::{free_nonce, send},
    relayer::{Now, Operator, Relayer},
    Oracle,
};
use llm_oracle_chain::{ChainError, Weight};
use llm_oracle_store::{Entry, NewAttempt, Purpose, StoreError};

/// How often a nonce is chosen again when another replica has just taken it.
const NONCE_TRIES: u8 = 10;

/// A call that is to become a transaction.
pub(super) struct Plan<'a> {
    /// What it is for.
    pub(super) purpose: Purpose,
    /// Which of our operators signs and pays.
    pub(super) carrier: usize,
    /// Selector and arguments.
    pub(super) input: &'a [u8],
    /// Most gas.
    pub(super) gas: Weight,
    /// Most storage deposit, planck; the chain's own limit without it.
    pub(super) deposit_limit: Option<u128>,
    /// Whose work it does.
    pub(super) entries: Vec<Entry>,
}

impl Relayer {
    /// Signs with a fresh nonce, stores, sends. The store refuses a nonce that another replica was
    /// faster with; the next one is signed then.
    pub(super) async fn transact(
        &self,
        oracle: &Oracle,
        now: &Now,
        plan: &Plan<'_>,
    ) -> Result<(), RelayerError> {
        let mut left = NONCE_TRIES;
        loop {
            left = left.saturating_sub(1);
            match self.transact_once(oracle, now, plan).await {
                Err(RelayerError::Store(StoreError::NonceTaken { nonce })) if left > 0 => {
                    tracing::debug!(nonce, "another replica has the nonce");
                }
                sent => return sent,
            }
        }
    }

    async fn transact_once(
        &self,
        oracle: &Oracle,
        now: &Now,
        plan: &Plan<'_>,
    ) -> Result<(), RelayerError> {
        let Plan {
            purpose,
            carrier,
            input,
            gas,
            deposit_limit,
            ref entries,
        } = *plan;
        let Operator {
            key, account, id, ..
        } = &self.operators[carrier];
        let gas = match oracle.chain.max_extrinsic(now.finalized.hash).await? {
            // The call's own weight comes on top of the limit.
            Some(most) => gas.at_most(Weight {
                ref_time: (most.ref_time / 10).saturating_mul(9),
                proof_size: (most.proof_size / 10).saturating_mul(9),
            }),
            None => gas,
        };
        let live = self.store.live_attempts()?;
        let held: Vec<u64> = live
            .iter()
            .filter(|attempt| attempt.tx.carrier == *id)
            .map(|attempt| attempt.tx.nonce)
            .collect();
        let (best, next) = futures::try_join!(
            oracle.chain.nonce_at(account, now.best.hash),
            oracle.chain.next_nonce(account),
        )?;
        let nonce = free_nonce(best, next, &held);
        let tx = oracle
            .chain
            .sign_call(&**key, nonce, &oracle.address, 0, input, gas, deposit_limit)
            .await?;
        self.affords(oracle, &tx.bytes).await?;
        tracing::debug!(
            purpose = purpose.name(),
            nonce,
            entries = entries.len(),
            "sending"
        );
        let attempt = NewAttempt {
            hash: tx.hash,
            bytes: tx.bytes,
            carrier: *id,
            nonce,
            valid_until: tx.valid_until,
            purpose,
            entries: entries.clone(),
        };
        send(&self.store, &oracle.chain, &attempt).await
    }

    /// Refuses signed bytes that could cost more than the limit. Nothing of them has left yet.
    async fn affords(&self, oracle: &Oracle, bytes: &[u8]) -> Result<(), RelayerError> {
        let most = self.config.limits.max_fee;
        if most == 0 {
            return Ok(());
        }
        match oracle.chain.fee_of(bytes).await? {
            fee if fee > most => Err(ChainError::FeeTooHigh { fee, most }.into()),
            _ => Ok(()),
        }
    }
}

//! One transaction of a carrier: a fresh nonce, disk, wire.

use super::{
    error::RelayerError,
    outbox::{free_nonce, send},
    relayer::{Now, Operator, Relayer},
    Oracle,
};
use crate::{
    chain::{ChainError, Weight},
    store::{Entry, NewAttempt, Purpose},
};

impl Relayer {
    /// Signs with a fresh nonce, stores, sends.
    #[allow(clippy::too_many_arguments)] // The parts of one transaction.
    pub(super) async fn transact(
        &self,
        oracle: &Oracle,
        now: &Now,
        purpose: Purpose,
        carrier: usize,
        input: &[u8],
        gas: Weight,
        deposit_limit: Option<u128>,
        entries: Vec<Entry>,
    ) -> Result<(), RelayerError> {
        let Operator {
            key, account, id, ..
        } = &self.operators[carrier];
        let gas = match oracle.chain.max_extrinsic().await? {
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
        let best = oracle.chain.nonce_at(account, now.best.hash).await?;
        let nonce = free_nonce(best, oracle.chain.next_nonce(account).await?, &held);
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
            entries,
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

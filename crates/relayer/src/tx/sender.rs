//! One transaction of one of our operators: a fresh nonce, disk, wire.

use super::outbox::{free_nonce, send};
use crate::{
    error::RelayerError,
    node_session::ChainView,
    operators::{Operator, Operators},
};
use llm_oracle_chain::{ChainError, Weight};
use llm_oracle_store::{NewAttempt, Purpose, SeatId, Store, StoreError};
use std::sync::Arc;

/// How often a nonce is chosen again when another replica has just taken it.
const NONCE_TRIES: u8 = 10;

/// A call that is to become a transaction.
pub(crate) struct TxDraft<'a> {
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Which of our operators signs and pays.
    pub(crate) sender: usize,
    /// Selector and arguments.
    pub(crate) input: &'a [u8],
    /// Most gas.
    pub(crate) gas: Weight,
    /// Most storage deposit, planck; the chain's own limit without it.
    pub(crate) deposit_limit: Option<u128>,
    /// Whose work it does.
    pub(crate) entries: Vec<SeatId>,
}

/// Signs, stores and sends transactions.
#[derive(Clone)]
pub(crate) struct TxSender {
    store: Arc<Store>,
    /// Most that a transaction may cost in fees, planck; 0 for any.
    max_fee: u128,
}

impl TxSender {
    pub(crate) fn new(store: Arc<Store>, max_fee: u128) -> Self {
        Self { store, max_fee }
    }

    /// Signs with a fresh nonce, stores, sends. The store refuses a nonce that another replica was
    /// faster with; the next one is signed then.
    pub(crate) async fn send(
        &self,
        chain: &ChainView,
        operators: &Operators,
        draft: &TxDraft<'_>,
    ) -> Result<(), RelayerError> {
        let mut left = NONCE_TRIES;
        loop {
            left = left.saturating_sub(1);
            match self.send_once(chain, operators, draft).await {
                Err(RelayerError::Store(StoreError::NonceTaken { nonce })) if left > 0 => {
                    tracing::debug!(nonce, "another replica has the nonce");
                }
                sent => return sent,
            }
        }
    }

    async fn send_once(
        &self,
        chain: &ChainView,
        operators: &Operators,
        draft: &TxDraft<'_>,
    ) -> Result<(), RelayerError> {
        let TxDraft {
            purpose,
            sender,
            input,
            gas,
            deposit_limit,
            ref entries,
        } = *draft;
        let Operator {
            key, account, id, ..
        } = &operators[sender];
        let gas = match chain
            .oracle
            .chain
            .max_extrinsic(chain.finalized.hash)
            .await?
        {
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
            chain.oracle.chain.nonce_at(account, chain.best.hash),
            chain.oracle.chain.next_nonce(account),
        )?;
        let nonce = free_nonce(best, next, &held);
        let tx = chain
            .oracle
            .chain
            .sign_call(
                &**key,
                nonce,
                &chain.oracle.address,
                0,
                input,
                gas,
                deposit_limit,
            )
            .await?;
        self.affords(chain, &tx.bytes).await?;
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
        send(&self.store, &chain.oracle.chain, &attempt).await
    }

    /// Refuses signed bytes that could cost more than the limit. Nothing of them has left yet.
    async fn affords(&self, chain: &ChainView, bytes: &[u8]) -> Result<(), RelayerError> {
        let most = self.max_fee;
        if most == 0 {
            return Ok(());
        }
        match chain.oracle.chain.fee_of(bytes).await? {
            fee if fee > most => Err(ChainError::FeeTooHigh { fee, most }.into()),
            _ => Ok(()),
        }
    }
}

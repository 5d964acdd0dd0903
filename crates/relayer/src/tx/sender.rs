//! One transaction of one of our operators: a nonce, disk, wire.

use super::{
    block_rate::BlockRate,
    outbox::{free_nonce, send},
};
use crate::{
    error::RelayerError,
    node_session::ChainView,
    operators::{Operators, OwnOperator},
    ops::Ops,
};
use llm_oracle_chain::{ChainError, TxTerms, Weight};
use llm_oracle_primitives::{Balance, BlockNumber};
use llm_oracle_store::{live_nonces, NewAttempt, Purpose, SeatId, Store, StoreError};
use llm_oracle_support::{address::ss58, clock::Instant};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How often a nonce is chosen again when another replica has just taken it.
const NONCE_TRIES: u8 = 10;

/// Most that any call of ours declares, percent of the greatest extrinsic: the call's own weight comes on top of
/// the limit.
const CALL_SHARE_PERCENT: u64 = 90;

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

/// Until when a transaction is of use, and what it offers to be in time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TxLimits {
    /// The deadline of what it carries.
    pub(crate) last_block: Option<BlockNumber>,
    /// Tip, planck.
    pub(crate) tip: Balance,
}

/// Signs, stores and sends transactions.
#[derive(Clone)]
pub(crate) struct TxSender {
    store: Arc<Store>,
    ops: Arc<Ops>,
    shared: Arc<Mutex<SendState>>,
}

/// What all parts that send have in common.
#[derive(Default)]
struct SendState {
    /// Most that a transaction may cost in fees without its tip, planck; 0 for any.
    max_fee: u128,
    rate: BlockRate,
    /// Nonces of transactions that were given up although a node may still have them: the next one of the
    /// same account takes their place, so that at most one of the two ever counts.
    released: BTreeSet<([u8; 32], u64)>,
}

impl TxSender {
    pub(crate) fn new(store: Arc<Store>, ops: Arc<Ops>, max_fee: u128) -> Self {
        let this = Self {
            store,
            ops,
            shared: Arc::default(),
        };
        this.reload(max_fee);
        this
    }

    /// Takes another greatest fee, planck, in all copies.
    pub(crate) fn reload(&self, max_fee: u128) {
        self.shared().max_fee = max_fee;
    }

    fn shared(&self) -> MutexGuard<'_, SendState> {
        // Bookkeeping that nothing can leave half done.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the heads of an iteration.
    pub(crate) fn note_heads(&self, chain: &ChainView) {
        self.shared().rate.note(chain.best.number, Instant::now());
    }

    /// How old the oldest transaction is that may still count.
    pub(super) fn note_oldest(&self, age: Duration) {
        self.ops.metrics().parts().oldest_transaction(age);
    }

    /// Whether an operator's signer is away, with what it says if so.
    pub(super) fn note_signer(&self, operator: &[u8; 32], away: Option<String>) {
        let operator = ss58(&(*operator).into());
        self.ops.part(&signer_part(&operator), away);
    }

    /// The next transaction of this account replaces one that was given up.
    pub(super) fn release(&self, signer: [u8; 32], nonce: u64) {
        self.shared().released.insert((signer, nonce));
    }

    /// The lowest nonce of an account that was given up and is still free.
    pub(super) fn take_released(&self, signer: [u8; 32], best: u64, held: &[u64]) -> Option<u64> {
        let mut shared = self.shared();
        shared
            .released
            .retain(|(of, nonce)| *of != signer || *nonce >= best && !held.contains(nonce));
        let first = shared.released.range((signer, best)..).next().copied();
        let first = first.filter(|(of, _)| *of == signer)?;
        shared.released.remove(&first);
        Some(first.1)
    }

    /// Greatest weight of one transaction, if the chain has a limit.
    pub(super) async fn max_extrinsic(
        &self,
        chain: &ChainView,
    ) -> Result<Option<Weight>, ChainError> {
        let most = chain.oracle.chain.max_extrinsic(chain.finalized.hash);
        most.await
    }

    /// Signs, stores, sends, with no limit of time and no tip.
    pub(crate) async fn send(
        &self,
        chain: &ChainView,
        operators: &Operators,
        draft: &TxDraft<'_>,
    ) -> Result<(), RelayerError> {
        self.send_within(chain, operators, draft, TxLimits::default())
            .await
    }

    /// Signs with a free nonce, stores, sends. The store refuses a nonce that another replica was
    /// faster with; the next one is signed then.
    pub(crate) async fn send_within(
        &self,
        chain: &ChainView,
        operators: &Operators,
        draft: &TxDraft<'_>,
        limits: TxLimits,
    ) -> Result<(), RelayerError> {
        self.ops.beat();
        let mut left = NONCE_TRIES;
        loop {
            left = left.saturating_sub(1);
            match self.send_once(chain, operators, draft, limits).await {
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
        limits: TxLimits,
    ) -> Result<(), RelayerError> {
        let OwnOperator {
            key, account, id, ..
        } = &operators[draft.sender];
        let held = live_nonces(&self.store, id)?;
        let (best, next) = futures::try_join!(
            chain.oracle.chain.nonce_at(account, chain.best.hash),
            chain.oracle.chain.next_nonce(account),
        )?;
        // A nonce that nothing has comes first: whatever is above it waits for it.
        let nonce = match free_nonce(best, next, &held) {
            lowest if lowest == best => lowest,
            free => self.take_released(*id, best, &held).unwrap_or(free),
        };
        let terms = TxTerms {
            nonce,
            tip: limits.tip,
            era_blocks: self.shared().rate.era_blocks(),
            last_block: limits.last_block,
        };
        let most = self.max_extrinsic(chain).await?;
        let gas = most.map_or(draft.gas, |most| {
            draft.gas.at_most(most.percent(CALL_SHARE_PERCENT))
        });
        let tx = chain
            .oracle
            .chain
            .sign_call_with(
                &**key,
                terms,
                &chain.oracle.address,
                0,
                draft.input,
                gas,
                draft.deposit_limit,
            )
            .await;
        let away = tx.as_ref().err().filter(|error| is_signer_away(error));
        self.note_signer(id, away.map(ToString::to_string));
        let tx = tx?;
        self.affords(chain, &tx.bytes).await?;
        let (purpose, nonce, entries) = (draft.purpose, terms.nonce, &draft.entries);
        let (name, count) = (purpose.name(), entries.len());
        tracing::debug!(
            purpose = name,
            nonce,
            tip = terms.tip,
            entries = count,
            "sending"
        );
        let attempt = NewAttempt {
            hash: tx.hash,
            bytes: tx.bytes,
            sender: *id,
            nonce,
            valid_until: tx.valid_until,
            purpose,
            entries: entries.clone(),
        };
        send(&self.store, &chain.oracle.chain, &attempt).await
    }

    /// Refuses signed bytes that could cost more than the limit. Nothing of them has left yet.
    async fn affords(&self, chain: &ChainView, bytes: &[u8]) -> Result<(), RelayerError> {
        let most = self.shared().max_fee;
        if most == 0 {
            return Ok(());
        }
        match chain.oracle.chain.fee_of(bytes).await? {
            fee if fee > most => Err(ChainError::FeeTooHigh { fee, most }.into()),
            _ => Ok(()),
        }
    }
}

/// What the signer of an operator, SS58, is called where parts are named.
pub(crate) fn signer_part(operator: &str) -> String {
    format!("signer of {operator}")
}

/// Whether a signer does not answer: that is its operator's trouble, and nobody else's.
fn is_signer_away(error: &ChainError) -> bool {
    matches!(error, ChainError::Signer(error) if error.is_transient())
}

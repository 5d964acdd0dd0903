//! What the operators of this process have and are, for people; and the orderly end.

use super::{
    error::RelayerError,
    relayer::{Progress, Relayer},
    Oracle,
};
use crate::ops::{OperatorStatus, Turn};
use llm_oracle_support::{
    address::{hex0x, ss58},
    clock::Instant,
};
use std::time::Duration;

/// Time between two looks at balances and bonds: they cost reads and change slowly.
const OBSERVE_EVERY: Duration = Duration::from_secs(30);

/// Longest wait for questions that are with the model when it is time to stop.
const LAST_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

impl From<Progress> for Turn {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Worked => Self::Worked,
            Progress::Idle => Self::Idle,
        }
    }
}

impl Relayer {
    /// Reads what the chain says about our operators, if the last look is old.
    pub(super) async fn observe(&mut self, oracle: &Oracle) -> Result<(), RelayerError> {
        let fresh = |at: Instant| at.elapsed() < OBSERVE_EVERY;
        if self.observed.is_some_and(fresh) {
            return Ok(());
        }
        let min_bond = oracle.config(None).await?.params.min_bond;
        let mut seen = Vec::with_capacity(self.operators.len());
        // Said once, not at each look.
        let before = self.ops.status().operators;
        for operator in &self.operators {
            let Some(view) = oracle.operator(&operator.account, None).await? else {
                continue;
            };
            let bond = view.bond.saturating_sub(view.unbonding);
            let balance = oracle.chain.free_balance(&operator.account).await?;
            let (account, least) = (ss58(&operator.account), self.config.limits.min_balance);
            if balance < least && !before.iter().any(|one| one.is_poor(&account)) {
                tracing::warn!(
                    operator = account,
                    balance,
                    least,
                    "low balance: it can soon pay no fees"
                );
            }
            let barred = operator.barred || view.barred;
            seen.push(OperatorStatus {
                account,
                slot: operator.slot,
                able: !operator.stopped && !barred && bond >= min_bond,
                stopped: operator.stopped,
                barred,
                bond,
                min_bond,
                locked: view.locked,
                credit: view.credit,
                balance,
                min_balance: least,
                silent: view.silent,
                agreed: view.agreed,
                dissented: view.dissented,
                abstained: view.abstained,
            });
        }
        self.ops.operators(seen);
        self.observed = Some(Instant::now());
        Ok(())
    }

    /// Names what this relayer works for, for its status.
    pub fn introduce(&self, contract: &str, model: &str) {
        let link = self.link();
        let url = link.map(|oracle| oracle.chain.url().to_owned());
        let genesis = link.map(|oracle| hex0x(&oracle.chain.genesis()));
        let (url, genesis) = (url.unwrap_or_default(), genesis.unwrap_or_default());
        self.ops.introduce(&url, contract, &genesis, model);
    }

    /// Ends in order: answers that the model is about to give are recorded, so that they need not be
    /// asked for again. Nothing new is asked or sent.
    pub(super) async fn wind_up(mut self) -> Result<(), RelayerError> {
        let patience = tokio::time::sleep(LAST_ANSWERS_WITHIN);
        tokio::pin!(patience);
        while !self.asks.is_idle() {
            tokio::select! {
                () = self.asks.any() => {}
                () = &mut patience => break,
            }
        }
        self.record_answers()?;
        if let Err(error) = self.store.release_leases() {
            // They end by themselves.
            tracing::warn!(%error, "leases not given back");
        }
        Ok(())
    }
}

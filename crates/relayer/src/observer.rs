//! What the chain says about the operators of this process, for people.

use crate::{
    error::RelayerError,
    node_session::ChainView,
    operators::Operators,
    ops::{OperatorStatus, Ops},
};
use llm_oracle_primitives::Balance;
use llm_oracle_support::{address::ss58, clock::Instant};
use std::{sync::Arc, time::Duration};

/// Time between two reads of balances and bonds: they cost reads and change slowly.
const OBSERVE_EVERY: Duration = Duration::from_secs(30);
/// Time between two reads of the parameters, which an owner announces long before they change.
const READ_PARAMS_EVERY: Duration = Duration::from_secs(300);

/// Reads balances, bonds and records of operators from time to time.
pub(crate) struct Observer {
    ops: Arc<Ops>,
    /// Balance below which an operator counts as low, planck.
    min_balance: u128,
    observed: Option<Instant>,
    /// The least bond and the bond of a seat, planck, and when they were read.
    bonds: Option<((Balance, Balance), Instant)>,
}

impl Observer {
    pub(crate) fn new(ops: Arc<Ops>, min_balance: u128) -> Self {
        Self {
            ops,
            min_balance,
            observed: None,
            bonds: None,
        }
    }

    /// Takes another least balance, planck, and reads again at once.
    pub(crate) fn reload(&mut self, min_balance: u128) {
        self.min_balance = min_balance;
        self.observed = None;
    }

    /// Reads what the chain says about our operators, if the last look is old.
    ///
    /// # Errors
    /// Errors of the chain.
    pub(crate) async fn observe(
        &mut self,
        chain: &ChainView,
        operators: &Operators,
    ) -> Result<(), RelayerError> {
        let fresh = |at: Instant| at.elapsed() < OBSERVE_EVERY;
        let oracle = &chain.oracle;
        if self.observed.is_some_and(fresh) {
            return Ok(());
        }
        let best = Some(chain.best.hash);
        let (min_bond, seat_bond) = self.bonds(chain).await?;
        let mut seen = Vec::with_capacity(operators.len());
        // Said once, not at each look.
        let before = self.ops.status().operators;
        for operator in operators.iter() {
            let Some(view) = oracle.operator(&operator.account, best).await? else {
                continue;
            };
            let bond = view.bond.saturating_sub(view.unbonding);
            let balance = oracle.chain.free_balance(&operator.account).await?;
            let (account, least) = (ss58(&operator.account), self.min_balance);
            if balance < least && !before.iter().any(|one| one.has_low_balance(&account)) {
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
                eligible: !operator.stopped && !barred && bond >= min_bond,
                key_in_use_elsewhere: operator.stopped,
                slashed: barred,
                bond,
                min_bond,
                seat_bond,
                locked: view.locked,
                credit: view.credit,
                balance,
                min_balance: least,
                missed_reveals: view.silent,
                agreed: view.agreed,
                dissented: view.dissented,
                abstained: view.abstained,
            });
        }
        self.ops.operators(seen);
        self.observed = Some(Instant::now());
        Ok(())
    }

    /// The least bond and the bond of a seat, planck.
    async fn bonds(&mut self, chain: &ChainView) -> Result<(Balance, Balance), RelayerError> {
        if let Some((bonds, at)) = self.bonds {
            if at.elapsed() < READ_PARAMS_EVERY {
                return Ok(bonds);
            }
        }
        let params = chain.oracle.config(Some(chain.best.hash)).await?.params;
        let bonds = (params.min_bond, params.seat_bond);
        self.bonds = Some((bonds, Instant::now()));
        Ok(bonds)
    }
}

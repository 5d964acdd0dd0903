//! The operators that this process works for.

use crate::{
    error::RelayerError,
    node_session::{AnyOracle, NodeSession},
    ops::Ops,
};
use llm_oracle_primitives::{AccountId, RequestId, Slot};
use llm_oracle_signing::Signer;
use llm_oracle_store::SeatId;
use llm_oracle_support::address::ss58;
use std::{ops::Index, sync::Arc};

/// One operator.
pub(crate) struct OwnOperator {
    pub(crate) key: Arc<dyn Signer>,
    pub(crate) account: AccountId,
    /// The bytes of its account, which are its public key.
    pub(crate) id: [u8; 32],
    pub(crate) slot: Slot,
    /// Requests with a lower number can't concern it.
    pub(crate) first_id: RequestId,
    /// Its key is in use elsewhere: it does nothing any more.
    pub(crate) stopped: bool,
    /// It signed two answers to one question: it takes no seat any more, and reveals those it has.
    pub(crate) barred: bool,
}

impl OwnOperator {
    /// Its seat in a request.
    pub(crate) fn entry(&self, request_id: RequestId) -> SeatId {
        SeatId {
            request_id,
            operator: self.id,
        }
    }
}

/// All of them, in the order of the settings.
pub(crate) struct Operators(Vec<OwnOperator>);

impl Index<usize> for Operators {
    type Output = OwnOperator;

    fn index(&self, index: usize) -> &OwnOperator {
        &self.0[index]
    }
}

impl Operators {
    /// Reads the slots of these keys from the contract. What is not registered is named, and the others go on.
    ///
    /// # Errors
    /// `NotRegistered` when none is, and errors of the chain.
    pub(crate) async fn look_up(
        session: &mut NodeSession,
        keys: &[Arc<dyn Signer>],
        ops: &Ops,
    ) -> Result<Self, RelayerError> {
        let looked = async {
            let chain = session.refresh().await?;
            Self::read(&chain.oracle, keys.to_vec(), ops).await
        };
        let looked = looked.await;
        if let Err(error) = &looked {
            session.failed(error);
        }
        looked
    }

    async fn read(
        oracle: &AnyOracle,
        keys: Vec<Arc<dyn Signer>>,
        ops: &Ops,
    ) -> Result<Self, RelayerError> {
        let mut operators = Vec::with_capacity(keys.len());
        let mut missing = None;
        for key in keys {
            let account = key.account();
            let Some(view) = oracle.operator(&account, None).await? else {
                let operator = ss58(&account);
                let part = format!("operator {operator}");
                let error = RelayerError::NotRegistered { operator };
                ops.part(&part, Some(format!("{error}, and restart the relayer")));
                missing.get_or_insert(error);
                continue;
            };
            let id: &[u8; 32] = account.as_ref();
            operators.push(OwnOperator {
                id: *id,
                key,
                account,
                slot: view.slot,
                first_id: view.first_id,
                stopped: false,
                barred: view.barred,
            });
        }
        match missing {
            Some(error) if operators.is_empty() => Err(error),
            _ => Ok(Self(operators)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &OwnOperator> {
        self.0.iter()
    }

    /// Requests with a lower number can't concern any of them.
    pub(crate) fn first_id(&self) -> RequestId {
        let first = self.iter().map(|operator| operator.first_id);
        first.min().unwrap_or_default()
    }

    /// The seats of all operators in a request, whether they have one or not.
    pub(crate) fn entries(&self, request_id: RequestId) -> impl Iterator<Item = SeatId> + '_ {
        self.iter().map(move |operator| operator.entry(request_id))
    }

    /// Positions of the operators that still act.
    pub(crate) fn active(&self) -> Vec<usize> {
        (0..self.len())
            .filter(|index| !self[*index].stopped)
            .collect()
    }

    /// An operator does nothing any more.
    pub(crate) fn stop(&mut self, index: usize) {
        if let Some(operator) = self.0.get_mut(index) {
            operator.stopped = true;
        }
    }

    /// An operator takes no seat any more. Those that it has are still revealed.
    pub(crate) fn bar(&mut self, index: usize) {
        let Some(operator) = self.0.get_mut(index) else {
            return;
        };
        if !operator.barred {
            operator.barred = true;
            let error = barred(&operator.account);
            tracing::error!(%error, "operator takes no more seats");
        }
    }

    /// Whether no operator takes seats any more.
    pub(crate) fn none_takes_seats(&self) -> bool {
        self.iter()
            .all(|operator| operator.stopped || operator.barred)
    }

    /// Ends the process once none of its operators has anything left to do; `owes` says whether one has.
    ///
    /// # Errors
    /// `Barred`, with the first operator that is.
    pub(crate) fn stop_if_barred(&self, owes: bool) -> Result<(), RelayerError> {
        let first = self.iter().find(|operator| operator.barred);
        match first {
            Some(operator) if self.none_takes_seats() && !owes => Err(barred(&operator.account)),
            _ => Ok(()),
        }
    }
}

fn barred(operator: &AccountId) -> RelayerError {
    RelayerError::Barred {
        operator: ss58(operator),
    }
}

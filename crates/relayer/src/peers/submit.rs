//! What peers have handed over, checked before it is submitted.

use super::share::{Ready, ShareRound};
use crate::{
    error::RelayerError,
    tx::{BatchEntry, PeerEntry},
};
use llm_oracle_chain::ChainError;
use llm_oracle_peers::{check, EntryKey, EntryKind, EntryVerdict, OperatorId, Peers};
use llm_oracle_primitives::{AccountId, RequestId, Slot};
use llm_oracle_store::{Attempt, Purpose, SeatId};
use std::collections::BTreeMap;

impl ShareRound<'_> {
    /// Adds what peers have handed over and the finalized block bears out.
    pub(super) async fn take_submissions(
        &self,
        peers: &mut Peers,
        ready: &mut BTreeMap<RequestId, Ready>,
    ) -> Result<(), RelayerError> {
        let keys = peers.pool.keys(self.kind);
        if keys.is_empty() {
            return Ok(());
        }
        let live = self.store.live_attempts()?;
        let next_id = match self
            .chain
            .oracle
            .next_id(Some(self.chain.finalized.hash))
            .await
        {
            // Its deployment is not final yet.
            Err(ChainError::NoContract { .. }) => return Ok(()),
            next_id => next_id?,
        };
        for key in keys {
            // Our node may be behind the peer's; a peer that invents numbers costs no look at the chain.
            if key.request_id >= next_id || is_under_way(&live, &key) {
                continue;
            }
            let Some((view, _)) = self.seen(peers, key.request_id).await? else {
                // It has been pruned.
                peers.pool.remove(&key);
                continue;
            };
            let slot = self.slot(peers, &key.operator).await?;
            let Some(foreign) = peers.pool.get(&key).cloned() else {
                continue;
            };
            let deployment = self.deployment;
            let (handed, best) = ((&foreign.entry, foreign.verified), self.clock.best);
            match check(&deployment, &view, slot, handed, best) {
                EntryVerdict::Early => {}
                EntryVerdict::Obsolete => peers.pool.remove(&key),
                EntryVerdict::Invalid(fault) => {
                    tracing::warn!(
                        request = key.request_id,
                        peer = foreign.peer,
                        fault = fault.name(),
                        "a peer has handed over what is wrong"
                    );
                    peers.counters.rejected(fault.name());
                    peers.endpoint.record_fault(foreign.peer);
                    peers.pool.remove(&key);
                }
                EntryVerdict::Valid => {
                    peers.pool.mark_verified(&key);
                    let handed = foreign.entry;
                    let seats = view.summary.seats;
                    let part = BatchEntry::Peer(PeerEntry { handed, seats });
                    ready.entry(key.request_id).or_default().parts.push(part);
                }
            }
        }
        Ok(())
    }

    async fn slot(
        &self,
        peers: &mut Peers,
        operator: &OperatorId,
    ) -> Result<Option<Slot>, RelayerError> {
        if let Some(slot) = peers.slot(operator) {
            return Ok(Some(slot));
        }
        let account = AccountId::from(*operator);
        let view = match self.chain.oracle.operator(&account, None).await {
            Err(ChainError::NoContract { .. }) => None,
            view => view?,
        };
        if let Some(view) = &view {
            peers.remember_slot(*operator, view.slot);
        }
        Ok(view.map(|view| view.slot))
    }
}

fn is_under_way(live: &[Attempt], key: &EntryKey) -> bool {
    let entry = SeatId {
        request_id: key.request_id,
        operator: key.operator,
    };
    live.iter().any(|attempt| {
        let kind = match attempt.tx.purpose {
            Purpose::Commit => Some(EntryKind::Commit),
            Purpose::Reveal => Some(EntryKind::Reveal),
            _ => None,
        };
        kind == Some(key.kind) && attempt.tx.entries.contains(&entry)
    })
}

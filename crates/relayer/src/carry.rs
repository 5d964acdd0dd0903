//! One carrier for a committee: what peers have handed over, checked before it is carried.

use super::{
    entries::{Foreign, Part},
    error::RelayerError,
    peers::{Ready, Turn},
    relayer::Relayer,
};
use llm_oracle_chain::ChainError;
use llm_oracle_peers::{check, Id, Key, Kind, Peers, Verdict};
use llm_oracle_primitives::{AccountId, RequestId, Slot};
use llm_oracle_store::{Attempt, Entry, Purpose};
use std::collections::BTreeMap;

impl Relayer {
    /// Adds what peers have handed over and the finalized block bears out.
    pub(super) async fn take_letters(
        &self,
        peers: &mut Peers,
        turn: &Turn<'_>,
        ready: &mut BTreeMap<RequestId, Ready>,
    ) -> Result<(), RelayerError> {
        let keys = peers.pool.keys(turn.kind);
        if keys.is_empty() {
            return Ok(());
        }
        let live = self.store.live_attempts()?;
        let next_id = match turn.oracle.next_id(Some(turn.now.finalized.hash)).await {
            // Its deployment is not final yet.
            Err(ChainError::NoContract { .. }) => return Ok(()),
            next_id => next_id?,
        };
        for key in keys {
            // Our node may be behind the peer's; a peer that invents numbers costs no look at the chain.
            if key.request_id >= next_id || is_under_way(&live, &key) {
                continue;
            }
            let Some((view, _)) = self.seen(peers, turn, key.request_id).await? else {
                // It has been pruned.
                peers.pool.remove(&key);
                continue;
            };
            let slot = self.slot(peers, turn, &key.operator).await?;
            let Some(foreign) = peers.pool.get(&key).cloned() else {
                continue;
            };
            let deployment = self.deployment;
            let (handed, best) = ((&foreign.handed, foreign.signed), turn.clock.best);
            match check(&deployment, &view, slot, handed, best) {
                Verdict::Early => {}
                Verdict::Over => peers.pool.remove(&key),
                Verdict::Wrong(fault) => {
                    tracing::warn!(
                        request = key.request_id,
                        peer = foreign.peer,
                        fault = fault.name(),
                        "a peer has handed over what is wrong"
                    );
                    peers.counts.refused(fault.name());
                    peers.endpoint.fault(foreign.peer);
                    peers.pool.remove(&key);
                }
                Verdict::Fit => {
                    peers.pool.is_signed(&key);
                    let handed = foreign.handed;
                    let seats = view.summary.seats;
                    let part = Part::Foreign(Foreign { handed, seats });
                    ready.entry(key.request_id).or_default().parts.push(part);
                }
            }
        }
        Ok(())
    }

    async fn slot(
        &self,
        peers: &mut Peers,
        turn: &Turn<'_>,
        operator: &Id,
    ) -> Result<Option<Slot>, RelayerError> {
        if let Some(slot) = peers.slot(operator) {
            return Ok(Some(slot));
        }
        let account = AccountId::from(*operator);
        let view = match turn.oracle.operator(&account, None).await {
            Err(ChainError::NoContract { .. }) => None,
            view => view?,
        };
        if let Some(view) = &view {
            peers.note_slot(*operator, view.slot);
        }
        Ok(view.map(|view| view.slot))
    }

    /// An entry of a peer is not carried: its operator sends it itself.
    pub(super) fn drop_foreign(&mut self, foreign: &Foreign, reason: &'static str) {
        if let Some(peers) = &mut self.peers {
            peers.counts.refused(reason);
            peers.pool.remove(&foreign.handed.key());
        }
    }

    /// Drops the entries of peers in a batch that failed as a whole, in case one of them was the
    /// reason. Nobody's fault: they had been checked, and it may be our purse or our node. Says whether
    /// there were any.
    pub(super) fn drop_all_foreign(&mut self, parts: &[Part]) -> bool {
        let mut any = false;
        for part in parts {
            let Part::Foreign(foreign) = part else {
                continue;
            };
            any = true;
            self.drop_foreign(foreign, "batch");
        }
        any
    }

    /// Counts what was carried for peers.
    pub(super) fn note_carried(&self, parts: &[Part]) {
        let Some(peers) = &self.peers else {
            return;
        };
        for part in parts {
            if let Part::Foreign(foreign) = part {
                peers.counts.carried(foreign.handed.key().kind);
            }
        }
    }

    /// Whether an entry of a transaction is a peer's. Its failures are the peer's affair.
    pub(super) fn is_foreign(&self, entry: &Entry, purpose: Purpose) -> bool {
        let carried = matches!(purpose, Purpose::Commit | Purpose::Reveal);
        let mut ours = self.operators.iter();
        carried && !ours.any(|operator| operator.id == entry.operator)
    }
}

fn is_under_way(live: &[Attempt], key: &Key) -> bool {
    let entry = Entry {
        request_id: key.request_id,
        operator: key.operator,
    };
    live.iter().any(|attempt| {
        let kind = match attempt.tx.purpose {
            Purpose::Commit => Some(Kind::Commit),
            Purpose::Reveal => Some(Kind::Reveal),
            _ => None,
        };
        kind == Some(key.kind) && attempt.tx.entries.contains(&entry)
    })
}

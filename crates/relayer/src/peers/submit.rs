//! What peers have handed over, checked before it is submitted.

use super::share::{Ready, ShareRound};
use crate::{
    error::RelayerError,
    tx::{BatchEntry, PeerEntry, RequestFacts},
};
use llm_oracle_chain::ChainError;
use llm_oracle_peers::{check, EntryKey, EntryKind, EntryVerdict, OperatorId, Peers};
use llm_oracle_primitives::{AccountId, RequestId, Slot};
use llm_oracle_store::{Attempt, Purpose, SeatId};
use llm_oracle_support::clock::Instant;
use std::collections::BTreeMap;

/// Open requests that entries of peers are about and that are read in one iteration.
const REQUESTS_PER_ITERATION: u32 = 16;

impl ShareRound<'_> {
    /// Adds what peers have submitted and the finalized block confirms.
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
        let mut looks = REQUESTS_PER_ITERATION;
        for key in keys {
            // Our node may be behind the peer's; a peer that invents numbers costs no look at the chain.
            if key.request_id >= self.cache.next_id() || is_under_way(&live, &key) {
                continue;
            }
            let known = peers.request_at(self.chain.finalized.hash, key.request_id);
            if known.is_none() && self.cache.summary(key.request_id).is_none() {
                // Over or pruned: that costs no look either.
                drop_obsolete(peers, &key, self.clock.now);
                continue;
            }
            if known.is_none() && self.cache.known_view(key.request_id).is_none() {
                // What is left comes with the next iteration.
                let Some(left) = looks.checked_sub(1) else {
                    continue;
                };
                looks = left;
            }
            let Some((view, _)) = self.seen(peers, key.request_id).await? else {
                // It has been pruned.
                drop_obsolete(peers, &key, self.clock.now);
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
                EntryVerdict::Obsolete => drop_obsolete(peers, &key, self.clock.now),
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
                    let request = RequestFacts::of(&view);
                    let part = BatchEntry::Peer(PeerEntry { handed, request });
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

/// An entry is no longer needed. That happens to honest peers too; not all the time.
fn drop_obsolete(peers: &mut Peers, key: &EntryKey, now: Instant) {
    let peer = peers.pool.get(key).map(|pooled| pooled.peer);
    peers.pool.remove(key);
    if let Some(peer) = peer {
        peers.note_obsolete(peer, now);
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

//! One transmitter for a committee: which of our entries a peer submits.

use super::{
    committee::{committee_of, shows, take_one},
    message::message_entries,
};
use crate::{
    config::RelayerConfig,
    error::RelayerError,
    failures::FailureLog,
    node_session::ChainView,
    operators::{Operators, OwnOperator},
    ops::Ops,
    requests::RequestCache,
    tx::{BatchEntry, OwnSeat, PeerEntry, SeatSigner},
};
use llm_oracle_chain::ChainError;
use llm_oracle_peers::{
    missing, transmitter, EntryKey, EntryKind, HandoffClock, HandoffState, OperatorId,
    PeerEndpoint, Peers, SeenRequest, SignedEntry,
};
use llm_oracle_primitives::{BlockNumber, DeploymentId, RequestId, RequestView, Terms};
use llm_oracle_signing::Signer;
use llm_oracle_store::{Purpose, Store};
use llm_oracle_support::clock::Instant;
use std::{
    collections::BTreeMap,
    sync::{atomic::AtomicU32, Arc},
    time::Duration,
};

/// Blocks before a deadline at which nobody waits for anybody.
const MARGIN_BLOCKS: BlockNumber = 4;
/// Time between two blocks of a chain whose settings do not say it.
const USUAL_BLOCK: Duration = Duration::from_secs(6);

/// Looks at the best block in one iteration, for entries that a peer should have carried.
const OVERDUE_LOOKS: u32 = 16;

/// What is ready of one request.
#[derive(Default)]
pub(super) struct Ready {
    pub(super) parts: Vec<BatchEntry>,
    /// Something of it has waited long enough.
    urgent: bool,
}

/// Who brings one of our entries.
enum Route {
    /// We do, together with others.
    Ours,
    /// We do, at once.
    Now,
    /// This peer.
    Peer(usize),
    /// A peer that has it already.
    Waits,
}

/// The relayers that submit for each other: which of our entries a peer submits, and which of theirs we do.
pub(crate) struct PeerExchange {
    peers: Option<Peers>,
    store: Arc<Store>,
    failures: FailureLog,
    deployment: DeploymentId,
}

impl PeerExchange {
    /// # Errors
    /// When the settings name something that can't be a peer.
    pub(crate) fn new(
        config: &RelayerConfig,
        deployment: DeploymentId,
        operators: &Operators,
        (store, ops, failures): (Arc<Store>, &Ops, FailureLog),
    ) -> Result<Self, RelayerError> {
        Ok(Self {
            peers: build_peers(config, &deployment, operators, ops)?,
            store,
            failures,
            deployment,
        })
    }

    /// Where peers hand their entries over; `None` without a peer.
    pub(crate) fn endpoint(&self) -> Option<Arc<PeerEndpoint>> {
        let peers = self.peers.as_ref();
        peers.map(|peers| peers.endpoint.clone())
    }

    /// Tells peers up to which finalized block their messages are judged.
    pub(crate) fn begin(&self, finalized: BlockNumber) {
        if let Some(peers) = &self.peers {
            peers.endpoint.set_finalized(finalized);
        }
    }

    /// What a finalized block shows of a request, for later in this iteration.
    pub(crate) fn note_request(
        &mut self,
        chain: &ChainView,
        view: &Arc<RequestView>,
        terms: Option<&Arc<Terms>>,
    ) {
        if let Some(peers) = &mut self.peers {
            let terms = terms.cloned();
            peers.remember_request(chain.finalized.hash, view.clone(), terms);
        }
    }

    /// Of our seats those that we submit ourselves now, together with what peers have handed over. The
    /// others are handed over, or wait for somebody.
    ///
    /// # Errors
    /// Errors of chain, store and signer.
    pub(crate) async fn share(
        &mut self,
        chain: &ChainView,
        operators: &Operators,
        cache: &RequestCache,
        purpose: Purpose,
        seats: Vec<OwnSeat>,
    ) -> Result<Vec<BatchEntry>, RelayerError> {
        let kind = match purpose {
            Purpose::Commit => Some(EntryKind::Commit),
            Purpose::Reveal => Some(EntryKind::Reveal),
            // An answer in one step is its operator's own affair: a pending one can be copied.
            _ => None,
        };
        let (Some(kind), Some(peers)) = (kind, self.peers.as_mut()) else {
            return Ok(seats.into_iter().map(BatchEntry::Own).collect());
        };
        let round = ShareRound {
            chain,
            operators,
            cache,
            store: &self.store,
            failures: &self.failures,
            deployment: self.deployment,
            kind,
            clock: HandoffClock {
                best: chain.best.number,
                now: Instant::now(),
            },
            overdue_looks: AtomicU32::new(OVERDUE_LOOKS),
        };
        round.share(peers, seats).await
    }

    /// An entry of a peer is not submitted: its operator sends it itself.
    pub(crate) fn drop_entry(&mut self, entry: &PeerEntry, reason: &'static str) {
        if let Some(peers) = &mut self.peers {
            peers.counters.rejected(reason);
            peers.pool.remove(&entry.handed.key());
        }
    }

    /// Drops the entries of peers in a batch that failed as a whole, in case one of them was the reason.
    /// No peer is blamed: entries were validated; the cause may be our balance or node. Says whether
    /// there were any.
    pub(crate) fn drop_all(&mut self, entries: &[BatchEntry]) -> bool {
        let mut any = false;
        for entry in entries {
            if let BatchEntry::Peer(entry) = entry {
                any = true;
                self.drop_entry(entry, "batch");
            }
        }
        any
    }

    /// Counts what was submitted for peers.
    pub(crate) fn note_submitted(&self, entries: &[BatchEntry]) {
        let Some(peers) = &self.peers else {
            return;
        };
        for entry in entries {
            if let BatchEntry::Peer(entry) = entry {
                peers.counters.transmitted(entry.handed.key().kind);
            }
        }
    }

    /// Waits until a peer has said something, or something that waits for others is due; for ever without
    /// a peer.
    pub(crate) async fn moved(&self) {
        match &self.peers {
            Some(peers) => peers.changed().await,
            None => std::future::pending().await,
        }
    }
}

/// Sharing one kind of entry in one iteration.
pub(super) struct ShareRound<'a> {
    pub(super) chain: &'a ChainView,
    pub(super) operators: &'a Operators,
    pub(super) cache: &'a RequestCache,
    pub(super) store: &'a Store,
    pub(super) failures: &'a FailureLog,
    pub(super) deployment: DeploymentId,
    pub(super) kind: EntryKind,
    pub(super) clock: HandoffClock,
    /// Looks at the best block that are left for entries that a peer should have carried.
    pub(super) overdue_looks: AtomicU32,
}

/// The peers of the settings; `None` without one.
fn build_peers(
    config: &RelayerConfig,
    deployment: &DeploymentId,
    operators: &Operators,
    ops: &Ops,
) -> Result<Option<Peers>, RelayerError> {
    let block = config
        .block_time_ms
        .map_or(USUAL_BLOCK, Duration::from_millis);
    let signer = |operator: &OwnOperator| -> (OperatorId, Arc<dyn Signer>) {
        (operator.id, operator.key.clone())
    };
    let own = operators.iter().map(signer).collect();
    let counts = ops.metrics().peers().clone();
    Ok(Peers::new(&config.peers, block, *deployment, own, counts)?)
}

impl ShareRound<'_> {
    async fn share(
        &self,
        peers: &mut Peers,
        seats: Vec<OwnSeat>,
    ) -> Result<Vec<BatchEntry>, RelayerError> {
        peers.endpoint.set_finalized(self.chain.finalized.number);
        peers.refresh(&self.clock);
        let mut ready: BTreeMap<RequestId, Ready> = BTreeMap::new();
        let mut messages: BTreeMap<usize, Vec<OwnSeat>> = BTreeMap::new();
        for seat in seats {
            let id = seat.answered.request_id;
            match self.route(peers, &seat).await? {
                Route::Waits => {}
                Route::Peer(peer) => messages.entry(peer).or_default().push(seat),
                way => {
                    let ready = ready.entry(id).or_default();
                    ready.urgent |= matches!(way, Route::Now);
                    ready.parts.push(BatchEntry::Own(seat));
                }
            }
        }
        for (peer, seats) in messages {
            self.send_message(peers, peer, &seats)?;
        }
        self.take_submissions(peers, &mut ready).await?;
        let mut parts = Vec::new();
        for (id, ready) in ready {
            if self.is_due(peers, id, &ready).await? {
                parts.extend(ready.parts);
            }
        }
        Ok(parts)
    }

    /// Who brings one of our entries.
    async fn route(&self, peers: &mut Peers, seat: &OwnSeat) -> Result<Route, RelayerError> {
        let (id, operator) = (seat.answered.request_id, seat.answered.operator);
        let key = EntryKey {
            kind: self.kind,
            request_id: id,
            operator,
        };
        match peers.handoffs.state(&key, &self.clock) {
            HandoffState::Waiting => Ok(Route::Waits),
            HandoffState::Submit(peer) => Ok(Route::Peer(peer)),
            HandoffState::SubmitOurselves => Ok(Route::Now),
            HandoffState::Overdue => {
                if !take_one(&self.overdue_looks) {
                    // Looked at in the next iteration.
                    return Ok(Route::Waits);
                }
                let best = Some(self.chain.best.hash);
                let view = self.chain.oracle.request(id, best).await?;
                if view.is_some_and(|view| shows(self.kind, &view, &operator)) {
                    // Carried, and not final yet.
                    return Ok(Route::Waits);
                }
                let request = id;
                tracing::warn!(request, kind = self.kind.name(), "no peer has submitted it");
                peers.handoffs.fall_back(&key, self.clock.now);
                peers.counters.fell_back(self.kind);
                Ok(Route::Now)
            }
            HandoffState::New => {
                let Some(seen) = self.seen(peers, id).await? else {
                    return Ok(Route::Now);
                };
                let committee = committee_of(peers, self.kind, &seen);
                let now = self.clock.now;
                let transmitter = transmitter(&committee, id, |one| peers.in_cooldown(one, now));
                let Some(peer) = transmitter.and_then(|one| peers.directory.peer_of(&one)) else {
                    return Ok(Route::Ours);
                };
                let needed = peers
                    .handoffs
                    .timeout_blocks()
                    .saturating_add(MARGIN_BLOCKS);
                let in_time = self.blocks_left(&seen.0) > needed;
                if in_time && peers.handoffs.assign(key, peer, &self.clock) {
                    return Ok(Route::Peer(peer));
                }
                Ok(Route::Now)
            }
        }
    }

    /// Writes a message with as many of these entries as it takes; the others follow with the next one.
    fn send_message(
        &self,
        peers: &mut Peers,
        peer: usize,
        seats: &[OwnSeat],
    ) -> Result<(), RelayerError> {
        let Some(to) = peers.directory.peers.get(peer).cloned() else {
            return Ok(());
        };
        let Some(receiver) = to.operators.first().copied() else {
            return Ok(());
        };
        if peers.outbox.is_busy(peer, self.kind) {
            return Ok(());
        }
        let signer = SeatSigner {
            operators: self.operators,
            store: self.store,
            deployment: self.deployment,
        };
        let entries = message_entries(&signer, self.kind, self.failures, seats)?;
        if entries.is_empty() {
            return Ok(());
        }
        let keys: Vec<EntryKey> = entries.iter().map(SignedEntry::key).collect();
        peers.handoffs.mark_sent(&keys);
        let wake = peers.endpoint.waker();
        let block = self.chain.finalized.number;
        peers
            .outbox
            .send((peer, to.url, receiver), block, entries, wake);
        Ok(())
    }

    /// Whether what is ready of a request is sent now, or waits a little for the rest.
    async fn is_due(
        &self,
        peers: &mut Peers,
        id: RequestId,
        ready: &Ready,
    ) -> Result<bool, RelayerError> {
        let Some(seen) = self.seen(peers, id).await? else {
            return Ok(true);
        };
        let here: Vec<OperatorId> = ready
            .parts
            .iter()
            .map(|part| part.entry().operator)
            .collect();
        let committee = committee_of(peers, self.kind, &seen);
        let missing = missing(self.kind, &committee, &seen.0, &here);
        if ready.urgent || missing == 0 || self.blocks_left(&seen.0) <= MARGIN_BLOCKS {
            return Ok(true);
        }
        let (window, now) = (peers.batching_window, self.clock.now);
        let until = peers.pool.waits_until(self.kind, id, window, now);
        if let Some(until) = until {
            peers.wake_at(until);
        }
        Ok(until.is_none())
    }

    /// A request as the finalized block shows it.
    pub(super) async fn seen(
        &self,
        peers: &mut Peers,
        id: RequestId,
    ) -> Result<Option<SeenRequest>, RelayerError> {
        let at = self.chain.finalized.hash;
        if let Some(seen) = peers.request_at(at, id) {
            return Ok(Some(seen));
        }
        let view = match self.cache.known_view(id) {
            Some(view) => Some(view),
            None => match self.chain.oracle.request(id, Some(at)).await {
                // Its deployment is not final yet.
                Err(ChainError::NoContract { .. }) => None,
                view => view?.map(Arc::new),
            },
        };
        let Some(view) = view else {
            return Ok(None);
        };
        peers.remember_request(at, view, self.cache.known_terms(id));
        Ok(peers.request_at(at, id))
    }

    /// Blocks until the deadline of what is to be sent.
    fn blocks_left(&self, view: &RequestView) -> BlockNumber {
        let deadline = match self.kind {
            EntryKind::Commit => view.summary.commit_deadline,
            EntryKind::Reveal => view.summary.reveal_deadline,
        };
        deadline.saturating_sub(self.clock.best)
    }
}

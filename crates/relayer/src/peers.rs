//! One carrier for a committee: which of our entries a peer carries.

use super::{
    config::RelayerConfig,
    entries::{Part, Seat},
    error::RelayerError,
    relayer::{Now, Operator, Relayer},
    Oracle,
};
use crate::ops::Ops;
use llm_oracle_chain::ChainError;
use llm_oracle_peers::{
    carrier, committee, missing, Clock, Handed, Id, Key, Kind, Load, Peers, Seen, Standing,
    ENTRIES_MAX, LETTER_BYTES_MAX,
};
use llm_oracle_primitives::{
    Assignment, BlockNumber, DeploymentId, RequestId, RequestView, SeatState, Terms,
};
use llm_oracle_signing::Signer;
use llm_oracle_store::Purpose;
use llm_oracle_support::clock::Instant;
use scale::Encode;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Blocks before a deadline at which nobody waits for anybody.
const MARGIN_BLOCKS: BlockNumber = 4;
/// Time between two blocks of a chain whose settings do not say it.
const USUAL_BLOCK: Duration = Duration::from_secs(6);
/// Bytes of a letter that are no entries.
const LETTER_HEAD_BYTES: usize = 256;

/// What is ready of one request.
#[derive(Default)]
pub(super) struct Ready {
    pub(super) parts: Vec<Part>,
    /// Something of it has waited long enough.
    urgent: bool,
}

/// Who brings one of our entries.
enum Way {
    /// We do, together with others.
    Ours,
    /// We do, at once.
    Now,
    /// This peer.
    Peer(usize),
    /// A peer that has it already.
    Waits,
}

/// One turn's look at one kind of entry.
pub(super) struct Turn<'a> {
    pub(super) oracle: &'a Oracle,
    pub(super) now: &'a Now,
    pub(super) kind: Kind,
    pub(super) clock: Clock,
}

/// The peers of the settings; `None` without one.
pub(super) fn club(
    config: &RelayerConfig,
    deployment: &DeploymentId,
    operators: &[Operator],
    ops: &Ops,
) -> Result<Option<Peers>, RelayerError> {
    let block = config
        .block_time_ms
        .map_or(USUAL_BLOCK, Duration::from_millis);
    let signer =
        |operator: &Operator| -> (Id, Arc<dyn Signer>) { (operator.id, operator.key.clone()) };
    let own = operators.iter().map(signer).collect();
    let counts = ops.metrics().peers().clone();
    Ok(Peers::new(&config.peers, block, *deployment, own, counts)?)
}

impl Relayer {
    /// What a finalized block shows of a request, for later in this turn.
    pub(super) fn note_for_peers(
        &mut self,
        now: &Now,
        view: &Arc<RequestView>,
        terms: &Arc<Terms>,
    ) {
        if let Some(peers) = &mut self.peers {
            let terms = Some(terms.clone());
            peers.note(now.finalized.hash, view.clone(), terms);
        }
    }

    /// Of our seats those that we bring ourselves now, together with what peers have handed over. The
    /// others are handed over, or wait for somebody.
    pub(super) async fn share(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        purpose: Purpose,
        seats: Vec<Seat>,
    ) -> Result<Vec<Part>, RelayerError> {
        let kind = match purpose {
            Purpose::Commit => Some(Kind::Commit),
            Purpose::Reveal => Some(Kind::Reveal),
            // An answer in one step is its operator's own affair: a pending one can be copied.
            _ => None,
        };
        let peers = kind.and_then(|kind| Some((kind, self.peers.take()?)));
        let Some((kind, mut peers)) = peers else {
            return Ok(seats.into_iter().map(Part::Own).collect());
        };
        let clock = Clock {
            best: now.best.number,
            now: Instant::now(),
        };
        let turn = Turn {
            oracle,
            now,
            kind,
            clock,
        };
        let shared = self.share_among(&mut peers, &turn, seats).await;
        self.peers = Some(peers);
        shared
    }

    async fn share_among(
        &self,
        peers: &mut Peers,
        turn: &Turn<'_>,
        seats: Vec<Seat>,
    ) -> Result<Vec<Part>, RelayerError> {
        peers.endpoint.looks(turn.now.finalized.number);
        peers.begin(&turn.clock);
        let mut ready: BTreeMap<RequestId, Ready> = BTreeMap::new();
        let mut letters: BTreeMap<usize, Vec<Seat>> = BTreeMap::new();
        for seat in seats {
            let id = seat.answered.request_id;
            match self.way(peers, turn, &seat).await? {
                Way::Waits => {}
                Way::Peer(peer) => letters.entry(peer).or_default().push(seat),
                way => {
                    let ready = ready.entry(id).or_default();
                    ready.urgent |= matches!(way, Way::Now);
                    ready.parts.push(Part::Own(seat));
                }
            }
        }
        for (peer, seats) in letters {
            self.write(peers, turn, peer, &seats)?;
        }
        self.take_letters(peers, turn, &mut ready).await?;
        let mut parts = Vec::new();
        for (id, ready) in ready {
            if self.goes(peers, turn, id, &ready).await? {
                parts.extend(ready.parts);
            }
        }
        Ok(parts)
    }

    /// Who brings one of our entries.
    async fn way(
        &self,
        peers: &mut Peers,
        turn: &Turn<'_>,
        seat: &Seat,
    ) -> Result<Way, RelayerError> {
        let (id, operator) = (seat.answered.request_id, seat.answered.operator);
        let key = Key {
            kind: turn.kind,
            request_id: id,
            operator,
        };
        match peers.sent.standing(&key, &turn.clock) {
            Standing::Waits => Ok(Way::Waits),
            Standing::HandOver(peer) => Ok(Way::Peer(peer)),
            Standing::Ours => Ok(Way::Now),
            Standing::Overdue => {
                let best = Some(turn.now.best.hash);
                let view = turn.oracle.request(id, best).await?;
                if view.is_some_and(|view| shows(turn.kind, &view, &operator)) {
                    // Carried, and not final yet.
                    return Ok(Way::Waits);
                }
                let request = id;
                tracing::warn!(request, kind = turn.kind.name(), "no peer has carried it");
                peers.sent.fall_back(&key, turn.clock.now);
                peers.counts.fell_back(turn.kind);
                Ok(Way::Now)
            }
            Standing::New => {
                let Some(seen) = self.seen(peers, turn, id).await? else {
                    return Ok(Way::Now);
                };
                let committee = committee_of(peers, turn.kind, &seen);
                let now = turn.clock.now;
                let carrier = carrier(&committee, id, |one| peers.rests(one, now));
                let Some(peer) = carrier.and_then(|one| peers.directory.peer_of(&one)) else {
                    return Ok(Way::Ours);
                };
                let needed = peers.sent.blocks().saturating_add(MARGIN_BLOCKS);
                let in_time = left(turn, &seen.0) > needed;
                if in_time && peers.sent.give(key, peer, &turn.clock) {
                    return Ok(Way::Peer(peer));
                }
                Ok(Way::Now)
            }
        }
    }

    /// Writes a letter with as many of these entries as it takes; the others follow with the next one.
    fn write(
        &self,
        peers: &mut Peers,
        turn: &Turn<'_>,
        peer: usize,
        seats: &[Seat],
    ) -> Result<(), RelayerError> {
        let Some(to) = peers.directory.peers.get(peer).cloned() else {
            return Ok(());
        };
        let Some(receiver) = to.operators.first().copied() else {
            return Ok(());
        };
        if peers.post.is_busy(peer, turn.kind) {
            return Ok(());
        }
        let entries = self.letter(turn.kind, seats)?;
        if entries.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = entries.iter().map(Handed::key).collect();
        peers.sent.written(&keys);
        let wake = peers.endpoint.wake();
        let block = turn.now.finalized.number;
        peers
            .post
            .send((peer, to.url, receiver), block, entries, wake);
        Ok(())
    }

    /// As many of these entries as a letter takes, signed.
    fn letter(&self, kind: Kind, seats: &[Seat]) -> Result<Vec<Handed>, RelayerError> {
        let mut entries: Vec<Handed> = Vec::new();
        let mut size = LETTER_HEAD_BYTES;
        for seat in seats {
            let (load, purpose) = match kind {
                Kind::Commit => {
                    let signed = self.commit_entry(seat, None);
                    (signed.map(Load::Commit), Purpose::Commit)
                }
                Kind::Reveal => (self.reveal_entry(seat).map(Load::Reveal), Purpose::Reveal),
            };
            let load = match load {
                // The others go without it.
                Err(RelayerError::Unsigned { entry, error }) if !error.may_pass() => {
                    self.fail(&entry, purpose, &error.to_string())?;
                    continue;
                }
                load => load?,
            };
            let operator = seat.answered.operator;
            let handed = Handed { operator, load };
            size = size.saturating_add(handed.encoded_size());
            let full = size > LETTER_BYTES_MAX || entries.len() >= ENTRIES_MAX;
            if full {
                break;
            }
            entries.push(handed);
        }
        Ok(entries)
    }

    /// Whether what is ready of a request is sent now, or waits a little for the rest.
    async fn goes(
        &self,
        peers: &mut Peers,
        turn: &Turn<'_>,
        id: RequestId,
        ready: &Ready,
    ) -> Result<bool, RelayerError> {
        let Some(seen) = self.seen(peers, turn, id).await? else {
            return Ok(true);
        };
        let here: Vec<Id> = ready
            .parts
            .iter()
            .map(|part| part.entry().operator)
            .collect();
        let committee = committee_of(peers, turn.kind, &seen);
        let missing = missing(turn.kind, &committee, &seen.0, &here);
        if ready.urgent || missing == 0 || left(turn, &seen.0) <= MARGIN_BLOCKS {
            return Ok(true);
        }
        let (company, now) = (peers.company, turn.clock.now);
        let until = peers.pool.waits_until(turn.kind, id, company, now);
        if let Some(until) = until {
            peers.wake_at(until);
        }
        Ok(until.is_none())
    }

    /// A request as the finalized block shows it.
    pub(super) async fn seen(
        &self,
        peers: &mut Peers,
        turn: &Turn<'_>,
        id: RequestId,
    ) -> Result<Option<Seen>, RelayerError> {
        let at = turn.now.finalized.hash;
        if let Some(seen) = peers.noted(at, id) {
            return Ok(Some(seen));
        }
        let view = match self.views.view(id) {
            Some(view) => Some(view),
            None => match turn.oracle.request(id, Some(at)).await {
                // Its deployment is not final yet.
                Err(ChainError::NoContract { .. }) => None,
                view => view?.map(Arc::new),
            },
        };
        let Some(view) = view else {
            return Ok(None);
        };
        peers.note(at, view, self.views.terms(id));
        Ok(peers.noted(at, id))
    }

    /// Waits until a peer has said something, or something that waits for company is due.
    pub(super) async fn peers_moved(peers: Option<&Peers>) {
        match peers {
            Some(peers) => peers.moved().await,
            None => std::future::pending().await,
        }
    }
}

/// Known operators that may carry a request, in their order.
fn committee_of(peers: &Peers, kind: Kind, (view, terms): &Seen) -> Vec<Id> {
    let named = terms.as_ref().and_then(|terms| match &terms.assignment {
        Assignment::Named { operators } => Some(operators.as_slice()),
        _ => None,
    });
    committee(kind, &peers.directory.known(), view, named)
}

/// Blocks until the deadline of what is to be sent.
fn left(turn: &Turn<'_>, view: &RequestView) -> BlockNumber {
    let deadline = match turn.kind {
        Kind::Commit => view.summary.commit_deadline,
        Kind::Reveal => view.summary.reveal_deadline,
    };
    deadline.saturating_sub(turn.clock.best)
}

/// Whether a block shows what an entry is for.
fn shows(kind: Kind, view: &RequestView, operator: &Id) -> bool {
    let seat = view.seats.iter().find(|seat| {
        let holder: &Id = seat.operator.as_ref();
        holder == operator
    });
    match kind {
        Kind::Commit => seat.is_some(),
        Kind::Reveal => seat.is_some_and(|seat| seat.state != SeatState::Committed),
    }
}

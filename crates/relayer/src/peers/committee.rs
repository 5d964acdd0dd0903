//! Who may carry a request, and what a block shows of an entry.

use llm_oracle_peers::{committee, EntryKind, OperatorId, Peers, SeenRequest};
use llm_oracle_primitives::{Assignment, RequestView, SeatState};
use std::sync::atomic::{AtomicU32, Ordering};

/// Known operators that may carry a request, in their order.
pub(super) fn committee_of(
    peers: &Peers,
    kind: EntryKind,
    (view, terms): &SeenRequest,
) -> Vec<OperatorId> {
    let named = terms.as_ref().and_then(|terms| match &terms.assignment {
        Assignment::Named { operators } => Some(operators.as_slice()),
        _ => None,
    });
    committee(kind, &peers.directory.known(), view, named)
}

/// Whether a block shows what an entry is for.
pub(super) fn shows(kind: EntryKind, view: &RequestView, operator: &OperatorId) -> bool {
    let seat = view.seats.iter().find(|seat| {
        let holder: &OperatorId = seat.operator.as_ref();
        holder == operator
    });
    match kind {
        EntryKind::Commit => seat.is_some(),
        EntryKind::Reveal => seat.is_some_and(|seat| seat.state != SeatState::Committed),
    }
}

/// Takes one of a budget, if there is one left.
pub(super) fn take_one(budget: &AtomicU32) -> bool {
    let take = |left: u32| left.checked_sub(1);
    budget
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
}

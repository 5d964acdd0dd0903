//! Who the transmitter of a request is: every relayer computes the same one, from the chain and the settings
//! alone.
//!
//! When settings differ, two relayers may compute different transmitters. Then more than one submits, which
//! costs fees and nothing else.

use super::wire::{EntryKind, OperatorId};
use llm_oracle_primitives::{AccountId, RequestId, RequestView, SeatState};

/// The transmitter of a request: the request's number selects a member of the committee, and members in
/// cooldown are skipped. `None` if all are in cooldown.
pub fn transmitter(
    committee: &[OperatorId],
    request: RequestId,
    in_cooldown: impl Fn(&OperatorId) -> bool,
) -> Option<OperatorId> {
    let first = request.checked_rem(committee.len() as u64)?;
    let (before, from) = committee.split_at_checked(usize::try_from(first).ok()?)?;
    let mut in_order = from.iter().chain(before);
    in_order.find(|id| !in_cooldown(id)).copied()
}

/// The known operators that may be transmitter. For commits: those that are named, or all if none of those is
/// known, in the order of `known`. For reveals: those that hold seats, in seat order.
pub fn committee(
    kind: EntryKind,
    known: &[OperatorId],
    view: &RequestView,
    named: Option<&[AccountId]>,
) -> Vec<OperatorId> {
    if kind == EntryKind::Reveal {
        let holders = view.seats.iter().map(|seat| id_of(&seat.operator));
        return holders.filter(|id| known.contains(id)).collect();
    }
    let chosen = |list: &[AccountId]| -> Vec<OperatorId> {
        let inside = |id: &&OperatorId| list.iter().any(|account| id_of(account) == **id);
        known.iter().filter(inside).copied().collect()
    };
    let some = named.map(chosen).unwrap_or_default();
    if some.is_empty() {
        known.to_vec()
    } else {
        some
    }
}

/// Number of members of the committee, beside those in `ready`, whose entry may still arrive.
pub fn missing(
    kind: EntryKind,
    committee: &[OperatorId],
    view: &RequestView,
    ready: &[OperatorId],
) -> usize {
    let open = |id: &&OperatorId| {
        let seat = view.seats.iter().find(|seat| id_of(&seat.operator) == **id);
        match kind {
            EntryKind::Commit => seat.is_none(),
            EntryKind::Reveal => seat.is_some_and(|seat| seat.state == SeatState::Committed),
        }
    };
    let missing = committee
        .iter()
        .filter(|id| !ready.contains(id) && open(id));
    let missing = missing.count();
    if kind == EntryKind::Reveal {
        return missing;
    }
    let summary = &view.summary;
    let free = usize::from(summary.seats.saturating_sub(summary.committed));
    missing.min(free.saturating_sub(ready.len()))
}

fn id_of(account: &AccountId) -> OperatorId {
    *account.as_ref()
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};
    use llm_oracle_primitives::Phase;

    const ONE: OperatorId = [1; 32];
    const TWO: OperatorId = [2; 32];
    const THREE: OperatorId = [3; 32];

    #[test]
    fn the_requests_number_names_the_transmitter_and_one_in_cooldown_is_passed_over() {
        let all = [ONE, TWO, THREE];
        let turns = |away: &[OperatorId]| -> Vec<Option<OperatorId>> {
            let transmitters = (0..4).map(|id| transmitter(&all, id, |one| away.contains(one)));
            transmitters.collect()
        };
        let some = |ids: [OperatorId; 4]| ids.map(Some).to_vec();
        assert_eq!(turns(&[]), some([ONE, TWO, THREE, ONE]));
        assert_eq!(turns(&[TWO]), some([ONE, THREE, THREE, ONE]));
        assert_eq!(turns(&[TWO, THREE]), some([ONE; 4]));
        assert_eq!(turns(&all), [None; 4]);
        assert_eq!(transmitter(&[], 3, |_| false), None);
        assert_eq!(transmitter(&all, u64::MAX, |_| false), Some(ONE));
    }

    #[test]
    fn commits_are_submitted_by_those_who_are_asked_and_reveals_by_those_who_have_seats() {
        let known = [ONE, TWO, THREE];
        let open = samples::view(7, Phase::Committing, &[]);
        assert_eq!(committee(EntryKind::Commit, &known, &open, None), known);
        let named = [THREE.into(), ONE.into(), [9; 32].into()];
        let asked = committee(EntryKind::Commit, &known, &open, Some(&named));
        assert_eq!(asked, [ONE, THREE]);
        let strangers = [[9; 32].into()];
        let asked = committee(EntryKind::Commit, &known, &open, Some(&strangers));
        assert_eq!(asked, known);
        // In seat order, and a stranger's seat has no turn.
        let seated = samples::view(7, Phase::Revealing, &[THREE, [9; 32], ONE]);
        assert_eq!(
            committee(EntryKind::Reveal, &known, &seated, None),
            [THREE, ONE]
        );
    }

    #[test]
    fn nobody_is_waited_for_who_has_done_its_part_or_finds_no_seat() {
        let known = [ONE, TWO, THREE];
        // Three seats in all.
        let open = samples::view(7, Phase::Committing, &[]);
        let left = |ready: &[OperatorId]| missing(EntryKind::Commit, &known, &open, ready);
        assert_eq!((left(&[]), left(&[ONE]), left(&known)), (3, 2, 0));
        let accepted = samples::view(7, Phase::Committing, &[ONE, [8; 32]]);
        assert_eq!(missing(EntryKind::Commit, &known, &accepted, &[TWO]), 0);
        assert_eq!(missing(EntryKind::Commit, &known, &accepted, &[]), 1);
        let mut seated = samples::view(7, Phase::Revealing, &known);
        let reveals = |view: &RequestView| missing(EntryKind::Reveal, &known, view, &[ONE]);
        assert_eq!(reveals(&seated), 2);
        seated.seats[2].state = SeatState::Revealed;
        assert_eq!(reveals(&seated), 1);
    }
}

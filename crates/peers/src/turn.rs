//! Whose turn it is to carry: worked out alike by all relayers, from the chain and the settings alone.
//!
//! When settings differ, two relayers may name different carriers. Then more than one carries, which
//! costs fees and nothing else.

use super::wire::{Id, Kind};
use llm_oracle_primitives::{AccountId, RequestId, RequestView, SeatState};

/// The carrier of a request: its number names the first of the committee, and one that rests is passed
/// over. `None` if all rest.
pub fn carrier(committee: &[Id], request: RequestId, rests: impl Fn(&Id) -> bool) -> Option<Id> {
    let first = request.checked_rem(committee.len() as u64)?;
    let (before, from) = committee.split_at_checked(usize::try_from(first).ok()?)?;
    let mut in_turn = from.iter().chain(before);
    in_turn.find(|id| !rests(id)).copied()
}

/// The known operators that may carry. For commits: those that are drawn or named, or all if none
/// of those is known, in the order of `known`. For reveals: those that hold seats, in seat order.
pub fn committee(
    kind: Kind,
    known: &[Id],
    view: &RequestView,
    named: Option<&[AccountId]>,
) -> Vec<Id> {
    if kind == Kind::Reveal {
        let holders = view.seats.iter().map(|seat| id_of(&seat.operator));
        return holders.filter(|id| known.contains(id)).collect();
    }
    let drawn = view.draw.as_ref().and_then(|draw| draw.drawn.as_deref());
    let chosen = |list: &[AccountId]| -> Vec<Id> {
        let inside = |id: &&Id| list.iter().any(|account| id_of(account) == **id);
        known.iter().filter(inside).copied().collect()
    };
    let some = drawn.or(named).map(chosen).unwrap_or_default();
    if some.is_empty() {
        known.to_vec()
    } else {
        some
    }
}

/// Members of the committee whose entry may still come, beside those that are `ready`.
pub fn missing(kind: Kind, committee: &[Id], view: &RequestView, ready: &[Id]) -> usize {
    let open = |id: &&Id| {
        let seat = view.seats.iter().find(|seat| id_of(&seat.operator) == **id);
        match kind {
            Kind::Commit => seat.is_none(),
            Kind::Reveal => seat.is_some_and(|seat| seat.state == SeatState::Committed),
        }
    };
    let missing = committee
        .iter()
        .filter(|id| !ready.contains(id) && open(id));
    let missing = missing.count();
    if kind == Kind::Reveal {
        return missing;
    }
    let summary = &view.summary;
    let free = usize::from(summary.seats.saturating_sub(summary.committed));
    missing.min(free.saturating_sub(ready.len()))
}

fn id_of(account: &AccountId) -> Id {
    *account.as_ref()
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use llm_oracle_primitives::Phase;

    const ONE: Id = [1; 32];
    const TWO: Id = [2; 32];
    const THREE: Id = [3; 32];

    #[test]
    fn the_requests_number_names_the_carrier_and_one_that_rests_is_passed_over() {
        let all = [ONE, TWO, THREE];
        let turns = |rests: &[Id]| -> Vec<Option<Id>> {
            let carriers = (0..4).map(|id| carrier(&all, id, |one| rests.contains(one)));
            carriers.collect()
        };
        let some = |ids: [Id; 4]| ids.map(Some).to_vec();
        assert_eq!(turns(&[]), some([ONE, TWO, THREE, ONE]));
        assert_eq!(turns(&[TWO]), some([ONE, THREE, THREE, ONE]));
        assert_eq!(turns(&[TWO, THREE]), some([ONE; 4]));
        assert_eq!(turns(&all), [None; 4]);
        assert_eq!(carrier(&[], 3, |_| false), None);
        assert_eq!(carrier(&all, u64::MAX, |_| false), Some(ONE));
    }

    #[test]
    fn commits_are_carried_by_those_who_are_asked_and_reveals_by_those_who_have_seats() {
        let known = [ONE, TWO, THREE];
        let open = sample::view(7, Phase::Committing, &[]);
        assert_eq!(committee(Kind::Commit, &known, &open, None), known);
        let named = [THREE.into(), ONE.into(), [9; 32].into()];
        let asked = committee(Kind::Commit, &known, &open, Some(&named));
        assert_eq!(asked, [ONE, THREE]);
        let strangers = [[9; 32].into()];
        let asked = committee(Kind::Commit, &known, &open, Some(&strangers));
        assert_eq!(asked, known);
        let mut drawn = open.clone();
        drawn.draw = Some(sample::draw(&[TWO, [9; 32]]));
        assert_eq!(committee(Kind::Commit, &known, &drawn, None), [TWO]);
        // In seat order, and a stranger's seat has no turn.
        let seated = sample::view(7, Phase::Revealing, &[THREE, [9; 32], ONE]);
        assert_eq!(committee(Kind::Reveal, &known, &seated, None), [THREE, ONE]);
    }

    #[test]
    fn nobody_is_waited_for_who_has_done_its_part_or_finds_no_seat() {
        let known = [ONE, TWO, THREE];
        // Three seats in all.
        let open = sample::view(7, Phase::Committing, &[]);
        let left = |ready: &[Id]| missing(Kind::Commit, &known, &open, ready);
        assert_eq!((left(&[]), left(&[ONE]), left(&known)), (3, 2, 0));
        let taken = sample::view(7, Phase::Committing, &[ONE, [8; 32]]);
        assert_eq!(missing(Kind::Commit, &known, &taken, &[TWO]), 0);
        assert_eq!(missing(Kind::Commit, &known, &taken, &[]), 1);
        let mut seated = sample::view(7, Phase::Revealing, &known);
        let reveals = |view: &RequestView| missing(Kind::Reveal, &known, view, &[ONE]);
        assert_eq!(reveals(&seated), 2);
        seated.seats[2].state = SeatState::Revealed;
        assert_eq!(reveals(&seated), 1);
    }
}

//! Which of our operators may go for the seats of a request.

use crate::operators::OwnOperator;
use llm_oracle_primitives::{
    digest, Assignment, BlockNumber, OperatorView, RequestId, RequestView, SetView, Terms,
};
use std::collections::HashMap;

/// Whether a request's seats are open to an operator, whatever others want.
pub(super) fn is_open_to(
    assignment: &Assignment,
    set: Option<&SetView>,
    operator: &OwnOperator,
) -> bool {
    match assignment {
        Assignment::Open { .. } => true,
        Assignment::Named { operators } => operators.contains(&operator.account),
        Assignment::Set(_) => set.is_some_and(|set| set.slots.contains(&operator.slot)),
    }
}

/// Blocks that must be left for a commit to be sure of a seat that only this operator may take.
const EXCLUSIVE_MARGIN_BLOCKS: BlockNumber = 4;

/// Whether nobody else can take the seat that is free for an operator, for as long as it takes.
pub(super) fn is_exclusive(
    terms: &Terms,
    set: Option<&SetView>,
    view: &RequestView,
    best: BlockNumber,
) -> bool {
    let members = match (&terms.assignment, set) {
        (Assignment::Named { operators }, _) => operators.len(),
        (Assignment::Set(_), Some(set)) => set.slots.len(),
        _ => return false,
    };
    let left = view.summary.commit_deadline.saturating_sub(best);
    members <= usize::from(terms.seats)
        && terms.max_seats_per_family == 0
        && left >= EXCLUSIVE_MARGIN_BLOCKS
}

/// What a seat keeps of the name of a model family.
pub(super) type Family = [u8; 4];

pub(super) fn family(record: &OperatorView) -> Family {
    digest::family_tag(&record.family)
}

/// Seats that operators of a family may still take.
pub(super) fn family_room(view: &RequestView, family: &Family) -> usize {
    if view.max_seats_per_family == 0 {
        return usize::MAX;
    }
    let taken = view.seats.iter().filter(|seat| seat.family == *family);
    usize::from(view.max_seats_per_family).saturating_sub(taken.count())
}

/// Why there is no seat for an operator's model family, if there is none.
pub(super) fn full_family(view: &RequestView, record: &OperatorView) -> Option<String> {
    (family_room(view, &family(record)) == 0).then(|| {
        format!(
            "lets {} seats go to one model family, and the family '{}' has them",
            view.max_seats_per_family,
            String::from_utf8_lossy(&record.family)
        )
    })
}

/// One of our operators that may go for a seat.
pub(super) struct Wish {
    pub(super) index: usize,
    pub(super) begun: bool,
    /// Its model family, where the request looks at it.
    pub(super) family: Option<Family>,
    pub(super) turn: usize,
}

/// Gives the wishes that come first what they wish, as many as there are free seats. A family without any
/// room holds nobody up here: its operators are told so one by one.
pub(super) fn grant(
    mut wishes: Vec<Wish>,
    seats: usize,
    operators: usize,
    room: impl Fn(&Family) -> usize,
) -> Vec<bool> {
    wishes.sort_by_key(|wish| (!wish.begun, wish.turn));
    let mut granted = vec![false; operators];
    let mut families: HashMap<Family, usize> = HashMap::new();
    let mut left = seats;
    for wish in wishes {
        if left == 0 {
            break;
        }
        if let Some(family) = &wish.family {
            let (room, used) = (room(family), families.entry(*family).or_default());
            if room > 0 && *used >= room {
                continue;
            }
            *used = used.saturating_add(1);
        }
        left = left.saturating_sub(1);
        if let Some(place) = granted.get_mut(wish.index) {
            *place = true;
        }
    }
    granted
}

/// How many of `count` operators come before this one: the request's number names the first.
pub(super) fn turn(id: RequestId, index: usize, count: usize) -> usize {
    let first = id.checked_rem(count as u64);
    let first = first
        .and_then(|first| usize::try_from(first).ok())
        .unwrap_or(0);
    index
        .saturating_add(count)
        .saturating_sub(first)
        .checked_rem(count)
        .unwrap_or(0)
}

#[cfg(test)]
#[path = "committee_tests.rs"]
mod tests;

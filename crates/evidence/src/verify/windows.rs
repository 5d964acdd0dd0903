//! The blocks of a request: what its terms allow, and what follows from its seats.

use super::{Findings, OnChainRequest};
use llm_oracle_primitives::BlockNumber;

/// Checks when a request opened, when its windows closed, and when it ended.
pub(super) fn check(subject: &OnChainRequest, found: &mut Findings) {
    let (view, terms) = (&subject.view, &subject.terms);
    let summary = &view.summary;
    let earliest = view.asked_at.max(terms.not_before);
    if summary.opens_at < earliest {
        found.wrong(format!(
            "it opens in block {}, and its terms and its ask allow {earliest} at the earliest",
            summary.opens_at
        ));
    }
    let commit_deadline = summary.opens_at.saturating_add(terms.commit_blocks);
    found.same(
        "the commit deadline",
        summary.commit_deadline,
        commit_deadline,
    );
    let late = commit_deadline.saturating_add(1);
    let opened = view.reveals_opened_at.unwrap_or(late);
    let is_full = summary.committed == summary.seats;
    match view.reveals_opened_at {
        Some(block) if is_full => within(
            "the block in which its reveals open",
            block,
            (summary.opens_at, commit_deadline),
            found,
        ),
        Some(block) => found.same("the block in which its reveals open", block, late),
        None => {}
    }
    let reveal_deadline = opened.saturating_add(terms.reveal_blocks);
    found.same(
        "the reveal deadline",
        summary.reveal_deadline,
        reveal_deadline,
    );
    let Some(ended) = view.ended_at else { return };
    if summary.committed < terms.threshold {
        found.same("the block in which it ended", ended, late);
    } else if summary.revealed == summary.committed {
        let range = (summary.opens_at, reveal_deadline);
        within("the block in which it ended", ended, range, found);
    } else {
        let after = reveal_deadline.saturating_add(1);
        found.same("the block in which it ended", ended, after);
    }
}

fn within(
    what: &str,
    block: BlockNumber,
    (first, last): (BlockNumber, BlockNumber),
    found: &mut Findings,
) {
    if !(first..=last).contains(&block) {
        found.wrong(format!(
            "{what} is {block}, and should be one of {first} to {last}"
        ));
    }
}

//! What a transaction must know of the requests that it works on: until when, and what is at stake.

use llm_oracle_primitives::{Balance, BlockNumber, RequestView};
use llm_oracle_store::Purpose;

/// A request at a finalized block, as far as its transactions are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestFacts {
    pub(crate) commit_deadline: BlockNumber,
    reveal_deadline: BlockNumber,
    /// Blocks for reveals in all.
    reveal_blocks: BlockNumber,
    /// Seats of the request.
    pub(crate) seats: u8,
    /// Seats that have not done the last part that settles it.
    open_seats: u8,
    /// What a seat loses that is not revealed, planck.
    seat_bond: Balance,
}

impl RequestFacts {
    pub(crate) fn of(view: &RequestView) -> Self {
        let summary = &view.summary;
        let (done, all) = match view.one_step {
            true => (summary.committed, summary.seats),
            false => (summary.revealed, summary.committed),
        };
        let opened = view.reveals_opened_at.unwrap_or(summary.commit_deadline);
        Self {
            commit_deadline: summary.commit_deadline,
            reveal_deadline: summary.reveal_deadline,
            reveal_blocks: summary.reveal_deadline.saturating_sub(opened),
            seats: summary.seats,
            open_seats: all.saturating_sub(done),
            seat_bond: view.seat_bond,
        }
    }

    /// Last block in which something can be done for the request.
    pub(crate) fn deadline(&self, purpose: Purpose) -> BlockNumber {
        match purpose {
            Purpose::Reveal => self.reveal_deadline,
            _ => self.commit_deadline,
        }
    }

    /// Whether so many entries do the last part of every seat: a dry run has settled the request then.
    pub(crate) fn is_settled_by(&self, entries: usize) -> bool {
        entries >= usize::from(self.open_seats)
    }

    /// The tip that a reveal is worth at a height, planck: nothing in the first half of its window, then more
    /// from block to block, up to `max_tip` or the bond, whichever is less.
    pub(crate) fn tip(&self, best: BlockNumber, max_tip: Balance) -> Balance {
        let most = max_tip.min(self.seat_bond);
        let half = Balance::from(self.reveal_blocks / 2).max(1);
        let left = self.reveal_deadline.saturating_sub(best.saturating_add(1));
        let late = half.saturating_sub(left.into());
        // The square of the part that has passed: most of it only in the last blocks.
        let part = |amount: Balance| amount.checked_div(half).unwrap_or(0).saturating_mul(late);
        part(part(most))
    }

    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            commit_deadline: 9,
            reveal_deadline: 29,
            reveal_blocks: 20,
            seats: 3,
            open_seats: 3,
            seat_bond: 1_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tip_grows_towards_the_deadline_and_is_never_above_the_bond() {
        let facts = RequestFacts::sample();
        let tips: Vec<_> = (9..=40).map(|best| facts.tip(best, 500_000)).collect();
        assert_eq!(tips[..10], [0; 10], "nothing in the first half");
        assert!(tips.windows(2).all(|pair| pair[0] <= pair[1]), "{tips:?}");
        assert_eq!(facts.tip(23, 500_000), 125_000);
        assert_eq!(facts.tip(28, 500_000), 500_000);
        assert_eq!(facts.tip(28, Balance::MAX), 1_000_000);
        assert_eq!(facts.tip(28, 0), 0);
    }

    #[test]
    fn deadlines_are_those_of_the_step() {
        let facts = RequestFacts::sample();
        assert_eq!(facts.deadline(Purpose::Commit), 9);
        assert_eq!(facts.deadline(Purpose::Answer), 9);
        assert_eq!(facts.deadline(Purpose::Reveal), 29);
        assert!(!facts.is_settled_by(2) && facts.is_settled_by(3));
    }
}

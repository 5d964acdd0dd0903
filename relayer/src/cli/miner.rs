//! Empty blocks for a chain that makes none by itself.
//!
//! Deadlines count blocks, and under instant seal a block comes only with a transaction. So when
//! nothing happens any more and a request is open, time has to be made.

use llm_oracle_primitives::{BlockNumber, Phase, Summary};
use std::time::Duration;

/// Quiet time after which a request that nobody here can move on is driven to its deadline.
const NOBODY_LEFT: Duration = Duration::from_secs(2);
/// Quiet time after which one that somebody here could still move on is: a model may be thinking.
const SOMEBODY_THINKS: Duration = Duration::from_secs(30);

/// The block up to which to mine now, if any.
///
/// `operators` is the number registered, `quiet` the time since the last block.
pub fn target(open: &[Summary], operators: usize, quiet: Duration) -> Option<BlockNumber> {
    open.iter()
        .filter_map(|request| deadline(request, operators, quiet))
        .min()
}

fn deadline(request: &Summary, operators: usize, quiet: Duration) -> Option<BlockNumber> {
    let (deadline, patience) = match request.phase {
        Phase::Committing => {
            let takers = operators.min(usize::from(request.seats));
            let all_took = usize::from(request.committed) >= takers;
            (
                request.commit_deadline,
                if all_took {
                    NOBODY_LEFT
                } else {
                    SOMEBODY_THINKS
                },
            )
        }
        // Whoever committed here reveals as soon as the reveals' opening is final, or never.
        Phase::Revealing => (request.reveal_deadline, SOMEBODY_THINKS),
        Phase::Ended => return None,
    };
    (quiet >= patience).then(|| deadline.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_primitives::DeliveryStatus;

    fn request(phase: Phase, committed: u8) -> Summary {
        Summary {
            request_id: 0,
            phase,
            settled: false,
            seats: 5,
            committed,
            revealed: 0,
            delivery: DeliveryStatus::None,
            reward: 0,
            opens_at: 10,
            commit_deadline: 100,
            reveal_deadline: 200,
        }
    }

    #[test]
    fn time_is_made_only_when_nothing_else_can_happen() {
        let seconds = Duration::from_secs;
        for (phase, committed, operators, quiet, block) in [
            // All three operators have a seat, two seats stay empty.
            (Phase::Committing, 3, 3, seconds(2), Some(101)),
            (Phase::Committing, 3, 3, seconds(1), None),
            // One of them may still be thinking.
            (Phase::Committing, 2, 3, seconds(2), None),
            (Phase::Committing, 2, 3, seconds(30), Some(101)),
            (Phase::Revealing, 5, 5, seconds(2), None),
            (Phase::Revealing, 5, 5, seconds(30), Some(201)),
            (Phase::Ended, 5, 5, seconds(99), None),
        ] {
            let open = [request(phase, committed)];
            assert_eq!(
                target(&open, operators, quiet),
                block,
                "{phase:?} {committed} {quiet:?}"
            );
        }
        assert_eq!(target(&[], 3, seconds(99)), None);
    }

    #[test]
    fn the_nearest_deadline_comes_first() {
        let open = [request(Phase::Revealing, 5), request(Phase::Committing, 5)];
        assert_eq!(target(&open, 5, Duration::from_secs(60)), Some(101));
    }
}

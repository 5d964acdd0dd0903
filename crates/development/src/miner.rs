//! Empty blocks for a chain that makes none by itself.
//!
//! Deadlines count blocks, and under instant seal a block comes only with a transaction. So when
//! nothing happens any more and a request is open, time has to be made.

use llm_oracle_primitives::{BlockNumber, Phase, RequestView, Summary};
use std::time::Duration;

/// Quiet time after which a request that nobody here can move on is driven to its deadline.
pub const NOBODY_LEFT: Duration = Duration::from_secs(2);
/// Quiet time after which one that somebody here could still move on is: a model may be thinking.
const SOMEBODY_THINKS: Duration = Duration::from_secs(30);

/// A request that is not settled.
pub struct Open {
    /// The request.
    pub summary: Summary,
    /// The draw of its committee, if it has one.
    pub draw: Option<Draw>,
}

/// What is known of a draw.
pub struct Draw {
    /// How many were drawn, once they have been.
    pub drawn: Option<usize>,
    /// Last block in which the end of another request may draw; in the next one it is drawn anyhow.
    pub until: BlockNumber,
    /// First block in which free seats are open to any operator.
    pub opens_to_all_at: BlockNumber,
}

impl Open {
    /// A request on a chain where draws wait for `draw_timeout` blocks at most.
    pub fn new(view: RequestView, draw_timeout: u32) -> Self {
        let until = view.asked_at.saturating_add(draw_timeout);
        Self {
            draw: view.draw.map(|draw| Draw {
                drawn: draw.drawn.map(|drawn| drawn.len()),
                until,
                opens_to_all_at: draw.opens_to_all_at,
            }),
            summary: view.summary,
        }
    }
}

/// The block up to which to mine now, if any.
///
/// `operators` is the number registered, `best` the height now, `quiet` the time since that block.
pub fn target(
    open: &[Open],
    operators: usize,
    best: BlockNumber,
    quiet: Duration,
) -> Option<BlockNumber> {
    open.iter()
        .filter_map(|request| waits_for(request, operators, best))
        .filter(|(_, patience)| quiet >= *patience)
        .map(|(block, _)| block)
        .min()
}

/// The block that changes something for a request, and how long it must be quiet before.
fn waits_for(
    request: &Open,
    operators: usize,
    best: BlockNumber,
) -> Option<(BlockNumber, Duration)> {
    let summary = &request.summary;
    let committing = |takers: usize| {
        let all_took = usize::from(summary.committed) >= takers.min(summary.seats.into());
        if all_took {
            NOBODY_LEFT
        } else {
            SOMEBODY_THINKS
        }
    };
    match summary.phase {
        Phase::Committing => {
            let draw = request.draw.as_ref();
            if let Some(draw) = draw.filter(|draw| best < draw.opens_to_all_at) {
                let opens = draw.opens_to_all_at;
                return Some(match draw.drawn {
                    // Nobody may take a seat before.
                    None if best <= draw.until => (draw.until.saturating_add(1), NOBODY_LEFT),
                    None => (opens, NOBODY_LEFT),
                    Some(drawn) => (opens, committing(drawn)),
                });
            }
            let over = summary.commit_deadline.saturating_add(1);
            Some((over, committing(operators)))
        }
        // Whoever committed here reveals as soon as the reveals' opening is final, or never.
        Phase::Revealing => Some((summary.reveal_deadline.saturating_add(1), SOMEBODY_THINKS)),
        Phase::Ended => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_primitives::DeliveryStatus;

    fn request(phase: Phase, committed: u8) -> Open {
        let summary = Summary {
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
        };
        Open {
            summary,
            draw: None,
        }
    }

    fn drawn(drawn: Option<usize>, committed: u8) -> Open {
        let draw = Draw {
            drawn,
            until: 18,
            opens_to_all_at: 60,
        };
        Open {
            draw: Some(draw),
            ..request(Phase::Committing, committed)
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
                target(&open, operators, 10, quiet),
                block,
                "{phase:?} {committed} {quiet:?}"
            );
        }
        assert_eq!(target(&[], 3, 10, seconds(99)), None);
    }

    #[test]
    fn a_draw_is_waited_for_before_its_seats() {
        let seconds = Duration::from_secs;
        for (request, best, quiet, block) in [
            // Nobody can do anything before the draw.
            (drawn(None, 0), 10, 2, Some(19)),
            (drawn(None, 0), 10, 1, None),
            // The block that draws for certain is there, and it has not: only time is left.
            (drawn(None, 0), 19, 2, Some(60)),
            // Those drawn may be thinking.
            (drawn(Some(5), 4), 20, 2, None),
            (drawn(Some(5), 4), 20, 30, Some(60)),
            // All of them have a seat, and more seats are left.
            (drawn(Some(4), 4), 20, 2, Some(60)),
            // Open to all: as any other request.
            (drawn(Some(4), 4), 60, 2, None),
            (drawn(Some(4), 4), 60, 30, Some(101)),
        ] {
            let open = [request];
            let found = target(&open, 6, best, seconds(quiet));
            assert_eq!(found, block, "{best} {quiet}");
        }
    }

    #[test]
    fn the_nearest_deadline_comes_first() {
        let open = [request(Phase::Revealing, 5), request(Phase::Committing, 5)];
        assert_eq!(target(&open, 5, 10, Duration::from_secs(60)), Some(101));
    }
}

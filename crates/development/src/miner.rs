//! Empty blocks for a chain that makes blocks only for transactions.
//!
//! Deadlines count blocks. When nothing happens and a request is open, someone has to make the blocks up
//! to its deadline.

use crate::mine::create_block;
use llm_oracle_chain::{ChainApi as _, CheckedOracle};
use llm_oracle_primitives::{BlockNumber, Phase, RequestView, Summary};
use std::time::{Duration, Instant};

/// Interval between two polls of the chain.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Pause after a block could not be made.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// Idle time before the deadline of a request that no operator here can move on.
const NO_ONE_LEFT: Duration = Duration::from_secs(2);
/// Idle time before the deadline of a request that an operator here may still answer.
const ANSWER_PENDING: Duration = Duration::from_secs(30);

/// A request that is not settled.
struct OpenRequest {
    /// The request.
    summary: Summary,
    /// The draw of its committee, if it has one.
    draw: Option<PendingDraw>,
}

/// The draw of a committee.
struct PendingDraw {
    /// Number of drawn operators, after the draw.
    drawn: Option<usize>,
    /// Last block in which the end of another request may draw; the next block draws in any case.
    until: BlockNumber,
    /// First block in which free seats are open to all operators.
    opens_to_all_at: BlockNumber,
}

impl OpenRequest {
    /// A request on a chain where draws wait for `draw_timeout` blocks at most.
    fn new(view: RequestView, draw_timeout: u32) -> Self {
        let until = view.asked_at.saturating_add(draw_timeout);
        Self {
            draw: view.draw.map(|draw| PendingDraw {
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
/// `operators` is the number of registered operators, `best` the current height, `idle` the time since
/// that block.
fn target(
    open: &[OpenRequest],
    operators: usize,
    best: BlockNumber,
    idle: Duration,
) -> Option<BlockNumber> {
    open.iter()
        .filter_map(|request| waits_for(request, operators, best))
        .filter(|(_, needed)| idle >= *needed)
        .map(|(block, _)| block)
        .min()
}

/// The next block that changes something for a request, and the idle time before mining to it.
fn waits_for(
    request: &OpenRequest,
    operators: usize,
    best: BlockNumber,
) -> Option<(BlockNumber, Duration)> {
    let summary = &request.summary;
    let committing = |takers: usize| {
        let all_committed = usize::from(summary.committed) >= takers.min(summary.seats.into());
        if all_committed {
            NO_ONE_LEFT
        } else {
            ANSWER_PENDING
        }
    };
    match summary.phase {
        Phase::Committing => {
            let draw = request.draw.as_ref();
            if let Some(draw) = draw.filter(|draw| best < draw.opens_to_all_at) {
                let opens = draw.opens_to_all_at;
                return Some(match draw.drawn {
                    // No one may take a seat before the draw.
                    None if best <= draw.until => (draw.until.saturating_add(1), NO_ONE_LEFT),
                    None => (opens, NO_ONE_LEFT),
                    Some(drawn) => (opens, committing(drawn)),
                });
            }
            let over = summary.commit_deadline.saturating_add(1);
            Some((over, committing(operators)))
        }
        // An operator that committed reveals as soon as the opening of reveals is final, or never.
        Phase::Revealing => Some((summary.reveal_deadline.saturating_add(1), ANSWER_PENDING)),
        Phase::Ended => None,
    }
}

/// Mines to the next deadline when nothing else happens. Never ends.
pub async fn mine_when_idle(checked: CheckedOracle, operators: usize) {
    let (oracle, timeout) = (&checked.oracle, checked.config.params.draw_timeout);
    let (mut best, mut since, mut oldest) = (0, Instant::now(), 0);
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let Ok(head) = oracle.chain.best().await else {
            continue;
        };
        if head.number != best {
            (best, since) = (head.number, Instant::now());
            continue;
        }
        if since.elapsed() < NO_ONE_LEFT {
            continue;
        }
        let Ok(all) = oracle.summaries_from(oldest, head.hash).await else {
            continue;
        };
        let unsettled: Vec<Summary> = all.into_iter().filter(|request| !request.settled).collect();
        // Settled requests stay settled, so the next poll starts at the first that is not.
        oldest = unsettled
            .first()
            .map_or(oldest, |request| request.request_id);
        let mut open = Vec::new();
        for request in unsettled {
            // A request that cannot be read now is read again at the next poll.
            let view = oracle.request(request.request_id, Some(head.hash)).await;
            open.extend(
                view.ok()
                    .flatten()
                    .map(|view| OpenRequest::new(view, timeout)),
            );
        }
        let Some(block) = target(&open, operators, best, since.elapsed()) else {
            continue;
        };
        tracing::info!(from = best, to = block, "idle: mining to the next deadline");
        for _ in best..block {
            if let Err(failure) = create_block(&oracle.chain).await {
                // A remark can lose its place to another transaction of the same account.
                tracing::warn!("no empty block: {}", failure.message);
                tokio::time::sleep(FAILURE_PAUSE).await;
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_primitives::DeliveryStatus;

    fn request(phase: Phase, committed: u8) -> OpenRequest {
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
        OpenRequest {
            summary,
            draw: None,
        }
    }

    fn drawn(drawn: Option<usize>, committed: u8) -> OpenRequest {
        let draw = PendingDraw {
            drawn,
            until: 18,
            opens_to_all_at: 60,
        };
        OpenRequest {
            draw: Some(draw),
            ..request(Phase::Committing, committed)
        }
    }

    #[test]
    fn time_is_made_only_when_nothing_else_can_happen() {
        let seconds = Duration::from_secs;
        for (phase, committed, operators, idle, block) in [
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
                target(&open, operators, 10, idle),
                block,
                "{phase:?} {committed} {idle:?}"
            );
        }
        assert_eq!(target(&[], 3, 10, seconds(99)), None);
    }

    #[test]
    fn a_draw_is_waited_for_before_its_seats() {
        let seconds = Duration::from_secs;
        for (request, best, idle, block) in [
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
            let found = target(&open, 6, best, seconds(idle));
            assert_eq!(found, block, "{best} {idle}");
        }
    }

    #[test]
    fn the_nearest_deadline_comes_first() {
        let open = [request(Phase::Revealing, 5), request(Phase::Committing, 5)];
        assert_eq!(target(&open, 5, 10, Duration::from_secs(60)), Some(101));
    }
}

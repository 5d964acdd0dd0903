//! Empty blocks for a chain that makes blocks only for transactions.
//!
//! Deadlines count blocks. When nothing happens and a request is open, someone has to make the blocks up
//! to its deadline.

use crate::mine::create_block;
use llm_oracle_chain::{ChainApi as _, CheckedOracle};
use llm_oracle_primitives::{BlockNumber, Phase, Summary};
use std::time::{Duration, Instant};

/// Interval between two polls of the chain.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Pause after a block could not be made.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// Idle time before the deadline of a request that no operator here can move on.
const NO_ONE_LEFT: Duration = Duration::from_secs(2);
/// Idle time before the deadline of a request that an operator here may still answer.
const ANSWER_PENDING: Duration = Duration::from_secs(30);

/// The block up to which to mine now, if any.
///
/// `operators` is the number of registered operators, `idle` the time since the best block.
fn target(open: &[Summary], operators: usize, idle: Duration) -> Option<BlockNumber> {
    open.iter()
        .filter_map(|request| waits_for(request, operators))
        .filter(|(_, needed)| idle >= *needed)
        .map(|(block, _)| block)
        .min()
}

/// The next block that changes something for a request, and the idle time before mining to it.
fn waits_for(request: &Summary, operators: usize) -> Option<(BlockNumber, Duration)> {
    let takers = operators.min(request.seats.into());
    let committing = if usize::from(request.committed) >= takers {
        NO_ONE_LEFT
    } else {
        ANSWER_PENDING
    };
    match request.phase {
        Phase::Waiting => Some((request.opens_at, NO_ONE_LEFT)),
        Phase::Committing => Some((request.commit_deadline.saturating_add(1), committing)),
        // An operator that committed reveals as soon as the opening of reveals is final, or never.
        Phase::Revealing => Some((request.reveal_deadline.saturating_add(1), ANSWER_PENDING)),
        Phase::Ended => None,
    }
}

/// Mines to the next deadline when nothing else happens. Never ends.
pub async fn mine_when_idle(checked: CheckedOracle, operators: usize) {
    let oracle = &checked.oracle;
    let (mut best, mut since) = (0, Instant::now());
    let mut oldest = checked.config.lowest_open_id;
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
        let Some(block) = target(&unsettled, operators, since.elapsed()) else {
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
            // Nobody can do anything before it opens.
            (Phase::Waiting, 0, 3, seconds(2), Some(10)),
            (Phase::Waiting, 0, 3, seconds(1), None),
        ] {
            let open = [request(phase, committed)];
            assert_eq!(
                target(&open, operators, idle),
                block,
                "{phase:?} {committed} {idle:?}"
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

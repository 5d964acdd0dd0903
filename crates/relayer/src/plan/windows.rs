//! Whether the time that a request leaves is enough on this chain. Pure.

use crate::pace::ChainPace;
use llm_oracle_primitives::{BlockNumber, Terms};
use std::time::Duration;

/// Blocks that a transaction may take until it is in one.
pub(crate) const INCLUSION_BLOCKS: BlockNumber = 2;

/// The shortest reveal window in which a seat can be revealed: all seats are taken in one block, this
/// relayer sees it when that block is final, and its reveal takes some blocks to be included.
pub(crate) fn reveal_blocks_min(pace: &ChainPace) -> BlockNumber {
    pace.finality_lag.saturating_add(INCLUSION_BLOCKS)
}

/// Why a seat could not be revealed in time, if it could not: it would cost its bond.
pub(super) fn too_short(terms: &Terms, pace: &ChainPace) -> Option<String> {
    let (blocks, least) = (terms.reveal_blocks, reveal_blocks_min(pace));
    // Answered in one step: nothing is revealed.
    (!terms.one_step && blocks < least).then(|| {
        format!(
            "it leaves {blocks} blocks for reveals, and this chain needs {least}: finality is {} blocks behind",
            pace.finality_lag
        )
    })
}

/// Whether the model can answer with so many blocks left, as far as anybody knows.
pub(super) fn has_time(
    blocks_left: BlockNumber,
    pace: &ChainPace,
    latency: Option<Duration>,
) -> bool {
    let left = pace.time_of(blocks_left.saturating_sub(INCLUSION_BLOCKS));
    match (left, latency) {
        (Some(left), Some(latency)) => left >= latency,
        _ => true,
    }
}

/// Why the model can't answer before the commit deadline, if it can't.
pub(super) fn too_late(
    blocks_left: BlockNumber,
    pace: &ChainPace,
    latency: Option<Duration>,
) -> Option<String> {
    (!has_time(blocks_left, pace, latency)).then(|| {
        let (block, latency) = (
            pace.block_time.unwrap_or_default(),
            latency.unwrap_or_default(),
        );
        format!(
            "{blocks_left} blocks of {} ms are left for commits, and the model takes {} ms",
            block.as_millis(),
            latency.as_millis()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::policy::tests::terms, *};

    const PACE: ChainPace = ChainPace {
        finality_lag: 4,
        block_time: Some(Duration::from_secs(6)),
    };

    #[test]
    fn windows_shorter_than_finality_and_inclusion_are_refused() {
        let mut terms = terms();
        for (blocks, refused) in [(4, true), (5, true), (6, false), (7, false)] {
            terms.reveal_blocks = blocks;
            assert_eq!(too_short(&terms, &PACE).is_some(), refused, "{blocks}");
        }
        (terms.reveal_blocks, terms.one_step) = (1, true);
        assert_eq!(too_short(&terms, &PACE), None);
    }

    #[test]
    fn a_model_that_takes_longer_than_is_left_is_not_asked() {
        let model = Some(Duration::from_secs(60));
        for (blocks, asked) in [(0, false), (11, false), (12, true), (100, true)] {
            assert_eq!(has_time(blocks, &PACE, model), asked, "{blocks}");
        }
        // Nobody knows how long a block or the model takes.
        assert!(has_time(1, &PACE, None) && has_time(1, &ChainPace::default(), model));
        let why = too_late(11, &PACE, model).unwrap_or_default();
        assert!(why.contains("60000 ms"), "{why}");
    }
}

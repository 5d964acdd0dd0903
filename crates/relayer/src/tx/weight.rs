//! The gas limit of a batch. It is what the pool and the authors of blocks go by: who declares much comes last.

use super::entries::BatchEntry;
use llm_oracle_chain::{BatchResults, DryRun, Weight};
use llm_oracle_primitives::limits;
use llm_oracle_store::Purpose;

/// Gas on top of a dry run's need, percent: the state may be another one when it runs.
const GAS_MARGIN_PERCENT: u64 = 20;
/// What settling may add to a reveal that did not settle in its dry run, for the request …
const SETTLE: Weight = Weight {
    ref_time: 1_500_000_000,
    proof_size: 96 * 1024,
};
/// … and for each of its seats.
const SETTLE_SEAT: Weight = Weight {
    ref_time: 350_000_000,
    proof_size: 24 * 1024,
};
/// Most that a batch of several entries declares, percent of the greatest extrinsic: five of them fit a block.
const BATCH_SHARE_PERCENT: u64 = 20;

/// Into how many batches one is divided that declares this: 1 if it is not too heavy.
pub(super) fn pieces(gas: Weight, most: Option<Weight>) -> usize {
    let pieces = most.map_or(1, |most| gas.in_units_of(most.percent(BATCH_SHARE_PERCENT)));
    usize::try_from(pieces).unwrap_or(usize::MAX).max(1)
}

/// The gas limit is set for the path that settles, where the dry run did not take it: of two reveals each may
/// have believed in its dry run not to be the last.
pub(super) fn gas_limit(
    purpose: Purpose,
    seats: &[BatchEntry],
    dry: &DryRun<BatchResults>,
) -> Weight {
    // The contract tries an entry only while this much is left; a dry run, which has all the gas there
    // is, does not show it.
    let reserve = Weight {
        ref_time: limits::BATCH_RESERVE_REF_TIME,
        proof_size: 0,
    };
    let mut gas = dry
        .gas_required
        .with_margin(GAS_MARGIN_PERCENT)
        .plus(reserve);
    if purpose == Purpose::Commit {
        return gas;
    }
    let of_one_request =
        |one: &BatchEntry, other: &BatchEntry| one.entry().request_id == other.entry().request_id;
    for entries in seats.chunk_by(of_one_request) {
        let Some(request) = entries.first().map(BatchEntry::request) else {
            continue;
        };
        if request.is_settled_by(entries.len()) {
            continue;
        }
        gas = gas.plus(SETTLE);
        for _ in 0..request.seats {
            gas = gas.plus(SETTLE_SEAT);
        }
    }
    gas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx::entries::sample;
    use llm_oracle_chain::Deposit;

    const EXTRINSIC: Weight = Weight {
        ref_time: 500_000_000_000,
        proof_size: 3_750_000,
    };

    fn declared(purpose: Purpose, ids: impl Iterator<Item = u64>) -> Weight {
        let seats: Vec<_> = ids.map(sample).collect();
        let gas = Weight {
            ref_time: 1_000_000_000,
            proof_size: 1_000,
        };
        let dry = DryRun {
            value: Vec::new(),
            gas_required: gas,
            gas_consumed: gas,
            deposit: Deposit::Charge(0),
        };
        gas_limit(purpose, &seats, &dry)
    }

    #[test]
    fn settling_is_declared_only_where_the_dry_run_did_not_settle() {
        let bare = declared(Purpose::Commit, [1, 1, 1].into_iter());
        // All three seats of the request are in it.
        assert_eq!(declared(Purpose::Reveal, [1, 1, 1].into_iter()), bare);
        let one_left = declared(Purpose::Reveal, [1, 1, 1, 2, 2].into_iter());
        let settles = SETTLE.plus(SETTLE_SEAT).plus(SETTLE_SEAT).plus(SETTLE_SEAT);
        assert_eq!(one_left, bare.plus(settles));
    }

    #[test]
    fn a_batch_that_declares_much_is_divided() {
        let (light, some) = (declared(Purpose::Commit, [1].into_iter()), Some(EXTRINSIC));
        assert_eq!(pieces(light, some), 1);
        assert_eq!(pieces(light, None), 1);
        let heavy = declared(Purpose::Reveal, 0..64);
        let count = pieces(heavy, some);
        assert_eq!(count, 15, "{heavy:?}");
    }
}

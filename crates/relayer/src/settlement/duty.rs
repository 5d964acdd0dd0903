//! Which ends a relayer sees to of itself: those that pay. Pure, and the only place that decides it.
//!
//! Settling pays nothing, but frees the bonds of our seats and credits what they earned. An attempt to
//! deliver earns its price once, whether the callback takes it or not, and only for operators that have a
//! seat. Where nobody took one it would pay any operator, but the price need not cover the whole fee.

use llm_oracle_primitives::{
    BlockNumber, CallbackLimits, DeliveryStatus, RequestId, RequestView, SeatView,
};

/// What is to be done about an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Settle it.
    Advance,
    /// Hand it to whoever asked.
    Deliver(CallbackLimits),
    /// Nothing that pays.
    Nothing,
}

/// What is to be done about a request that has ended, by those of our operators that have a seat in it.
pub(super) fn duty(view: &RequestView, own_seats: usize) -> Duty {
    if !view.summary.settled {
        return match should_advance(own_seats) {
            true => Duty::Advance,
            false => Duty::Nothing,
        };
    }
    match view.callback {
        Some(limits) if should_deliver(view) && own_seats > 0 => Duty::Deliver(limits),
        _ => Duty::Nothing,
    }
}

/// Whether settling is worth its fee: it frees the bonds of our seats and credits what they earned.
fn should_advance(own_seats: usize) -> bool {
    own_seats > 0
}

/// Whether an attempt to deliver is still paid: one that failed was, and a further one is for whoever pays
/// for it.
fn should_deliver(view: &RequestView) -> bool {
    let pending = matches!(
        view.summary.delivery,
        DeliveryStatus::Waiting | DeliveryStatus::Failed(_)
    );
    pending && view.delivery_price > 0
}

/// Whether the best block shows that somebody has done it.
pub(super) fn is_done(duty: Duty, best: &RequestView) -> bool {
    match duty {
        Duty::Advance => best.summary.settled,
        Duty::Deliver(_) => !should_deliver(best),
        Duty::Nothing => true,
    }
}

/// Seat holders come in the order of their seats, beginning with the one the request's number names.
pub(super) fn place(id: RequestId, seats: &[SeatView], operator: &[u8; 32]) -> Option<u32> {
    let holds = |seat: &SeatView| {
        let holder: &[u8; 32] = seat.operator.as_ref();
        holder == operator
    };
    let seat = u64::try_from(seats.iter().position(holds)?).ok()?;
    let count = u64::try_from(seats.len()).ok()?;
    let first = id.checked_rem(count)?;
    let place = seat
        .checked_add(count)?
        .checked_sub(first)?
        .checked_rem(count)?;
    u32::try_from(place).ok()
}

/// Failed dry runs after which a delivery is given up: ones in which the contract itself could not go on,
/// because the callback takes more storage deposit than its terms say. With the pauses between them that is
/// more than half an hour, longer than the contract keeps an end for its requester alone.
pub(super) const DELIVERY_TRIES: u32 = 13;
/// Longest pause between two such tries, milliseconds.
const DELIVERY_PAUSE_MS_MAX: i64 = 600_000;

/// Whether a delivery whose dry run failed `count` times, last `since_ms` ago, waits: 1 s after the first
/// one, doubled each time.
pub(super) fn delivery_waits(count: u32, since_ms: i64) -> bool {
    let pause = 500_i64
        .saturating_mul(2_i64.saturating_pow(count.min(11)))
        .min(DELIVERY_PAUSE_MS_MAX);
    // A failure in the future is a clock that was set back.
    count > 0 && (0..pause).contains(&since_ms)
}

/// Whether a block is final that showed what the finalized block does not show yet.
pub(super) fn is_final(seen_in: BlockNumber, finalized: BlockNumber) -> bool {
    finalized >= seen_in
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_fixtures::request;
    use llm_oracle_primitives::Phase;

    const LIMITS: CallbackLimits = CallbackLimits {
        ref_time: 1,
        proof_size: 2,
        storage_deposit: 3,
    };

    #[test]
    fn only_deliveries_that_pay_are_tried() {
        use DeliveryStatus::{Delivered, Failed, Waiting};
        for (delivery, price, own_seats, tried) in [
            (Waiting, 5, 1, true),
            (Waiting, 5, 0, false),
            (Waiting, 0, 1, false),
            // A stranger failed, or somebody has paid for another attempt.
            (Failed(1), 5, 3, true),
            (Failed(1), 0, 3, false),
            (Delivered, 5, 1, false),
        ] {
            let mut view = request::view(1, Phase::Ended, Vec::new());
            view.summary.settled = true;
            view.summary.delivery = delivery;
            view.delivery_price = price;
            view.callback = Some(LIMITS);
            let found = duty(&view, own_seats);
            let expected = if tried {
                Duty::Deliver(LIMITS)
            } else {
                Duty::Nothing
            };
            assert_eq!(found, expected, "{delivery:?} {price} {own_seats}");
            if own_seats > 0 {
                assert_eq!(is_done(Duty::Deliver(LIMITS), &view), !tried);
            }
        }
        assert!(should_advance(1) && !should_advance(0));
    }

    #[test]
    fn a_callback_that_fails_for_half_an_hour_is_still_delivered() {
        let mut waited_ms = 0_i64;
        for count in 1..DELIVERY_TRIES {
            let mut pause = 0_i64;
            while delivery_waits(count, pause) {
                pause = pause.saturating_add(500);
            }
            waited_ms = waited_ms.saturating_add(pause);
        }
        // 256 blocks of 6 s are 25.6 minutes.
        assert!(waited_ms >= 30 * 60 * 1_000, "{waited_ms}");
        assert!(delivery_waits(1, 999) && !delivery_waits(1, 1_000));
        assert!(!delivery_waits(99, -1), "the clock was set back");
        assert!(!delivery_waits(0, 0));
    }
}

//! Settling what nobody settled, and handing ends to those who asked.
//!
//! Anyone may do either, and once is enough. So relayers take turns: the first is the seat holder
//! whose turn the request's number names, each further one waits a little longer, and all look
//! again before they send.

use crate::{
    error::RelayerError,
    failures::{exhausted, in_turn, FailureLog},
    node_session::ChainView,
    operators::{Operator, Operators},
    requests::RequestTracker,
    tx::{TxDraft, TxSender},
};
use llm_oracle_chain::{messages, Weight};
use llm_oracle_primitives::{CallbackLimits, DeliveryStatus, RequestId, RequestView, SeatView};
use llm_oracle_store::{Attempt, Purpose, SeatId, Skip, Store};
use std::{sync::Arc, time::Duration};

/// Something one relayer must do for a request that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    request_id: RequestId,
    /// Which of our operators sends it.
    sender: usize,
    /// Under whose name its failures are counted, whoever sends it.
    entry: SeatId,
    act: Act,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Advance,
    Deliver(CallbackLimits),
}

/// Gas on top of a dry run's need, percent.
const GAS_MARGIN_PERCENT: u64 = 20;
/// What a delivery needs beside the callback's own limit.
const DELIVERY: Weight = Weight {
    ref_time: 5_000_000_000,
    proof_size: 256 * 1024,
};

/// What to do about a request that has ended.
pub(crate) enum EndingPlan {
    Now(Ending),
    Later,
    /// Nothing to do, or nothing more.
    Over,
}

/// Settles and delivers.
pub(crate) struct Settlement {
    tx: TxSender,
    store: Arc<Store>,
    failures: FailureLog,
    /// How much later each further relayer acts.
    takeover_delay: Duration,
}

impl Settlement {
    pub(crate) fn new(
        tx: TxSender,
        store: Arc<Store>,
        failures: FailureLog,
        takeover_delay: Duration,
    ) -> Self {
        Self {
            tx,
            store,
            failures,
            takeover_delay,
        }
    }

    /// What one of our operators does about a request that has ended.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn plan(
        &self,
        view: &RequestView,
        live: &[Attempt],
        operators: &Operators,
        tracker: &mut RequestTracker,
    ) -> Result<EndingPlan, RelayerError> {
        let id = view.summary.request_id;
        let has_seat = |operator: &Operator| {
            let mut seats = view.seats.iter();
            seats.any(|seat| seat.operator == operator.account)
        };
        let own_seats = operators.iter().any(has_seat);
        // Nothing pays for settling it. An attempt to deliver would be paid where nobody took a seat, but only the
        // time of the callback, which need not cover the fee.
        if !own_seats {
            return Ok(EndingPlan::Over);
        }
        let paid = view.delivery_price > 0;
        let (purpose, act) = match (view.summary.settled, view.callback) {
            (false, _) => (Purpose::Advance, Act::Advance),
            (true, Some(_)) if !paid => return Ok(EndingPlan::Over),
            (true, Some(limits)) => (Purpose::Deliver, Act::Deliver(limits)),
            (true, None) => return Ok(EndingPlan::Over),
        };
        let sent = live.iter().any(|attempt| {
            let ours = attempt
                .tx
                .entries
                .iter()
                .any(|entry| entry.request_id == id);
            attempt.tx.purpose == purpose && ours
        });
        let Some((first, position)) = first_in_turn(id, &view.seats, operators) else {
            return Ok(EndingPlan::Over);
        };
        let entry = operators[first].entry(id);
        let (failures, _) = self.store.failures(&entry, purpose)?;
        if is_given_up(purpose, failures, self.failures.max_attempts(), own_seats) {
            self.abandon(entry, purpose, failures)?;
            return Ok(EndingPlan::Over);
        }
        // As with batches: after a failure the next of our operators sends it.
        let mut active = operators.active();
        if purpose == Purpose::Deliver {
            // It is paid to those that have a seat.
            active.retain(|index| has_seat(&operators[*index]));
        }
        if active.is_empty() {
            return Ok(EndingPlan::Over);
        }
        let place = active.iter().position(|index| *index == first).unwrap_or(0) as u64;
        let sender = in_turn(&active, place, failures).unwrap_or(first);
        let since = tracker.waiting_since(id);
        let delay = self
            .takeover_delay
            .saturating_mul(u32::try_from(position).unwrap_or(u32::MAX));
        if sent || since.elapsed() < delay || self.failures.is_backing_off(&entry, purpose)? {
            return Ok(EndingPlan::Later);
        }
        Ok(EndingPlan::Now(Ending {
            request_id: id,
            sender,
            entry,
            act,
        }))
    }

    /// Records that nothing more is tried, and why: the request is not read again.
    fn abandon(&self, entry: SeatId, purpose: Purpose, failures: u32) -> Result<(), RelayerError> {
        let SeatId {
            request_id,
            operator,
        } = entry;
        let last = self
            .store
            .failure_reason(&entry, purpose)?
            .unwrap_or_default();
        let reason = exhausted(purpose, failures, &last);
        tracing::error!(
            request = request_id,
            purpose = purpose.name(),
            reason,
            "abandoned"
        );
        Ok(self.store.skip_also(&Skip {
            request_id,
            operator,
            reason,
        })?)
    }

    /// Does it. Says whether something was done.
    ///
    /// # Errors
    /// When the connection or the store fails.
    pub(crate) async fn perform(
        &self,
        chain: &ChainView,
        operators: &Operators,
        ending: Ending,
    ) -> Result<bool, RelayerError> {
        let entry = ending.entry;
        let (purpose, result) = match ending.act {
            Act::Advance => (
                Purpose::Advance,
                self.advance(chain, operators, ending).await,
            ),
            Act::Deliver(limits) => (
                Purpose::Deliver,
                self.deliver(chain, operators, ending, limits).await,
            ),
        };
        match result {
            Err(error) if error.is_connection() => Err(error),
            Err(RelayerError::Chain(error)) => {
                // Most often somebody was faster; the next look at the chain tells.
                self.failures.fail(&entry, purpose, &error.to_string())?;
                Ok(true)
            }
            other => other,
        }
    }

    async fn advance(
        &self,
        chain: &ChainView,
        operators: &Operators,
        ending: Ending,
    ) -> Result<bool, RelayerError> {
        let (oracle, account) = (&chain.oracle, operators[ending.sender].account);
        let call = messages::advance(ending.request_id);
        let dry = oracle
            .chain
            .dry_run(&account, &oracle.address, 0, &call, None)
            .await?;
        let gas = dry.gas_required.with_margin(GAS_MARGIN_PERCENT);
        let draft = TxDraft {
            purpose: Purpose::Advance,
            sender: ending.sender,
            input: call.input(),
            gas,
            deposit_limit: Some(0),
            entries: vec![ending.entry],
        };
        self.tx.send(chain, operators, &draft).await?;
        tracing::info!(request = ending.request_id, "settling after the deadline");
        Ok(true)
    }

    async fn deliver(
        &self,
        chain: &ChainView,
        operators: &Operators,
        ending: Ending,
        limits: CallbackLimits,
    ) -> Result<bool, RelayerError> {
        let (oracle, account) = (&chain.oracle, operators[ending.sender].account);
        let call = messages::deliver(ending.request_id);
        let first = oracle
            .chain
            .dry_run(&account, &oracle.address, 0, &call, None)
            .await?;
        // The contract looks at the gas that is left, so the limit must cover the callback's whole
        // limit even if the callback uses little of it.
        let callback = Weight {
            ref_time: limits.ref_time,
            proof_size: limits.proof_size,
        };
        let gas = first
            .gas_required
            .with_margin(GAS_MARGIN_PERCENT)
            .plus(callback)
            .plus(DELIVERY);
        let dry = oracle
            .chain
            .dry_run_within(&account, &oracle.address, 0, &call, Some(gas), None)
            .await?;
        // An attempt that fails is paid too.
        if !matches!(
            dry.value,
            DeliveryStatus::Delivered | DeliveryStatus::Failed(_)
        ) {
            let reason = format!("a delivery now would end as {:?}", dry.value);
            self.failures
                .fail(&ending.entry, Purpose::Deliver, &reason)?;
            return Ok(true);
        }
        // Never more than the terms allow.
        let deposit = Some(limits.storage_deposit);
        let draft = TxDraft {
            purpose: Purpose::Deliver,
            sender: ending.sender,
            input: call.input(),
            gas,
            deposit_limit: deposit,
            entries: vec![ending.entry],
        };
        self.tx.send(chain, operators, &draft).await?;
        tracing::info!(request = ending.request_id, "delivering");
        Ok(true)
    }
}

/// Whether no more is tried. Settling a request in which we hold seats gives their bonds free and
/// pays them, so that is tried for as long as it takes.
fn is_given_up(purpose: Purpose, failures: u32, most: u32, own_seats: bool) -> bool {
    failures >= most && !(purpose == Purpose::Advance && own_seats)
}

/// Whose turn among our operators it is, and how many others come before it.
fn first_in_turn(id: RequestId, seats: &[SeatView], operators: &Operators) -> Option<(usize, u64)> {
    let active = operators
        .iter()
        .enumerate()
        .filter(|(_, operator)| !operator.stopped);
    let position = |operator: &Operator| place(id, seats, operator);
    active
        .map(|(index, operator)| (index, position(operator)))
        .min_by_key(|(_, place)| *place)
}

/// Seat holders come in the order of their seats, beginning with the one the number names; those
/// without a seat come after them.
fn place(id: RequestId, seats: &[SeatView], operator: &Operator) -> u64 {
    let count = seats.len() as u64;
    let seat = seats
        .iter()
        .position(|seat| seat.operator == operator.account);
    let Some(seat) = seat.map(|seat| seat as u64) else {
        return count;
    };
    let first = id.checked_rem(count).unwrap_or(0);
    seat.saturating_add(count)
        .saturating_sub(first)
        .checked_rem(count)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settling_is_never_given_up_where_we_hold_seats() {
        for (purpose, failures, own_seats, given_up) in [
            (Purpose::Advance, 4, false, false),
            (Purpose::Advance, 5, false, true),
            (Purpose::Advance, 5, true, false),
            (Purpose::Advance, u32::MAX, true, false),
            (Purpose::Deliver, 4, true, false),
            (Purpose::Deliver, 5, true, true),
        ] {
            let found = is_given_up(purpose, failures, 5, own_seats);
            assert_eq!(found, given_up, "{purpose:?} {failures} {own_seats}");
        }
    }
}

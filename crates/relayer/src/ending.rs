//! Settling what nobody settled, and handing ends to those who asked.
//!
//! Anyone may do either, and once is enough. So relayers take turns: the first is the seat holder
//! whose turn the request's number names, each further one waits a little longer, and all look
//! again before they send.

use super::{
    error::RelayerError,
    relayer::{Now, Operator, Relayer},
    retry::{gave_up, in_turn},
    scan::EndingPlan,
    transact::Plan,
    Oracle,
};
use llm_oracle_chain::{messages, Weight};
use llm_oracle_primitives::{CallbackLimits, DeliveryStatus, RequestId, RequestView, SeatView};
use llm_oracle_store::{Attempt, Entry, Purpose, Skip};
use llm_oracle_support::{
    clock::Instant,
    planted::{planted, Bug},
};
use std::time::Duration;

/// Something one relayer must do for a request that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    request_id: RequestId,
    /// Who sends it.
    carrier: usize,
    /// Under whose name its failures are counted, whoever sends it.
    entry: Entry,
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

impl Relayer {
    pub(super) fn plan_ending(
        &mut self,
        view: &RequestView,
        live: &[Attempt],
    ) -> Result<EndingPlan, RelayerError> {
        let id = view.summary.request_id;
        let (purpose, act) = match (view.summary.settled, view.callback) {
            (false, _) => (Purpose::Advance, Act::Advance),
            (true, Some(limits)) => (Purpose::Deliver, Act::Deliver(limits)),
            (true, None) => return Ok(EndingPlan::Over),
        };
        let never = match purpose {
            Purpose::Advance => planted(Bug::NeverSettle),
            _ => planted(Bug::NeverDeliver),
        };
        if never {
            return Ok(EndingPlan::Over);
        }
        let sent = live.iter().any(|attempt| {
            let ours = attempt
                .tx
                .entries
                .iter()
                .any(|entry| entry.request_id == id);
            attempt.tx.purpose == purpose && ours
        });
        let Some((first, position)) = turn(id, &view.seats, &self.operators) else {
            return Ok(EndingPlan::Over);
        };
        let entry = self.operators[first].entry(id);
        let (failures, _) = self.store.failures(&entry, purpose)?;
        let own_seats = view.seats.iter().any(|seat| {
            self.operators
                .iter()
                .any(|operator| operator.account == seat.operator)
        });
        if is_given_up(
            purpose,
            failures,
            self.config.limits.max_attempts,
            own_seats,
        ) {
            self.give_up(entry, purpose, failures)?;
            return Ok(EndingPlan::Over);
        }
        // As with batches: after a failure the next of our operators sends it.
        let able = self.able();
        let place = able.iter().position(|index| *index == first).unwrap_or(0) as u64;
        let carrier = in_turn(&able, place, failures).unwrap_or(first);
        let since = *self
            .memory
            .waiting_since
            .entry(id)
            .or_insert_with(Instant::now);
        let patience = self.config.limits.turn_ms.saturating_mul(position);
        if sent
            || since.elapsed() < Duration::from_millis(patience)
            || self.is_resting(&entry, purpose)?
        {
            return Ok(EndingPlan::Later);
        }
        Ok(EndingPlan::Now(Ending {
            request_id: id,
            carrier,
            entry,
            act,
        }))
    }

    /// Puts on record that nothing more is tried, and why: the request is not looked at again.
    fn give_up(&self, entry: Entry, purpose: Purpose, failures: u32) -> Result<(), RelayerError> {
        let Entry {
            request_id,
            operator,
        } = entry;
        let last = self
            .store
            .failure_reason(&entry, purpose)?
            .unwrap_or_default();
        let reason = gave_up(purpose, failures, &last);
        tracing::error!(
            request = request_id,
            purpose = purpose.name(),
            reason,
            "given up"
        );
        Ok(self.store.skip_also(&Skip {
            request_id,
            operator,
            reason,
        })?)
    }

    pub(super) async fn finish(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        ending: Ending,
    ) -> Result<bool, RelayerError> {
        let entry = ending.entry;
        let (purpose, result) = match ending.act {
            Act::Advance => (
                Purpose::Advance,
                self.advance(oracle, now, ending, entry).await,
            ),
            Act::Deliver(limits) => (
                Purpose::Deliver,
                self.deliver(oracle, now, ending, entry, limits).await,
            ),
        };
        match result {
            Err(error) if error.is_connection() => Err(error),
            Err(RelayerError::Chain(error)) => {
                // Most often somebody was faster; the next look at the chain tells.
                self.fail(&entry, purpose, &error.to_string())?;
                Ok(true)
            }
            other => other,
        }
    }

    async fn advance(
        &self,
        oracle: &Oracle,
        now: &Now,
        ending: Ending,
        entry: Entry,
    ) -> Result<bool, RelayerError> {
        let carrier = &self.operators[ending.carrier];
        let call = messages::advance(ending.request_id);
        let dry = oracle
            .chain
            .dry_run(&carrier.account, &oracle.address, 0, &call, None)
            .await?;
        let gas = dry.gas_required.with_margin(GAS_MARGIN_PERCENT);
        let plan = Plan {
            purpose: Purpose::Advance,
            carrier: ending.carrier,
            input: call.input(),
            gas,
            deposit_limit: Some(0),
            entries: vec![entry],
        };
        self.transact(oracle, now, &plan).await?;
        tracing::info!(request = ending.request_id, "settling after the deadline");
        Ok(true)
    }

    async fn deliver(
        &self,
        oracle: &Oracle,
        now: &Now,
        ending: Ending,
        entry: Entry,
        limits: CallbackLimits,
    ) -> Result<bool, RelayerError> {
        let account = self.operators[ending.carrier].account;
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
        if dry.value != DeliveryStatus::Delivered {
            // Sending it would cost the carrier and earn nothing.
            let reason = format!("a delivery now would end as {:?}", dry.value);
            self.fail(&entry, Purpose::Deliver, &reason)?;
            return Ok(true);
        }
        let deposit = Some(limits.storage_deposit.max(dry.deposit.charge()));
        let plan = Plan {
            purpose: Purpose::Deliver,
            carrier: ending.carrier,
            input: call.input(),
            gas,
            deposit_limit: deposit,
            entries: vec![entry],
        };
        self.transact(oracle, now, &plan).await?;
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
fn turn(id: RequestId, seats: &[SeatView], operators: &[Operator]) -> Option<(usize, u64)> {
    let able = operators
        .iter()
        .enumerate()
        .filter(|(_, operator)| !operator.stopped);
    let position = |operator: &Operator| place(id, seats, operator);
    able.map(|(index, operator)| (index, position(operator)))
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

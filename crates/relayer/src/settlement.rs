//! Settling what nobody settled, and handing ends to those who asked, where that pays.
//!
//! Once is enough. So those that have seats take turns: the first is the seat holder whom the request's
//! number names, each further one waits until the one before it could have been seen, and all look at
//! the best block right before they send.

mod budget;
mod duty;

pub(crate) use budget::end_some;

use crate::{
    error::RelayerError,
    failures::{exhausted, in_turn, FailureLog},
    node_session::ChainView,
    operators::Operators,
    pace::ChainPace,
    requests::RequestTracker,
    tx::{TxDraft, TxSender},
};
use duty::{delivery_waits, duty, is_done, is_final, place, Duty, DELIVERY_TRIES};
use llm_oracle_chain::{messages, ChainError, DryRunLimits, Weight};
use llm_oracle_primitives::{BlockNumber, CallbackLimits, DeliveryStatus, RequestId, RequestView};
use llm_oracle_store::{now_ms, Attempt, Purpose, SeatId, Skip, Store};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Something one relayer must do for a request that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    request_id: RequestId,
    /// Which of our operators sends it.
    sender: usize,
    /// Under whose name its failures are counted, whoever sends it.
    entry: SeatId,
    duty: Duty,
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
pub(crate) struct SettlementSender {
    tx: TxSender,
    store: Arc<Store>,
    failures: FailureLog,
    /// How much later each further relayer acts, beside the time until a block of the one before it is
    /// final.
    takeover_delay: Duration,
    /// What the best block showed as done, and in which block that was seen.
    seen_done: HashMap<RequestId, (Purpose, BlockNumber)>,
}

impl SettlementSender {
    pub(crate) fn new(
        tx: TxSender,
        store: Arc<Store>,
        failures: FailureLog,
        takeover_ms: u64,
    ) -> Self {
        Self {
            tx,
            store,
            failures,
            takeover_delay: Duration::from_millis(takeover_ms),
            seen_done: HashMap::new(),
        }
    }

    /// Takes another delay, milliseconds.
    pub(crate) fn reload(&mut self, takeover_ms: u64) {
        self.takeover_delay = Duration::from_millis(takeover_ms);
    }

    /// What one of our operators does about a request that has ended.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn plan(
        &mut self,
        (chain, pace): (&ChainView, ChainPace),
        view: &RequestView,
        live: &[Attempt],
        operators: &Operators,
        tracker: &mut RequestTracker,
    ) -> Result<EndingPlan, RelayerError> {
        let id = view.summary.request_id;
        let seated = seated(id, view, operators);
        let duty = duty(view, seated.len());
        let (Some(purpose), Some((position, first))) = (purpose_of(duty), seated.first().copied())
        else {
            self.seen_done.remove(&id);
            return Ok(EndingPlan::Over);
        };
        let entry = operators[first].entry(id);
        let (failures, at_ms) = self.store.failures(&entry, purpose)?;
        if purpose == Purpose::Deliver && failures >= DELIVERY_TRIES {
            self.abandon(entry, purpose, failures)?;
            return Ok(EndingPlan::Over);
        }
        let sent = live.iter().any(|attempt| {
            let mut entries = attempt.tx.entries.iter();
            attempt.tx.purpose == purpose && entries.any(|entry| entry.request_id == id)
        });
        let backs_off = match purpose {
            Purpose::Deliver => delivery_waits(failures, now_ms().saturating_sub(at_ms)),
            _ => self.failures.is_backing_off(&entry, purpose)?,
        };
        let patience = pace.to_finality().saturating_add(self.takeover_delay);
        let early = tracker.waiting_since(id).elapsed() < patience.saturating_mul(position);
        if sent || backs_off || early || self.awaits_finality(chain, id, purpose) {
            return Ok(EndingPlan::Later);
        }
        // As with batches: after a failure the next of our operators that have a seat sends it.
        let seats: Vec<usize> = seated.iter().map(|(_, index)| *index).collect();
        Ok(EndingPlan::Now(Ending {
            request_id: id,
            sender: in_turn(&seats, 0, failures).unwrap_or(first),
            entry,
            duty,
        }))
    }

    /// Whether a block that is not final yet has shown it as done.
    fn awaits_finality(&mut self, chain: &ChainView, id: RequestId, purpose: Purpose) -> bool {
        match self.seen_done.get(&id) {
            Some((of, block)) if *of == purpose && !is_final(*block, chain.finalized.number) => {
                true
            }
            Some(_) => {
                self.seen_done.remove(&id);
                false
            }
            None => false,
        }
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

    /// Does it, if the best block still wants it. Says whether something was done.
    ///
    /// # Errors
    /// When the connection or the store fails.
    pub(crate) async fn perform(
        &mut self,
        chain: &ChainView,
        operators: &Operators,
        ending: Ending,
    ) -> Result<bool, RelayerError> {
        let Some(purpose) = purpose_of(ending.duty) else {
            return Ok(false);
        };
        let result = match self.is_done(chain, ending, purpose).await {
            Ok(true) => return Ok(false),
            Ok(false) => match ending.duty {
                Duty::Deliver(limits) => self.deliver(chain, operators, ending, limits).await,
                _ => self.advance(chain, operators, ending).await,
            },
            Err(error) => Err(error.into()),
        };
        match result {
            // A signer that is away is its operator's trouble alone.
            Err(error) if error.is_connection() && !error.is_of_signer() => Err(error),
            Err(RelayerError::Chain(error)) => {
                let reason = error.to_string();
                self.failures.fail(&ending.entry, purpose, &reason)?;
                Ok(true)
            }
            other => other,
        }
    }

    /// Whether the best block shows it as done already: then only finality is waited for.
    async fn is_done(
        &mut self,
        chain: &ChainView,
        ending: Ending,
        purpose: Purpose,
    ) -> Result<bool, ChainError> {
        let (id, oracle) = (ending.request_id, &chain.oracle);
        let best = oracle.chain.best().await?;
        let view = oracle.request(id, Some(best.hash)).await?;
        let done = view.is_none_or(|view| is_done(ending.duty, &view));
        if done {
            self.seen_done.insert(id, (purpose, best.number));
        }
        Ok(done)
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
        // Not a planck more than the terms say: whatever the callback takes goes to strangers, and the
        // escrow gives back no more than that.
        let mut within = DryRunLimits {
            gas: None,
            deposit: Some(limits.storage_deposit),
        };
        let dry_run = |within| {
            let chain = &oracle.chain;
            chain.dry_run_within(&account, &oracle.address, 0, &call, within, None)
        };
        let first = dry_run(within).await?;
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
        within.gas = Some(gas);
        let dry = dry_run(within).await?;
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
        let draft = TxDraft {
            purpose: Purpose::Deliver,
            sender: ending.sender,
            input: call.input(),
            gas,
            deposit_limit: within.deposit,
            entries: vec![ending.entry],
        };
        self.tx.send(chain, operators, &draft).await?;
        tracing::info!(request = ending.request_id, "delivering");
        Ok(true)
    }
}

/// What an act is called in the store.
fn purpose_of(duty: Duty) -> Option<Purpose> {
    match duty {
        Duty::Advance => Some(Purpose::Advance),
        Duty::Deliver(_) => Some(Purpose::Deliver),
        Duty::Nothing => None,
    }
}

/// Our operators that have a seat and still act, each with how many others come before it, in turn.
fn seated(id: RequestId, view: &RequestView, operators: &Operators) -> Vec<(u32, usize)> {
    let mut seated: Vec<(u32, usize)> = operators
        .iter()
        .enumerate()
        .filter(|(_, operator)| !operator.stopped)
        .filter_map(|(index, operator)| Some((place(id, &view.seats, &operator.id)?, index)))
        .collect();
    seated.sort_unstable();
    seated
}

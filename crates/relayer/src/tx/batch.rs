//! Taking seats and opening commitments: all of this process's operators in one transaction.

use super::{
    entries::{split, BatchEntry, OwnSeat, SeatSigner},
    refusal::{refusal_action, RefusalAction},
    sender::{TxDraft, TxSender},
};
use crate::{
    error::RelayerError,
    failures::{in_turn, FailureLog},
    node_session::ChainView,
    operators::Operators,
    peers::PeerExchange,
};
use llm_oracle_chain::{BatchResults, Call, ChainError, DryRun, TxRetry, Weight};
use llm_oracle_primitives::{limits, DeploymentId, Error, RequestId};
use llm_oracle_store::{now_ms, Answered, Purpose, SeatId, Store};
use std::{collections::VecDeque, sync::Arc};

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

/// Sends commits, one-step answers and reveals.
pub(crate) struct BatchSender {
    tx: TxSender,
    store: Arc<Store>,
    failures: FailureLog,
    deployment: DeploymentId,
}

/// What a batch is sent with.
pub(crate) struct BatchContext<'a> {
    pub(crate) chain: &'a ChainView,
    pub(crate) operators: &'a mut Operators,
    pub(crate) peers: &'a mut PeerExchange,
    pub(crate) purpose: Purpose,
}

impl BatchSender {
    pub(crate) fn new(
        tx: TxSender,
        store: Arc<Store>,
        failures: FailureLog,
        deployment: DeploymentId,
    ) -> Self {
        Self {
            tx,
            store,
            failures,
            deployment,
        }
    }

    /// Sends these entries in as few transactions as fit. Says whether something was done.
    ///
    /// # Errors
    /// When the connection or the store fails.
    pub(crate) async fn send(
        &self,
        context: &mut BatchContext<'_>,
        mut seats: Vec<BatchEntry>,
    ) -> Result<bool, RelayerError> {
        let purpose = context.purpose;
        // Entries of one request share one load, one store and one event when they are neighbours.
        seats.sort_by_key(BatchEntry::entry);
        let mut worked = false;
        // What comes first is sent first.
        let mut batches = VecDeque::from(split(purpose, seats));
        while let Some(batch) = batches.pop_front() {
            match self.send_batch(context, batch).await? {
                BatchOutcome::Done => worked = true,
                BatchOutcome::Nothing => {}
                BatchOutcome::TooLarge(batch) => halves(batch, &mut batches),
            }
        }
        Ok(worked)
    }

    async fn send_batch(
        &self,
        context: &mut BatchContext<'_>,
        mut seats: Vec<BatchEntry>,
    ) -> Result<BatchOutcome, RelayerError> {
        let (purpose, chain) = (context.purpose, context.chain);
        let Some(sender) = self.sender(context, &seats)? else {
            return Ok(BatchOutcome::Nothing);
        };
        // Each pass leaves refused entries out; the last one has none.
        let (call, dry) = loop {
            if seats.is_empty() {
                return Ok(BatchOutcome::Done);
            }
            let signer = SeatSigner {
                operators: context.operators,
                store: &self.store,
                deployment: self.deployment,
            };
            let call = match signer.call(purpose, &seats, sender) {
                // The others go without it.
                Err(RelayerError::Unsigned { entry, error }) if !error.is_transient() => {
                    self.failures.fail(&entry, purpose, &error.to_string())?;
                    seats.retain(|seat| seat.entry() != entry);
                    continue;
                }
                call => call?,
            };
            let account = context.operators[sender].account;
            let oracle = &chain.oracle;
            let ran = oracle
                .chain
                .dry_run(&account, &oracle.address, 0, &call, None)
                .await;
            let dry = match ran {
                Ok(dry) => dry,
                Err(error) if seats.len() > 1 && is_too_large(&error) => {
                    return Ok(BatchOutcome::TooLarge(seats));
                }
                Err(error) => return self.batch_failed(context, &seats, error),
            };
            let (kept, refused) = sort_results(&seats, &dry.value);
            if refused.is_empty() {
                break (call, dry);
            }
            for (seat, error) in refused {
                self.refused(context, &seat, error)?;
            }
            seats = kept;
        };
        let gas = gas_limit(purpose, &seats, &dry);
        self.sign_and_send(context, (sender, &call, gas), &seats)
            .await
    }

    /// The operators take turns to send, so that one does not pay for all. After each failure the next one
    /// sends: one account that can't pay must not silence the others.
    fn sender(
        &self,
        context: &BatchContext<'_>,
        seats: &[BatchEntry],
    ) -> Result<Option<usize>, RelayerError> {
        let entries: Vec<SeatId> = seats.iter().map(BatchEntry::entry).collect();
        let failed = self.store.failures_of(&entries, context.purpose)?;
        let mut most: Option<(u32, RequestId)> = None;
        for entry in entries {
            let failures = failed.get(&entry).copied().unwrap_or_default();
            // Of several requests, the one that failed most often sets the turn: no newcomer may
            // turn it back to a sender that has just failed.
            if most.is_none_or(|(known, _)| failures > known) {
                most = Some((failures, entry.request_id));
            }
        }
        Ok(most.and_then(|(failures, request)| {
            in_turn(&context.operators.active(), request, failures)
        }))
    }

    async fn sign_and_send(
        &self,
        context: &mut BatchContext<'_>,
        (sender, call, gas): (usize, &Call<BatchResults>, Weight),
        seats: &[BatchEntry],
    ) -> Result<BatchOutcome, RelayerError> {
        let purpose = context.purpose;
        let draft = TxDraft {
            purpose,
            sender,
            input: call.input(),
            gas,
            // Neither message changes the size of anything stored, so neither may take a deposit.
            deposit_limit: Some(0),
            entries: seats.iter().map(BatchEntry::entry).collect(),
        };
        let mut sent = self.tx.send(context.chain, context.operators, &draft).await;
        if matches!(&sent, Err(RelayerError::Chain(error)) if error.tx_retry() == TxRetry::Immediate)
        {
            // Made anew, with a nonce from what the chain says now; once, so that no word of the pool
            // can keep us here.
            sent = self.tx.send(context.chain, context.operators, &draft).await;
        }
        match sent {
            Ok(()) => {
                context.peers.note_submitted(seats);
                if purpose != Purpose::Reveal {
                    self.note_submitted(seats)?;
                }
                Ok(BatchOutcome::Done)
            }
            Err(RelayerError::Chain(error)) => self.batch_failed(context, seats, error),
            Err(error) => Err(error),
        }
    }

    /// The whole batch failed: every entry has failed once more. If there are some of peers among them,
    /// ours are tried without those first.
    fn batch_failed(
        &self,
        context: &mut BatchContext<'_>,
        seats: &[BatchEntry],
        error: ChainError,
    ) -> Result<BatchOutcome, RelayerError> {
        if error.is_connection() {
            return Err(error.into());
        }
        let purpose = context.purpose;
        if context.peers.drop_all(seats) {
            tracing::warn!(%error, purpose = purpose.name(), "a batch with entries of peers failed");
            return Ok(BatchOutcome::Done);
        }
        let hopeless = matches!(error.tx_retry(), TxRetry::Never | TxRetry::Fatal);
        for seat in seats {
            let entry = seat.entry();
            self.failures.fail(&entry, purpose, &error.to_string())?;
            // A seat that is taken is opened whatever it takes.
            if hopeless && purpose != Purpose::Reveal {
                self.failures.skip(&entry, &format!("no seat: {error}"))?;
            }
        }
        Ok(BatchOutcome::Done)
    }

    /// The contract would refuse this entry.
    fn refused(
        &self,
        context: &mut BatchContext<'_>,
        entry: &BatchEntry,
        error: Error,
    ) -> Result<(), RelayerError> {
        let seat = match entry {
            BatchEntry::Own(seat) => seat,
            BatchEntry::Peer(_) if error == Error::NotTried => return Ok(()),
            BatchEntry::Peer(entry) => {
                context.peers.drop_entry(entry, "contract");
                return Ok(());
            }
        };
        let entry = seat.entry();
        match refusal_action(context.purpose, &error) {
            RefusalAction::Resend => Ok(()),
            RefusalAction::Failed => {
                self.failures
                    .fail(&entry, context.purpose, &error.to_string())
            }
            RefusalAction::Skip => self.failures.skip(&entry, &format!("no seat: {error}")),
            RefusalAction::Barred => {
                context.operators.bar(seat.operator);
                self.failures.skip(&entry, &format!("no seat: {error}"))
            }
        }
    }

    /// Our own share of the time from a finalized request to its submitted commit.
    fn note_submitted(&self, parts: &[BatchEntry]) -> Result<(), RelayerError> {
        let seats: Vec<&OwnSeat> = parts.iter().filter_map(BatchEntry::own).collect();
        let at_ms = now_ms();
        let entries: Vec<SeatId> = seats.iter().map(|seat| seat.entry()).collect();
        self.store.set_submitted(&entries, at_ms)?;
        let mut request: Option<RequestId> = None;
        for seat in &seats {
            let Answered {
                request_id,
                seen_at_ms,
                ..
            } = seat.answered;
            if request == Some(request_id) {
                continue;
            }
            request = Some(request_id);
            // The model's calls of one request run one after another or side by side; their sum
            // would count time twice in the second case, so both figures are given.
            let of_request = seats
                .iter()
                .filter(|other| other.answered.request_id == request_id);
            let model_ms: i64 = of_request.map(|other| other.answered.model_ms).sum();
            let total_ms = at_ms.saturating_sub(seen_at_ms);
            let own_ms = total_ms.saturating_sub(model_ms).max(0);
            tracing::info!(
                target: "llm_oracle::latency",
                request = request_id, total_ms, model_ms, own_ms, "commit submitted"
            );
        }
        Ok(())
    }
}

/// What became of a batch.
enum BatchOutcome {
    /// It was sent, or its failure is on record.
    Done,
    /// Nobody can send it now.
    Nothing,
    /// No contract can do all of it in one call, or one entry of it keeps the others from being done.
    TooLarge(Vec<BatchEntry>),
}

/// Whether a call failed for what it makes the contract do: it ran out of gas or of memory, or into
/// whatever one entry of it makes the contract trap at.
fn is_too_large(error: &ChainError) -> bool {
    matches!(error, ChainError::Dispatch { name, .. }
        if ["Contracts::OutOfGas", "Contracts::ContractTrapped"].iter().any(|one| name.starts_with(one)))
}

/// Puts a batch back as two: in the end, what can't be done stands alone.
fn halves(mut batch: Vec<BatchEntry>, batches: &mut VecDeque<Vec<BatchEntry>>) {
    let rest = batch.split_off(batch.len().div_ceil(2));
    batches.push_front(rest);
    batches.push_front(batch);
}

fn sort_results(
    seats: &[BatchEntry],
    results: &[Result<(), Error>],
) -> (Vec<BatchEntry>, Vec<(BatchEntry, Error)>) {
    let mut kept = Vec::new();
    let mut refused = Vec::new();
    for (index, seat) in seats.iter().enumerate() {
        match results.get(index) {
            Some(Ok(())) => kept.push(seat.clone()),
            Some(Err(error)) => refused.push((seat.clone(), *error)),
            // Fewer results than entries: what has none was not tried.
            None => refused.push((seat.clone(), Error::NotTried)),
        }
    }
    (kept, refused)
}

/// The gas limit is set for the path that settles: of two reveals each may have believed in its dry
/// run not to be the last.
fn gas_limit(purpose: Purpose, seats: &[BatchEntry], dry: &DryRun<BatchResults>) -> Weight {
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
    let mut request = None;
    for seat in seats {
        let request_id = seat.entry().request_id;
        if request == Some(request_id) {
            continue;
        }
        request = Some(request_id);
        gas = gas.plus(SETTLE);
        for _ in 0..seat.seats() {
            gas = gas.plus(SETTLE_SEAT);
        }
    }
    gas
}

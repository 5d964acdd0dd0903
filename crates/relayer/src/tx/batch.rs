//! Taking seats and opening commitments: all of this process's operators in one transaction.

use super::{
    commit_latency::log_latencies,
    entries::{split, BatchEntry, OwnSeat, SeatSigner},
    refusal::{refusal_action, sort_results, RefusalAction},
    sender::{TxDraft, TxLimits, TxSender},
    weight::{gas_limit, pieces},
};
use crate::{
    error::{RelayerError, SeatFault},
    failures::{in_turn, FailureLog},
    node_session::ChainView,
    operators::Operators,
    peers::PeerExchange,
};
use llm_oracle_chain::{BatchResults, Call, ChainError, TxRetry, Weight};
use llm_oracle_primitives::{Balance, DeploymentId, Error, RequestId};
use llm_oracle_store::{now_ms, Purpose, SeatId, Store};
use std::{collections::VecDeque, sync::Arc};

/// Batches that are tried in one go. What is left is sent by the next iteration, which looks at the chain first.
const TRIES_PER_ITERATION: u32 = 32;
/// Answers in which the node itself refuses, after which nothing more is asked of it in this iteration.
const NODE_ERRORS_PER_ITERATION: u32 = 4;

/// Sends commits, one-step answers and reveals.
pub(crate) struct BatchSender {
    tx: TxSender,
    store: Arc<Store>,
    failures: FailureLog,
    deployment: DeploymentId,
    /// Most that a reveal may offer, planck.
    max_tip: Balance,
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
        max_tip: Balance,
    ) -> Self {
        Self {
            tx,
            store,
            failures,
            deployment,
            max_tip,
        }
    }

    /// Takes other limits: fee and tip of a transaction, planck.
    pub(crate) fn reload(&mut self, max_fee: u128, max_tip: Balance) {
        self.tx.reload(max_fee);
        self.max_tip = max_tip;
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
        // What is due first is sent first. Entries of one request share one load, one store and one event when
        // they are neighbours.
        seats.sort_by_key(|seat| (seat.request().deadline(purpose), seat.entry()));
        let (mut worked, mut tries, mut refused) = (false, TRIES_PER_ITERATION, 0_u32);
        let mut batches = VecDeque::from(split(purpose, seats));
        while let Some(batch) = batches.pop_front() {
            if tries == 0 {
                return Ok(true);
            }
            tries = tries.saturating_sub(1);
            match self.send_batch(context, batch).await? {
                BatchOutcome::Done => worked = true,
                BatchOutcome::Nothing => {}
                BatchOutcome::TooHeavy(batch, pieces) => divide(batch, pieces, &mut batches),
                BatchOutcome::Failed(batch, error) => {
                    refused = match error {
                        ChainError::Node { .. } => refused.saturating_add(1),
                        _ => 0,
                    };
                    if refused < NODE_ERRORS_PER_ITERATION {
                        divide(batch, 2, &mut batches);
                        continue;
                    }
                    for batch in std::iter::once(batch).chain(batches) {
                        self.batch_failed(context, &batch, &error)?;
                    }
                    return Ok(true);
                }
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
        // Each pass sets refused entries aside; the last one has none.
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
                Err(error) => {
                    self.set_aside(&mut seats, purpose, error)?;
                    continue;
                }
                Ok(call) => call,
            };
            let account = context.operators[sender].account;
            let oracle = &chain.oracle;
            let ran = oracle
                .chain
                .dry_run(&account, &oracle.address, 0, &call, None)
                .await;
            let dry = match ran {
                Ok(dry) => dry,
                Err(error) => return self.failed(context, seats, error),
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
        let pieces = pieces(gas, self.tx.max_extrinsic(chain).await?);
        if pieces > 1 && seats.len() > 1 {
            return Ok(BatchOutcome::TooHeavy(seats, pieces));
        }
        self.sign_and_send(context, (sender, &call, gas), seats)
            .await
    }

    /// The others go without what one operator does not sign, and without all of its entries while its signer
    /// is away.
    fn set_aside(
        &self,
        seats: &mut Vec<BatchEntry>,
        purpose: Purpose,
        error: RelayerError,
    ) -> Result<(), RelayerError> {
        let SeatFault {
            entry: at_fault,
            is_signer_away,
            reason,
        } = error.into_seat_fault()?;
        if is_signer_away {
            self.tx
                .note_signer(&at_fault.operator, Some(reason.clone()));
        }
        let is_meant = |entry: SeatId| match is_signer_away {
            true => entry.operator == at_fault.operator,
            false => entry == at_fault,
        };
        let own = seats.iter().filter_map(BatchEntry::own);
        for entry in own.map(OwnSeat::entry).filter(|entry| is_meant(*entry)) {
            self.failures.fail(&entry, purpose, &reason)?;
        }
        seats.retain(|seat| seat.own().is_none() || !is_meant(seat.entry()));
        Ok(())
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
        seats: Vec<BatchEntry>,
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
        let limits = self.limits(context, &seats);
        let (chain, operators) = (context.chain, &*context.operators);
        let mut sent = self.tx.send_within(chain, operators, &draft, limits).await;
        if matches!(&sent, Err(RelayerError::Chain(error)) if error.tx_retry() == TxRetry::Immediate)
        {
            // Made anew, with a nonce from what the chain says now; once, so that no word of the pool
            // can keep us here.
            sent = self.tx.send_within(chain, operators, &draft, limits).await;
        }
        match sent {
            Ok(()) => {
                for seat in seats.iter().filter_map(BatchEntry::own) {
                    self.tx.note_signer(&seat.answered.operator, None);
                }
                context.peers.note_submitted(&seats);
                if purpose != Purpose::Reveal {
                    self.note_submitted(&seats)?;
                }
                Ok(BatchOutcome::Done)
            }
            Err(RelayerError::Chain(error)) => self.failed(context, seats, error),
            Err(error) => Err(error),
        }
    }

    /// Until when a batch is of use, and what it is worth to be in time.
    fn limits(&self, context: &BatchContext<'_>, seats: &[BatchEntry]) -> TxLimits {
        let (purpose, best) = (context.purpose, context.chain.best.number);
        let deadlines = seats.iter().map(|seat| seat.request().deadline(purpose));
        let tips = seats.iter().filter_map(BatchEntry::own);
        let tips = tips.map(|seat| seat.request.tip(best, self.max_tip));
        let tip = match purpose {
            Purpose::Reveal => tips.fold(0, Balance::saturating_add),
            _ => 0,
        };
        TxLimits {
            last_block: deadlines.max(),
            tip: tip.min(self.max_tip),
        }
    }

    /// A batch of several is divided, whatever it failed for: in the end, what fails stands alone.
    fn failed(
        &self,
        context: &mut BatchContext<'_>,
        seats: Vec<BatchEntry>,
        error: ChainError,
    ) -> Result<BatchOutcome, RelayerError> {
        let unsigned = matches!(error, ChainError::Signer(_));
        // A node that takes no requests says nothing about these seats.
        let is_node = error.is_connection() || matches!(error, ChainError::RateLimited { .. });
        if is_node && !unsigned {
            return Err(error.into());
        }
        if seats.len() > 1 && !unsigned {
            return Ok(BatchOutcome::Failed(seats, error));
        }
        self.batch_failed(context, &seats, &error)?;
        Ok(BatchOutcome::Done)
    }

    /// The whole batch failed: every entry has failed once more. If there are some of peers among them,
    /// ours are tried without those first.
    fn batch_failed(
        &self,
        context: &mut BatchContext<'_>,
        seats: &[BatchEntry],
        error: &ChainError,
    ) -> Result<(), RelayerError> {
        let purpose = context.purpose;
        if context.peers.drop_all(seats) {
            tracing::warn!(%error, purpose = purpose.name(), "a batch with entries of peers failed");
            return Ok(());
        }
        // A signer of one of our operators is not everybody's.
        let hopeless = matches!(error.tx_retry(), TxRetry::Never | TxRetry::Fatal)
            && !matches!(error, ChainError::Signer(_));
        for seat in seats {
            let entry = seat.entry();
            self.failures.fail(&entry, purpose, &error.to_string())?;
            // A seat that is taken is opened whatever it takes.
            if hopeless && purpose != Purpose::Reveal {
                self.failures.skip(&entry, &format!("no seat: {error}"))?;
            }
        }
        Ok(())
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
        log_latencies(&seats, at_ms);
        Ok(())
    }
}

/// What became of a batch.
enum BatchOutcome {
    /// It was sent, or its failure is on record.
    Done,
    /// Nobody can send it now.
    Nothing,
    /// It declares more than a batch may: so many would do.
    TooHeavy(Vec<BatchEntry>, usize),
    /// It failed as a whole, and has several entries.
    Failed(Vec<BatchEntry>, ChainError),
}

/// Puts a batch back as several.
fn divide(batch: Vec<BatchEntry>, pieces: usize, batches: &mut VecDeque<Vec<BatchEntry>>) {
    let size = batch.len().div_ceil(pieces.max(1)).max(1);
    for piece in batch.rchunks(size) {
        batches.push_front(piece.to_vec());
    }
}

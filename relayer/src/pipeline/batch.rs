//! Taking seats and opening commitments: all of this process's operators in one transaction.

use super::{
    error::RelayerError,
    evidence,
    outbox::{free_nonce, send},
    relayer::{in_turn, Now, Operator, Relayer},
};
use crate::{
    chain::{messages, BatchResults, Call, ChainError, DryRun, Oracle, Weight},
    store::{now_ms, Answered, Entry, Job, NewAttempt, Purpose},
};
use llm_oracle_primitives::{
    digest, limits, AnswerEntry, BlockNumber, CommitEntry, Error, RequestId, RequestView,
    RevealEntry,
};

/// One operator's part in a batch.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    /// Position of the operator in this process.
    operator: usize,
    answered: Answered,
    commit_deadline: BlockNumber,
    seats: u8,
}

impl Seat {
    /// `None` without a recorded answer, which `decide` rules out.
    pub(super) fn new(operator: usize, view: &RequestView, job: Option<Job>) -> Option<Self> {
        let summary = &view.summary;
        Some(Self {
            operator,
            answered: job?.answered,
            commit_deadline: summary.commit_deadline,
            seats: summary.seats,
        })
    }

    fn entry(&self) -> Entry {
        Entry {
            request_id: self.answered.request_id,
            operator: self.answered.operator,
        }
    }
}

/// Bytes that the largest entry of a batch takes, roughly; the batch must fit the contract's buffer.
const ENTRY_BYTES: u32 = 220;
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

impl Relayer {
    /// Sends commits, one-step answers or reveals, as few transactions as fit.
    pub(super) async fn send_seats(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        purpose: Purpose,
        mut seats: Vec<Seat>,
    ) -> Result<bool, RelayerError> {
        // Entries of one request share one load, one store and one event when they are neighbours.
        seats.sort_by_key(Seat::entry);
        let most = limits::MAX_BATCH_ENTRIES.min(limits::MAX_BATCH_BYTES / ENTRY_BYTES);
        let mut worked = false;
        for batch in seats.chunks(most.max(1) as usize) {
            worked |= self
                .send_batch(oracle, now, purpose, batch.to_vec())
                .await?;
        }
        Ok(worked)
    }

    async fn send_batch(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        purpose: Purpose,
        mut seats: Vec<Seat>,
    ) -> Result<bool, RelayerError> {
        let Some(carrier) = self.carrier(purpose, &seats)? else {
            return Ok(false);
        };
        // Each pass leaves refused entries out; the last one has none.
        let (call, dry) = loop {
            if seats.is_empty() {
                return Ok(true);
            }
            let call = self.call(purpose, &seats, carrier)?;
            let account = &self.operators[carrier].account;
            let ran = oracle
                .chain
                .dry_run(account, &oracle.address, 0, &call, None)
                .await;
            let dry = match ran {
                Ok(dry) => dry,
                Err(error) => return self.batch_failed(purpose, &seats, error),
            };
            let (kept, refused) = sort_results(&seats, &dry.value);
            if refused.is_empty() {
                break (call, dry);
            }
            for (seat, error) in refused {
                self.refused(purpose, &seat, error)?;
            }
            seats = kept;
        };
        let gas = gas_limit(purpose, &seats, &dry);
        self.sign_and_send(oracle, now, purpose, carrier, &call, gas, &seats)
            .await
    }

    /// The carriers take turns, so that one operator does not pay for all. After each failure the
    /// next one carries: one account that can't pay must not silence the others.
    fn carrier(&self, purpose: Purpose, seats: &[Seat]) -> Result<Option<usize>, RelayerError> {
        let mut most: Option<(u32, RequestId)> = None;
        for seat in seats {
            let (failures, _) = self.store.failures(&seat.entry(), purpose)?;
            // Of several requests, the one that failed most often sets the turn: no newcomer may
            // turn it back to a carrier that has just failed.
            if most.is_none_or(|(known, _)| failures > known) {
                most = Some((failures, seat.answered.request_id));
            }
        }
        Ok(most.and_then(|(failures, request)| in_turn(&self.able(), request, failures)))
    }

    #[allow(clippy::too_many_arguments)] // The parts of one transaction.
    async fn sign_and_send(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        purpose: Purpose,
        carrier: usize,
        call: &Call<BatchResults>,
        gas: Weight,
        seats: &[Seat],
    ) -> Result<bool, RelayerError> {
        let entries: Vec<Entry> = seats.iter().map(Seat::entry).collect();
        // Neither message changes the size of anything stored, so neither may take a deposit.
        let sent = self
            .transact(
                oracle,
                now,
                purpose,
                carrier,
                call.input(),
                gas,
                Some(0),
                entries.clone(),
            )
            .await;
        match sent {
            Ok(()) => {
                if purpose != Purpose::Reveal {
                    self.note_submitted(seats)?;
                }
                Ok(true)
            }
            Err(RelayerError::Chain(error)) => self.batch_failed(purpose, seats, error),
            Err(error) => Err(error),
        }
    }

    /// Signs with a fresh nonce, stores, sends.
    #[allow(clippy::too_many_arguments)] // The parts of one transaction.
    pub(super) async fn transact(
        &self,
        oracle: &Oracle,
        now: &Now,
        purpose: Purpose,
        carrier: usize,
        input: &[u8],
        gas: Weight,
        deposit_limit: Option<u128>,
        entries: Vec<Entry>,
    ) -> Result<(), RelayerError> {
        let Operator {
            key, account, id, ..
        } = &self.operators[carrier];
        let gas = match oracle.chain.max_extrinsic().await? {
            // The call's own weight comes on top of the limit.
            Some(most) => gas.at_most(Weight {
                ref_time: (most.ref_time / 10).saturating_mul(9),
                proof_size: (most.proof_size / 10).saturating_mul(9),
            }),
            None => gas,
        };
        let live = self.store.live_attempts()?;
        let held: Vec<u64> = live
            .iter()
            .filter(|attempt| attempt.tx.carrier == *id)
            .map(|attempt| attempt.tx.nonce)
            .collect();
        let best = oracle.chain.nonce_at(account, now.best.hash).await?;
        let nonce = free_nonce(best, oracle.chain.next_nonce(account).await?, &held);
        let tx = oracle
            .chain
            .sign_call(key, nonce, &oracle.address, 0, input, gas, deposit_limit)
            .await?;
        tracing::debug!(
            purpose = purpose.name(),
            nonce,
            entries = entries.len(),
            "sending"
        );
        let attempt = NewAttempt {
            hash: tx.hash,
            bytes: tx.bytes,
            carrier: *id,
            nonce,
            valid_until: tx.valid_until,
            purpose,
            entries,
        };
        send(&self.store, &oracle.chain, &attempt).await
    }

    fn call(
        &self,
        purpose: Purpose,
        seats: &[Seat],
        carrier: usize,
    ) -> Result<Call<BatchResults>, RelayerError> {
        Ok(match purpose {
            Purpose::Reveal => {
                let entries: Result<Vec<_>, _> =
                    seats.iter().map(|seat| self.reveal_entry(seat)).collect();
                messages::reveal_batch(&entries?)
            }
            Purpose::Answer => {
                let entries: Result<Vec<_>, _> =
                    seats.iter().map(|seat| self.answer_entry(seat)).collect();
                messages::answer_batch(&entries?)
            }
            _ => {
                let entries: Vec<_> = seats
                    .iter()
                    .map(|seat| self.commit_entry(seat, carrier))
                    .collect();
                messages::commit_batch(&entries)
            }
        })
    }

    fn context(&self, seat: &Seat) -> digest::Context {
        let answered = &seat.answered;
        let Answered {
            request_id,
            terms_digest,
            operator,
            ..
        } = *answered;
        evidence::context(&self.base, request_id, terms_digest, operator)
    }

    fn commit_entry(&self, seat: &Seat, carrier: usize) -> CommitEntry {
        let Answered {
            request_id,
            commitment,
            evidence,
            ..
        } = seat.answered;
        let operator = &self.operators[seat.operator];
        // Whoever carries its own commit needs no permission from itself.
        let signature = (seat.operator != carrier).then(|| {
            let valid_until = seat.commit_deadline;
            let context = self.context(seat);
            let message = digest::seat_message(&context, &commitment, &evidence, valid_until);
            (valid_until, operator.key.sign(&message).0)
        });
        CommitEntry {
            request_id,
            slot: operator.slot,
            model: 0,
            commitment,
            evidence,
            signature,
        }
    }

    fn reveal_entry(&self, seat: &Seat) -> Result<RevealEntry, RelayerError> {
        let Answered {
            request_id,
            evidence,
            salt_secret,
            ..
        } = seat.answered;
        let context = self.context(seat);
        let operator = &self.operators[seat.operator];
        let answer = seat.answered.answer.clone();
        let message = digest::answer_message(&context, &answer, &evidence);
        Ok(RevealEntry {
            request_id,
            slot: operator.slot,
            salt: digest::salt(self.store.secrets().get(salt_secret)?, &context),
            signature: operator.key.sign(&message).0,
            answer,
        })
    }

    fn answer_entry(&self, seat: &Seat) -> Result<AnswerEntry, RelayerError> {
        let evidence = seat.answered.evidence;
        let RevealEntry {
            request_id,
            slot,
            answer,
            salt,
            signature,
        } = self.reveal_entry(seat)?;
        Ok(AnswerEntry {
            request_id,
            slot,
            model: 0,
            answer,
            evidence,
            salt,
            signature,
        })
    }

    /// The whole batch failed: every entry has failed once more.
    fn batch_failed(
        &self,
        purpose: Purpose,
        seats: &[Seat],
        error: ChainError,
    ) -> Result<bool, RelayerError> {
        if error.is_connection() {
            return Err(error.into());
        }
        for seat in seats {
            self.fail(&seat.entry(), purpose, &error.to_string())?;
        }
        Ok(true)
    }

    /// The contract would refuse this entry.
    fn refused(&self, purpose: Purpose, seat: &Seat, error: Error) -> Result<(), RelayerError> {
        let entry = seat.entry();
        match error {
            // Ran out of gas before it; the next turn sends it.
            Error::NotTried => Ok(()),
            // Done already: the next finalized block shows it, and whether it was us.
            Error::SeatTakenBySame { .. } | Error::AlreadyRevealed { .. } => {
                tracing::debug!(request = entry.request_id, %error, "already there");
                self.fail(&entry, purpose, &error.to_string())
            }
            Error::SeatsTaken { .. } | Error::CommitClosed { .. } | Error::NotNamed { .. }
                if purpose != Purpose::Reveal =>
            {
                self.leave_out(&entry, &format!("no seat: {error}"))
            }
            error => self.fail(&entry, purpose, &error.to_string()),
        }
    }

    /// Our own share of the time from a finalized request to its submitted commit.
    fn note_submitted(&self, seats: &[Seat]) -> Result<(), RelayerError> {
        let at_ms = now_ms();
        let mut request: Option<RequestId> = None;
        for seat in seats {
            let Answered {
                request_id,
                operator,
                seen_at_ms,
                ..
            } = seat.answered;
            self.store.set_submitted(request_id, &operator, at_ms)?;
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

fn sort_results(seats: &[Seat], results: &[Result<(), Error>]) -> (Vec<Seat>, Vec<(Seat, Error)>) {
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
fn gas_limit(purpose: Purpose, seats: &[Seat], dry: &DryRun<BatchResults>) -> Weight {
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
        if request == Some(seat.answered.request_id) {
            continue;
        }
        request = Some(seat.answered.request_id);
        gas = gas.plus(SETTLE);
        for _ in 0..seat.seats {
            gas = gas.plus(SETTLE_SEAT);
        }
    }
    gas
}

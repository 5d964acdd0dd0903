//! Taking seats and opening commitments: all of this process's operators in one transaction.

use super::{
    entries::{split, Part, Seat},
    error::RelayerError,
    relayer::{Now, Relayer},
    retry::in_turn,
    transact::Plan,
    Oracle,
};
use llm_oracle_chain::{BatchResults, Call, ChainError, DryRun, Remedy, Weight};
use llm_oracle_primitives::{limits, Error, RequestId};
use llm_oracle_store::{now_ms, Answered, Entry, JobState, Purpose};
use llm_oracle_support::planted::{planted, Bug};
use std::collections::VecDeque;

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
        seats: Vec<Seat>,
    ) -> Result<bool, RelayerError> {
        let mut seats = self.share(oracle, now, purpose, seats).await?;
        // Entries of one request share one load, one store and one event when they are neighbours.
        seats.sort_by_key(Part::entry);
        let mut worked = false;
        // What comes first is sent first.
        let mut batches = VecDeque::from(split(purpose, seats));
        while let Some(batch) = batches.pop_front() {
            match self.send_batch(oracle, now, purpose, batch).await? {
                Sent::Done => worked = true,
                Sent::Nothing => {}
                Sent::TooMuch(batch) => halves(batch, &mut batches),
            }
        }
        Ok(worked)
    }

    async fn send_batch(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        purpose: Purpose,
        mut seats: Vec<Part>,
    ) -> Result<Sent, RelayerError> {
        let Some(carrier) = self.carrier(purpose, &seats)? else {
            return Ok(Sent::Nothing);
        };
        // Each pass leaves refused entries out; the last one has none.
        let (call, dry) = loop {
            if seats.is_empty() {
                return Ok(Sent::Done);
            }
            let call = match self.call(purpose, &seats, carrier) {
                // The others go without it.
                Err(RelayerError::Unsigned { entry, error }) if !error.may_pass() => {
                    self.fail(&entry, purpose, &error.to_string())?;
                    seats.retain(|seat| seat.entry() != entry);
                    continue;
                }
                call => call?,
            };
            let account = &self.operators[carrier].account;
            let ran = oracle
                .chain
                .dry_run(account, &oracle.address, 0, &call, None)
                .await;
            let dry = match ran {
                Ok(dry) => dry,
                Err(error) if seats.len() > 1 && is_too_much(&error) => {
                    return Ok(Sent::TooMuch(seats));
                }
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
    fn carrier(&self, purpose: Purpose, seats: &[Part]) -> Result<Option<usize>, RelayerError> {
        let entries: Vec<Entry> = seats.iter().map(Part::entry).collect();
        let failed = self.store.failures_of(&entries, purpose)?;
        let mut most: Option<(u32, RequestId)> = None;
        for entry in entries {
            let failures = failed.get(&entry).copied().unwrap_or_default();
            // Of several requests, the one that failed most often sets the turn: no newcomer may
            // turn it back to a carrier that has just failed.
            if most.is_none_or(|(known, _)| failures > known) {
                most = Some((failures, entry.request_id));
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
        seats: &[Part],
    ) -> Result<Sent, RelayerError> {
        let plan = Plan {
            purpose,
            carrier,
            input: call.input(),
            gas,
            // Neither message changes the size of anything stored, so neither may take a deposit.
            deposit_limit: Some(0),
            entries: seats.iter().map(Part::entry).collect(),
        };
        let mut sent = self.transact(oracle, now, &plan).await;
        if matches!(&sent, Err(RelayerError::Chain(error)) if error.remedy() == Remedy::Now) {
            // Made anew, with a nonce from what the chain says now; once, so that no word of the pool
            // can keep us here.
            sent = self.transact(oracle, now, &plan).await;
        }
        match sent {
            Ok(()) => {
                self.note_carried(seats);
                if purpose != Purpose::Reveal {
                    self.note_submitted(seats)?;
                }
                if planted(Bug::CommittedWhenSent) && purpose == Purpose::Commit {
                    for seat in seats.iter().filter_map(Part::own) {
                        let (id, state) = (seat.answered.request_id, JobState::Committed);
                        self.store
                            .set_job_state(id, &seat.answered.operator, state, None)?;
                    }
                }
                Ok(Sent::Done)
            }
            Err(RelayerError::Chain(error)) => self.batch_failed(purpose, seats, error),
            Err(error) => Err(error),
        }
    }

    /// The whole batch failed: every entry has failed once more. If there are some of peers among them,
    /// ours are tried without those first.
    fn batch_failed(
        &mut self,
        purpose: Purpose,
        seats: &[Part],
        error: ChainError,
    ) -> Result<Sent, RelayerError> {
        if error.is_connection() {
            return Err(error.into());
        }
        if self.drop_all_foreign(seats) {
            tracing::warn!(%error, purpose = purpose.name(), "a batch with entries of peers failed");
            return Ok(Sent::Done);
        }
        let hopeless = matches!(error.remedy(), Remedy::Never | Remedy::Wrong);
        for seat in seats {
            let entry = seat.entry();
            self.fail(&entry, purpose, &error.to_string())?;
            // A seat that is taken is opened whatever it takes.
            if hopeless && purpose != Purpose::Reveal {
                self.leave_out(&entry, &format!("no seat: {error}"))?;
            }
        }
        Ok(Sent::Done)
    }

    /// The contract would refuse this entry.
    fn refused(&mut self, purpose: Purpose, part: &Part, error: Error) -> Result<(), RelayerError> {
        let seat = match part {
            Part::Own(seat) => seat,
            Part::Foreign(_) if error == Error::NotTried => return Ok(()),
            Part::Foreign(foreign) => {
                self.drop_foreign(foreign, "contract");
                return Ok(());
            }
        };
        let entry = seat.entry();
        match verdict(purpose, &error) {
            Verdict::Again => Ok(()),
            Verdict::Failed => self.fail(&entry, purpose, &error.to_string()),
            Verdict::LeftOut => self.leave_out(&entry, &format!("no seat: {error}")),
            Verdict::Barred => {
                self.bar(seat.operator);
                self.leave_out(&entry, &format!("no seat: {error}"))
            }
        }
    }

    /// Our own share of the time from a finalized request to its submitted commit.
    fn note_submitted(&self, parts: &[Part]) -> Result<(), RelayerError> {
        let seats: Vec<&Seat> = parts.iter().filter_map(Part::own).collect();
        let at_ms = now_ms();
        let entries: Vec<Entry> = seats.iter().map(|seat| seat.entry()).collect();
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
enum Sent {
    /// It was sent, or its failure is on record.
    Done,
    /// Nobody can send it now.
    Nothing,
    /// No contract can do all of it in one call, or one entry of it keeps the others from being done.
    TooMuch(Vec<Part>),
}

/// Whether a call failed for what it makes the contract do: it ran out of gas or of memory, or into
/// whatever one entry of it makes the contract trap at.
fn is_too_much(error: &ChainError) -> bool {
    !planted(Bug::KeepBatchWhole)
        && matches!(error, ChainError::Dispatch { name, .. }
        if ["Contracts::OutOfGas", "Contracts::ContractTrapped"].iter().any(|one| name.starts_with(one)))
}

/// Puts a batch back as two: in the end, what can't be done stands alone.
fn halves(mut batch: Vec<Part>, batches: &mut VecDeque<Vec<Part>>) {
    let rest = batch.split_off(batch.len().div_ceil(2));
    batches.push_front(rest);
    batches.push_front(batch);
}

/// What follows from the contract's refusal of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It was not refused for anything of its own: the next turn sends it.
    Again,
    /// It counts as a failure: after a rest it is tried again, a few times.
    Failed,
    /// Nothing that comes before the deadline changes it: the request is left out.
    LeftOut,
    /// The operator takes no seat any more, in this request or another.
    Barred,
}

fn verdict(purpose: Purpose, error: &Error) -> Verdict {
    match error {
        // Ran out of gas before it.
        Error::NotTried => Verdict::Again,
        // A seat is opened whatever it takes: its bond is at stake.
        _ if purpose == Purpose::Reveal => Verdict::Failed,
        Error::Barred { .. } => Verdict::Barred,
        Error::SeatsTaken { .. }
        | Error::CommitClosed { .. }
        | Error::NotNamed { .. }
        | Error::RecordTooLow { .. }
        | Error::WrongForm { .. }
        | Error::OptionOutOfRange { .. }
        | Error::AnswerLength { .. } => Verdict::LeftOut,
        // `SeatTakenBySame`: the next finalized block shows it, and whether it was us. `NotDrawn` and
        // `NotDrawnYet`: the best block has left the branch that showed the draw, or time will tell.
        // A bond can be raised. Everything else is none of a seat's.
        _ => Verdict::Failed,
    }
}

fn sort_results(seats: &[Part], results: &[Result<(), Error>]) -> (Vec<Part>, Vec<(Part, Error)>) {
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
fn gas_limit(purpose: Purpose, seats: &[Part], dry: &DryRun<BatchResults>) -> Weight {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_consequence() {
        use Verdict::{Again, Barred, Failed, LeftOut};
        let slot = 1;
        let record = Error::RecordTooLow {
            answers: 0,
            agreement_ppm: 0,
        };
        let length = Error::AnswerLength { bytes: 9, most: 8 };
        let early = Error::NotDrawnYet { until: 9, now: 8 };
        for (error, consequence) in [
            (Error::NotTried, Again),
            (Error::SeatTakenBySame { slot }, Failed),
            (Error::BondTooLow { bond: 0, least: 1 }, Failed),
            (Error::NotDrawn { slot, opens_at: 9 }, Failed),
            (early, Failed),
            (Error::SeatsTaken { seats: 3 }, LeftOut),
            (Error::NotNamed { slot }, LeftOut),
            (record, LeftOut),
            (length, LeftOut),
            (Error::Barred { slot }, Barred),
        ] {
            assert_eq!(verdict(Purpose::Commit, &error), consequence, "{error}");
            assert_eq!(verdict(Purpose::Answer, &error), consequence, "{error}");
            let revealing = if consequence == Again { Again } else { Failed };
            assert_eq!(verdict(Purpose::Reveal, &error), revealing, "{error}");
        }
    }
}

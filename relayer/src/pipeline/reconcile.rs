//! Finding out what became of transactions and of jobs, from nonces and from the contract's state
//! alone.

use super::{
    decide::OnChain,
    error::RelayerError,
    outbox::{fate, hand_over, Fate, Nonces},
    relayer::{Now, Relayer},
    Oracle,
};
use crate::chain::Remedy;
use crate::planted::{planted, Bug};
use crate::store::{fault, now_ms, Attempt, AttemptState, Entry, Job, JobState, Purpose};
use llm_oracle_primitives::{DeliveryStatus, Phase, RequestId, RequestView, SeatState, SeatView};

impl Relayer {
    /// Finds out what became of the transactions that may still count.
    pub(super) async fn reconcile(
        &mut self,
        oracle: &Oracle,
        now: &Now,
    ) -> Result<bool, RelayerError> {
        let mut worked = false;
        // Another replica may be about to send one of its own.
        let elsewhere = self.store.held_elsewhere()?;
        for attempt in self.store.live_attempts()? {
            if elsewhere.contains(&attempt.id) {
                continue;
            }
            worked |= self.reconcile_one(oracle, now, &attempt).await?;
        }
        Ok(worked)
    }

    async fn reconcile_one(
        &self,
        oracle: &Oracle,
        now: &Now,
        attempt: &Attempt,
    ) -> Result<bool, RelayerError> {
        let carrier = attempt.tx.carrier.into();
        let nonces = Nonces {
            finalized: oracle.chain.nonce_at(&carrier, now.finalized.hash).await?,
            best: oracle.chain.nonce_at(&carrier, now.best.hash).await?,
        };
        let unsent = attempt.state == AttemptState::Signed;
        if planted(Bug::UnsentIsDead) && unsent && nonces.best <= attempt.tx.nonce {
            let reason = "not sent";
            self.store
                .set_attempt_state(attempt.id, AttemptState::Dead, Some(reason))?;
            return Ok(true);
        }
        let height = match planted(Bug::ExpiredAtBestBlock) {
            true => now.best.number,
            false => now.finalized.number,
        };
        match fate(attempt, nonces, height, now_ms()) {
            Fate::Wait => Ok(false),
            Fate::Expired if planted(Bug::ForgetExpired) => Ok(false),
            Fate::InBlock => {
                if attempt.state != AttemptState::InBlock {
                    self.store
                        .set_attempt_state(attempt.id, AttemptState::InBlock, None)?;
                }
                Ok(false)
            }
            Fate::Expired => {
                let reason = "expired in no block";
                self.end(
                    attempt,
                    AttemptState::Dead,
                    reason,
                    &attempt.tx.entries,
                    reason,
                )
            }
            Fate::Resend => self.resend(oracle, attempt).await,
            Fate::Over => self.close(oracle, now, attempt).await,
        }
    }

    async fn resend(&self, oracle: &Oracle, attempt: &Attempt) -> Result<bool, RelayerError> {
        let Attempt { id, tx, .. } = attempt;
        if planted(Bug::ReplaceQuiet) {
            let reason = "quiet";
            self.store
                .set_attempt_state(*id, AttemptState::Dead, Some(reason))?;
            return Ok(true);
        }
        if planted(Bug::ResignToResend) {
            let mut bytes = tx.bytes.clone();
            if let Some(last) = bytes.last_mut() {
                *last = last.wrapping_add(1);
            }
            oracle.chain.submit(&bytes).await?;
        }
        let sent = hand_over(&self.store, &oracle.chain, *id, &tx.bytes, tx.purpose).await;
        let error = match sent {
            Err(RelayerError::Chain(error)) if !error.is_connection() => error,
            other => return other.map(|()| true),
        };
        // Refused because it has just been included, or because it never can be?
        let best = oracle.chain.best().await?;
        if tx.nonce < oracle.chain.nonce_at(&tx.carrier.into(), best.hash).await? {
            return Ok(false);
        }
        // A pool that has had it once may have passed it on, and one node that has no room for it now or
        // will look at it later proves nothing: its era ends it.
        if attempt.state != AttemptState::Signed && error.remedy() == Remedy::Later {
            return Ok(false);
        }
        let reason = format!("the node refuses it: {error}");
        self.end(attempt, AttemptState::Dead, &reason, &tx.entries, &reason)
    }

    /// Ends a transaction, and counts a failure of each entry that has come to nothing by it. Once:
    /// if another replica has ended it, that one has counted.
    fn end(
        &self,
        attempt: &Attempt,
        state: AttemptState,
        reason: &str,
        failed: &[Entry],
        failure: &str,
    ) -> Result<bool, RelayerError> {
        let kept = (state == AttemptState::Dead).then_some(reason);
        if !self.store.set_attempt_state(attempt.id, state, kept)? {
            return Ok(true);
        }
        for entry in failed {
            self.fail(entry, attempt.tx.purpose, failure)?;
        }
        Ok(true)
    }

    /// The nonce is used up at a finalized block: whether by this transaction, and to what effect,
    /// only the contract's state can say.
    async fn close(
        &self,
        oracle: &Oracle,
        now: &Now,
        attempt: &Attempt,
    ) -> Result<bool, RelayerError> {
        let purpose = attempt.tx.purpose;
        let mut without = Vec::new();
        for entry in &attempt.tx.entries {
            let view = oracle
                .request(entry.request_id, Some(now.finalized.hash))
                .await?;
            // A pruned request is over, whoever brought it there.
            if view.is_some_and(|view| !took_effect(purpose, &view, &entry.operator)) {
                without.push(*entry);
            }
        }
        let state = match without.len() < attempt.tx.entries.len() {
            true => AttemptState::Final,
            false => AttemptState::Dead,
        };
        let reason = "its nonce is used up and it had no effect";
        let failure = "sent, and the contract's state shows no effect";
        self.end(attempt, state, reason, &without, failure)?;
        if purpose == Purpose::Deliver {
            fault::reach(fault::DELIVER_FINAL);
        }
        Ok(true)
    }

    /// Keeps the job's state in step with what the finalized block shows, also when it was given up
    /// before and its transaction came through after all.
    pub(super) fn note(
        &self,
        id: RequestId,
        index: usize,
        job: Option<&Job>,
        chain: &OnChain,
    ) -> Result<(), RelayerError> {
        let operator = &self.operators[index];
        let (Some(job), Some(seat)) = (job, chain.seat) else {
            return Ok(());
        };
        if job.answered.commitment != seat.commitment {
            return Ok(());
        }
        let (state, point) = match seat.state {
            SeatState::Committed => (JobState::Committed, fault::COMMIT_FINAL),
            SeatState::Revealed => (JobState::Revealed, fault::REVEAL_FINAL),
            _ => return Ok(()),
        };
        if job.state != state {
            self.store.set_job_state(id, &operator.id, state, None)?;
            fault::reach(point);
        }
        Ok(())
    }

    /// Whether the end of a request may still change what is recorded about it.
    pub(super) fn has_unended_job(&self, id: RequestId) -> Result<bool, RelayerError> {
        for operator in &self.operators {
            let job = self.store.job(id, &operator.id)?;
            let ended = [JobState::Ended, JobState::ForeignCommitment];
            if job.is_some_and(|job| !ended.contains(&job.state)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes how the jobs of a settled request ended.
    pub(super) fn note_end(&self, view: &RequestView) -> Result<bool, RelayerError> {
        let id = view.summary.request_id;
        let mut noted = false;
        for operator in &self.operators {
            let Some(job) = self.store.job(id, &operator.id)? else {
                continue;
            };
            let seat = seat_of(view, &operator.id)
                .filter(|seat| seat.commitment == job.answered.commitment);
            let Some(state) = at_end(job.state, seat.map(|seat| seat.state)) else {
                continue;
            };
            let reason = (state == JobState::Dead).then(|| {
                let known = job.reason.unwrap_or_else(|| "no attempt failed".to_owned());
                format!(
                    "not revealed by block {}; {known}",
                    view.summary.reveal_deadline
                )
            });
            self.store
                .set_job_state(id, &operator.id, state, reason.as_deref())?;
            if job.state != JobState::Revealed {
                fault::reach(fault::REVEAL_FINAL);
            }
            noted = true;
        }
        Ok(noted)
    }
}

/// What the end of a request makes of a job, by its own seat there; `None`: it stays as it is.
fn at_end(job: JobState, seat: Option<SeatState>) -> Option<JobState> {
    let end = match (job, seat) {
        (JobState::ForeignCommitment, _) => return None,
        // It cost the bond, which somebody should see.
        (_, Some(SeatState::Silent)) => JobState::Dead,
        // Given up, and nothing came of it.
        (JobState::Dead, None) => JobState::Dead,
        _ => JobState::Ended,
    };
    (end != job).then_some(end)
}

fn seat_of<'a>(view: &'a RequestView, operator: &[u8; 32]) -> Option<&'a SeatView> {
    view.seats.iter().find(|seat| {
        let holder: &[u8; 32] = seat.operator.as_ref();
        holder == operator
    })
}

fn took_effect(purpose: Purpose, view: &RequestView, operator: &[u8; 32]) -> bool {
    let seat = seat_of(view, operator);
    match purpose {
        // A report has its effect on the operator, whoever brought it.
        Purpose::Ask | Purpose::Report => true,
        Purpose::Commit => seat.is_some(),
        Purpose::Answer | Purpose::Reveal => {
            let closed = [SeatState::Vacant, SeatState::Committed, SeatState::Silent];
            seat.is_some_and(|seat| !closed.contains(&seat.state))
        }
        Purpose::Advance => view.summary.settled || view.summary.phase != Phase::Ended,
        // A callback that ran and failed is none: it counts as a failure, so that nobody pays for
        // an endless row of them.
        Purpose::Deliver => {
            matches!(
                view.summary.delivery,
                DeliveryStatus::Delivered | DeliveryStatus::None
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_corrects_what_was_given_up_and_shows_what_was_missed() {
        use JobState::{Answered, Committed, Dead, Ended, ForeignCommitment, Revealed};
        for (job, seat, end) in [
            (Answered, None, Some(Ended)),
            (Revealed, Some(SeatState::Agreed), Some(Ended)),
            (Dead, Some(SeatState::Agreed), Some(Ended)),
            (Dead, None, None),
            (Committed, Some(SeatState::Silent), Some(Dead)),
            (Committed, Some(SeatState::Released), Some(Ended)),
            (Ended, Some(SeatState::Agreed), None),
            (ForeignCommitment, Some(SeatState::Silent), None),
        ] {
            assert_eq!(at_end(job, seat), end, "{job:?} {seat:?}");
        }
    }
}

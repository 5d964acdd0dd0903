//! Finding out what became of transactions and of jobs, from nonces and from the contract's state
//! alone.

use super::{
    decide::OnChain,
    error::RelayerError,
    outbox::{fate, hand_over, Fate, Nonces},
    relayer::{Now, Relayer},
    Oracle,
};
use futures::future::try_join_all;
use llm_oracle_chain::{ChainError, Remedy, Wanted};
use llm_oracle_primitives::{
    DeliveryStatus, Phase, RequestId, RequestView, SeatState, SeatView, Summary,
};
use llm_oracle_store::{
    fault, now_ms, Attempt, AttemptState, Entry, Job, JobNote, JobState, Purpose, Recall,
};
use llm_oracle_support::planted::{planted, Bug};
use std::collections::{BTreeSet, HashMap};

/// What a finalized block shows about a job, to be noted.
pub(super) struct Note {
    note: JobNote,
    /// Crash point behind it.
    point: Option<&'static str>,
}

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
        let mut live = self.store.live_attempts()?;
        live.retain(|attempt| !elsewhere.contains(&attempt.id));
        let nonces = nonces(oracle, now, &live).await?;
        let closing = self.closing(now, &live, &nonces);
        self.read_ahead(oracle, now, &closing).await?;
        for attempt in live {
            if let Some(nonces) = nonces.get(&attempt.tx.carrier) {
                worked |= self.reconcile_one(oracle, now, &attempt, *nonces).await?;
            }
        }
        Ok(worked)
    }

    /// Requests that transactions are about whose nonce is used up for good.
    fn closing(
        &self,
        now: &Now,
        live: &[Attempt],
        nonces: &HashMap<[u8; 32], Nonces>,
    ) -> Vec<Wanted> {
        let over = live.iter().filter(|attempt| {
            let nonces = nonces.get(&attempt.tx.carrier);
            let fate = nonces.map(|it| fate(attempt, *it, now.finalized.number, now_ms()));
            fate == Some(Fate::Over)
        });
        let ids: BTreeSet<RequestId> = over
            .flat_map(|attempt| {
                let entries = attempt.tx.entries.iter().map(|entry| entry.request_id);
                entries.filter(move |id| !self.shows_effect(attempt.tx.purpose, *id))
            })
            .collect();
        let wanted = ids.into_iter().map(Wanted::view);
        wanted.collect()
    }

    /// Whether the summary alone shows that what was sent has had its effect: a reveal is sent for a
    /// seat that a finalized block showed as taken, and all that are taken are open now.
    fn shows_effect(&self, purpose: Purpose, id: RequestId) -> bool {
        let summary = self.views.summary(id);
        purpose == Purpose::Reveal && summary.is_some_and(is_all_open)
    }

    async fn reconcile_one(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        attempt: &Attempt,
        nonces: Nonces,
    ) -> Result<bool, RelayerError> {
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
        &mut self,
        oracle: &Oracle,
        now: &Now,
        attempt: &Attempt,
    ) -> Result<bool, RelayerError> {
        let purpose = attempt.tx.purpose;
        let mut without = Vec::new();
        for entry in &attempt.tx.entries {
            if self.shows_effect(purpose, entry.request_id) {
                continue;
            }
            let view = self.view(oracle, now, entry.request_id).await?;
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
    ) -> Option<Note> {
        let (job, seat) = (job?, chain.seat?);
        if job.answered.commitment != seat.commitment {
            return None;
        }
        let (state, point) = match seat.state {
            SeatState::Committed => (JobState::Committed, fault::COMMIT_FINAL),
            SeatState::Revealed => (JobState::Revealed, fault::REVEAL_FINAL),
            _ => return None,
        };
        let entry = self.operators[index].entry(id);
        (job.state != state).then_some(Note {
            note: JobNote {
                entry,
                state,
                reason: None,
            },
            point: Some(point),
        })
    }

    /// Records what was noted, with one write to the disk.
    pub(super) fn keep(&self, notes: Vec<Note>) -> Result<(), RelayerError> {
        if notes.is_empty() {
            return Ok(());
        }
        let points: Vec<_> = notes.iter().filter_map(|note| note.point).collect();
        let notes: Vec<JobNote> = notes.into_iter().map(|note| note.note).collect();
        self.store.set_job_states(&notes)?;
        points.into_iter().for_each(fault::reach);
        Ok(())
    }

    /// Whether the end of a request may still change what is recorded about it.
    pub(super) fn has_unended_job(&self, id: RequestId, recall: &Recall) -> bool {
        let mut entries = self.operators.iter().map(|operator| operator.entry(id));
        entries.any(|entry| recall.job(&entry).is_some_and(is_unended))
    }

    /// The same, read from the store.
    pub(super) fn has_job_left(&self, id: RequestId) -> Result<bool, RelayerError> {
        for operator in &self.operators {
            let job = self.store.job(id, &operator.id)?;
            if job.as_ref().is_some_and(is_unended) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the summary of a settled request and our record of it are enough to end its jobs:
    /// every seat that was taken was opened, ours were seen on the chain as ours, and no books wait
    /// for what they were paid.
    pub(super) fn has_opened_all(&self, summary: &Summary, recall: &Recall) -> bool {
        use JobState::{Committed, Ended, ForeignCommitment, Revealed};
        let mut entries = self
            .operators
            .iter()
            .map(|operator| operator.entry(summary.request_id));
        is_all_open(summary)
            && entries.all(|entry| {
                let seen = [Committed, Revealed, Ended, ForeignCommitment];
                let job = recall.job(&entry);
                job.is_none_or(|job| seen.contains(&job.state)) && !self.asks.is_booked(&entry)
            })
    }

    /// The end of our jobs in such a request.
    pub(super) fn opened_jobs(&self, id: RequestId, recall: &Recall) -> Vec<Note> {
        let entries = self.operators.iter().map(|operator| operator.entry(id));
        let jobs = entries.filter_map(|entry| Some((entry, recall.job(&entry)?)));
        jobs.filter(|(_, job)| is_unended(job))
            .map(|(entry, job)| ended(entry, job, JobState::Ended, None))
            .collect()
    }

    /// How the jobs of a settled request have ended.
    pub(super) fn ended_jobs(&self, view: &RequestView, recall: &Recall) -> Vec<Note> {
        let id = view.summary.request_id;
        let mut notes = Vec::new();
        for operator in &self.operators {
            let entry = operator.entry(id);
            let Some(job) = recall.job(&entry) else {
                continue;
            };
            let seat = seat_of(view, &operator.id)
                .filter(|seat| seat.commitment == job.answered.commitment);
            let Some(state) = at_end(job.state, seat.map(|seat| seat.state)) else {
                continue;
            };
            let reason = (state == JobState::Dead).then(|| {
                let known = job.reason.as_deref().unwrap_or("no attempt failed");
                format!(
                    "not revealed by block {}; {known}",
                    view.summary.reveal_deadline
                )
            });
            notes.push(ended(entry, job, state, reason));
        }
        notes
    }
}

/// The nonces of everybody who sent one of these transactions.
async fn nonces(
    oracle: &Oracle,
    now: &Now,
    live: &[Attempt],
) -> Result<HashMap<[u8; 32], Nonces>, ChainError> {
    let carriers: BTreeSet<_> = live.iter().map(|attempt| attempt.tx.carrier).collect();
    let read = carriers.into_iter().map(|carrier| async move {
        let account = carrier.into();
        let (finalized, best) = futures::try_join!(
            oracle.chain.nonce_at(&account, now.finalized.hash),
            oracle.chain.nonce_at(&account, now.best.hash),
        )?;
        Ok::<_, ChainError>((carrier, Nonces { finalized, best }))
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

fn ended(entry: Entry, job: &Job, state: JobState, reason: Option<String>) -> Note {
    Note {
        note: JobNote {
            entry,
            state,
            reason,
        },
        point: (job.state != JobState::Revealed).then_some(fault::REVEAL_FINAL),
    }
}

fn is_unended(job: &Job) -> bool {
    !matches!(job.state, JobState::Ended | JobState::ForeignCommitment)
}

/// Whether every seat that was taken has been opened.
fn is_all_open(summary: &Summary) -> bool {
    summary.committed > 0 && summary.revealed == summary.committed
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

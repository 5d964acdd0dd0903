//! What the chain shows about recorded answers, and the end of the jobs that they are.

use crate::{error::RelayerError, operators::Operators, plan::OnChain};
use llm_oracle_primitives::{RequestId, RequestView, SeatState, SeatView, Summary};
use llm_oracle_store::{crash_point, Job, JobState, JobUpdate, SeatId, SeatRecords, Store};

/// A change of a job's state, to be recorded.
pub(crate) struct JobChange {
    note: JobUpdate,
    /// Crash point behind it.
    point: Option<&'static str>,
}

/// What a finalized block shows about a job, also when it was given up before and its transaction came
/// through after all.
pub(crate) fn shown(entry: SeatId, job: Option<&Job>, chain: &OnChain) -> Option<JobChange> {
    let (job, seat) = (job?, chain.seat?);
    if job.answered.commitment != seat.commitment {
        return None;
    }
    let (state, point) = match seat.state {
        SeatState::Committed => (JobState::Committed, crash_point::COMMIT_FINAL),
        SeatState::Revealed => (JobState::Revealed, crash_point::REVEAL_FINAL),
        _ => return None,
    };
    (job.state != state).then_some(JobChange {
        note: JobUpdate {
            entry,
            state,
            reason: None,
        },
        point: Some(point),
    })
}

/// Records changes, with one write to the disk.
///
/// # Errors
/// When the store fails.
pub(crate) fn record(store: &Store, changes: Vec<JobChange>) -> Result<(), RelayerError> {
    if changes.is_empty() {
        return Ok(());
    }
    let points: Vec<_> = changes.iter().filter_map(|change| change.point).collect();
    let notes: Vec<JobUpdate> = changes.into_iter().map(|change| change.note).collect();
    store.set_job_states(&notes)?;
    points.into_iter().for_each(crash_point::reach);
    Ok(())
}

/// Whether the end of a request may still change what is recorded about it.
pub(crate) fn has_unended(operators: &Operators, id: RequestId, recall: &SeatRecords) -> bool {
    let mut entries = operators.entries(id);
    entries.any(|entry| recall.job(&entry).is_some_and(is_unended))
}

/// The same, read from the store.
///
/// # Errors
/// When the store fails.
pub(crate) fn has_unended_in(
    store: &Store,
    operators: &Operators,
    id: RequestId,
) -> Result<bool, RelayerError> {
    for entry in operators.entries(id) {
        let job = store.job(id, &entry.operator)?;
        if job.as_ref().is_some_and(is_unended) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the summary of a settled request and our record of it are enough to end its jobs: every seat
/// that was taken was revealed, ours were seen on the chain as ours, and nothing is spent on them that
/// waits for what they were paid.
pub(crate) fn are_all_revealed(
    operators: &Operators,
    summary: &Summary,
    recall: &SeatRecords,
    is_spent_on: impl Fn(&SeatId) -> bool,
) -> bool {
    use JobState::{Committed, Ended, Revealed, UnknownCommitment};
    let mut entries = operators.entries(summary.request_id);
    is_all_revealed(summary)
        && entries.all(|entry| {
            let seen = [Committed, Revealed, Ended, UnknownCommitment];
            let job = recall.job(&entry);
            job.is_none_or(|job| seen.contains(&job.state)) && !is_spent_on(&entry)
        })
}

/// The end of our jobs in such a request.
pub(crate) fn revealed_ends(
    operators: &Operators,
    id: RequestId,
    recall: &SeatRecords,
) -> Vec<JobChange> {
    let entries = operators.entries(id);
    let jobs = entries.filter_map(|entry| Some((entry, recall.job(&entry)?)));
    jobs.filter(|(_, job)| is_unended(job))
        .map(|(entry, job)| ended(entry, job, JobState::Ended, None))
        .collect()
}

/// The ends of answers that no seat of ours was taken with, in a request that has ended: they have come to
/// nothing, whoever settles it.
pub(crate) fn unseated_ends(
    operators: &Operators,
    view: &RequestView,
    recall: &SeatRecords,
) -> Vec<JobChange> {
    let mut ours = operators.iter();
    let seated = ours.any(|operator| seat_of(view, &operator.id).is_some());
    match seated || view.summary.settled {
        true => Vec::new(),
        false => ends(operators, view, recall),
    }
}

/// How the jobs of a settled request have ended.
pub(crate) fn ends(
    operators: &Operators,
    view: &RequestView,
    recall: &SeatRecords,
) -> Vec<JobChange> {
    let mut changes = Vec::new();
    for entry in operators.entries(view.summary.request_id) {
        let Some(job) = recall.job(&entry) else {
            continue;
        };
        let seat = seat_of(view, &entry.operator)
            .filter(|seat| seat.commitment == job.answered.commitment);
        let failed = job.reason.is_some();
        let Some(state) = at_end(job.state, seat.map(|seat| seat.state), failed) else {
            continue;
        };
        let reason = (state == JobState::Abandoned).then(|| {
            let known = job.reason.as_deref().unwrap_or("no attempt failed");
            let (what, deadline) = match seat {
                Some(_) => ("revealed", view.summary.reveal_deadline),
                None => ("committed", view.summary.commit_deadline),
            };
            format!("not {what} by block {deadline}; {known}")
        });
        changes.push(ended(entry, job, state, reason));
    }
    changes
}

fn ended(entry: SeatId, job: &Job, state: JobState, reason: Option<String>) -> JobChange {
    JobChange {
        note: JobUpdate {
            entry,
            state,
            reason,
        },
        point: (job.state != JobState::Revealed).then_some(crash_point::REVEAL_FINAL),
    }
}

fn is_unended(job: &Job) -> bool {
    !matches!(job.state, JobState::Ended | JobState::UnknownCommitment)
}

/// Whether every seat that was taken has been revealed.
pub(crate) fn is_all_revealed(summary: &Summary) -> bool {
    summary.committed > 0 && summary.revealed == summary.committed
}

/// What the end of a request makes of a job, by its own seat there and whether it failed often; `None`: it stays
/// as it is.
fn at_end(job: JobState, seat: Option<SeatState>, failed: bool) -> Option<JobState> {
    let end = match (job, seat) {
        (JobState::UnknownCommitment, _) => return None,
        // It cost the bond, which somebody should see.
        (_, Some(SeatState::Silent)) => JobState::Abandoned,
        // Tried in vain to the end.
        (JobState::Answered, None) if failed => JobState::Abandoned,
        (JobState::Abandoned, None) => JobState::Abandoned,
        _ => JobState::Ended,
    };
    (end != job).then_some(end)
}

/// An operator's seat in a request.
pub(crate) fn seat_of<'a>(view: &'a RequestView, operator: &[u8; 32]) -> Option<&'a SeatView> {
    view.seats.iter().find(|seat| {
        let holder: &[u8; 32] = seat.operator.as_ref();
        holder == operator
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_corrects_what_was_given_up_and_shows_what_was_missed() {
        use JobState::{Abandoned, Answered, Committed, Ended, Revealed, UnknownCommitment};
        for (job, seat, end) in [
            (Answered, None, Some(Ended)),
            (Revealed, Some(SeatState::Agreed), Some(Ended)),
            (Abandoned, Some(SeatState::Agreed), Some(Ended)),
            (Abandoned, None, None),
            (Committed, Some(SeatState::Silent), Some(Abandoned)),
            (Committed, Some(SeatState::Released), Some(Ended)),
            (Ended, Some(SeatState::Agreed), None),
            (UnknownCommitment, Some(SeatState::Silent), None),
        ] {
            assert_eq!(at_end(job, seat, false), end, "{job:?} {seat:?}");
        }
        assert_eq!(at_end(Answered, None, true), Some(Abandoned));
        assert_eq!(at_end(Answered, Some(SeatState::Agreed), true), Some(Ended));
    }
}

//! This replica's share of the requests, where several share a store.

use super::{is_undelivered, schedule::due, RequestTracker};
use crate::{error::RelayerError, model::ModelQueue, operators::Operators, tx::jobs};
use llm_oracle_primitives::{RequestId, Summary};
use llm_oracle_store::Store;
use std::collections::HashSet;

/// Requests of which one iteration finds out that another replica has brought them to their end.
const ENDED_PER_ITERATION_MAX: usize = 256;

/// The requests that this process works on in this iteration: all of them, or those that it holds leases
/// on. What all our operators have skipped needs nobody until its phase ends, so nobody holds it; what
/// the model is asked for stays held.
///
/// # Errors
/// When the store fails.
pub(crate) fn take_share(
    store: &Store,
    tracker: &mut RequestTracker,
    operators: &Operators,
    models: &ModelQueue,
    open: &[Summary],
    idle: &HashSet<RequestId>,
) -> Result<Vec<Summary>, RelayerError> {
    if !store.is_shared() {
        return Ok(open.to_vec());
    }
    finish_ended(store, tracker, operators, open)?;
    let asking = |id| operators.entries(id).any(|entry| models.is_asking(&entry));
    let mut wanted: Vec<&Summary> = open.iter().collect();
    wanted.retain(|summary| {
        let id = summary.request_id;
        !tracker.is_done(id) && (!idle.contains(&id) || asking(id))
    });
    wanted.sort_by_key(|summary| (due(summary), summary.request_id));
    let ids: Vec<RequestId> = wanted.iter().map(|summary| summary.request_id).collect();
    let held: HashSet<RequestId> = store.lease(&ids)?.into_iter().collect();
    tracing::trace!(wanted = ids.len(), held = held.len(), "leases");
    wanted.retain(|summary| held.contains(&summary.request_id));
    Ok(wanted.into_iter().cloned().collect())
}

/// What has come to its end needs no lease to be forgotten.
fn finish_ended(
    store: &Store,
    tracker: &mut RequestTracker,
    operators: &Operators,
    open: &[Summary],
) -> Result<(), RelayerError> {
    let ended = open
        .iter()
        .filter(|summary| summary.settled && !is_undelivered(summary));
    let ended = ended.take(ENDED_PER_ITERATION_MAX);
    let ids: Vec<RequestId> = ended.map(|summary| summary.request_id).collect();
    let recall = store.seat_records(&ids)?;
    for id in ids {
        if !jobs::has_unended(operators, id, &recall) {
            tracker.finish(id, operators);
        }
    }
    Ok(())
}

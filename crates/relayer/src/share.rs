//! This replica's share of the work, where several share a store.

use super::{error::RelayerError, queue::due, relayer::Relayer, scan::is_undelivered};
use llm_oracle_primitives::{RequestId, Summary};
use std::collections::HashSet;

/// Requests of which a turn finds out that another replica has brought them to their end.
const ENDED_A_TURN: usize = 256;

impl Relayer {
    /// The requests that this process works on in this turn: all of them, or those that it holds
    /// leases on. What all our operators have left out needs nobody until its phase ends, so nobody
    /// holds it; what the model is asked for stays held.
    pub(super) fn take_share(
        &mut self,
        open: &[Summary],
        idle: &HashSet<RequestId>,
    ) -> Result<Vec<Summary>, RelayerError> {
        if !self.store.is_shared() {
            return Ok(open.to_vec());
        }
        self.pass_over_ended(open)?;
        let asking = |id: RequestId| {
            let mut operators = self.operators.iter();
            operators.any(|operator| self.asks.is_asking(&operator.entry(id)))
        };
        let mut wanted: Vec<&Summary> = open.iter().collect();
        wanted.retain(|summary| {
            let id = summary.request_id;
            !self.is_done(id) && (!idle.contains(&id) || asking(id))
        });
        wanted.sort_by_key(|summary| (due(summary), summary.request_id));
        let ids: Vec<RequestId> = wanted.iter().map(|summary| summary.request_id).collect();
        let held: HashSet<RequestId> = self.store.lease(&ids)?.into_iter().collect();
        tracing::trace!(wanted = ids.len(), held = held.len(), "leases");
        wanted.retain(|summary| held.contains(&summary.request_id));
        Ok(wanted.into_iter().cloned().collect())
    }

    /// What has come to its end needs no lease to be forgotten.
    fn pass_over_ended(&mut self, open: &[Summary]) -> Result<(), RelayerError> {
        let ended = open
            .iter()
            .filter(|summary| summary.settled && !is_undelivered(summary));
        let ended = ended.take(ENDED_A_TURN);
        let ids: Vec<RequestId> = ended.map(|summary| summary.request_id).collect();
        let recall = self.store.recall(&ids)?;
        for id in ids {
            if !self.has_unended_job(id, &recall) {
                self.over(id);
            }
        }
        Ok(())
    }
}

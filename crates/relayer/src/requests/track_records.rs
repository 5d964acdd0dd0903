//! The track records of our operators: what the contract says of their earlier answers.

use crate::{error::RelayerError, node_session::ChainView, operators::Operators};
use llm_oracle_primitives::{
    BlockNumber, Hash, LeastRecord, OperatorView, Phase, RequestView, Summary,
};
use std::sync::Arc;

/// What the contract says about each of our operators, in their order; empty where nobody asks.
pub(crate) type TrackRecordsAt = Arc<Vec<Option<OperatorView>>>;

/// The track records at the last block that they were needed at.
#[derive(Default)]
pub(crate) struct TrackRecords(Option<(Hash, TrackRecordsAt)>);

impl TrackRecords {
    /// Our operators' track records, if a request that seats can be taken of asks for one or looks at their
    /// model families. They are read once for each finalized block.
    ///
    /// # Errors
    /// Errors of the chain.
    pub(crate) async fn read(
        &mut self,
        chain: &ChainView,
        view: &RequestView,
        operators: &mut Operators,
    ) -> Result<TrackRecordsAt, RelayerError> {
        let hash = chain.finalized.hash;
        let asks = view.least_record != LeastRecord::default() || view.max_seats_per_family > 0;
        if !asks || !has_free_seats(&view.summary, chain.best.number) {
            return Ok(TrackRecordsAt::default());
        }
        if let Some((_, records)) = self.0.as_ref().filter(|(at, _)| *at == hash) {
            return Ok(records.clone());
        }
        let mut records = Vec::with_capacity(operators.len());
        for index in 0..operators.len() {
            let account = operators[index].account;
            let record = chain.oracle.operator(&account, Some(hash)).await?;
            if record.as_ref().is_some_and(|record| record.barred) {
                operators.bar(index);
            }
            records.push(record);
        }
        let records = TrackRecordsAt::new(records);
        self.0 = Some((hash, records.clone()));
        Ok(records)
    }
}

/// Whether seats can be taken, as far as the finalized block and the best block's number tell.
fn has_free_seats(summary: &Summary, best: BlockNumber) -> bool {
    let open = matches!(summary.phase, Phase::Waiting | Phase::Committing);
    open && best >= summary.opens_at
}

//! Following a request to its end.

use super::{
    exit::{self, Failure},
    output::Output,
    render::stages,
};
use crate::chain::Oracle;
use llm_oracle_primitives::{DeliveryStatus, Error, RequestId, RequestView};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks at the chain.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Shows the stages of a request as they happen, until its end is final: only then is the result
/// one that nothing can change.
///
/// # Errors
/// When the request does not exist, the connection is lost, or `patience` is over.
pub async fn until_final(
    oracle: &Oracle,
    id: RequestId,
    patience: Duration,
    out: &Output,
) -> Result<RequestView, Failure> {
    let started = Instant::now();
    let (mut seen, mut head) = (None::<RequestView>, None);
    loop {
        if started.elapsed() > patience {
            return Err(Failure::new(
                exit::TIMEOUT,
                format!("request {id} has not ended after {} s", patience.as_secs()),
            )
            .help(format!(
                "it goes on without us; see `llm-oracle show {id} --watch`"
            )));
        }
        let best = oracle
            .chain
            .best()
            .await
            .map_err(|error| cut_off(id, error.into()))?;
        if head != Some(best.hash) {
            head = Some(best.hash);
            let view = look(oracle, id, Some(best.hash)).await?;
            for line in stages(seen.as_ref(), &view) {
                out.stage(line);
            }
            out.waiting(waiting_for(&view));
            seen = Some(view);
        }
        if seen.as_ref().is_some_and(|view| view.outcome.is_some()) {
            let finalized = oracle
                .chain
                .finalized()
                .await
                .map_err(|error| cut_off(id, error.into()))?;
            // A request asked in a block that is not final yet is not there yet.
            if let Some(view) = oracle.request(id, Some(finalized.hash)).await? {
                if view.outcome.is_some() {
                    out.quiet();
                    return Ok(view);
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Follows the delivery of a request that has ended.
///
/// # Errors
/// As [`until_final`].
pub async fn until_delivered(
    oracle: &Oracle,
    id: RequestId,
    patience: Duration,
) -> Result<RequestView, Failure> {
    let started = Instant::now();
    loop {
        let view = look(oracle, id, None).await?;
        match view.summary.delivery {
            DeliveryStatus::None | DeliveryStatus::Delivered => return Ok(view),
            _ if started.elapsed() > patience => {
                let seconds = patience.as_secs();
                return Err(Failure::new(
                    exit::TIMEOUT,
                    format!("request {id} has not been delivered after {seconds} s"),
                )
                .help(format!("anyone can try it: `llm-oracle deliver {id}`")));
            }
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

async fn look(
    oracle: &Oracle,
    id: RequestId,
    at: Option<[u8; 32]>,
) -> Result<RequestView, Failure> {
    let view = oracle
        .request(id, at)
        .await
        .map_err(|error| cut_off(id, error.into()))?;
    view.ok_or_else(|| no_such_request(id))
}

/// The refusal of a request that is not there.
pub fn no_such_request(id: RequestId) -> Failure {
    Failure::new(exit::CONTRACT, Error::NoSuchRequest { request_id: id })
        .help("`llm-oracle list` shows those that are there")
}

fn cut_off(id: RequestId, failure: Failure) -> Failure {
    failure.help(format!(
        "request {id} goes on without us; see `llm-oracle show {id} --watch`"
    ))
}

fn waiting_for(view: &RequestView) -> String {
    let summary = &view.summary;
    match (&view.outcome, summary.committed < summary.seats) {
        (Some(_), _) => "ended; waiting for finality".to_owned(),
        (None, true) => format!(
            "waiting for commitments ({} of {}, until block {})",
            summary.committed, summary.seats, summary.commit_deadline
        ),
        (None, false) => format!(
            "waiting for reveals ({} of {}, until block {})",
            summary.revealed, summary.committed, summary.reveal_deadline
        ),
    }
}

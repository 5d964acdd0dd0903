//! Following a request to its end.

use super::{
    answers::OpenAnswers,
    exit::{self, CliError},
    output::Output,
    stages::stages,
};
use llm_oracle_chain::{Event, Head, Oracle};
use llm_oracle_primitives::{BlockNumber, DeliveryStatus, Error, RequestId, RequestView};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks at the chain.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Blocks before the best one in which a watch that begins late still looks for answers' words.
const LOOK_BACK: BlockNumber = 256;

/// A request that has been followed.
pub struct FollowedRequest {
    /// The request.
    pub view: RequestView,
    /// Open answers whose words were heard on the way.
    pub words: OpenAnswers,
}

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
) -> Result<FollowedRequest, CliError> {
    let started = Instant::now();
    let (mut seen, mut head) = (None::<RequestView>, None);
    let mut ear = AnswerCollector::default();
    loop {
        if started.elapsed() > patience {
            return Err(CliError::new(
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
            ear.listen(oracle, &view, best)
                .await
                .map_err(|failure| cut_off(id, failure))?;
            for line in stages(seen.as_ref(), &view, &ear.words) {
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
                    let words = ear.words;
                    return Ok(FollowedRequest { view, words });
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Listens for the words of open answers, block by block.
#[derive(Default)]
struct AnswerCollector {
    words: OpenAnswers,
    next: Option<BlockNumber>,
}

impl AnswerCollector {
    /// Reads the events of the blocks that came since the last time, if the request's answers are open
    /// ones. Blocks that the node no longer has are passed over: then seats show their digests.
    async fn listen(
        &mut self,
        oracle: &Oracle,
        view: &RequestView,
        head: Head,
    ) -> Result<(), CliError> {
        self.words.look(view);
        if view.kind.open_bytes() == 0 {
            return Ok(());
        }
        let opened = view.reveals_opened_at.unwrap_or(head.number);
        let first = opened.max(head.number.saturating_sub(LOOK_BACK));
        for number in self.next.unwrap_or(first)..=head.number {
            let Some(block) = oracle.chain.hash_at(number).await? else {
                continue;
            };
            let events = match oracle.chain.oracle_events(&oracle.address, block).await {
                Ok(events) => events,
                Err(error) if error.is_connection() => return Err(error.into()),
                Err(_) => continue,
            };
            for located in events {
                match located.event {
                    Event::Worded(said) if said.request_id == view.summary.request_id => {
                        self.words.learn(said.answer);
                    }
                    _ => {}
                }
            }
        }
        self.next = Some(head.number.saturating_add(1));
        Ok(())
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
) -> Result<RequestView, CliError> {
    let started = Instant::now();
    loop {
        let view = look(oracle, id, None).await?;
        match view.summary.delivery {
            DeliveryStatus::None | DeliveryStatus::Delivered => return Ok(view),
            _ if started.elapsed() > patience => {
                let seconds = patience.as_secs();
                return Err(CliError::new(
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
) -> Result<RequestView, CliError> {
    let view = oracle
        .request(id, at)
        .await
        .map_err(|error| cut_off(id, error.into()))?;
    view.ok_or_else(|| no_such_request(id))
}

/// The refusal of a request that is not there.
pub fn no_such_request(id: RequestId) -> CliError {
    CliError::new(exit::CONTRACT, Error::NoSuchRequest { request_id: id })
        .help("`llm-oracle list` shows those that are there")
}

fn cut_off(id: RequestId, failure: CliError) -> CliError {
    failure.help(format!(
        "request {id} goes on without us; see `llm-oracle show {id} --watch`"
    ))
}

fn waiting_for(view: &RequestView) -> String {
    let summary = &view.summary;
    let undrawn = view.draw.as_ref().is_some_and(|draw| draw.drawn.is_none());
    if undrawn && view.outcome.is_none() {
        return "waiting for the committee to be drawn".to_owned();
    }
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

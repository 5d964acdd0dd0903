//! Following a request until its end is final.

use crate::{
    answers::{answer_text, kind_of, OpenAnswers},
    exit::{self, CliError, CommandResult},
    output::Output,
    render::{exit_code, outcome_answer, request_json, status},
    stages::stages,
};
use llm_oracle_chain::{ChainApi as _, ChainError, Event, Head, OracleClient};
use llm_oracle_primitives::{
    BlockNumber, DeliveryStatus, Error, Hash, Phase, RequestId, RequestView, SeatAnswer, SeatView,
    Terms,
};
use std::time::Duration;
use tokio::time::Instant;

/// Interval between two polls of the chain right after a new block.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Longest interval between two polls while no new block comes.
const POLL_INTERVAL_MAX: Duration = Duration::from_secs(3);
/// Pause after a node has refused to answer, because it limits the rate for example.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// Maximum age, in blocks, of events that are searched for open answers when following begins late.
const EVENT_BLOCKS_MAX: BlockNumber = 256;

/// A request that has been followed.
pub struct FollowedRequest {
    /// The request.
    pub view: RequestView,
    /// Open answers that were published meanwhile.
    pub answers: OpenAnswers,
}

impl FollowedRequest {
    /// Prints the request as the result and returns its exit code.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn print(&self, out: &Output, terms: Option<&Terms>) -> CommandResult {
        let view = &self.view;
        let text = match outcome_answer(view) {
            Some(answer) => answer_text(answer, kind_of(terms)),
            None => status(view.summary.phase, view.outcome.as_ref()).to_owned(),
        };
        out.result(&text, &request_json(view, terms, &self.answers))?;
        Ok(view.outcome.as_ref().map_or(exit::OK, exit_code))
    }
}

/// The number of the request that a transaction opened, from the events of its block.
///
/// # Errors
/// When no event names a request.
pub fn opened_request(events: &[Event]) -> Result<RequestId, CliError> {
    let id = events.iter().find_map(|event| match event {
        Event::Asked(asked) => Some(asked.request_id),
        _ => None,
    });
    id.ok_or_else(|| CliError::bug("the transaction is in a block and no request was opened"))
}

/// Shows the stages of a request as they happen, until its end is in a finalized block: before, a fork
/// can change the result.
///
/// # Errors
/// When the request does not exist, the connection is lost, or `timeout` has passed.
pub async fn until_final(
    oracle: &OracleClient,
    (id, terms): (RequestId, Option<&Terms>),
    timeout: Duration,
    out: &Output,
) -> Result<FollowedRequest, CliError> {
    let started = Instant::now();
    let mut watch = RequestWatch::new(oracle, (id, terms), out);
    let mut pace = Pace::default();
    loop {
        if started.elapsed() > timeout {
            return Err(CliError::new(
                exit::TIMEOUT,
                format!("request {id} has not ended after {} s", timeout.as_secs()),
            )
            .help(format!(
                "it continues on chain; see `llm-oracle show {id} --watch`"
            )));
        }
        let pause = match watch.poll().await {
            Ok(Polled::Final(view)) => {
                out.quiet();
                let answers = watch.answers.known;
                return Ok(FollowedRequest {
                    view: *view,
                    answers,
                });
            }
            Ok(Polled::NewBlock) => pace.after_block(),
            Ok(Polled::SameBlock) => pace.longer(),
            Ok(Polled::NoRequest) => return Err(no_such_request(id)),
            // It answers, and not now. The request is on chain and does not need us.
            Err(ChainError::Node { .. }) => REFUSED_PAUSE,
            Err(error) => return Err(interrupted(id, error.into())),
        };
        tokio::time::sleep(pause).await;
    }
}

/// How long to wait between two polls: longer and longer until a block comes.
#[derive(Default)]
struct Pace {
    pause: Duration,
}

impl Pace {
    fn after_block(&mut self) -> Duration {
        self.pause = POLL_INTERVAL;
        self.pause
    }

    fn longer(&mut self) -> Duration {
        let longer = self.pause.saturating_mul(3).div_f64(2.0);
        self.pause = longer.clamp(POLL_INTERVAL, POLL_INTERVAL_MAX);
        self.pause
    }
}

/// What a poll has found.
enum Polled {
    /// The request's end is in a finalized block.
    Final(Box<RequestView>),
    /// A block that was not known.
    NewBlock,
    /// Nothing new.
    SameBlock,
    /// There is no such request.
    NoRequest,
}

/// One request as it is watched.
struct RequestWatch<'a> {
    oracle: &'a OracleClient,
    id: RequestId,
    terms: Option<&'a Terms>,
    out: &'a Output,
    seen: Option<RequestView>,
    head: Option<Hash>,
    answers: AnswerCollector,
}

impl<'a> RequestWatch<'a> {
    fn new(
        oracle: &'a OracleClient,
        (id, terms): (RequestId, Option<&'a Terms>),
        out: &'a Output,
    ) -> Self {
        Self {
            oracle,
            id,
            terms,
            out,
            seen: None,
            head: None,
            answers: AnswerCollector::default(),
        }
    }

    async fn poll(&mut self) -> Result<Polled, ChainError> {
        let best = self.oracle.chain.best().await?;
        let is_new = self.head != Some(best.hash);
        if is_new {
            let view = self.oracle.request(self.id, Some(best.hash)).await?;
            let Some(view) = view else {
                return Ok(Polled::NoRequest);
            };
            self.answers.collect(self.oracle, &view, best).await?;
            let kind = kind_of(self.terms);
            for line in stages(self.seen.as_ref(), &view, kind, &self.answers.known) {
                self.out.stage(line);
            }
            self.out.waiting(waiting_for(&view));
            self.seen = Some(view);
            self.head = Some(best.hash);
        }
        if self
            .seen
            .as_ref()
            .is_some_and(|view| view.outcome.is_some())
        {
            let finalized = self.oracle.chain.finalized().await?;
            // In the finalized block the request may not exist yet.
            let view = self.oracle.request(self.id, Some(finalized.hash)).await?;
            if let Some(view) = view.filter(|view| view.outcome.is_some()) {
                return Ok(Polled::Final(Box::new(view)));
            }
        }
        Ok(if is_new {
            Polled::NewBlock
        } else {
            Polled::SameBlock
        })
    }
}

/// Collects published open answers from the events of blocks.
#[derive(Default)]
struct AnswerCollector {
    known: OpenAnswers,
    next: Option<BlockNumber>,
}

impl AnswerCollector {
    /// Reads the events of the blocks since the last call, if the request has open answers. Blocks that
    /// the node has pruned are skipped: then seats show their digests.
    async fn collect(
        &mut self,
        oracle: &OracleClient,
        view: &RequestView,
        head: Head,
    ) -> Result<(), ChainError> {
        self.known.add_from_view(view);
        let is_open = |seat: &SeatView| matches!(seat.answer, Some(SeatAnswer::Digest(_)));
        if !view.seats.iter().any(is_open) {
            return Ok(());
        }
        let opened = view.reveals_opened_at.unwrap_or(head.number);
        let first = opened.max(head.number.saturating_sub(EVENT_BLOCKS_MAX));
        for number in self.next.unwrap_or(first)..=head.number {
            let Some(block) = oracle.chain.hash_at(number).await? else {
                continue;
            };
            let events = match oracle.chain.oracle_events(&oracle.address, block).await {
                Ok(events) => events,
                Err(error) if error.is_connection() => return Err(error),
                Err(_) => continue,
            };
            for located in events {
                match located.event {
                    Event::AnswerPublished(published)
                        if published.request_id == view.summary.request_id =>
                    {
                        self.known.insert(published.answer);
                    }
                    _ => {}
                }
            }
        }
        self.next = Some(head.number.saturating_add(1));
        Ok(())
    }
}

/// Waits for the delivery of a request that has ended.
///
/// # Errors
/// As [`until_final`].
pub async fn until_delivered(
    oracle: &OracleClient,
    id: RequestId,
    timeout: Duration,
) -> Result<RequestView, CliError> {
    let started = Instant::now();
    loop {
        let view = oracle.request(id, None).await;
        let view = view.map_err(|error| interrupted(id, error.into()))?;
        let view = view.ok_or_else(|| no_such_request(id))?;
        match view.summary.delivery {
            DeliveryStatus::None | DeliveryStatus::Delivered => return Ok(view),
            _ if started.elapsed() > timeout => {
                let seconds = timeout.as_secs();
                return Err(CliError::new(
                    exit::TIMEOUT,
                    format!("request {id} has not been delivered after {seconds} s"),
                )
                .help(format!("anyone can deliver it: `llm-oracle deliver {id}`")));
            }
            _ => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

/// The error for a request that does not exist.
pub fn no_such_request(id: RequestId) -> CliError {
    CliError::new(exit::CONTRACT, Error::NoSuchRequest { request_id: id })
        .help("`llm-oracle list` shows those that exist")
}

fn interrupted(id: RequestId, failure: CliError) -> CliError {
    failure.help(format!(
        "request {id} continues on chain; see `llm-oracle show {id} --watch`"
    ))
}

fn waiting_for(view: &RequestView) -> String {
    let summary = &view.summary;
    if summary.phase == Phase::Waiting {
        return format!("waiting for block {}", summary.opens_at);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_slow_blocks_is_polled_a_few_times_a_block() {
        let mut pace = Pace::default();
        let mut waited = pace.after_block();
        let mut polls = vec![waited];
        while waited < Duration::from_secs(12) {
            polls.push(pace.longer());
            waited = polls.iter().sum();
        }
        assert!(polls.len() <= 10, "{polls:?}");
        assert_eq!(pace.after_block(), POLL_INTERVAL);
    }
}

//! One of the configured nodes: its connection, and what is known of it.

use super::{
    api::AnyChain,
    connect::Connect,
    error::ChainError,
    health::{HeightVote, NodeCriteria, NodeStatus},
    redact::redact,
    transport::RpcCount,
    types::Head,
};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use llm_oracle_primitives::BlockNumber;
use llm_oracle_support::{clock::Instant, random};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Time between two looks at a node that is not in use.
pub(super) const CHECK_SPARES_EVERY: Duration = Duration::from_secs(10);
/// Time between two full looks at the node in use while it says its heads by itself.
const CHECK_IN_USE_EVERY: Duration = Duration::from_secs(20);
/// Age after which what is known of a node counts no more: it may hang.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(45);
/// How long a node that is not in use is waited for when nothing is known of its blocks.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Longest backoff before a node that failed is connected to again.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// What a look at a node has found.
#[derive(Debug, Clone, Copy)]
struct NodeReport {
    status: NodeStatus,
    /// Its block at the height that it was asked for.
    probe: Option<Head>,
    at: Instant,
}

type Check = Result<(NodeStatus, Option<Head>), ChainError>;

/// A node, connected or not.
pub(super) struct EndpointNode {
    /// As the settings have it, with credentials.
    pub(super) url: String,
    chain: Option<AnyChain>,
    connecting: Option<JoinHandle<Result<AnyChain, ChainError>>>,
    checking: Option<JoinHandle<Check>>,
    backoff: ExponentialBackoff,
    not_before: Option<Instant>,
    report: Option<NodeReport>,
    /// When the last look began.
    looked_at: Option<Instant>,
    /// Its best block, and since when it has been that one.
    best: Option<(Head, Instant)>,
    /// A block of this node that another one was found to have: the connection to that one, and the block.
    confirmed: Option<(usize, Head)>,
    /// Until then the others are tried first.
    avoided_until: Option<Instant>,
    /// Why the last attempt to use it failed.
    last_error: Option<ChainError>,
    /// Requests over connections that are gone.
    sent_before: RpcCount,
}

impl EndpointNode {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            chain: None,
            connecting: None,
            checking: None,
            backoff: backoff(),
            not_before: None,
            report: None,
            looked_at: None,
            best: None,
            confirmed: None,
            avoided_until: None,
            last_error: None,
            sent_before: RpcCount::default(),
        }
    }

    /// The connection, if it stands.
    pub(super) fn chain(&self) -> Option<AnyChain> {
        self.chain.clone().filter(|chain| !chain.is_lost())
    }

    /// Its URL without credentials, and the requests so far over all connections.
    pub(super) fn rpc_count(&self) -> (String, RpcCount) {
        let now = self.chain.as_ref().map(|chain| chain.rpc_count());
        let count = self.sent_before.plus(now.unwrap_or_default());
        (redact(&self.url), count)
    }

    /// Tries the others first for a while.
    pub(super) fn avoid(&mut self) {
        self.avoided_until = Instant::now().checked_add(CHECK_SPARES_EVERY);
    }

    /// Whether others are tried first: it refuses what it is asked, or wants no request for a while.
    pub(super) fn is_avoided(&self) -> bool {
        let refuses = self
            .avoided_until
            .is_some_and(|until| Instant::now() < until);
        refuses
            || self
                .chain
                .as_ref()
                .is_some_and(|chain| chain.pause().is_some())
    }

    /// Why the last attempt to use it failed.
    pub(super) fn take_error(&mut self) -> Option<ChainError> {
        self.last_error.take()
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.connecting.is_some()
    }

    pub(super) fn is_checking(&self) -> bool {
        self.checking.is_some()
    }

    /// Whether the last look began longer ago, and none is under way.
    pub(super) fn is_due(&self, every: Duration) -> bool {
        let old = self.looked_at.is_none_or(|at| at.elapsed() >= every);
        self.checking.is_none() && old && self.chain().is_some()
    }

    /// What is known of it, if that is not too old: the last look, and the heads that it has said since.
    pub(super) fn status(&self) -> Option<NodeStatus> {
        let chain = self.chain()?;
        let report = self.report?;
        let mut status = report.status;
        let mut heard = report.at;
        if let Some(pushed) = chain.pushed_heads() {
            if pushed.finalized.number > status.finalized.number {
                status.finalized = pushed.finalized;
            }
            if pushed.best.number > status.best.number {
                status.best = pushed.best;
                status.stalled_for_ms = millis(pushed.at.elapsed());
            }
            heard = heard.max(pushed.at);
        }
        (heard.elapsed() < FORGOTTEN_AFTER).then_some(status)
    }

    /// What it has at the height of another node's finalized block, or as close below as is known; whether
    /// that other node has the same there is asked of that one. `None`: it has no say.
    pub(super) async fn vote(
        &mut self,
        index: usize,
        candidate: &AnyChain,
        finalized: Head,
    ) -> Option<HeightVote> {
        let claim = self.claim(finalized.number).await?;
        let number = claim.number;
        let checked = (candidate.connection_id(), claim);
        if claim == finalized || self.confirmed == Some(checked) {
            return Some(HeightVote::Agrees(number));
        }
        let found = match candidate.known_hash(number) {
            Some(hash) => Some(hash),
            None => candidate.hash_at(number).await.ok().flatten(),
        };
        if found? != claim.hash {
            return Some(HeightVote::Contradicts {
                other: index,
                number,
            });
        }
        self.confirmed = Some(checked);
        Some(HeightVote::Agrees(number))
    }

    /// Its highest finalized block up to a height, as far as is known without asking; a node that is ahead
    /// and whose lower blocks are not known is asked. If it does not answer soon, nothing is known of it
    /// until the next look.
    async fn claim(&mut self, limit: BlockNumber) -> Option<Head> {
        let (chain, status) = (self.chain()?, self.status()?);
        if status.finalized.number <= limit {
            return Some(status.finalized);
        }
        if let Some(hash) = chain.known_hash(limit) {
            return Some(Head {
                hash,
                number: limit,
            });
        }
        let report = self.report.as_mut()?;
        let heads = [Some(report.status.finalized), report.probe];
        let below = heads.into_iter().flatten().filter(|it| it.number <= limit);
        if let Some(known) = below.max_by_key(|head| head.number) {
            return Some(known);
        }
        let asked = tokio::time::timeout(ANSWER_WITHIN, chain.hash_at(limit)).await;
        let Ok(Ok(Some(hash))) = asked else {
            self.report = None;
            return None;
        };
        let claim = Head {
            hash,
            number: limit,
        };
        report.probe = Some(claim);
        Some(claim)
    }

    /// Takes in what tasks of its own have finished, and starts connecting unless it is connected or in
    /// backoff.
    pub(super) async fn begin(&mut self, connect: &Arc<dyn Connect>) {
        if self
            .connecting
            .as_ref()
            .is_some_and(JoinHandle::is_finished)
        {
            self.finish_connecting().await;
        }
        if self.checking.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish_check().await;
        }
        if self.chain().is_some() || self.connecting.is_some() {
            return;
        }
        self.disconnect();
        if self.not_before.is_some_and(|ready| Instant::now() < ready) {
            return;
        }
        let (connect, url) = (connect.clone(), self.url.clone());
        self.connecting = Some(tokio::spawn(async move { connect.connect(&url).await }));
    }

    /// Waits for the pending connection, if there is one.
    pub(super) async fn finish_connecting(&mut self) {
        let Some(connecting) = &mut self.connecting else {
            return;
        };
        let made = connecting.await;
        self.connecting = None;
        match made {
            Ok(Ok(chain)) => {
                self.chain = Some(chain);
                self.last_error = None;
            }
            Ok(Err(error)) => self.failed(error),
            Err(error) => self.failed(ChainError::decode("a connection's task", error)),
        }
    }

    /// Starts a look in a task of its own, also at its block at a height.
    pub(super) fn start_check(&mut self, seen: Option<Head>, probe: Option<BlockNumber>) {
        let Some(chain) = self.chain() else {
            return;
        };
        self.looked_at = Some(Instant::now());
        self.checking = Some(tokio::spawn(async move {
            // Heads that the node says by itself spare later looks; some hosts do not serve them.
            if chain.pushed_heads().is_none() {
                let _ = chain.finalized_heads().await;
            }
            let status = chain.node_status(seen).await?;
            let below = probe.filter(|number| *number < status.finalized.number);
            let hash = match below {
                Some(number) => chain.hash_at(number).await?,
                None => None,
            };
            let probe = below.zip(hash);
            let probe = probe.map(|(number, hash)| Head { hash, number });
            Ok((status, probe))
        }));
    }

    /// Waits for the look that is under way, if there is one.
    pub(super) async fn finish_check(&mut self) {
        let Some(checking) = &mut self.checking else {
            return;
        };
        let found = checking.await;
        self.checking = None;
        match found {
            Ok(Ok((status, probe))) => self.note(status, probe),
            Ok(Err(error)) => self.failed(error),
            Err(error) => self.failed(ChainError::decode("a look at a node", error)),
        }
    }

    /// Looks at the node in use: what it says by itself is enough while that is heard, but for a full look
    /// now and then.
    pub(super) async fn check_in_use(&mut self, criteria: &NodeCriteria) {
        self.finish_check().await;
        let Some(chain) = self.chain() else {
            self.report = None;
            return;
        };
        let full = self.is_due(CHECK_IN_USE_EVERY) || criteria.ask_heads;
        let pushed = chain.pushed_heads().filter(|_| !full);
        let (Some(pushed), Some(report)) = (pushed, self.report) else {
            self.looked_at = Some(Instant::now());
            match chain.node_status(criteria.seen).await {
                Ok(status) => self.note(status, None),
                Err(error) => self.failed(error),
            }
            return;
        };
        let at_seen = match criteria.seen {
            Some(seen) if seen == pushed.finalized => Some(seen.hash),
            Some(seen) if seen.number <= pushed.finalized.number => {
                match chain.known_hash(seen.number) {
                    Some(hash) => Some(hash),
                    None => match chain.hash_at(seen.number).await {
                        Ok(hash) => hash,
                        Err(error) => return self.failed(error),
                    },
                }
            }
            _ => None,
        };
        let status = NodeStatus {
            best: pushed.best,
            finalized: pushed.finalized,
            at_seen,
            ..report.status
        };
        self.note(status, report.probe);
    }

    fn note(&mut self, status: NodeStatus, probe: Option<Head>) {
        self.backoff = backoff();
        self.last_error = None;
        let best = self.best.filter(|(head, _)| *head == status.best);
        let (_, since) = *self
            .best
            .insert(best.unwrap_or((status.best, Instant::now())));
        let stalled_for_ms = millis(since.elapsed());
        self.report = Some(NodeReport {
            status: NodeStatus {
                stalled_for_ms,
                ..status
            },
            probe,
            at: Instant::now(),
        });
    }

    /// It answered with an error, and the connection stays; or the connection failed.
    fn failed(&mut self, error: ChainError) {
        self.report = None;
        if error.is_refusal() && self.chain().is_some() {
            tracing::warn!(%error, "node refuses");
        } else {
            tracing::warn!(%error, "node unusable");
            let delay = self.backoff.next().unwrap_or(BACKOFF_MAX);
            self.not_before = Instant::now().checked_add(delay);
            self.disconnect();
        }
        self.last_error = Some(error);
    }

    /// Gives the connection up.
    pub(super) fn disconnect(&mut self) {
        (_, self.sent_before) = self.rpc_count();
        if let Some(checking) = self.checking.take() {
            checking.abort();
        }
        (self.chain, self.report, self.looked_at) = (None, None, None);
    }
}

impl Drop for EndpointNode {
    fn drop(&mut self) {
        if let Some(connecting) = &self.connecting {
            connecting.abort();
        }
        if let Some(checking) = &self.checking {
            checking.abort();
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Exponential backoff with jitter, so that many relayers don't connect at once to a node that recovers.
fn backoff() -> ExponentialBackoff {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(BACKOFF_MAX)
        .without_max_times();
    random::jitter(backoff).build()
}

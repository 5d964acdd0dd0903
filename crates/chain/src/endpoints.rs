//! The configured nodes: keeps connections, checks their health, and switches to another when one fails.

use super::{
    api::AnyChain,
    chain::Chain,
    connection::REQUEST_TIMEOUT,
    error::ChainError,
    health::{
        common_height, highest, node_fault, stall_ms, verdict, NodeCriteria, NodeStatus,
        NodeVerdict,
    },
    types::Head,
};
use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures::future::{join_all, select_all};
use llm_oracle_primitives::Hash;
use llm_oracle_support::{clock::Instant, random};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Least request timeout, however short blocks are, milliseconds.
const REQUEST_TIMEOUT_MS_MIN: u64 = 1_000;
/// Longest backoff before a node that failed is connected to again.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Makes connections.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Connects to the node at `url`.
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError>;
}

/// Connects over WebSockets.
struct WebSockets {
    request_timeout: Duration,
}

#[async_trait]
impl Connect for WebSockets {
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError> {
        let chain = Chain::connect_within(url, self.request_timeout).await?;
        Ok(Arc::new(chain))
    }
}

/// A node that passed the health check.
#[derive(Debug, Clone)]
pub struct HealthyNode {
    /// The connection to it.
    pub chain: AnyChain,
    /// Its finalized block, not below any that was acted on before.
    pub finalized: Head,
    /// Its best block.
    pub best: Head,
}

/// The configured nodes.
pub struct Endpoints {
    nodes: Vec<EndpointNode>,
    connect: Arc<dyn Connect>,
    block_ms: Option<u64>,
    current: Option<usize>,
}

struct EndpointNode {
    url: String,
    chain: Option<AnyChain>,
    connecting: Option<JoinHandle<Result<AnyChain, ChainError>>>,
    backoff: ExponentialBackoff,
    not_before: Option<Instant>,
    /// Its best block, and since when it has been that one.
    best: Option<(Head, Instant)>,
    /// Why the last attempt to use it failed.
    last_error: Option<ChainError>,
}

impl Endpoints {
    /// Nodes in the order of preference, with the time between two blocks if there is one.
    pub fn new(urls: &[String], block_ms: Option<u64>) -> Self {
        let request_timeout = block_ms.map_or(REQUEST_TIMEOUT, |block_ms| {
            Duration::from_millis(stall_ms(block_ms).max(REQUEST_TIMEOUT_MS_MIN))
                .min(REQUEST_TIMEOUT)
        });
        Self::over(urls, block_ms, Arc::new(WebSockets { request_timeout }))
    }

    /// The same over connections of another kind.
    pub fn over(urls: &[String], block_ms: Option<u64>, connect: Arc<dyn Connect>) -> Self {
        Self {
            nodes: urls.iter().map(|url| EndpointNode::new(url)).collect(),
            connect,
            block_ms,
            current: None,
        }
    }

    /// Checks the health of every node and chooses one.
    ///
    /// # Errors
    /// `Disagree` when two nodes contradict each other about a finalized block, `Unhealthy` when all
    /// nodes that answer are unhealthy, and the error of the first node when none answers. All of these
    /// can pass with time: try again.
    pub async fn select_node(
        &mut self,
        mut criteria: NodeCriteria,
    ) -> Result<HealthyNode, ChainError> {
        criteria.block_ms = self.block_ms;
        self.connect_all().await;
        loop {
            match self.check_endpoints(&criteria).await {
                Err(error) if !matches!(error, ChainError::Disagree { .. }) => {
                    // A node whose connection is not made yet may be healthy.
                    if !self.wait_for_one().await {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    async fn check_endpoints(
        &mut self,
        criteria: &NodeCriteria,
    ) -> Result<HealthyNode, ChainError> {
        let checks = self.nodes.iter_mut().map(|node| node.check(criteria.seen));
        let mut statuses = join_all(checks).await;
        if let Some(number) = common_height(&statuses, criteria) {
            let requests = self
                .nodes
                .iter()
                .zip(&statuses)
                .map(|(node, status)| async move {
                    let chain = node.chain.as_ref().filter(|_| status.is_some())?;
                    chain.hash_at(number).await.ok().flatten()
                });
            let hashes = join_all(requests).await;
            for (status, hash) in statuses.iter_mut().zip(hashes) {
                if let Some(status) = status {
                    status.at_common = hash;
                }
            }
        }
        match verdict(&statuses, criteria, self.current) {
            NodeVerdict::Use(index) => self.switch_to(index, &statuses),
            NodeVerdict::Disagree { one, other } => {
                let name = |index: usize| self.name(index);
                Err(ChainError::Disagree {
                    one: name(one),
                    other: name(other),
                    number: common_height(&statuses, criteria).unwrap_or_default(),
                })
            }
            NodeVerdict::NoneHealthy => Err(self.no_healthy_node(&statuses, criteria)),
        }
    }

    /// All live connections, to healthy nodes or not.
    pub fn connected(&self) -> Vec<AnyChain> {
        let chains = self.nodes.iter().filter_map(|node| node.chain.clone());
        chains.filter(|chain| !chain.is_lost()).collect()
    }

    fn switch_to(
        &mut self,
        index: usize,
        statuses: &[Option<NodeStatus>],
    ) -> Result<HealthyNode, ChainError> {
        let found = self.nodes.get(index).and_then(|node| node.chain.clone());
        let status = statuses.get(index).copied().flatten();
        let (Some(chain), Some(status)) = (found, status) else {
            // `verdict` chooses among the nodes that were checked.
            return Err(ChainError::decode("the list of nodes", "one is missing"));
        };
        if self.current.is_some_and(|current| current != index) {
            tracing::warn!(url = chain.url(), "switched to another node");
        }
        self.current = Some(index);
        Ok(HealthyNode {
            chain,
            finalized: status.finalized,
            best: status.best,
        })
    }

    fn name(&self, index: usize) -> String {
        let node = self.nodes.get(index);
        let chain = node.and_then(|node| node.chain.as_ref());
        chain.map_or_else(String::new, |chain| chain.url().to_owned())
    }

    /// Why no node can be used: what is wrong with those that answer, or why none does.
    fn no_healthy_node(
        &mut self,
        statuses: &[Option<NodeStatus>],
        criteria: &NodeCriteria,
    ) -> ChainError {
        if let Some((expected, found)) = only_other_chains(statuses, criteria) {
            return ChainError::OtherChain { expected, found };
        }
        let highest = highest(statuses, criteria);
        let seen = statuses.iter().enumerate();
        let reasons: Vec<(String, String)> = seen
            .filter_map(|(index, status)| {
                let reason = node_fault(status.as_ref()?, criteria, highest)?;
                Some((self.name(index), reason.to_string()))
            })
            .collect();
        let chain = |(url, reason)| ChainError::Unhealthy { url, reason };
        let last_error = self
            .nodes
            .iter_mut()
            .find_map(|node| node.last_error.take());
        reasons
            .into_iter()
            .next()
            .map(chain)
            .or(last_error)
            .unwrap_or_else(|| ChainError::Unreachable {
                url: "any of the configured nodes".into(),
                reason: "none has answered yet".into(),
            })
    }

    /// Starts connecting to the nodes that are not connected and not in backoff. Waits only if no node is
    /// connected.
    async fn connect_all(&mut self) {
        for node in &mut self.nodes {
            node.start_connecting(&self.connect);
            if node
                .connecting
                .as_ref()
                .is_some_and(JoinHandle::is_finished)
            {
                node.finish_connecting().await;
            }
        }
        while !self.nodes.iter().any(EndpointNode::is_connected) {
            if !self.wait_for_one().await {
                return;
            }
        }
    }

    /// Waits until one pending connection is made or has failed; `false` if none is pending.
    async fn wait_for_one(&mut self) -> bool {
        let waiting = self
            .nodes
            .iter_mut()
            .filter(|node| node.connecting.is_some());
        let waiting: Vec<_> = waiting
            .map(|node| Box::pin(node.finish_connecting()))
            .collect();
        if waiting.is_empty() {
            return false;
        }
        // Dropping the other futures loses nothing: their tasks keep running.
        select_all(waiting).await;
        true
    }
}

impl EndpointNode {
    fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            chain: None,
            connecting: None,
            backoff: backoff(),
            not_before: None,
            best: None,
            last_error: None,
        }
    }

    fn is_connected(&self) -> bool {
        self.chain.as_ref().is_some_and(|chain| !chain.is_lost())
    }

    fn start_connecting(&mut self, connect: &Arc<dyn Connect>) {
        if self.is_connected() || self.connecting.is_some() {
            return;
        }
        self.chain = None;
        if self.not_before.is_some_and(|ready| Instant::now() < ready) {
            return;
        }
        let (connect, url) = (connect.clone(), self.url.clone());
        self.connecting = Some(tokio::spawn(async move { connect.connect(&url).await }));
    }

    /// Waits for the pending connection, if there is one.
    async fn finish_connecting(&mut self) {
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

    /// Checks the node; `None`, and a backoff before the next connection, when it does not answer.
    async fn check(&mut self, seen: Option<Head>) -> Option<NodeStatus> {
        let chain = self.chain.clone()?;
        match chain.node_status(seen).await {
            Ok(status) => {
                self.backoff = backoff();
                let best = self.best.filter(|(head, _)| *head == status.best);
                let (_, since) = *self
                    .best
                    .insert(best.unwrap_or((status.best, Instant::now())));
                let stalled_for_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                Some(NodeStatus {
                    stalled_for_ms,
                    ..status
                })
            }
            Err(error) => {
                self.failed(error);
                None
            }
        }
    }

    fn failed(&mut self, error: ChainError) {
        tracing::warn!(%error, "node unusable");
        let delay = self.backoff.next().unwrap_or(BACKOFF_MAX);
        self.not_before = Instant::now().checked_add(delay);
        self.chain = None;
        self.last_error = Some(error);
    }
}

impl Drop for EndpointNode {
    fn drop(&mut self) {
        if let Some(connecting) = &self.connecting {
            connecting.abort();
        }
    }
}

/// The expected genesis and the first other one, if every node answers and serves another chain: then
/// waiting does not help.
fn only_other_chains(
    statuses: &[Option<NodeStatus>],
    criteria: &NodeCriteria,
) -> Option<(Hash, Hash)> {
    let expected = criteria.genesis?;
    let mut found = statuses.iter().flatten().map(|status| status.genesis);
    let first = found.next()?;
    (statuses.iter().all(Option::is_some) && first != expected && found.all(|it| it != expected))
        .then_some((expected, first))
}

/// Exponential backoff with jitter, so that many relayers don't connect at once to a node that recovers.
fn backoff() -> ExponentialBackoff {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(BACKOFF_MAX)
        .without_max_times();
    random::jitter(backoff).build()
}

#[cfg(test)]
#[path = "endpoints_tests.rs"]
mod tests;

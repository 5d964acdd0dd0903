//! The configured nodes: keeps connections, checks their health, and switches to another when one fails.
//!
//! The node in use is looked at in every turn. The others are looked at seldom, in tasks of their own that
//! nobody waits for; only when no node can be used they are.

use super::{
    api::AnyChain,
    connect::{Connect, WebSockets},
    endpoint_node::{EndpointNode, CHECK_SPARES_EVERY},
    error::ChainError,
    health::{
        believed_height, candidates, judge, node_fault, voters, HeightVote, Judgement,
        NodeCriteria, NodeStatus,
    },
    transport::RpcCount,
    types::Head,
};
use futures::future::select_all;
use llm_oracle_primitives::{BlockNumber, Hash};
use std::{sync::Arc, time::Duration};

/// How long the first choice of a node waits for connections to the others.
const FIRST_CONNECTIONS_WITHIN: Duration = Duration::from_secs(3);
/// How long a choice among nodes waits for those that are slower than the first healthy one.
const OTHERS_WITHIN: Duration = Duration::from_secs(1);
/// Age of what is known of a node, within which it is used without another look.
const FRESH: Duration = Duration::from_secs(1);

/// A node that passed the health check.
#[derive(Debug, Clone)]
pub struct HealthyNode {
    /// The connection to it.
    pub chain: AnyChain,
    /// The finalized block that it has and a quorum believes, not below any that was acted on before.
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
    /// Whether a node has been chosen before.
    has_chosen: bool,
}

/// Whether there is a connection to each node, by its URL without credentials.
pub fn node_connections(endpoints: &Endpoints) -> Vec<(String, bool)> {
    let connected = |node: &EndpointNode| (node.rpc_count().0, node.chain().is_some());
    endpoints.nodes.iter().map(connected).collect()
}

impl Endpoints {
    /// Nodes in the order of preference, with the time between two blocks if there is one.
    pub fn new(urls: &[String], block_ms: Option<u64>) -> Self {
        Self::over(urls, block_ms, Arc::new(WebSockets::new(block_ms)))
    }

    /// The same over connections of another kind.
    pub fn over(urls: &[String], block_ms: Option<u64>, connect: Arc<dyn Connect>) -> Self {
        Self {
            nodes: urls.iter().map(|url| EndpointNode::new(url)).collect(),
            connect,
            block_ms,
            current: None,
            has_chosen: false,
        }
    }

    /// Works with these nodes from now on, in this order of preference. Those that it has already keep their
    /// connections and what is known of them.
    pub fn set_urls(&mut self, urls: &[String]) {
        let in_use = self.current.take().and_then(|at| self.nodes.get(at));
        let current = in_use.and_then(|node| urls.iter().position(|url| node.url == *url));
        let mut known = std::mem::take(&mut self.nodes);
        let mut take = |url: &String| match known.iter().position(|node| node.url == *url) {
            Some(at) => known.swap_remove(at),
            None => EndpointNode::new(url),
        };
        self.nodes = urls.iter().map(&mut take).collect();
        self.current = current;
    }

    /// Time between two blocks, milliseconds, if the settings say it.
    pub fn block_ms(&self) -> Option<u64> {
        self.block_ms
    }

    /// Requests to each node so far, by its URL without credentials.
    pub fn rpc_counts(&self) -> Vec<(String, RpcCount)> {
        self.nodes.iter().map(EndpointNode::rpc_count).collect()
    }

    /// All live connections, to healthy nodes or not.
    pub fn connected(&self) -> Vec<AnyChain> {
        self.nodes.iter().filter_map(EndpointNode::chain).collect()
    }

    /// Gives all connections up: the next choice is over new ones.
    pub fn disconnect(&mut self) {
        self.current = None;
        for node in &mut self.nodes {
            node.disconnect();
        }
    }

    /// Tries the others first for a while: the node in use refuses what is asked of it.
    pub fn avoid_current(&mut self) {
        if let Some(node) = self.current.and_then(|at| self.nodes.get_mut(at)) {
            node.avoid();
        }
    }

    /// Checks the health of the node in use and chooses one.
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
        if let Some(node) = self.current.and_then(|current| self.nodes.get_mut(current)) {
            node.check_in_use(&criteria).await;
        }
        self.look_at_spares(&criteria);
        loop {
            if !self.can_use_current(&criteria) {
                self.check_all(&criteria).await;
            }
            match self.choose(&criteria).await {
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

    fn statuses(&self) -> Vec<Option<NodeStatus>> {
        self.nodes.iter().map(EndpointNode::status).collect()
    }

    fn can_use_current(&self, criteria: &NodeCriteria) -> bool {
        self.current.is_some() && self.candidates(criteria).first().copied() == self.current
    }

    /// The healthy nodes in the order in which they are tried; last those that refuse.
    fn candidates(&self, criteria: &NodeCriteria) -> Vec<usize> {
        let mut found = candidates(&self.statuses(), criteria, self.current);
        found.sort_by_key(|index| self.nodes.get(*index).is_some_and(EndpointNode::is_avoided));
        found
    }

    /// Starts looks at the nodes that are not in use and were not looked at for a while.
    fn look_at_spares(&mut self, criteria: &NodeCriteria) {
        let current = self.current;
        let in_use = current.and_then(|current| self.nodes.get(current)?.status());
        let probe = in_use.map(|status| status.finalized.number);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if Some(index) != current && node.is_due(CHECK_SPARES_EVERY) {
                node.start_check(criteria.seen, probe);
            }
        }
    }

    /// Looks at all nodes at the same time. Slow ones are waited for only until one is healthy, and a
    /// moment longer.
    async fn check_all(&mut self, criteria: &NodeCriteria) {
        for node in &mut self.nodes {
            if node.is_due(FRESH) {
                node.start_check(criteria.seen, None);
            }
        }
        while candidates(&self.statuses(), criteria, None).is_empty() {
            if !self.finish_one_check().await {
                return;
            }
        }
        let others = async { while self.finish_one_check().await {} };
        // What is not finished goes on, and is taken in by a later turn.
        let _ = tokio::time::timeout(OTHERS_WITHIN, others).await;
    }

    async fn finish_one_check(&mut self) -> bool {
        let checking = self.nodes.iter_mut().filter(|node| node.is_checking());
        let checking: Vec<_> = checking.map(|node| Box::pin(node.finish_check())).collect();
        if checking.is_empty() {
            return false;
        }
        // Dropping the other futures loses nothing: their tasks keep running.
        select_all(checking).await;
        true
    }

    async fn choose(&mut self, criteria: &NodeCriteria) -> Result<HealthyNode, ChainError> {
        let mut disagree = None;
        for index in self.candidates(criteria) {
            let Some(node) = self.nodes.get_mut(index) else {
                continue;
            };
            if Some(index) != self.current && node.is_due(FRESH) {
                node.start_check(criteria.seen, None);
                node.finish_check().await;
            }
            let (Some(chain), Some(status)) = (node.chain(), node.status()) else {
                continue;
            };
            let votes = self.votes(index, &chain, &status, criteria).await;
            match judge(status.finalized.number, &votes) {
                Judgement::Believed(number) => {
                    let believed = believed_head(&chain, &status, number, criteria).await;
                    if let Some(finalized) = believed {
                        if self.current.replace(index) != Some(index) {
                            tracing::info!(url = chain.url(), "using this node");
                        }
                        self.has_chosen = true;
                        let best = status.best;
                        return Ok(HealthyNode {
                            chain,
                            finalized,
                            best,
                        });
                    }
                }
                Judgement::Contradicted { other, number } => {
                    disagree = disagree.or(Some((index, other, number)));
                }
            }
        }
        Err(match disagree {
            Some((one, other, number)) => ChainError::Disagree {
                one: name_of(&self.nodes, one),
                other: name_of(&self.nodes, other),
                number,
            },
            None => self.no_healthy_node(criteria),
        })
    }

    /// What the others have at the heights of a candidate. Mostly the candidate alone is asked.
    async fn votes(
        &mut self,
        candidate: usize,
        chain: &AnyChain,
        status: &NodeStatus,
        criteria: &NodeCriteria,
    ) -> Vec<HeightVote> {
        let statuses = self.statuses();
        let mut votes = Vec::new();
        for (other, _) in voters(&statuses, criteria).filter(|(other, _)| *other != candidate) {
            if let Some(node) = self.nodes.get_mut(other) {
                votes.extend(node.vote(other, chain, status.finalized).await);
            }
        }
        votes
    }

    /// Why no node can be used: what is wrong with those that answer, or why none does.
    fn no_healthy_node(&mut self, criteria: &NodeCriteria) -> ChainError {
        let statuses = self.statuses();
        if let Some((expected, found)) = only_other_chains(&statuses, criteria) {
            return ChainError::OtherChain { expected, found };
        }
        let believed = believed_height(&statuses, criteria);
        let mut seen = statuses.iter().enumerate();
        let unhealthy = seen.find_map(|(index, status)| {
            let reason = node_fault(status.as_ref()?, criteria, believed)?.to_string();
            let url = name_of(&self.nodes, index);
            Some(ChainError::Unhealthy { url, reason })
        });
        let last_error = self.nodes.iter_mut().find_map(EndpointNode::take_error);
        unhealthy
            .or(last_error)
            .unwrap_or_else(|| ChainError::Unreachable {
                url: "any of the configured nodes".into(),
                reason: "none has answered yet".into(),
            })
    }

    /// Starts connecting to the nodes that are not connected and not in backoff, and takes in what looks
    /// at spares have found. Waits only if no node is connected, and before the first choice.
    async fn connect_all(&mut self) {
        for node in &mut self.nodes {
            node.begin(&self.connect).await;
        }
        if !self.has_chosen {
            let all = async { while self.wait_for_one().await {} };
            let _ = tokio::time::timeout(FIRST_CONNECTIONS_WITHIN, all).await;
        }
        while !self.nodes.iter().any(|node| node.chain().is_some()) {
            if !self.wait_for_one().await {
                return;
            }
        }
    }

    /// Waits until one pending connection is made or has failed; `false` if none is pending.
    async fn wait_for_one(&mut self) -> bool {
        let waiting = self.nodes.iter_mut().filter(|node| node.is_connecting());
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

/// The URL of a connected node, without credentials.
fn name_of(nodes: &[EndpointNode], index: usize) -> String {
    let chain = nodes.get(index).and_then(EndpointNode::chain);
    chain.map_or_else(String::new, |chain| chain.url().to_owned())
}

async fn hash_at(chain: &AnyChain, number: BlockNumber) -> Option<Hash> {
    match chain.known_hash(number) {
        Some(hash) => Some(hash),
        None => chain.hash_at(number).await.ok().flatten(),
    }
}

/// The candidate's block at the height that is believed, not below what was acted on before.
async fn believed_head(
    chain: &AnyChain,
    status: &NodeStatus,
    number: BlockNumber,
    criteria: &NodeCriteria,
) -> Option<Head> {
    if let Some(seen) = criteria.seen.filter(|seen| seen.number >= number) {
        // The health check has found it in this node.
        return Some(seen);
    }
    if number >= status.finalized.number {
        return Some(status.finalized);
    }
    let hash = hash_at(chain, number).await?;
    Some(Head { hash, number })
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

#[cfg(test)]
#[path = "endpoints_tests.rs"]
mod tests;

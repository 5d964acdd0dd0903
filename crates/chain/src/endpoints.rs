//! Several nodes at once: connected, looked at before every turn, and changed when one fails.

use super::{
    access::AnyChain,
    client::{Chain, Head},
    error::ChainError,
    health::{common_height, highest, judge, stall_ms, unfit, Known, Sight, Verdict},
};
use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures::future::{join_all, select_all};
use llm_oracle_primitives::Hash;
use llm_oracle_support::{clock::Instant, random as chance};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Shortest time that a node has for an answer, however short its blocks are.
const ANSWER_MS_MIN: u64 = 1_000;
/// Longest pause before a node that failed is connected to again.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Makes connections.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Connects to the node at `url`.
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError>;
}

/// Over WebSockets.
struct WebSockets {
    answer_within: Duration,
}

#[async_trait]
impl Connect for WebSockets {
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError> {
        let chain = Chain::connect_within(url, self.answer_within).await?;
        Ok(Arc::new(chain))
    }
}

/// A node that may be acted on now.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The connection to it.
    pub chain: AnyChain,
    /// Its finalized block, not below any that was seen before.
    pub finalized: Head,
    /// Its best block.
    pub best: Head,
}

/// The configured nodes.
pub struct Endpoints {
    nodes: Vec<Node>,
    connect: Arc<dyn Connect>,
    block_ms: Option<u64>,
    current: Option<usize>,
}

struct Node {
    url: String,
    chain: Option<AnyChain>,
    connecting: Option<JoinHandle<Result<AnyChain, ChainError>>>,
    pauses: ExponentialBackoff,
    not_before: Option<Instant>,
    /// Its best block, and since when.
    best: Option<(Head, Instant)>,
    /// Why it can't be used, as far as known.
    trouble: Option<ChainError>,
}

impl Endpoints {
    /// Nodes in the order of preference, with the time between two blocks if there is one.
    pub fn new(urls: &[String], block_ms: Option<u64>) -> Self {
        let answer_within = block_ms.map_or(super::REQUEST_TIMEOUT, |block_ms| {
            Duration::from_millis(stall_ms(block_ms).max(ANSWER_MS_MIN)).min(super::REQUEST_TIMEOUT)
        });
        Self::over(urls, block_ms, Arc::new(WebSockets { answer_within }))
    }

    /// Over connections of another kind.
    pub fn over(urls: &[String], block_ms: Option<u64>, connect: Arc<dyn Connect>) -> Self {
        Self {
            nodes: urls.iter().map(|url| Node::new(url)).collect(),
            connect,
            block_ms,
            current: None,
        }
    }

    /// Looks at every node and says which may be acted on.
    ///
    /// # Errors
    /// `Disagree` when two nodes contradict each other about a finalized block, `Unfit` when the
    /// only ones that answer can't be used, and what the first of them said when none answers. All
    /// pass with time: look again.
    pub async fn survey(&mut self, mut known: Known) -> Result<Fit, ChainError> {
        known.block_ms = self.block_ms;
        self.connect_all().await;
        loop {
            match self.survey_connected(&known).await {
                Err(error) if !matches!(error, ChainError::Disagree { .. }) => {
                    // One that is still being connected to may be fit.
                    if !self.wait_for_one().await {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    async fn survey_connected(&mut self, known: &Known) -> Result<Fit, ChainError> {
        let looks = self.nodes.iter_mut().map(|node| node.look(known.seen));
        let mut sights = join_all(looks).await;
        if let Some(number) = common_height(&sights, known) {
            let asked = self
                .nodes
                .iter()
                .zip(&sights)
                .map(|(node, sight)| async move {
                    let chain = node.chain.as_ref().filter(|_| sight.is_some())?;
                    chain.hash_at(number).await.ok().flatten()
                });
            let hashes = join_all(asked).await;
            for (sight, hash) in sights.iter_mut().zip(hashes) {
                if let Some(sight) = sight {
                    sight.at_common = hash;
                }
            }
        }
        match judge(&sights, known, self.current) {
            Verdict::Use(index) => self.take(index, &sights),
            Verdict::Disagree { one, other } => {
                let name = |index: usize| self.name(index);
                Err(ChainError::Disagree {
                    one: name(one),
                    other: name(other),
                    number: common_height(&sights, known).unwrap_or_default(),
                })
            }
            Verdict::Nobody => Err(self.nobody(&sights, known)),
        }
    }

    /// Every connection there is, fit or not.
    pub fn connected(&self) -> Vec<AnyChain> {
        let chains = self.nodes.iter().filter_map(|node| node.chain.clone());
        chains.filter(|chain| !chain.is_lost()).collect()
    }

    fn take(&mut self, index: usize, sights: &[Option<Sight>]) -> Result<Fit, ChainError> {
        let found = self.nodes.get(index).and_then(|node| node.chain.clone());
        let sight = sights.get(index).copied().flatten();
        let (Some(chain), Some(sight)) = (found, sight) else {
            // `judge` picks among those that were looked at.
            return Err(ChainError::decode("the list of nodes", "one is missing"));
        };
        if self.current.is_some_and(|current| current != index) {
            tracing::warn!(url = chain.url(), "another node is used now");
        }
        self.current = Some(index);
        Ok(Fit {
            chain,
            finalized: sight.finalized,
            best: sight.best,
        })
    }

    fn name(&self, index: usize) -> String {
        let node = self.nodes.get(index);
        let chain = node.and_then(|node| node.chain.as_ref());
        chain.map_or_else(String::new, |chain| chain.url().to_owned())
    }

    /// Why there is no node to act on: what is wrong with those that answer, or why none does.
    fn nobody(&mut self, sights: &[Option<Sight>], known: &Known) -> ChainError {
        if let Some((expected, found)) = only_other_chains(sights, known) {
            return ChainError::OtherChain { expected, found };
        }
        let highest = highest(sights, known);
        let seen = sights.iter().enumerate();
        let reasons: Vec<(String, String)> = seen
            .filter_map(|(index, sight)| {
                let reason = unfit(sight.as_ref()?, known, highest)?;
                Some((self.name(index), reason.to_string()))
            })
            .collect();
        let chain = |(url, reason)| ChainError::Unfit { url, reason };
        let troubles = self.nodes.iter_mut().find_map(|node| node.trouble.take());
        reasons
            .into_iter()
            .next()
            .map(chain)
            .or(troubles)
            .unwrap_or_else(|| ChainError::Unreachable {
                url: "any of the configured nodes".into(),
                reason: "none has answered yet".into(),
            })
    }

    /// Connects to what is not connected and may be tried. Waits only if there is no other node.
    async fn connect_all(&mut self) {
        for node in &mut self.nodes {
            node.begin(&self.connect);
            if node
                .connecting
                .as_ref()
                .is_some_and(JoinHandle::is_finished)
            {
                node.finish().await;
            }
        }
        while !self.nodes.iter().any(Node::is_connected) {
            if !self.wait_for_one().await {
                return;
            }
        }
    }

    /// Waits until one of the connections that are being made is there or has failed; `false` if
    /// none is being made.
    async fn wait_for_one(&mut self) -> bool {
        let waiting = self
            .nodes
            .iter_mut()
            .filter(|node| node.connecting.is_some());
        let waiting: Vec<_> = waiting.map(|node| Box::pin(node.finish())).collect();
        if waiting.is_empty() {
            return false;
        }
        // Dropping the others loses nothing: their tasks go on.
        select_all(waiting).await;
        true
    }
}

impl Node {
    fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            chain: None,
            connecting: None,
            pauses: pauses(),
            not_before: None,
            best: None,
            trouble: None,
        }
    }

    fn is_connected(&self) -> bool {
        self.chain.as_ref().is_some_and(|chain| !chain.is_lost())
    }

    fn begin(&mut self, connect: &Arc<dyn Connect>) {
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

    /// Waits for the connection that is being made, if one is.
    async fn finish(&mut self) {
        let Some(connecting) = &mut self.connecting else {
            return;
        };
        let made = connecting.await;
        self.connecting = None;
        match made {
            Ok(Ok(chain)) => {
                self.chain = Some(chain);
                self.trouble = None;
            }
            Ok(Err(error)) => self.failed(error),
            Err(error) => self.failed(ChainError::decode("a connection's task", error)),
        }
    }

    /// Looks at the node; `None`, and a pause before the next connection, when it does not answer.
    async fn look(&mut self, seen: Option<Head>) -> Option<Sight> {
        let chain = self.chain.clone()?;
        match chain.sight(seen).await {
            Ok(sight) => {
                self.pauses = pauses();
                let best = self.best.filter(|(head, _)| *head == sight.best);
                let (_, since) = *self
                    .best
                    .insert(best.unwrap_or((sight.best, Instant::now())));
                let still_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                Some(Sight { still_ms, ..sight })
            }
            Err(error) => {
                self.failed(error);
                None
            }
        }
    }

    fn failed(&mut self, error: ChainError) {
        tracing::warn!(%error, "a node can't be used");
        let pause = self.pauses.next().unwrap_or(PAUSE_MAX);
        self.not_before = Instant::now().checked_add(pause);
        self.chain = None;
        self.trouble = Some(error);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(connecting) = &self.connecting {
            connecting.abort();
        }
    }
}

/// The chain that was meant and one that is served, if every node that answers serves another one:
/// then no waiting helps.
fn only_other_chains(sights: &[Option<Sight>], known: &Known) -> Option<(Hash, Hash)> {
    let expected = known.genesis?;
    let mut found = sights.iter().flatten().map(|sight| sight.genesis);
    let first = found.next()?;
    (sights.iter().all(Option::is_some) && first != expected && found.all(|it| it != expected))
        .then_some((expected, first))
}

/// Pauses that double, with jitter, so that many relayers don't fall on a node that comes back.
fn pauses() -> ExponentialBackoff {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(PAUSE_MAX)
        .without_max_times();
    chance::jitter(pauses).build()
}

#[cfg(test)]
#[path = "endpoints_tests.rs"]
mod tests;

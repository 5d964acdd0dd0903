//! The node that is worked with: which one, whether it is the right chain and contract, and its heads.

use crate::{error::RelayerError, pauses::StartPatience, poll_timer::PollTimer};
use llm_oracle_chain::{
    node_connections, AnyChain, ChainError, ChainErrorKind, ChainProperties, CheckedOracle,
    Endpoints, Expect, Head, HeadSubscription, HealthyNode, NodeCriteria, RpcCount,
};
use llm_oracle_primitives::{AccountId, DeploymentId, Hash};
use llm_oracle_store::{Store, StoreIdentity};
use llm_oracle_support::{address::note_prefix, clock::Instant};
use std::time::Duration;

/// How long a verdict 'wrong chain or contract' must stand before it ends the relayer.
const CONFIRM_FOR: Duration = Duration::from_secs(180);
/// Connections that must have shown it.
const CONFIRM_TIMES: u32 = 2;
/// Time between two looks at a contract whose code is another one.
const RECHECK_EVERY: Duration = Duration::from_secs(20);

/// The oracle on whatever chain it is worked on.
pub(crate) type AnyOracle = llm_oracle_chain::OracleClient<AnyChain>;

/// The chain as one iteration sees it: everything in an iteration is read at these two blocks of one
/// node.
#[derive(Debug, Clone)]
pub(crate) struct ChainView {
    /// The contract, over the node's connection.
    pub(crate) oracle: AnyOracle,
    /// The node's finalized block, not below any that was acted on before.
    pub(crate) finalized: Head,
    /// Its best block.
    pub(crate) best: Head,
    /// The contract has other code than expected and nobody knows yet whether for good: seats that are
    /// taken are opened, and nothing else is begun.
    pub(crate) reveals_only: bool,
    /// Another connection than in the last iteration: its node may not know what was sent before.
    pub(crate) is_new_node: bool,
}

/// A verdict 'wrong chain or contract' that is not confirmed yet: a node behind a shared address, one that
/// lies, or one that was set back says so too.
struct Doubt {
    since: Instant,
    last: Instant,
    /// Connections that have shown it.
    times: u32,
}

impl Doubt {
    /// Notes that another connection has shown a wrong chain or contract. Says whether that is confirmed.
    fn shown(doubt: &mut Option<Self>) -> bool {
        let now = Instant::now();
        let doubt = doubt.get_or_insert(Self {
            since: now,
            last: now,
            times: 0,
        });
        doubt.times = doubt.times.saturating_add(1);
        doubt.last = now;
        doubt.is_confirmed()
    }

    fn is_confirmed(&self) -> bool {
        self.times >= CONFIRM_TIMES && self.since.elapsed() >= CONFIRM_FOR
    }
}

/// A live connection with its subscription to heads; without one, if the node refuses it, the timer wakes.
struct Link {
    oracle: AnyOracle,
    wake: Option<HeadSubscription>,
}

impl Link {
    /// Subscribes if it is not subscribed yet. Requests can be answered without.
    async fn subscribe(&mut self) -> Result<(), ChainError> {
        if self.wake.is_none() {
            match self.oracle.chain.finalized_heads().await {
                Ok(wake) => self.wake = Some(wake),
                Err(error) if error.is_refusal() => {
                    tracing::debug!(%error, "without a subscription; the chain is looked at by the clock");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The session with one of the configured nodes; another one takes over when it fails.
pub(crate) struct NodeSession {
    endpoints: Endpoints,
    address: AccountId,
    expect: Expect,
    genesis: Hash,
    properties: ChainProperties,
    deployment: DeploymentId,
    /// The highest finalized block acted on, as the store has it.
    seen: Option<Head>,
    link: Option<Link>,
    doubt: Option<Doubt>,
    poll_timer: PollTimer,
    /// The connection of the last iteration.
    last_connection: Option<usize>,
}

impl NodeSession {
    /// Connects, and checks chain and contract; a wrong one on a second connection too.
    ///
    /// # Errors
    /// What is not as the settings say, and errors of the chain.
    pub(crate) async fn open(
        mut endpoints: Endpoints,
        address: AccountId,
        expect: Expect,
        patience: &mut StartPatience,
    ) -> Result<Self, RelayerError> {
        let check = async || {
            let mut first = first_check(&mut endpoints, address, &expect).await;
            if first
                .as_ref()
                .is_err_and(|error| error.kind() == ChainErrorKind::Mismatch)
            {
                endpoints.disconnect();
                first = first_check(&mut endpoints, address, &expect).await;
            }
            if first.is_err() {
                endpoints.avoid_current();
            }
            Ok(first?)
        };
        let (fit, checked, properties) = patience.with(check).await?;
        note_prefix(properties.ss58_prefix);
        let poll_timer = PollTimer::new(endpoints.block_ms());
        let contract: &[u8; 32] = address.as_ref();
        let session = Self {
            endpoints,
            address,
            expect,
            genesis: fit.chain.genesis(),
            properties,
            deployment: DeploymentId {
                domain: checked.config.domain,
                contract: *contract,
            },
            seen: None,
            link: None,
            doubt: None,
            poll_timer,
            last_connection: None,
        };
        Ok(session)
    }

    /// Works with these nodes from now on. What the contract is expected to be is compared again in the next
    /// iteration, as at a new connection.
    pub(crate) fn reload(&mut self, urls: &[String], expect: Expect) {
        self.endpoints.set_urls(urls);
        self.expect = expect;
        self.link = None;
    }

    /// What the store is bound to.
    pub(crate) fn identity(&self) -> StoreIdentity {
        StoreIdentity {
            genesis: self.genesis,
            contract: self.deployment.contract,
            domain: self.deployment.domain,
        }
    }

    /// What the chain says about its coin and its addresses.
    pub(crate) fn properties(&self) -> &ChainProperties {
        &self.properties
    }

    /// Which deployment is worked for.
    pub(crate) fn deployment(&self) -> DeploymentId {
        self.deployment
    }

    /// Takes over what the store has of the highest finalized block that was acted on.
    pub(crate) fn resume(&mut self, seen: Option<Head>) {
        self.seen = seen;
    }

    /// The chain over a node that may be acted on. A new connection is checked like the first one, code
    /// hash included: it may lead to another node, and the contract may have been changed meanwhile. A
    /// wrong chain or contract is final only once it is confirmed; until then it is `Unconfirmed`.
    ///
    /// # Errors
    /// When no node may be acted on, or chain or contract are others.
    pub(crate) async fn refresh(&mut self) -> Result<ChainView, RelayerError> {
        match self.look().await {
            Err(RelayerError::Chain(error)) if error.kind() == ChainErrorKind::Mismatch => {
                self.link = None;
                self.endpoints.disconnect();
                Err(match Doubt::shown(&mut self.doubt) {
                    true => error.into(),
                    false => RelayerError::Unconfirmed(error),
                })
            }
            Ok(view) if !view.reveals_only => {
                self.doubt = None;
                Ok(view)
            }
            other => other,
        }
    }

    async fn look(&mut self) -> Result<ChainView, RelayerError> {
        let known = NodeCriteria {
            genesis: Some(self.genesis),
            seen: self.seen,
            block_ms: None,
            ask_heads: !self.poll_timer.was_woken_by_head(),
        };
        let fit = match self.endpoints.select_node(known).await {
            Ok(fit) => fit,
            Err(error) => return Err(self.or_another_chain(error).await),
        };
        let (oracle, reveals_only) = self.checked(&fit).await?;
        if self.is_newer(fit.finalized) {
            self.poll_timer.moved();
        }
        let connection = fit.chain.connection_id();
        let is_new_node = self.last_connection.replace(connection) != Some(connection);
        Ok(ChainView {
            oracle,
            finalized: fit.finalized,
            best: fit.best,
            reveals_only,
            is_new_node,
        })
    }

    /// Requests to each node so far.
    pub(crate) fn rpc_counts(&self) -> Vec<(String, RpcCount)> {
        self.endpoints.rpc_counts()
    }

    /// Whether there is a connection to each node.
    pub(crate) fn connections(&self) -> Vec<(String, bool)> {
        node_connections(&self.endpoints)
    }

    /// How long to wait for a head before the chain is looked at without one.
    pub(crate) fn timer(&mut self, poll: Duration) -> Duration {
        self.poll_timer.timer(poll)
    }

    /// The oracle over the last connection, if it stands.
    pub(crate) fn oracle(&self) -> Option<&AnyOracle> {
        self.link.as_ref().map(|link| &link.oracle)
    }

    /// An iteration has failed. After a refusal the connection stays, and another node is tried first.
    pub(crate) fn failed(&mut self, error: &RelayerError) {
        if error.is_refusal() {
            self.endpoints.avoid_current();
        } else {
            self.disconnect();
        }
    }

    /// Gives the connection up: the next iteration connects and checks everything again.
    pub(crate) fn disconnect(&mut self) {
        self.link = None;
    }

    /// Waits for the next finalized head; for ever without a subscription. Says whether the connection
    /// stands.
    pub(crate) async fn next_head(&mut self) -> bool {
        let wake = self.link.as_mut().and_then(|link| link.wake.as_mut());
        let Some(wake) = wake else {
            return std::future::pending().await;
        };
        let is_there = wake.next().await.is_some();
        if is_there {
            self.poll_timer.woken_by_head();
        }
        is_there
    }

    /// The contract over a node, and whether only reveals may be sent to it.
    async fn checked(&mut self, fit: &HealthyNode) -> Result<(AnyOracle, bool), RelayerError> {
        if let Some(link) = &mut self.link {
            if link.oracle.chain.is_same_connection(fit.chain.as_ref()) {
                link.subscribe().await?;
                return Ok((link.oracle.clone(), false));
            }
        }
        let checked = match CheckedOracle::check(&fit.chain, self.address, &self.expect).await {
            Err(error @ ChainError::OtherCode { .. }) => {
                return Ok((self.with_other_code(fit, error).await?, true));
            }
            checked => checked?,
        };
        // The same address on a chain that was started anew.
        expect_domain(self.deployment, checked.config.domain)?;
        let oracle = checked.oracle;
        let mut link = Link {
            oracle: oracle.clone(),
            wake: None,
        };
        link.subscribe().await?;
        tracing::info!(url = fit.chain.url(), "connected");
        self.link = Some(link);
        Ok((oracle, false))
    }

    /// The contract of our deployment, whose code has changed: what its seats owe can still be opened until
    /// the change is confirmed.
    async fn with_other_code(
        &mut self,
        fit: &HealthyNode,
        error: ChainError,
    ) -> Result<AnyOracle, RelayerError> {
        let oracle = AnyOracle::new(fit.chain.clone(), self.address);
        let config = oracle.config(None).await?;
        expect_domain(self.deployment, config.domain)?;
        self.link = None;
        let is_due = |doubt: &Doubt| doubt.last.elapsed() >= RECHECK_EVERY;
        if self.doubt.as_ref().is_none_or(is_due) {
            tracing::error!(%error, "other code; only reveals are sent while this is confirmed");
            if Doubt::shown(&mut self.doubt) {
                return Err(error.into());
            }
            // The next look is over another connection.
            self.endpoints.disconnect();
        }
        Ok(oracle)
    }

    /// The error, or `OtherDomain`: a chain that was started anew looks like one that was set back, and
    /// never gets well again.
    async fn or_another_chain(&self, error: ChainError) -> RelayerError {
        if !matches!(error, ChainError::Unhealthy { .. }) {
            return error.into();
        }
        for chain in self.endpoints.connected() {
            let oracle = AnyOracle::new(chain, self.address);
            let Ok(config) = oracle.config(None).await else {
                continue;
            };
            if let Err(other) = expect_domain(self.deployment, config.domain) {
                return other.into();
            }
        }
        error.into()
    }

    /// The contract was read at this finalized block, and what follows acts on it. Not before: a node that
    /// invents blocks has no state of them.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn note_read(&mut self, store: &Store, finalized: Head) -> Result<(), RelayerError> {
        if self.is_newer(finalized) {
            store.set_finalized_seen(finalized.number, &finalized.hash)?;
            self.seen = Some(finalized);
        }
        Ok(())
    }

    fn is_newer(&self, finalized: Head) -> bool {
        self.seen.is_none_or(|seen| finalized.number > seen.number)
    }
}

/// The same address on a chain that was started anew has another domain.
fn expect_domain(deployment: DeploymentId, found: Hash) -> Result<(), ChainError> {
    let expected = deployment.domain;
    if found == expected {
        return Ok(());
    }
    Err(ChainError::OtherDomain { expected, found })
}

async fn first_check(
    endpoints: &mut Endpoints,
    address: AccountId,
    expect: &Expect,
) -> Result<(HealthyNode, CheckedOracle<AnyChain>, ChainProperties), ChainError> {
    let fit = endpoints.select_node(NodeCriteria::default()).await?;
    let checked = CheckedOracle::check(&fit.chain, address, expect).await?;
    let properties = fit.chain.properties().await?;
    Ok((fit, checked, properties))
}

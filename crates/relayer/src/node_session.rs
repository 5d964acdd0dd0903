//! The node that is worked with: which one, whether it is the right chain and contract, and its heads.

use crate::error::RelayerError;
use llm_oracle_chain::{
    AnyChain, ChainError, CheckedOracle, Endpoints, Expect, Head, HeadSubscription, HealthyNode,
    NodeCriteria,
};
use llm_oracle_primitives::{AccountId, DeploymentId, Hash};
use llm_oracle_store::{Store, StoreIdentity};

/// The oracle on whatever chain it is worked on.
pub(crate) type Oracle = llm_oracle_chain::OracleClient<AnyChain>;

/// The chain as one iteration sees it: everything in an iteration is read at these two blocks of one
/// node.
#[derive(Debug, Clone)]
pub(crate) struct ChainView {
    /// The contract, over the node's connection.
    pub(crate) oracle: Oracle,
    /// The node's finalized block, not below any that was acted on before.
    pub(crate) finalized: Head,
    /// Its best block.
    pub(crate) best: Head,
}

/// A live connection with its subscription to heads.
struct Link {
    oracle: Oracle,
    wake: HeadSubscription,
}

/// The session with one of the configured nodes; another one takes over when it fails.
pub(crate) struct NodeSession {
    endpoints: Endpoints,
    address: AccountId,
    expect: Expect,
    genesis: Hash,
    deployment: DeploymentId,
    /// The highest finalized block acted on, as the store has it.
    seen: Option<Head>,
    link: Option<Link>,
}

impl NodeSession {
    /// Connects, and checks chain and contract.
    ///
    /// # Errors
    /// What is not as the settings say, and errors of the chain.
    pub(crate) async fn open(
        mut endpoints: Endpoints,
        address: AccountId,
        expect: Expect,
    ) -> Result<(Self, Oracle), RelayerError> {
        let fit = endpoints.select_node(NodeCriteria::default()).await?;
        let checked = CheckedOracle::check(&fit.chain, address, expect).await?;
        let contract: &[u8; 32] = address.as_ref();
        let session = Self {
            endpoints,
            address,
            expect,
            genesis: fit.chain.genesis(),
            deployment: DeploymentId {
                domain: checked.config.domain,
                contract: *contract,
            },
            seen: None,
            link: None,
        };
        Ok((session, checked.oracle))
    }

    /// What the store is bound to.
    pub(crate) fn identity(&self) -> StoreIdentity {
        StoreIdentity {
            genesis: self.genesis,
            contract: self.deployment.contract,
            domain: self.deployment.domain,
        }
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
    /// hash included: it may lead to another node, and the contract may have been changed meanwhile.
    ///
    /// # Errors
    /// When no node may be acted on, or chain or contract are others.
    pub(crate) async fn refresh(&mut self, store: &Store) -> Result<ChainView, RelayerError> {
        let known = NodeCriteria {
            genesis: Some(self.genesis),
            seen: self.seen,
            block_ms: None,
        };
        let fit = match self.endpoints.select_node(known).await {
            Ok(fit) => fit,
            Err(error) => return Err(self.or_another_chain(error).await),
        };
        let oracle = self.checked(&fit).await?;
        self.note_seen(store, fit.finalized)?;
        Ok(ChainView {
            oracle,
            finalized: fit.finalized,
            best: fit.best,
        })
    }

    /// The oracle over the last connection, if it stands.
    pub(crate) fn oracle(&self) -> Option<&Oracle> {
        self.link.as_ref().map(|link| &link.oracle)
    }

    /// Gives the connection up: the next iteration connects and checks everything again.
    pub(crate) fn disconnect(&mut self) {
        self.link = None;
    }

    /// Waits for the next finalized head; for ever without a connection. Says whether the connection
    /// stands.
    pub(crate) async fn next_head(&mut self) -> bool {
        match self.link.as_mut() {
            Some(link) => link.wake.next().await.is_some(),
            None => std::future::pending().await,
        }
    }

    async fn checked(&mut self, fit: &HealthyNode) -> Result<Oracle, RelayerError> {
        if let Some(link) = &self.link {
            if link.oracle.chain.is_same_connection(fit.chain.as_ref()) {
                return Ok(link.oracle.clone());
            }
        }
        let checked = CheckedOracle::check(&fit.chain, self.address, self.expect).await?;
        // The same address on a chain that was started anew.
        self.expect_domain(checked.config.domain)?;
        let wake = fit.chain.finalized_heads().await?;
        tracing::info!(url = fit.chain.url(), "connected");
        let oracle = checked.oracle;
        self.link = Some(Link {
            oracle: oracle.clone(),
            wake,
        });
        Ok(oracle)
    }

    fn expect_domain(&self, found: Hash) -> Result<(), ChainError> {
        let expected = self.deployment.domain;
        if found == expected {
            return Ok(());
        }
        Err(ChainError::OtherDomain { expected, found })
    }

    /// The error, or `OtherDomain`: a chain that was started anew looks like one that was set back, and
    /// never gets well again.
    async fn or_another_chain(&self, error: ChainError) -> RelayerError {
        if !matches!(error, ChainError::Unhealthy { .. }) {
            return error.into();
        }
        for chain in self.endpoints.connected() {
            let oracle = Oracle::new(chain, self.address);
            let Ok(config) = oracle.config(None).await else {
                continue;
            };
            if let Err(other) = self.expect_domain(config.domain) {
                return other.into();
            }
        }
        error.into()
    }

    fn note_seen(&mut self, store: &Store, finalized: Head) -> Result<(), RelayerError> {
        if self.seen.is_none_or(|seen| finalized.number > seen.number) {
            store.set_finalized_seen(finalized.number, &finalized.hash)?;
            self.seen = Some(finalized);
        }
        Ok(())
    }
}

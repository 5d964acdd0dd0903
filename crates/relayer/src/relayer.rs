//! The daemon: one wheel, turned by finalized heads, by answers of the model and by a timer.

use super::{
    ask::Asks, config::RelayerConfig, error::RelayerError, peers::club, scan::Memory,
    signatures::Signatures, views::Views, Oracle,
};
use crate::ops::Ops;
use backon::{BackoffBuilder, ExponentialBuilder};
use llm_oracle_chain::{
    ChainError, CheckedOracle, Class, Endpoints, Expect, Fit, Head, Known, WakeUps,
};
use llm_oracle_llm::Provider;
use llm_oracle_peers::{Endpoint, Peers};
use llm_oracle_primitives::{AccountId, DeploymentId, Hash, RequestId, Slot};
use llm_oracle_signing::{load_signer, Signer};
use llm_oracle_store::{Entry, Identity, Purpose, Store};
use llm_oracle_support::{
    address::{parse_account, parse_hash, ss58},
    clock::Instant,
    planted::{planted, Bug},
    random as chance,
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What a turn achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Something was done; another turn may find more.
    Worked,
    /// Nothing to do until the chain or the model moves.
    Idle,
}

/// One account that this process works for.
pub(super) struct Operator {
    pub(super) key: Arc<dyn Signer>,
    pub(super) account: AccountId,
    pub(super) id: [u8; 32],
    pub(super) slot: Slot,
    /// Its key is in use elsewhere; it does nothing any more.
    pub(super) stopped: bool,
    /// It signed two answers to one question: it takes no seat any more, and opens those it has.
    pub(super) barred: bool,
}

impl Operator {
    pub(super) fn entry(&self, request_id: RequestId) -> Entry {
        Entry {
            request_id,
            operator: self.id,
        }
    }
}

/// A live connection with its alarm clock.
struct Link {
    oracle: Oracle,
    wake: WakeUps,
}

/// The chain as one turn sees it: everything in a turn is read at these two blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) finalized: Head,
    pub(super) best: Head,
}

/// A relayer for one oracle and one or more operators.
pub struct Relayer {
    pub(super) config: RelayerConfig,
    pub(super) operators: Vec<Operator>,
    pub(super) store: Arc<Store>,
    pub(super) ops: Arc<Ops>,
    pub(super) observed: Option<Instant>,
    pub(super) deployment: DeploymentId,
    pub(super) asks: Asks,
    pub(super) memory: Memory,
    pub(super) views: Views,
    pub(super) signatures: Signatures,
    pub(super) peers: Option<Peers>,
    address: AccountId,
    expect: Expect,
    endpoints: Endpoints,
    genesis: Hash,
    /// The highest finalized block acted on, as the store has it.
    seen: Option<Head>,
    link: Option<Link>,
}

impl Relayer {
    /// Loads the keys, connects, checks chain and contract, and opens the store.
    ///
    /// # Errors
    /// Anything that is not as the configuration says, by name.
    pub async fn start(
        config: RelayerConfig,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, RelayerError> {
        let keys = load_keys(&config)?;
        let endpoints = Endpoints::new(&config.all_urls(), config.block_time_ms);
        let open = |config: &RelayerConfig, identity: &Identity| {
            let (folder, backup) = (&config.store, config.backup_dir.as_deref());
            let store = match &config.shared {
                Some(shared) => Store::open_shared(folder, backup, shared, identity)?,
                None => Store::open_with_backup(folder, backup, identity)?,
            };
            Ok(Arc::new(store))
        };
        Self::assemble(config, keys, provider, endpoints, open).await
    }

    /// The same over a network, keys and a store that are given.
    pub async fn start_over(
        config: RelayerConfig,
        keys: Vec<Arc<dyn Signer>>,
        provider: Arc<dyn Provider>,
        endpoints: Endpoints,
        store: Arc<Store>,
    ) -> Result<Self, RelayerError> {
        Self::assemble(config, keys, provider, endpoints, |_, _| Ok(store)).await
    }

    async fn assemble(
        config: RelayerConfig,
        keys: Vec<Arc<dyn Signer>>,
        provider: Arc<dyn Provider>,
        mut endpoints: Endpoints,
        open: impl FnOnce(&RelayerConfig, &Identity) -> Result<Arc<Store>, RelayerError>,
    ) -> Result<Self, RelayerError> {
        let address = parse_account(&config.contract)?;
        let code_hash = config.code_hash.as_deref().map(parse_hash).transpose()?;
        let expect = Expect { code_hash };
        let fit = endpoints.survey(Known::default()).await?;
        let checked = CheckedOracle::check(&fit.chain, address, expect).await?;
        let operators = look_up(&checked.oracle, keys).await?;
        let contract: &[u8; 32] = address.as_ref();
        let deployment = DeploymentId {
            domain: checked.config.domain,
            contract: *contract,
        };
        let identity = Identity {
            genesis: fit.chain.genesis(),
            contract: *contract,
            domain: deployment.domain,
        };
        let store = open(&config, &identity)?;
        if config.recover {
            store.forget_finalized_seen()?;
        }
        let seen = store.finalized_seen()?;
        let usage = store.usage()?;
        let ops = Arc::<Ops>::default();
        let peers = club(&config, &deployment, &operators, &ops)?;
        let mut relayer = Self {
            asks: Asks::new(provider, config.limits.model_calls, usage.as_deref()),
            memory: Memory::default(),
            views: Views::default(),
            signatures: Signatures::default(),
            link: None,
            endpoints,
            genesis: identity.genesis,
            seen: seen.map(|(number, hash)| Head { hash, number }),
            config,
            operators,
            store,
            ops,
            peers,
            observed: None,
            deployment,
            address,
            expect,
        };
        let (oracle, now) = relayer.connected().await?;
        if let Some(peers) = &relayer.peers {
            peers.endpoint.looks(now.finalized.number);
        }
        relayer.account_for_seats(&oracle, &now).await?;
        Ok(relayer)
    }

    /// What this relayer has recorded.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Where this relayer says what it does.
    pub fn ops(&self) -> &Arc<Ops> {
        &self.ops
    }

    /// Where peers hand their entries over; `None` without a peer.
    pub fn peers_endpoint(&self) -> Option<Arc<Endpoint>> {
        let peers = self.peers.as_ref();
        peers.map(|peers| peers.endpoint.clone())
    }

    /// Works until it is told to stop. A lost connection is made again; what cannot get better by
    /// waiting ends it.
    ///
    /// # Errors
    /// Another chain or contract behind the URL, a store that fails, a key that is used elsewhere.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), RelayerError> {
        let mut pauses = pauses();
        loop {
            if stop.is_cancelled() {
                return self.wind_up().await;
            }
            let started = Instant::now();
            self.ops.turn_begins();
            // Not broken off when it is time to stop: what it has begun to send, it also notes.
            match self.step().await {
                Ok(progress) => {
                    self.ops.turn_ended(progress.into(), started.elapsed());
                    pauses = self::pauses();
                    if progress == Progress::Worked {
                        continue;
                    }
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = self.wait() => {}
                    }
                }
                Err(error) if is_passing(&error) => {
                    // The next turn connects and checks everything again.
                    self.link = None;
                    self.ops.turn_failed(&error);
                    let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "a turn failed; trying again");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One turn: read, decide, do. Safe to stop at any point.
    ///
    /// # Errors
    /// As [`Self::run`], and connection errors.
    pub async fn step(&mut self) -> Result<Progress, RelayerError> {
        // What the model said is kept, whatever state the nodes are in.
        let mut worked = self.record_answers()?;
        let (oracle, now) = self.connected().await?;
        let asking = self.asks.asking();
        self.ops
            .looks(now.finalized.number, now.best.number, asking);
        self.look(&oracle, &now).await?;
        worked |= self.reconcile(&oracle, &now).await?;
        let mut plan = self.scan(&oracle, &now).await?;
        worked |= plan.settled_something;
        if self.start_asks(std::mem::take(&mut plan.asks))? {
            worked = true;
            if self.record_prompt_answers().await? {
                // Nothing is asked by this look, which has become old: a deadline may have passed.
                plan = self.scan(&oracle, &now).await?;
                worked |= plan.settled_something;
            }
        }
        self.stop_if_barred(&plan)?;
        worked |= self
            .send_seats(&oracle, &now, Purpose::Commit, plan.commits)
            .await?;
        worked |= self
            .send_seats(&oracle, &now, Purpose::Answer, plan.answers)
            .await?;
        worked |= self
            .send_seats(&oracle, &now, Purpose::Reveal, plan.reveals)
            .await?;
        for ending in plan.endings {
            worked |= self.finish(&oracle, &now, ending).await?;
        }
        worked |= self.watch_signatures(&oracle, &now).await?;
        self.observe(&oracle).await?;
        Ok(if worked {
            Progress::Worked
        } else {
            Progress::Idle
        })
    }

    /// Waits until the chain or the model has moved, or the timer says to look anyway.
    pub async fn wait(&mut self) {
        let timer = tokio::time::sleep(Duration::from_millis(self.config.limits.poll_ms));
        let Some(link) = self.link.as_mut() else {
            return timer.await;
        };
        let alive = tokio::select! {
            biased;
            head = link.wake.next() => head.is_some(),
            () = self.asks.any() => true,
            () = Self::peers_moved(self.peers.as_ref()) => true,
            () = timer, if !planted(Bug::NoTimer) => true,
        };
        if !alive {
            self.link = None;
        }
    }

    /// The oracle over a node that may be acted on, and that node's heads. A new connection is
    /// checked like the first one, code hash included: it may lead to another node, and the contract
    /// may have been changed meanwhile.
    async fn connected(&mut self) -> Result<(Oracle, Now), RelayerError> {
        let known = Known {
            genesis: Some(self.genesis),
            seen: self.seen,
            block_ms: None,
        };
        let fit = match self.endpoints.survey(known).await {
            Ok(fit) => fit,
            Err(error) => return Err(self.unless_another_chain(error).await),
        };
        let oracle = self.checked(&fit).await?;
        self.note_seen(fit.finalized)?;
        let now = Now {
            finalized: fit.finalized,
            best: fit.best,
        };
        Ok((oracle, now))
    }

    async fn checked(&mut self, fit: &Fit) -> Result<Oracle, RelayerError> {
        if let Some(link) = &self.link {
            if link.oracle.chain.is_same_line(fit.chain.as_ref()) {
                return Ok(link.oracle.clone());
            }
        }
        let checked = CheckedOracle::check(&fit.chain, self.address, self.expect).await?;
        if checked.config.domain != self.deployment.domain {
            // The same address on a chain that was started anew.
            let (expected, found) = (self.deployment.domain, checked.config.domain);
            return Err(ChainError::OtherDomain { expected, found }.into());
        }
        let wake = fit.chain.wake_ups().await?;
        tracing::info!(url = fit.chain.url(), "connected");
        let oracle = checked.oracle;
        self.link = Some(Link {
            oracle: oracle.clone(),
            wake,
        });
        Ok(oracle)
    }

    /// A chain that was started anew looks like one that was set back, and never gets well again.
    async fn unless_another_chain(&self, error: ChainError) -> RelayerError {
        if !matches!(error, ChainError::Unfit { .. }) {
            return error.into();
        }
        for chain in self.endpoints.connected() {
            let oracle = Oracle::new(chain, self.address);
            let Ok(config) = oracle.config(None).await else {
                continue;
            };
            let (expected, found) = (self.deployment.domain, config.domain);
            if expected != found {
                return ChainError::OtherDomain { expected, found }.into();
            }
        }
        error.into()
    }

    fn note_seen(&mut self, finalized: Head) -> Result<(), RelayerError> {
        if self.seen.is_none_or(|seen| finalized.number > seen.number) {
            self.store
                .set_finalized_seen(finalized.number, &finalized.hash)?;
            self.seen = Some(finalized);
        }
        Ok(())
    }

    /// The oracle over the connection of the last turn, if it stands.
    pub(super) fn link(&self) -> Option<&Oracle> {
        self.link.as_ref().map(|link| &link.oracle)
    }

    /// Operators that still act, by position.
    pub(super) fn able(&self) -> Vec<usize> {
        (0..self.operators.len())
            .filter(|index| !self.operators[*index].stopped)
            .collect()
    }
}

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

fn pauses() -> backon::ExponentialBackoff {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times();
    chance::jitter(pauses).build()
}

/// Errors that a new connection or some time may cure. A chain or contract that is another one, and
/// a store that fails on this machine, are not among them.
fn is_passing(error: &RelayerError) -> bool {
    match error {
        RelayerError::Chain(error) if planted(Bug::LostConnectionEnds) => !error.is_connection(),
        RelayerError::Chain(error) => error.class() != Class::Wrong,
        RelayerError::Unsigned { error, .. } => error.may_pass(),
        RelayerError::Store(error) => error.may_pass(),
        _ => false,
    }
}

fn load_keys(config: &RelayerConfig) -> Result<Vec<Arc<dyn Signer>>, RelayerError> {
    let mut keys: Vec<Arc<dyn Signer>> = Vec::new();
    for source in &config.operators {
        let key = load_signer(source)?;
        let account = key.account();
        if keys.iter().any(|known| known.account() == account) {
            return Err(RelayerError::OperatorTwice(ss58(&account)));
        }
        key.check().map_err(ChainError::from)?;
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(RelayerError::NoOperators);
    }
    Ok(keys)
}

async fn look_up(
    oracle: &Oracle,
    keys: Vec<Arc<dyn Signer>>,
) -> Result<Vec<Operator>, RelayerError> {
    let mut operators = Vec::with_capacity(keys.len());
    for key in keys {
        let account = key.account();
        let view = oracle.operator(&account, None).await?;
        let view = view.ok_or_else(|| RelayerError::NotRegistered {
            operator: ss58(&account),
        })?;
        let id: &[u8; 32] = account.as_ref();
        operators.push(Operator {
            id: *id,
            key,
            account,
            slot: view.slot,
            stopped: false,
            barred: view.barred,
        });
    }
    Ok(operators)
}

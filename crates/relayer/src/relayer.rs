//! The daemon: one main loop, woken by finalized heads, by answers of the model, by peers and by a timer.

use crate::{
    bonds::Bonds,
    config::RelayerConfig,
    drain::DrainSwitch,
    equivocation::EquivocationWatch,
    error::RelayerError,
    failures::FailureLog,
    keys::{load_keys, LoadedKeys},
    model::{show_models, AnswerRecorder, ModelQueue, OperatorModels},
    node_session::{ChainView, NodeSession},
    observer::Observer,
    operators::Operators,
    ops::{IterationResult, Ops},
    pace::PaceWatch,
    pauses::{pauses, StartPatience, PAUSE_MAX},
    peers::PeerExchange,
    reload::ReloadInbox,
    requests::{account_for_seats, OperatorSets, RequestCache, RequestTracker, TrackRecords},
    retention::Retention,
    settlement::{end_some, SettlementSender},
    tx::{signer_part, BatchSender, Reconciler, TxSender},
};
use llm_oracle_chain::{Endpoints, Head};
use llm_oracle_llm::Provider;
use llm_oracle_peers::PeerEndpoint;
use llm_oracle_signing::Signer;
use llm_oracle_store::{Purpose, Store, StoreIdentity};
use llm_oracle_support::{
    address::{hex0x, parse_account},
    clock::Instant,
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What an iteration achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is drained and owes nothing any more.
    Drained,
    /// Something was done; another iteration may find more.
    Worked,
    /// Nothing to do until the chain or the model moves.
    Idle,
}

/// A relayer for one oracle and one or more operators.
pub struct Relayer {
    pub(crate) config: RelayerConfig,
    pub(crate) store: Arc<Store>,
    pub(crate) ops: Arc<Ops>,
    pub(crate) operators: Operators,
    pub(crate) session: NodeSession,
    pub(crate) drain: DrainSwitch,
    pub(crate) pace: PaceWatch,
    pub(crate) bonds: Bonds,
    pub(crate) cache: RequestCache,
    pub(crate) tracker: RequestTracker,
    pub(crate) track_records: TrackRecords,
    pub(crate) sets: OperatorSets,
    pub(crate) models: ModelQueue,
    pub(crate) failures: FailureLog,
    pub(crate) reconciler: Reconciler,
    pub(crate) batches: BatchSender,
    pub(crate) settlement: SettlementSender,
    pub(crate) equivocations: EquivocationWatch,
    pub(crate) peers: PeerExchange,
    pub(crate) observer: Observer,
    pub(crate) retention: Retention,
}

impl Relayer {
    /// Loads the keys, connects, checks chain and contract, and opens the store.
    ///
    /// # Errors
    /// What is not as the settings say; the error names it.
    pub async fn start(
        config: RelayerConfig,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, RelayerError> {
        let LoadedKeys { keys, away } = load_keys(&config.operators)?;
        let endpoints = Endpoints::new(&config.all_urls(), config.block_time_ms);
        let open = |config: &RelayerConfig, identity: &StoreIdentity| {
            let (folder, backup) = (&config.store, config.backup_dir.as_deref());
            let store = match &config.shared {
                Some(shared) => Store::open_shared(folder, backup, shared, identity)?,
                None => Store::open_with_backup(folder, backup, identity)?,
            };
            Ok(Arc::new(store))
        };
        let relayer = Self::assemble(config, keys, provider, endpoints, open).await?;
        for (operator, reason) in away {
            relayer.ops.part(&signer_part(&operator), Some(reason));
        }
        Ok(relayer)
    }

    /// The same over a network, keys and a store that are given.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        config: RelayerConfig,
        keys: Vec<Arc<dyn Signer>>,
        provider: Arc<dyn Provider>,
        endpoints: Endpoints,
        store: Arc<Store>,
    ) -> Result<Self, RelayerError> {
        Self::assemble(config, keys, provider, endpoints, |_, _| Ok(store)).await
    }

    /// Builds the parts and connects them.
    async fn assemble(
        config: RelayerConfig,
        keys: Vec<Arc<dyn Signer>>,
        provider: Arc<dyn Provider>,
        endpoints: Endpoints,
        open: impl FnOnce(&RelayerConfig, &StoreIdentity) -> Result<Arc<Store>, RelayerError>,
    ) -> Result<Self, RelayerError> {
        let address = parse_account(&config.contract)?;
        let expect = config.code_hash.expected()?;
        let accounts: Vec<_> = keys.iter().map(|key| key.account()).collect();
        let models = &config.operator_models;
        let operator_models = OperatorModels::new(models, &accounts, provider.as_ref())?;
        let mut patience = StartPatience::new();
        let mut session = NodeSession::open(endpoints, address, expect, &mut patience).await?;
        let ops = Arc::<Ops>::default();
        let look_up = async || Operators::look_up(&mut session, &keys, &ops).await;
        let operators = patience.with(look_up).await?;
        let (identity, deployment) = (session.identity(), session.deployment());
        let money = config.limits.money(session.properties().unit());
        let store = open(&config, &identity)?;
        if config.recover || config.forget_finalized {
            store.forget_finalized_seen()?;
        }
        let seen = store.finalized_seen()?;
        session.resume(seen.map(|(number, hash)| Head { hash, number }));
        let limits = config.limits;
        let takeover_ms = limits.takeover_delay_ms;
        let own = operators.iter().map(|operator| operator.id).collect();
        let failures = FailureLog::new(store.clone(), own, limits.max_attempts);
        let tx = TxSender::new(store.clone(), ops.clone(), money.max_fee);
        let shared = (store.clone(), ops.as_ref(), failures.clone());
        let mut relayer = Self {
            session,
            drain: DrainSwitch::new(store.directory()),
            pace: PaceWatch::default(),
            bonds: Bonds::default(),
            cache: RequestCache::default(),
            tracker: RequestTracker::default(),
            track_records: TrackRecords::default(),
            sets: OperatorSets::default(),
            models: ModelQueue::new(
                (provider, operator_models),
                (limits.max_concurrent_model_requests, config.policy.clone()),
                (store.clone(), ops.clone(), failures.clone()),
                AnswerRecorder::new(store.clone(), ops.clone(), deployment),
            )?,
            reconciler: Reconciler::new(store.clone(), failures.clone(), tx.clone()),
            batches: BatchSender::new(
                tx.clone(),
                store.clone(),
                failures.clone(),
                deployment,
                money.max_tip,
            ),
            settlement: SettlementSender::new(
                tx.clone(),
                store.clone(),
                failures.clone(),
                takeover_ms,
            ),
            equivocations: EquivocationWatch::new(
                limits.report_equivocations,
                tx,
                store.clone(),
                deployment,
            ),
            peers: PeerExchange::new(&config, deployment, &operators, shared)?,
            observer: Observer::new(ops.clone(), money.min_balance),
            retention: Retention::new(store.clone(), config.retention),
            failures,
            operators,
            store,
            ops,
            config,
        };
        patience
            .with(async || look_first(&mut relayer).await)
            .await?;
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
    pub fn peers_endpoint(&self) -> Option<Arc<PeerEndpoint>> {
        self.peers.endpoint()
    }

    /// Names what this relayer works for, for its status.
    pub fn introduce(&self, contract: &str, model: &str) {
        let known = self.session.oracle().map(|oracle| {
            let chain = &oracle.chain;
            (chain.url().to_owned(), hex0x(&chain.genesis()))
        });
        let (url, genesis) = known.unwrap_or_default();
        self.ops.introduce(&url, contract, &genesis, model);
        self.ops.counts_in(self.session.properties());
    }

    /// Works until it is told to stop, or is drained. A lost connection is made again; what cannot get better by
    /// waiting ends it. Settings that are handed in meanwhile are taken over between two iterations.
    ///
    /// # Errors
    /// Another chain or contract behind the URL, a store that fails, a key that is used elsewhere.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        mut reloads: ReloadInbox,
    ) -> Result<(), RelayerError> {
        let mut pauses = pauses();
        loop {
            if stop.is_cancelled() {
                return self.wind_up().await;
            }
            if let Some(settings) = reloads.take() {
                self.take_over(&settings);
            }
            let started = Instant::now();
            self.ops.iteration_begins();
            // Not broken off when it is time to stop: what it has begun to send, it also records.
            match self.iterate().await {
                Ok(progress) => {
                    self.ops.iteration_ended(progress.into(), started.elapsed());
                    pauses = crate::pauses::pauses();
                    match progress {
                        Progress::Worked => continue,
                        Progress::Drained => return self.wind_up().await,
                        Progress::Idle => {}
                    }
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = reloads.arrived() => {}
                        () = self.wait() => {}
                    }
                }
                Err(error) if error.is_transient() => {
                    self.session.failed(&error);
                    self.ops.iteration_failed(&error);
                    let pause = pauses.next().unwrap_or(PAUSE_MAX);
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "an iteration failed; trying again");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = reloads.arrived() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                Err(error) => {
                    // It ends for a reason of its own, which is the one to show.
                    drop(self.models.wind_up(Duration::ZERO).await);
                    return Err(error);
                }
            }
        }
    }

    /// One iteration: read, decide, do. It can end at any point, by a crash too: the next one goes on
    /// from what the chain and the store show.
    ///
    /// # Errors
    /// As [`Self::run`], and connection errors.
    pub async fn iterate(&mut self) -> Result<Progress, RelayerError> {
        // What the model said is recorded, whatever state the nodes are in.
        let mut worked = self.models.collect_answers()?;
        let chain = self.session.refresh().await?;
        let (finalized, best) = (chain.finalized.number, chain.best.number);
        self.ops.looks(finalized, best, self.models.asked().count());
        let counts = self.session.rpc_counts();
        self.ops.metrics().nodes().requests(&counts);
        self.refresh_requests(&chain).await?;
        let parts = self.ops.metrics().parts();
        parts.nodes(&self.session.connections());
        parts.storage_trusted(self.cache.trusts_storage());
        show_models(&self.models);
        self.reconciler.note_heads(&chain);
        worked |= self.reconciler.reconcile(&chain, &mut self.cache).await?;
        let mut work = self.plan(&chain).await?;
        worked |= work.ended_something;
        if self.models.start(std::mem::take(&mut work.asks))? {
            worked = true;
            if self.models.collect_prompt_answers().await? {
                // Nothing is asked by this plan, which has become old: a deadline may have passed.
                work = self.plan(&chain).await?;
                worked |= work.ended_something;
            }
        }
        self.operators.stop_if_barred(work.unended)?;
        // A bond is at stake behind each reveal, and an answer that was paid for behind each commit; whatever
        // else there is waits for them.
        worked |= self.send(&chain, Purpose::Reveal, work.reveals).await?;
        worked |= self.send(&chain, Purpose::Answer, work.answers).await?;
        worked |= self.send(&chain, Purpose::Commit, work.commits).await?;
        let (settlement, operators) = (&mut self.settlement, &self.operators);
        worked |= end_some(settlement, operators, &self.ops, &chain, work.endings).await?;
        let (operators, cache) = (&self.operators, &mut self.cache);
        worked |= self.equivocations.watch(&chain, operators, cache).await?;
        self.bonds.refresh(&chain, &self.operators).await?;
        self.observer.observe(&chain, &self.operators).await?;
        worked |= self.retention.prune()?;
        Ok(match worked {
            _ if work.is_drained => Progress::Drained,
            true => Progress::Worked,
            false => Progress::Idle,
        })
    }

    async fn refresh_requests(&mut self, chain: &ChainView) -> Result<(), RelayerError> {
        let (cursor, over) = (self.store.cursor()?, self.tracker.done());
        if self.cache.refresh(chain, cursor, over).await? {
            self.tracker.forget_gone(&self.cache);
        }
        self.session.note_read(&self.store, chain.finalized)
    }

    /// Waits until the chain, the model or a peer has moved, or the timer says to read anyway.
    async fn wait(&mut self) {
        let poll = Duration::from_millis(self.config.limits.poll_interval_ms);
        let timer = tokio::time::sleep(self.session.timer(poll));
        if self.session.oracle().is_none() {
            return timer.await;
        }
        let connected = tokio::select! {
            biased;
            connected = self.session.next_head() => connected,
            () = self.models.any() => true,
            () = self.peers.moved() => true,
            () = timer => true,
        };
        if !connected {
            self.session.disconnect();
        }
    }

    /// Ends in order. Nothing new is asked or sent.
    async fn wind_up(mut self) -> Result<(), RelayerError> {
        self.models.wind_up(LAST_ANSWERS_WITHIN).await?;
        if let Err(error) = self.store.release_leases() {
            // They end by themselves.
            tracing::warn!(%error, "leases not given back");
        }
        Ok(())
    }
}

impl From<Progress> for IterationResult {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Worked => Self::Worked,
            Progress::Idle | Progress::Drained => Self::Idle,
        }
    }
}

/// Longest wait for questions that are with the model when it is time to stop.
const LAST_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// The first look at the chain: the bonds, and the seats that the store must account for.
///
/// # Errors
/// As [`Relayer::start`].
async fn look_first(relayer: &mut Relayer) -> Result<(), RelayerError> {
    let looked = look(relayer).await;
    if let Err(error) = &looked {
        relayer.session.failed(error);
    }
    looked
}

async fn look(relayer: &mut Relayer) -> Result<(), RelayerError> {
    let chain = relayer.session.refresh().await?;
    let deployment = relayer.session.deployment();
    relayer.bonds.refresh(&chain, &relayer.operators).await?;
    relayer.peers.begin(chain.finalized.number);
    let (store, operators, tracker) = (&relayer.store, &relayer.operators, &mut relayer.tracker);
    let recover = relayer.config.recover;
    account_for_seats(&chain, store, operators, tracker, deployment, recover).await
}

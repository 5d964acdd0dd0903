//! One run: a network, a relayer that is started whenever it ends, and time that passes.

use super::{
    disk::Disk,
    faults::{Effects, Rates},
    kill::Kill,
    model::Model,
    scenario::{ask, genesis, terms, Kind, REWARD},
    signers::Away,
    witness::Witness,
};
use crate::network::{lock, Shared, Wires, World, CODE};
use llm_oracle_chain::Endpoints;
use llm_oracle_fixtures::{mutant, SimRng};
use llm_oracle_llm::Models;
use llm_oracle_peers::PeersConfig;
use llm_oracle_primitives::{BlockNumber, Terms};
use llm_oracle_relayer::{
    reload_channel, CodeHashes, Limits, PolicyConfig, Relayer, RelayerConfig, RelayerError,
    Reloader, RetentionConfig,
};
use llm_oracle_rules::MemoryHost;
use llm_oracle_signing::{account_of, Signer};
use llm_oracle_store::{sqlite::Sqlite, SaltSecrets, Store, StoreIdentity};
use llm_oracle_support::{
    address::{hex0x, ss58},
    clock::Instant,
    simulated,
};
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Mutex,
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Time between two blocks, milliseconds.
pub const BLOCK_MS: u64 = 1_000;
/// Failures after which the relayer gives up what it may give up.
pub const MAX_ATTEMPTS: u32 = 5;

type Running = Pin<Box<dyn Future<Output = Result<(), RelayerError>>>>;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub operators: u8,
    pub nodes: usize,
    pub rates: Rates,
    pub mutant: Option<&'static str>,
    pub keep_trace: bool,
    /// The model is no part of it.
    pub fixed: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    pub digest: [u8; 32],
    pub violations: Vec<String>,
    pub counts: BTreeMap<&'static str, u64>,
    pub lines: Vec<String>,
    pub sends: u64,
    pub reveals: u64,
    pub requests: u64,
    pub blocks: BlockNumber,
    /// Requests that all of our operators answered.
    pub answered: u64,
}

/// Runs something in simulated time on this thread.
pub fn in_simulation<F: Future>(seed: u64, name: Option<&'static str>, run: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    mutant::switch(name);
    let output = runtime.block_on(async {
        let _simulated = simulated::begin(seed);
        run.await
    });
    mutant::switch(None);
    output
}

/// A network and a relayer.
pub struct Run {
    pub world: Shared,
    pub witness: Arc<Witness>,
    pub kill: Arc<Kill>,
    pub disk: Disk,
    pub rng: SimRng,
    pub plan: Plan,
    pub effects: Effects,
    pub asked: u64,
    /// Blocks that finality is behind.
    pub finality: BlockNumber,
    pub limits: Limits,
    pub codes: Vec<[u8; 32]>,
    pub reloader: Option<Reloader>,
    /// The operator whose signer does not answer.
    pub signer_away: Option<usize>,
    running: Option<Running>,
    /// Whether the process that runs has started.
    started: Arc<AtomicBool>,
    /// Blocks until a process that ended is started again.
    rest: u64,
    pub deaths: u64,
}

impl Run {
    pub fn new(plan: Plan) -> Self {
        let (keys, state) = genesis();
        let mut rng = SimRng::new(plan.seed);
        let kill = Arc::new(Kill::default());
        let identity = StoreIdentity {
            genesis: [0x11; 32],
            contract: *MemoryHost::address().as_ref(),
            domain: state.host.domain(),
        };
        let seed = rng.next_u64();
        let mut state = state.clone();
        state.most_entries = plan.rates.most_entries.unwrap_or(u64::MAX);
        // Not found by a dry run, which sees the block before.
        let odd: fn(BlockNumber) -> bool = |block| block % 2 == 1;
        state.consumer.fails_in = plan.rates.callbacks_fail.then_some(odd);
        let mut world = World::new(state, plan.nodes, seed, kill.clone());
        let ours = keys.iter().take(plan.operators.into()).map(account_of);
        let slots = ours.filter_map(|account| {
            let view = world.operator(world.genesis, &account)?;
            Some((view.slot, *account.as_ref()))
        });
        let slots: BTreeMap<_, [u8; 32]> = slots.collect();
        let witness = Arc::new(Witness::new(slots, MAX_ATTEMPTS.into()));
        world.watch = Some(witness.clone());
        world.trace.keep_all = plan.keep_trace;
        let world = Arc::new(Mutex::new(world));
        let disk = Disk {
            memory: Arc::new(Sqlite::open_in_memory(&identity).unwrap()),
            witness: witness.clone(),
            world: world.clone(),
            kill: kill.clone(),
        };
        Self {
            world,
            witness,
            kill,
            disk,
            rng,
            plan,
            effects: Effects::default(),
            asked: 0,
            finality: 2,
            limits: Limits {
                min_reward: REWARD / 2,
                max_attempts: MAX_ATTEMPTS,
                max_concurrent_model_requests: 2,
                poll_interval_ms: 2_000,
                takeover_delay_ms: 3_000,
                ..Limits::default()
            },
            codes: vec![CODE],
            reloader: None,
            signer_away: None,
            running: None,
            started: Arc::default(),
            rest: 0,
            deaths: 0,
        }
    }

    pub fn world(&self) -> std::sync::MutexGuard<'_, World> {
        lock(&self.world)
    }

    fn keys(&self) -> Vec<Arc<dyn Signer>> {
        let keys = genesis().0.iter().take(self.plan.operators.into());
        let keys = keys.enumerate().map(|(index, key)| match self.signer_away {
            Some(away) if away == index => Arc::new(Away(key.clone())) as Arc<dyn Signer>,
            _ => Arc::new(key.clone()),
        });
        keys.collect()
    }

    fn urls(&self) -> Vec<String> {
        (0..self.plan.nodes).map(|n| format!("ws://{n}")).collect()
    }

    pub fn config(&self) -> RelayerConfig {
        RelayerConfig {
            url: "ws://0".to_owned(),
            urls: self.urls(),
            block_time_ms: None,
            backup_dir: None,
            recover: false,
            forget_finalized: false,
            contract: ss58(&MemoryHost::address()),
            code_hash: CodeHashes(self.codes.iter().map(|code| hex0x(code)).collect()),
            store: Default::default(),
            shared: None,
            operators: Vec::new(),
            model: Models(Vec::new()),
            operator_models: Default::default(),
            limits: self.limits,
            policy: PolicyConfig::default(),
            peers: PeersConfig::default(),
            retention: RetentionConfig::default(),
        }
    }

    pub fn store(&self) -> Store {
        let secrets = SaltSecrets::from_pairs([(1, [7; 32])]);
        Store::with_database(Arc::new(self.disk.clone()), secrets)
    }

    /// Starts the relayer, which runs until it dies.
    pub fn start(&mut self) {
        self.kill.revive();
        {
            let mut seen = self.witness.seen();
            seen.starts += 1;
            seen.disk_errors = 0;
        }
        let (config, keys, store) = (self.config(), self.keys(), Arc::new(self.store()));
        let wires = Arc::new(Wires(self.world.clone()));
        let endpoints = Endpoints::over(&self.urls(), Some(BLOCK_MS), wires);
        let model = Arc::new(Model {
            world: self.world.clone(),
            witness: self.witness.clone(),
            fixed: self.plan.fixed,
        });
        let (reloader, reloads) = reload_channel();
        self.reloader = Some(reloader);
        let started = Arc::<AtomicBool>::default();
        self.started = started.clone();
        self.world().trace.note("start".into());
        self.running = Some(Box::pin(async move {
            let relayer = Relayer::start_with(config, keys, model, endpoints, store).await?;
            started.store(true, Ordering::Relaxed);
            relayer.run(CancellationToken::new(), reloads).await
        }));
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Lets time pass.
    pub async fn pass(&mut self, ms: u64) {
        enum End {
            Time,
            Death,
            Process(Result<(), RelayerError>),
        }
        let until = Instant::now() + Duration::from_millis(ms);
        loop {
            let Some(running) = &mut self.running else {
                return tokio::time::sleep_until(until).await;
            };
            let end = tokio::select! {
                biased;
                () = self.kill.death() => End::Death,
                end = running.as_mut() => End::Process(end),
                () = tokio::time::sleep_until(until) => End::Time,
            };
            match end {
                End::Time => return,
                End::Death => self.died(),
                End::Process(_) if self.kill.is_dead() => self.died(),
                End::Process(end) => self.ended(end),
            }
        }
    }

    fn died(&mut self) {
        self.running = None;
        self.deaths += 1;
        self.rest = self.rng.below(6);
        self.world().trace.note("dead".into());
    }

    /// A process ends by itself only where it says so: when its disk fails, or when it can't start.
    fn ended(&mut self, end: Result<(), RelayerError>) {
        self.running = None;
        self.rest = 1 + self.rng.below(4);
        let started = self.started.load(Ordering::Relaxed);
        let disk_errors = self.witness.seen().disk_errors;
        let expected = match &end {
            Err(RelayerError::Store(_)) => disk_errors > 0,
            Err(RelayerError::Chain(error)) => !started && !error.is_refusal(),
            _ => false,
        };
        self.world().trace.note(format!("ended: {end:?}"));
        if !expected {
            self.witness
                .violation(format!("the relayer ended: {end:?}"));
        }
    }

    /// Puts a question to the network.
    pub fn ask(&mut self, kind: Kind) {
        self.ask_with(kind, |_| {});
    }

    /// The same with other terms.
    pub fn ask_with(&mut self, kind: Kind, change: impl FnOnce(&mut Terms)) {
        let (number, operators) = (self.asked, self.plan.operators);
        self.asked += 1;
        let mut terms = terms(&mut self.rng, kind, number, operators);
        change(&mut terms);
        let reward = match kind {
            Kind::Cheap => REWARD / 4,
            _ => REWARD,
        };
        let mut world = self.world();
        world.trace.note(format!("question {number}: {kind:?}"));
        ask(&mut world, &terms, reward);
    }

    /// One block and the time until the next.
    pub async fn block(&mut self) {
        {
            let finality = self.finality;
            let mut world = lock(&self.world);
            world.block();
            if !self.effects.finality_stands() {
                world.finalize(finality);
            }
            world.follow();
        }
        if !self.is_running() {
            match self.rest {
                0 => self.start(),
                _ => self.rest -= 1,
            }
        }
        self.pass(BLOCK_MS).await;
        self.check_effects();
    }

    /// Whatever is in the best block, our seats hold what we recorded.
    fn check_effects(&self) {
        let mut world = lock(&self.world);
        let best = world.best;
        for id in 0..world.next_id(best) {
            let Some(view) = world.request(best, id) else {
                continue;
            };
            let mut seen = self.witness.seen();
            for seat in &view.seats {
                let place = (id, *seat.operator.as_ref());
                if !self.witness.is_ours(&place.1) {
                    continue;
                }
                let recorded = seen.answers.get(&place).map(|(commitment, _)| *commitment);
                // One-step answers leave no commitment.
                if recorded != Some(seat.commitment) && !view.one_step {
                    seen.violations
                        .push(format!("{id} has a commitment that is not recorded"));
                }
            }
        }
    }

    pub fn report(self) -> Report {
        let mut world = lock(&self.world);
        let best = world.best;
        let requests = world.next_id(best);
        let answered = (0..requests).filter(|id| {
            let view = world.request(best, *id);
            view.is_some_and(|view| {
                view.summary.revealed >= self.plan.operators.min(view.summary.seats)
            })
        });
        let answered = answered.count() as u64;
        let mut seen = self.witness.seen();
        Report {
            digest: world.trace.digest,
            violations: std::mem::take(&mut seen.violations),
            counts: std::mem::take(&mut world.counts),
            lines: std::mem::take(&mut world.trace.lines).into(),
            sends: seen.sends,
            reveals: seen.reveals,
            requests,
            blocks: world.height(),
            answered,
        }
    }
}

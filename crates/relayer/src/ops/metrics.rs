//! The registry of `/metrics`. `docs/operating.md` has one row for each; a test compares them.

use super::{
    node_counters::NodeCounters,
    part_gauges::{Amount, One, PartGauges},
    reload_report::ReloadCounters,
    OperatorStatus,
};
use llm_oracle_peers::PeerCounters;
use llm_oracle_store::{AttemptState, JobState, Stats};
use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{exponential_buckets, Histogram},
        info::Info,
    },
    registry::Registry,
};
use std::{fmt, sync::atomic::AtomicU64, time::Duration};

/// What one iteration came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IterationResult {
    /// It did something.
    Worked,
    /// There was nothing to do.
    Idle,
}

/// Prefix of every name.
const PREFIX: &str = "llm_oracle";

type Two = [(&'static str, String); 2];

/// All numbers of one relayer.
pub struct Metrics {
    registry: Registry,
    iterations: Family<One, Counter>,
    iteration_seconds: Histogram,
    last_iteration: Gauge<f64, AtomicU64>,
    connected: Gauge,
    finalized_block: Gauge,
    best_block: Gauge,
    finalized_moved: Gauge<f64, AtomicU64>,
    open_requests: Gauge,
    questions: Gauge,
    answers: Family<One, Counter>,
    model_failures: Counter,
    model_seconds: Histogram,
    able: Family<One, Gauge>,
    balance: Family<One, Amount>,
    min_balance: Family<One, Amount>,
    bond: Family<One, Amount>,
    min_bond: Family<One, Amount>,
    locked: Family<One, Amount>,
    credit: Family<One, Amount>,
    seats: Family<Two, Gauge>,
    jobs: Family<One, Gauge>,
    transactions: Family<Two, Gauge>,
    skipped_requests: Gauge,
    cursor: Gauge,
    store_free: Gauge,
    nodes: NodeCounters,
    reloads: ReloadCounters,
    parts: PartGauges,
    peers: PeerCounters,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers all of them.
    pub fn new() -> Self {
        let this = Self {
            registry: Registry::with_prefix(PREFIX),
            iterations: Family::default(),
            iteration_seconds: Histogram::new(exponential_buckets(0.01, 4.0, 8)),
            last_iteration: Gauge::default(),
            connected: Gauge::default(),
            finalized_block: Gauge::default(),
            best_block: Gauge::default(),
            finalized_moved: Gauge::default(),
            open_requests: Gauge::default(),
            questions: Gauge::default(),
            answers: Family::default(),
            model_failures: Counter::default(),
            model_seconds: Histogram::new(exponential_buckets(0.1, 3.0, 8)),
            able: Family::default(),
            balance: Family::default(),
            min_balance: Family::default(),
            bond: Family::default(),
            min_bond: Family::default(),
            locked: Family::default(),
            credit: Family::default(),
            seats: Family::default(),
            jobs: Family::default(),
            transactions: Family::default(),
            skipped_requests: Gauge::default(),
            cursor: Gauge::default(),
            store_free: Gauge::default(),
            nodes: NodeCounters::default(),
            reloads: ReloadCounters::default(),
            parts: PartGauges::default(),
            peers: PeerCounters::default(),
        };
        this.registered()
    }

    fn registered(mut self) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "version of the program", Info::new(version));
        self.register_loop(&mut registry);
        self.nodes.register(&mut registry);
        self.reloads.register(&mut registry);
        self.parts.register(&mut registry);
        self.register_operators(&mut registry);
        self.register_store(&mut registry);
        self.peers.register(&mut registry);
        self.registry = registry;
        self
    }

    fn register_loop(&self, to: &mut Registry) {
        let help = "iterations by result";
        to.register("iterations", help, self.iterations.clone());
        to.register(
            "iteration_seconds",
            "time of an iteration that succeeded",
            self.iteration_seconds.clone(),
        );
        to.register(
            "last_iteration_timestamp_seconds",
            "end of the last iteration that succeeded",
            self.last_iteration.clone(),
        );
        let help = "1 while the node is reached";
        to.register("connected", help, self.connected.clone());
        let help = "height of the finalized block";
        to.register("finalized_block", help, self.finalized_block.clone());
        let help = "height of the best block";
        to.register("best_block", help, self.best_block.clone());
        to.register(
            "finalized_head_changed_timestamp_seconds",
            "when another finalized block was last seen",
            self.finalized_moved.clone(),
        );
        let help = "requests that are not over";
        to.register("open_requests", help, self.open_requests.clone());
        to.register(
            "pending_model_requests",
            "questions that wait for a model or its answer",
            self.questions.clone(),
        );
        to.register("answers", "recorded answers by kind", self.answers.clone());
        to.register(
            "model_failures",
            "questions that the model failed at",
            self.model_failures.clone(),
        );
        let help = "time of an answer";
        to.register("model_seconds", help, self.model_seconds.clone());
    }

    fn register_operators(&self, to: &mut Registry) {
        to.register(
            "operator_eligible",
            "1 while the operator may take seats",
            self.able.clone(),
        );
        let help = "free balance for fees";
        to.register("operator_balance_planck", help, self.balance.clone());
        to.register(
            "operator_min_balance_planck",
            "balance for fees below which it counts as low",
            self.min_balance.clone(),
        );
        to.register(
            "operator_bond_planck",
            "bond without what is being unbonded",
            self.bond.clone(),
        );
        to.register(
            "operator_min_bond_planck",
            "minimum bond for a seat",
            self.min_bond.clone(),
        );
        to.register(
            "operator_locked_planck",
            "bond locked by seats",
            self.locked.clone(),
        );
        to.register(
            "operator_credit_planck",
            "earned and not paid out",
            self.credit.clone(),
        );
        to.register(
            "operator_seats",
            "ended seats by result, from the track record",
            self.seats.clone(),
        );
    }

    fn register_store(&self, to: &mut Registry) {
        to.register("jobs", "answers in the store by state", self.jobs.clone());
        to.register(
            "transactions",
            "transactions in the store by purpose and state",
            self.transactions.clone(),
        );
        to.register(
            "skipped_requests",
            "skipped requests, counted once for each operator, with the reason on record",
            self.skipped_requests.clone(),
        );
        to.register(
            "cursor",
            "lowest request that may still need work",
            self.cursor.clone(),
        );
        to.register(
            "store_free_bytes",
            "free space where the store is",
            self.store_free.clone(),
        );
    }

    /// What relayers do for each other.
    pub fn peers(&self) -> &PeerCounters {
        &self.peers
    }

    /// An iteration succeeded.
    pub fn iteration(&self, result: IterationResult, took: Duration, now_ms: i64) {
        let result = match result {
            IterationResult::Worked => "worked",
            IterationResult::Idle => "idle",
        };
        self.iterations
            .get_or_create(&[("result", result.to_owned())])
            .inc();
        self.iteration_seconds.observe(took.as_secs_f64());
        self.last_iteration.set(seconds(now_ms));
    }

    /// An iteration failed.
    pub fn iteration_failed(&self) {
        self.iterations
            .get_or_create(&[("result", "failed".to_owned())])
            .inc();
    }

    /// Whether the node is reached.
    pub fn connected(&self, connected: bool) {
        self.connected.set(connected.into());
    }

    /// The blocks of a turn and the questions under way.
    pub fn looks(&self, finalized: u32, best: u32, questions: usize) {
        self.finalized_block.set(finalized.into());
        self.best_block.set(best.into());
        self.questions.set(whole(questions));
    }

    /// Single parts: what has stopped, nodes, budgets.
    pub fn parts(&self) -> &PartGauges {
        &self.parts
    }

    /// What was asked of the nodes.
    pub fn nodes(&self) -> &NodeCounters {
        &self.nodes
    }

    /// What came of reading the settings again.
    pub fn reloads(&self) -> &ReloadCounters {
        &self.reloads
    }

    /// Another finalized block was seen.
    pub fn finalized_moved(&self, now_ms: i64) {
        self.finalized_moved.set(seconds(now_ms));
    }

    /// So many requests are not over, and are in order of their deadlines.
    pub fn open_requests(&self, open: usize) {
        self.open_requests.set(whole(open));
    }

    /// An answer was recorded.
    pub fn answered(&self, abstained: bool, took_ms: i64) {
        let kind = if abstained { "abstention" } else { "answer" };
        self.answers
            .get_or_create(&[("kind", kind.to_owned())])
            .inc();
        self.model_seconds.observe(seconds(took_ms));
    }

    /// The model failed at a question.
    pub fn model_failed(&self) {
        self.model_failures.inc();
    }

    /// What the chain says about an operator.
    pub fn operator(&self, operator: &OperatorStatus) {
        let label = || [("operator", operator.account.clone())];
        let able = self.able.get_or_create(&label());
        able.set(operator.eligible.into());
        self.parts.seat_bond(&operator.account, operator.seat_bond);
        for (family, amount) in [
            (&self.balance, operator.balance),
            (&self.min_balance, operator.min_balance),
            (&self.bond, operator.bond),
            (&self.min_bond, operator.min_bond),
            (&self.locked, operator.locked),
            (&self.credit, operator.credit),
        ] {
            family.get_or_create(&label()).set(amount as f64);
        }
        for (result, count) in [
            ("agreed", operator.agreed),
            ("dissented", operator.dissented),
            ("abstained", operator.abstained),
            ("missed_reveal", operator.missed_reveals),
        ] {
            let labels = [
                ("operator", operator.account.clone()),
                ("result", result.to_owned()),
            ];
            self.seats.get_or_create(&labels).set(count.into());
        }
    }

    /// What the store holds, and the free space where it is.
    pub fn store(&self, stats: &Stats, free_bytes: Option<u64>) {
        for (state, count) in &stats.jobs {
            let labels = [("state", job_state(*state).to_owned())];
            self.jobs.get_or_create(&labels).set(whole(*count));
        }
        for (purpose, state, count) in &stats.attempts {
            let labels = [
                ("purpose", purpose.name().to_owned()),
                ("state", attempt_state(*state).to_owned()),
            ];
            self.transactions.get_or_create(&labels).set(whole(*count));
        }
        self.skipped_requests.set(whole(stats.skipped));
        self.cursor.set(whole(stats.cursor));
        if let Some(free) = free_bytes {
            self.store_free.set(whole(free));
        }
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// Never in practice: it is written into memory.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// States as metrics name them: stored names stay as they are.
fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Abandoned => "abandoned",
        JobState::UnknownCommitment => "unknown_commitment",
        other => other.name(),
    }
}

fn attempt_state(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Expired => "expired",
        other => other.name(),
    }
}

fn whole<T: TryInto<i64>>(count: T) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
pub(super) mod tests;

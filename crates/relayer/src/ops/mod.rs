//! What people and machines may know about a running relayer: metrics, health, status, evidence.
//!
//! The pipeline tells [`Ops`] what it does; [`serve`] shows it over HTTP, and [`keep_notified`] tells
//! systemd. What the store knows is read from the store, so it outlives restarts and is counted once.
//!
//! **Architecture invariant:** nothing here decides anything. Without a listener the relayer works the
//! same, and nothing that comes in over HTTP changes anything.

mod listing;
mod metrics;
mod node_counters;
mod notify;
mod part_gauges;
mod reload_report;
mod server;
mod service_manager;
mod status;

pub use listing::metric_names;
pub use metrics::{IterationResult, Metrics};
pub use node_counters::NodeCounters;
pub use notify::keep_notified;
pub use part_gauges::PartGauges;
pub use reload_report::{ReloadCounters, ReloadReport};
pub use server::{serve, StatusHandler};
pub use service_manager::{ready, reloading};
pub use status::{CoinStatus, Health, HealthVerdict, OperatorStatus, Status, LIVE_WITHIN};

use serde::Deserialize;
use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use llm_oracle_chain::ChainProperties;
use llm_oracle_llm::ProviderState;
use llm_oracle_store::now_ms;

/// File in the store's folder with the address that a running relayer listens at.
pub const ADDRESS_FILE: &str = "ops-address";

/// The table `[ops]` of the settings.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct OpsConfig {
    /// Where `/metrics`, `/livez`, `/readyz`, `/status`, `/evidence/…` and `/attachments/…` are served: an IP
    /// address and a port (0: any free one), or `off`.
    pub listen: String,
}

impl Default for OpsConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9616".to_owned(),
        }
    }
}

impl OpsConfig {
    /// The address to listen at; `None` when it is `off`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn address(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen == "off" {
            return Ok(None);
        }
        self.listen.parse().map(Some).map_err(|_| {
            format!(
                "listen = '{}' in [ops] is no address; give an IP address and a port such as 127.0.0.1:9616, or off",
                self.listen
            )
        })
    }
}

/// A handle that the pipeline writes to and everybody else reads from.
pub struct Ops {
    metrics: Metrics,
    inner: Mutex<Inner>,
}

struct Inner {
    status: Status,
    /// When an iteration last began or ended.
    beat: Instant,
}

impl Default for Ops {
    fn default() -> Self {
        Self {
            metrics: Metrics::new(),
            inner: Mutex::new(Inner {
                status: Status::new(),
                beat: Instant::now(),
            }),
        }
    }
}

impl Ops {
    /// The numbers.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Names what the relayer works for.
    pub fn introduce(&self, url: &str, contract: &str, genesis: &str, model: &str) {
        let status = &mut self.lock().status;
        status.url = url.to_owned();
        status.contract = contract.to_owned();
        status.genesis = genesis.to_owned();
        status.model = model.to_owned();
    }

    /// Names the coin of the amounts.
    pub fn counts_in(&self, properties: &ChainProperties) {
        self.lock().status.coin = Some(CoinStatus {
            symbol: properties.symbol.clone(),
            decimals: properties.decimals,
        });
    }

    /// Names the model that answers from now on.
    pub fn answers_with(&self, model: &str) {
        self.lock().status.model = model.to_owned();
    }

    /// The settings were read again, with this result: in the log, the metrics, the status, and for the service
    /// manager.
    pub fn reloaded(&self, report: ReloadReport) {
        match &report.error {
            None => tracing::info!("{report}"),
            Some(_) => tracing::error!("{report}"),
        }
        self.metrics.reloads().ended(&report);
        ready(&report.to_string());
        self.lock().status.last_reload = Some(report);
    }

    /// The settings were read again and something in them is wrong: nothing changes.
    pub fn reload_failed(&self, error: &dyn std::fmt::Display) {
        self.reloaded(ReloadReport {
            at_ms: now_ms(),
            error: Some(error.to_string()),
            ..ReloadReport::default()
        });
    }

    /// An iteration begins.
    pub fn iteration_begins(&self) {
        self.lock().beat = Instant::now();
    }

    /// An iteration goes on: it has sent something, or come to the end of a step.
    pub fn beat(&self) {
        self.lock().beat = Instant::now();
    }

    /// An iteration has succeeded.
    pub fn iteration_ended(&self, result: IterationResult, took: Duration) {
        self.metrics.iteration(result, took, now_ms());
        let mut inner = self.lock();
        inner.beat = Instant::now();
        inner.status.connected = true;
        inner.status.last_iteration_at_ms = Some(now_ms());
        inner.status.last_error = None;
        self.metrics.connected(true);
    }

    /// An iteration has failed, and the connection is closed.
    pub fn iteration_failed(&self, error: &dyn std::fmt::Display) {
        self.metrics.iteration_failed();
        self.metrics.connected(false);
        let mut inner = self.lock();
        inner.beat = Instant::now();
        inner.status.connected = false;
        inner.status.last_error = Some(error.to_string());
    }

    /// The blocks that a turn reads at, and the questions that are put to the model.
    pub fn looks(&self, finalized: u32, best: u32, asking: usize) {
        let mut inner = self.lock();
        let status = &mut inner.status;
        if status.finalized_block != Some(finalized) {
            self.metrics.finalized_moved(now_ms());
        }
        status.finalized_block = Some(finalized);
        status.best_block = Some(best);
        status.pending_model_requests = asking;
        self.metrics.looks(finalized, best, asking);
    }

    /// What the chain says about the operators.
    pub fn operators(&self, operators: Vec<OperatorStatus>) {
        for operator in &operators {
            self.metrics.operator(operator);
        }
        self.lock().status.operators = operators;
    }

    /// A part of the relayer has stopped while the others go on, with the reason; `None`: it works again.
    pub fn part(&self, part: &str, stopped: Option<String>) {
        let mut inner = self.lock();
        let degraded = &mut inner.status.degraded;
        match stopped {
            Some(reason) => {
                self.metrics.parts().degraded(part, true);
                if degraded.insert(part.to_owned(), reason.clone()).is_none() {
                    tracing::error!(part, reason, "a part has stopped; the others go on");
                }
            }
            None => {
                if degraded.remove(part).is_some() {
                    self.metrics.parts().degraded(part, false);
                    tracing::info!(part, "it works again");
                }
            }
        }
    }

    /// How the models are.
    pub fn models(&self, models: &[ProviderState]) {
        for model in models {
            let part = format!("model {}", model.model);
            self.part(&part, model.fault.clone());
            if let Some(used_ppm) = model.budget_used_ppm {
                self.metrics.parts().budget(&part, used_ppm);
            }
        }
        let is_down = !models.is_empty() && models.iter().all(|model| model.fault.is_some());
        self.lock().status.model_down = is_down;
    }

    /// Whether no more seats are taken, because a person wants the relayer to end.
    pub fn drains(&self, draining: bool) {
        self.lock().status.draining = draining;
    }

    /// The relayer has been told to stop.
    pub fn stops(&self) {
        self.lock().status.stopping = true;
    }

    /// A copy of what is known.
    pub fn status(&self) -> Status {
        self.lock().status.clone()
    }

    /// How it is.
    pub fn health(&self) -> Health {
        self.health_at(Instant::now())
    }

    fn health_at(&self, now: Instant) -> Health {
        let inner = self.lock();
        let silent = now.saturating_duration_since(inner.beat);
        Health::of(&inner.status, silent)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Plain values: a panic elsewhere leaves them readable.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(eligible: bool) -> OperatorStatus {
        OperatorStatus {
            account: "5Grw".to_owned(),
            slot: 1,
            eligible,
            ..OperatorStatus::default()
        }
    }

    #[test]
    fn a_relayer_lives_while_its_turns_come_and_is_ready_when_it_can_work() {
        let ops = Ops::default();
        assert!(ops.health().live.ok, "it has just started");
        assert!(!ops.health().ready.ok, "no turn yet");
        ops.iteration_begins();
        ops.operators(vec![operator(true)]);
        ops.iteration_ended(IterationResult::Worked, Duration::from_millis(1));
        assert_eq!(ops.health().ready.reasons, Vec::<String>::new());
        ops.iteration_failed(&"the node is away");
        let health = ops.health();
        assert!(health.live.ok, "a lost node is no reason to restart");
        assert!(!health.ready.ok);
        assert!(
            health.ready.reasons[0].contains("the node is away"),
            "{health:?}"
        );
        ops.iteration_ended(IterationResult::Idle, Duration::from_millis(1));
        assert!(ops.health().ready.ok);
        let later = Instant::now()
            .checked_add(LIVE_WITHIN)
            .and_then(|time| time.checked_add(Duration::from_secs(1)));
        let stuck = ops.health_at(later.unwrap());
        assert!(!stuck.live.ok && !stuck.ready.ok, "{stuck:?}");
    }

    #[test]
    fn it_is_not_ready_without_an_able_operator_and_while_it_stops() {
        let ops = Ops::default();
        ops.iteration_ended(IterationResult::Idle, Duration::ZERO);
        ops.operators(vec![operator(false), operator(false)]);
        assert!(!ops.health().ready.ok);
        ops.operators(vec![operator(false), operator(true)]);
        assert!(ops.health().ready.ok);
        ops.stops();
        assert!(!ops.health().ready.ok);
        assert!(ops.health().live.ok);
    }

    #[test]
    fn a_part_that_has_stopped_is_named_and_the_relayer_is_ready_while_others_go_on() {
        let state = |model: &str, fault: Option<&str>| ProviderState {
            model: model.to_owned(),
            cooldown_ms: None,
            reason: None,
            used: Default::default(),
            budget_used_ppm: None,
            fault: fault.map(str::to_owned),
        };
        let ops = Ops::default();
        ops.iteration_ended(IterationResult::Idle, Duration::ZERO);
        ops.operators(vec![operator(true)]);
        ops.part("signer of 5Grw", Some("no answer".to_owned()));
        ops.models(&[state("a", Some("no memory")), state("b", None)]);
        let ready = ops.health().ready;
        assert!(ready.ok, "{ready:?}");
        let named = ["model a: no memory", "signer of 5Grw: no answer"];
        assert_eq!(ready.degraded, named);
        let text = ops.metrics().text().unwrap();
        assert!(
            text.contains("llm_oracle_degraded{part=\"model a\"} 1"),
            "{text}"
        );
        ops.models(&[state("a", Some("no memory")), state("b", Some("gone"))]);
        assert!(!ops.health().ready.ok, "no model is left");
        ops.models(&[state("a", None), state("b", None)]);
        ops.part("signer of 5Grw", None);
        let ready = ops.health().ready;
        assert!(ready.ok && ready.degraded.is_empty(), "{ready:?}");
        let text = ops.metrics().text().unwrap();
        assert!(
            text.contains("llm_oracle_degraded{part=\"model a\"} 0"),
            "{text}"
        );
    }

    #[test]
    fn an_address_is_one_or_off() {
        let listen = |text: &str| OpsConfig {
            listen: text.to_owned(),
        };
        assert_eq!(listen("off").address(), Ok(None));
        assert!(matches!(OpsConfig::default().address(), Ok(Some(_))));
        for wrong in ["", "9616", "localhost:9616", "no"] {
            let refused = listen(wrong).address().unwrap_err();
            assert!(refused.contains(&format!("'{wrong}'")), "{refused}");
        }
    }
}

//! What came of reading the settings again: for people, and as metrics.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use serde::Serialize;

/// What came of reading the settings file again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ReloadReport {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Keys whose new values are in force.
    pub applied: Vec<String>,
    /// Keys that have new values, which only a restart takes over.
    pub needs_restart: Vec<String>,
    /// Why nothing was taken over.
    pub error: Option<String>,
}

impl std::fmt::Display for ReloadReport {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(error) = &self.error {
            return write!(out, "settings not reloaded, the old ones stay: {error}");
        }
        match self.applied.is_empty() {
            true => write!(out, "settings reloaded, no value changed")?,
            false => write!(out, "settings reloaded: {}", self.applied.join(", "))?,
        }
        if !self.needs_restart.is_empty() {
            let keys = self.needs_restart.join(", ");
            write!(out, "; restart the relayer for: {keys}")?;
        }
        Ok(())
    }
}

/// Reloads by result, and how the last one went.
pub struct ReloadCounters {
    reloads: Family<[(&'static str, String); 1], Counter>,
    last_successful: Gauge,
    needs_restart: Gauge,
}

impl Default for ReloadCounters {
    fn default() -> Self {
        // The settings of the start count as loaded.
        let last_successful = Gauge::default();
        last_successful.set(1);
        Self {
            reloads: Family::default(),
            last_successful,
            needs_restart: Gauge::default(),
        }
    }
}

impl ReloadCounters {
    pub(super) fn register(&self, to: &mut Registry) {
        let help = "reloads of the settings by result";
        to.register("config_reloads", help, self.reloads.clone());
        let help = "1 if the last reload of the settings succeeded";
        to.register(
            "config_last_reload_successful",
            help,
            self.last_successful.clone(),
        );
        let help = "changed settings that wait for a restart";
        to.register("config_needs_restart", help, self.needs_restart.clone());
    }

    /// A reload has ended so.
    pub fn ended(&self, report: &ReloadReport) {
        let is_ok = report.error.is_none();
        let result = if is_ok { "applied" } else { "rejected" };
        self.reloads
            .get_or_create(&[("result", result.to_owned())])
            .inc();
        self.last_successful.set(is_ok.into());
        if is_ok {
            let waiting = report.needs_restart.len();
            self.needs_restart
                .set(i64::try_from(waiting).unwrap_or(i64::MAX));
        }
    }
}

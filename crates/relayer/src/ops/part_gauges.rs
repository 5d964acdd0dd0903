//! Metrics that name single parts: what has stopped, nodes one by one, budgets, the oldest transaction.

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{sync::atomic::AtomicU64, time::Duration};

/// A gauge of amounts: planck go beyond 63 bits.
pub(super) type Amount = Gauge<f64, AtomicU64>;
/// One label.
pub(super) type One = [(&'static str, String); 1];

/// Gauges of single parts.
#[derive(Default)]
pub struct PartGauges {
    degraded: Family<One, Gauge>,
    node_connected: Family<One, Gauge>,
    budget_used: Family<One, Amount>,
    oldest_transaction: Amount,
    storage_trusted: Gauge,
    seat_bond: Family<One, Amount>,
}

impl PartGauges {
    pub(super) fn register(&self, to: &mut Registry) {
        let help = "1 while this part has stopped and the others go on";
        to.register("degraded", help, self.degraded.clone());
        let help = "1 while there is a connection to the node";
        to.register("node_connected", help, self.node_connected.clone());
        let help = "used part of a daily budget, 1 when nothing is left";
        to.register("budget_used_ratio", help, self.budget_used.clone());
        to.register(
            "oldest_transaction_age_seconds",
            "time since this process first saw the oldest transaction that may still count; 0: there is none",
            self.oldest_transaction.clone(),
        );
        let help =
            "1 while requests are read from the contract's storage, 0 while only by its messages";
        to.register("storage_trusted", help, self.storage_trusted.clone());
        let help = "what one more seat locks of the bond";
        to.register("operator_seat_bond_planck", help, self.seat_bond.clone());
    }

    /// Forgets nodes and budgets: those that there are say themselves again with the next iteration.
    pub fn reloaded(&self) {
        self.node_connected.clear();
        self.budget_used.clear();
    }

    /// A part has stopped, or works again.
    pub fn degraded(&self, part: &str, is_stopped: bool) {
        let gauge = self.degraded.get_or_create(&[("part", part.to_owned())]);
        gauge.set(is_stopped.into());
    }

    /// Whether there is a connection to each node.
    pub fn nodes(&self, connected: &[(String, bool)]) {
        for (node, is_connected) in connected {
            let labels = [("node", node.clone())];
            let gauge = self.node_connected.get_or_create(&labels);
            gauge.set((*is_connected).into());
        }
    }

    /// How much of a daily budget is used, parts per million.
    pub fn budget(&self, budget: &str, used_ppm: u32) {
        let labels = [("budget", budget.to_owned())];
        let gauge = self.budget_used.get_or_create(&labels);
        gauge.set(f64::from(used_ppm) / 1e6);
    }

    /// The age of the oldest transaction that may still count.
    pub fn oldest_transaction(&self, age: Duration) {
        self.oldest_transaction.set(age.as_secs_f64());
    }

    /// Whether requests are read from the contract's storage.
    pub fn storage_trusted(&self, is_trusted: bool) {
        self.storage_trusted.set(is_trusted.into());
    }

    /// What one more seat locks of an operator's bond, planck.
    pub fn seat_bond(&self, operator: &str, bond: u128) {
        let labels = [("operator", operator.to_owned())];
        // Rounded to 53 bits: graphs need no more.
        self.seat_bond.get_or_create(&labels).set(bond as f64);
    }
}

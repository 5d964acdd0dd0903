//! Metrics of what is asked of the nodes.

use llm_oracle_chain::RpcCount;
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::sync::atomic::Ordering;

/// Requests by node and result.
#[derive(Default)]
pub struct NodeCounters {
    requests: Family<[(&'static str, String); 2], Counter>,
}

impl NodeCounters {
    pub(super) fn register(&self, to: &mut Registry) {
        let help = "requests to each node by result";
        to.register("node_requests", help, self.requests.clone());
    }

    /// Requests to each node so far.
    pub fn requests(&self, counts: &[(String, RpcCount)]) {
        for (node, count) in counts {
            let refused = count.refused.saturating_sub(count.rate_limited);
            for (result, number) in [
                ("answered", count.sent.saturating_sub(count.refused)),
                ("refused", refused),
                ("rate_limited", count.rate_limited),
            ] {
                let labels = [("node", node.clone()), ("result", result.to_owned())];
                let counter = self.requests.get_or_create(&labels);
                counter.inner().store(number, Ordering::Relaxed);
            }
        }
    }
}

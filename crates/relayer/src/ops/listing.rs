//! Every metric by name and type: what pages, alerts and dashboards may name.

use super::{
    metrics::Metrics, reload_report::ReloadReport, status::OperatorStatus, IterationResult,
};
use llm_oracle_chain::RpcCount;
use llm_oracle_peers::EntryKind;
use llm_oracle_store::{AttemptState, JobState, Purpose, Stats};
use std::time::Duration;

/// The text with every metric in it: families without values are left out of it.
fn everything() -> String {
    let metrics = Metrics::new();
    metrics.iteration(IterationResult::Idle, Duration::ZERO, 0);
    metrics.answered(false, 0);
    metrics
        .nodes()
        .requests(&[(String::new(), RpcCount::default())]);
    metrics.reloads().ended(&ReloadReport::default());
    metrics.parts().degraded("", true);
    metrics.parts().nodes(&[(String::new(), true)]);
    metrics.parts().budget("", 0);
    metrics.operator(&OperatorStatus::default());
    let stats = Stats {
        jobs: vec![(JobState::Answered, 1)],
        attempts: vec![(Purpose::Commit, AttemptState::Expired, 1)],
        ..Stats::default()
    };
    metrics.store(&stats, Some(1));
    metrics.peers().handed_off(EntryKind::Commit);
    metrics.peers().transmitted(EntryKind::Commit);
    metrics.peers().fell_back(EntryKind::Reveal);
    metrics.peers().rejected("malformed");
    metrics.text().unwrap_or_default()
}

/// Names with which Prometheus finds each metric, and their types.
pub fn metric_names() -> Vec<(String, String)> {
    let text = everything();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let pairs = types.filter_map(|line| line.split_once(' '));
    let shown = pairs.map(|(name, kind)| {
        let name = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        (name, kind.to_owned())
    });
    shown.collect()
}

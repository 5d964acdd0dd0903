#![allow(clippy::unwrap_used)]

use super::*;
use crate::ops::listing;

#[test]
fn the_table_in_the_docs_is_the_registry() {
    let mut registered = listing::metric_names();
    registered.sort();
    let page = include_str!("../../../../docs/operating.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `llm_oracle_"));
    let mut documented: Vec<(String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let name = cells[0].split(['`', '{']).next().unwrap();
            (format!("llm_oracle_{name}"), cells[1].to_owned())
        })
        .collect();
    documented.sort();
    assert_eq!(
        registered, documented,
        "left: registry, right: docs/operating.md"
    );
}

#[test]
fn what_happens_is_counted_once_and_under_its_label() {
    let metrics = Metrics::new();
    metrics.iteration(IterationResult::Worked, Duration::from_millis(20), 1_500);
    metrics.iteration_failed();
    metrics.answered(true, 250);
    metrics.operator(&OperatorStatus {
        account: "5Grw".to_owned(),
        balance: 1 << 70,
        missed_reveals: 2,
        ..OperatorStatus::default()
    });
    let text = metrics.text().unwrap();
    for line in [
        "llm_oracle_iterations_total{result=\"worked\"} 1",
        "llm_oracle_iterations_total{result=\"failed\"} 1",
        "llm_oracle_last_iteration_timestamp_seconds 1.5",
        "llm_oracle_answers_total{kind=\"abstention\"} 1",
        "llm_oracle_operator_balance_planck{operator=\"5Grw\"} 1.1805916207174114e21",
        "llm_oracle_operator_seats{operator=\"5Grw\",result=\"missed_reveal\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

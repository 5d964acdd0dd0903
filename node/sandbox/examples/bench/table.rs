//! What calls took, as rows of a table.

use llm_oracle_sandbox::CallOutcome;
use serde_json::{Value, json};

/// Picoseconds in a microsecond.
pub const MICROSECOND: u64 = 1_000_000;

/// What one or several calls took.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub calls: u32,
    pub ref_time: u64,
    proof_size: u64,
    deposit: i128,
    event_bytes: usize,
    transaction_bytes: usize,
}

impl Cost {
    pub fn of(outcome: &CallOutcome) -> Self {
        assert!(outcome.succeeded(), "{outcome:?}");
        Self {
            calls: 1,
            ref_time: outcome.gas_consumed.ref_time(),
            proof_size: outcome.gas_consumed.proof_size(),
            deposit: outcome.deposit_signed(),
            event_bytes: outcome
                .events
                .iter()
                .map(|one| one.data.len() + 32 * one.topics.len())
                .sum(),
            transaction_bytes: outcome.transaction_bytes,
        }
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            ref_time: self.ref_time + other.ref_time,
            proof_size: self.proof_size + other.proof_size,
            deposit: self.deposit + other.deposit,
            event_bytes: self.event_bytes + other.event_bytes,
            transaction_bytes: self.transaction_bytes + other.transaction_bytes,
        }
    }

    pub fn micros(self) -> f64 {
        self.ref_time as f64 / MICROSECOND as f64
    }

    pub fn json(self) -> Value {
        json!({
            "calls": self.calls,
            "ref_time_ps": self.ref_time,
            "proof_size_bytes": self.proof_size,
            "storage_deposit_planck": self.deposit.to_string(),
            "event_bytes": self.event_bytes,
            "extrinsic_bytes": self.transaction_bytes,
        })
    }
}

/// Rows of the table.
pub struct Table(Vec<(String, Cost)>);

impl Table {
    pub fn head(title: &str) -> Self {
        println!(
            "\n{title:<34}{:>6}{:>12}{:>12}{:>18}{:>9}{:>12}",
            "calls", "time us", "proof B", "deposit planck", "events B", "extrinsic B"
        );
        Self(Vec::new())
    }

    pub fn row(&mut self, name: &str, cost: Cost) {
        println!(
            "{name:<34}{:>6}{:>12.1}{:>12}{:>18}{:>9}{:>12}",
            cost.calls,
            cost.micros(),
            cost.proof_size,
            cost.deposit,
            cost.event_bytes,
            cost.transaction_bytes
        );
        self.0.push((name.to_owned(), cost));
    }

    pub fn json(&self) -> Value {
        let rows = self.0.iter();
        rows.map(|(name, cost)| (name.clone(), cost.json()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

//! Times of the parts of a run.

use serde_json::{json, Value};
use std::time::{Duration, Instant};

/// Measures how long each part of a run takes.
pub struct Stopwatch {
    since: Instant,
    laps: Vec<(&'static str, Duration)>,
}

impl Stopwatch {
    /// Starts the first part.
    pub fn start() -> Self {
        Self {
            since: Instant::now(),
            laps: Vec::new(),
        }
    }

    /// Ends a part, names it, and starts the next one.
    pub fn lap(&mut self, name: &'static str) {
        self.laps.push((name, self.since.elapsed()));
        self.since = Instant::now();
    }

    /// Seconds of each part.
    pub fn json(&self) -> Value {
        self.laps
            .iter()
            .map(|(name, time)| ((*name).to_owned(), json!(time.as_secs_f64())))
            .collect()
    }

    /// The same as text.
    pub fn text(&self) -> String {
        let laps = self
            .laps
            .iter()
            .map(|(name, time)| format!("{name} {:.1} s", time.as_secs_f64()));
        format!("times: {}", laps.collect::<Vec<_>>().join(", "))
    }
}

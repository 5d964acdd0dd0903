//! What the command line says.

use crate::fleet::Mode;
use std::time::Duration;

/// Parts of the bench, beside the long one.
const PARTS: [&str; 3] = ["throughput", "latency", "start"];

/// The command line.
pub struct Options {
    /// How long each run is measured.
    pub seconds: Duration,
    /// Whether to fill a hundred thousand seats as well.
    pub long: bool,
    only: Vec<String>,
    runs: Vec<String>,
}

impl Options {
    /// Reads `--seconds N`, `--only PART` and `--run N:MODE` (both any number of times) and `--long`.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            seconds: Duration::from_secs(30),
            long: false,
            only: Vec::new(),
            runs: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_default();
            match argument.as_str() {
                "--long" => options.long = true,
                "--seconds" => {
                    let seconds = value().parse().expect("--seconds wants a number");
                    options.seconds = Duration::from_secs(seconds);
                }
                "--only" => {
                    let part = value();
                    let known = PARTS.contains(&part.as_str()) || part == "long";
                    assert!(known, "--only wants one of {PARTS:?} or long, not '{part}'");
                    options.long |= part == "long";
                    options.only.push(part);
                }
                "--run" => options.runs.push(value()),
                other => {
                    panic!(
                        "unknown argument {other}; there are --seconds, --only, --run and --long"
                    )
                }
            }
        }
        options
    }

    /// Whether so many operators in this mode are to be measured.
    pub fn wants_run(&self, operators: u8, mode: Mode) -> bool {
        let name = format!("{operators}:{}", mode.short());
        self.wants("throughput") && (self.runs.is_empty() || self.runs.contains(&name))
    }

    /// Whether a part is to run.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

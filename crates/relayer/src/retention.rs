//! Retention: from time to time the store lets go of what nobody needs any more.

use crate::error::RelayerError;
use llm_oracle_store::{now_ms, prune, Store};
use llm_oracle_support::clock::Instant;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// Time from the start to the first look, and between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);
/// Least age of evidence that is removed, days: until then people ask what an answer came of.
const EVIDENCE_DAYS_MIN: u32 = 30;
/// Least age of other records that are removed, days.
const RECORDS_DAYS_MIN: u32 = 7;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The table `[retention]` of the settings: how long the store keeps what is over.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Age of an answer of an ended request at which its evidence document is removed, days. 0: never. The answer
    /// with its commitment stays.
    pub evidence_days: u32,
    /// Age of ended transactions, and of failures and skips of ended requests, at which they are removed, days. 0:
    /// never.
    pub records_days: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            evidence_days: 365,
            records_days: 90,
        }
    }
}

impl RetentionConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// When one is so small that something goes that people still ask for.
    pub fn check(&self) -> Result<(), String> {
        for (name, days, least) in [
            ("evidence_days", self.evidence_days, EVIDENCE_DAYS_MIN),
            ("records_days", self.records_days, RECORDS_DAYS_MIN),
        ] {
            if days > 0 && days < least {
                return Err(format!(
                    "{name} = {days} in [retention] is too short: give {least} days or more, or 0 to keep all"
                ));
            }
        }
        Ok(())
    }

    /// Each setting by its key in the file.
    pub fn shown(&self) -> [(&'static str, String); 2] {
        [
            ("retention.evidence_days", self.evidence_days.to_string()),
            ("retention.records_days", self.records_days.to_string()),
        ]
    }
}

/// Removes some old rows in an iteration.
pub(crate) struct Retention {
    store: Arc<Store>,
    config: RetentionConfig,
    /// When it looked last.
    looked: Instant,
}

impl Retention {
    pub(crate) fn new(store: Arc<Store>, config: RetentionConfig) -> Self {
        Self {
            store,
            config,
            looked: Instant::now(),
        }
    }

    /// Takes another rule.
    pub(crate) fn reload(&mut self, config: RetentionConfig) {
        self.config = config;
    }

    /// Removes some of what is old enough, if the last look is old. Says whether there may be more.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn prune(&mut self) -> Result<bool, RelayerError> {
        if self.looked.elapsed() < LOOK_EVERY {
            return Ok(false);
        }
        let now = now_ms();
        let before = |days: u32| (days > 0).then(|| before_ms(now, days));
        let (evidence, records) = (self.config.evidence_days, self.config.records_days);
        let pruned = prune(&self.store, before(evidence), before(records))?;
        if pruned.is_full() {
            return Ok(true);
        }
        self.looked = Instant::now();
        Ok(false)
    }
}

/// The time so many days before, milliseconds since 1970.
fn before_ms(now_ms: i64, days: u32) -> i64 {
    now_ms.saturating_sub(i64::from(days).saturating_mul(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_minimum_and_none_keeps_all() {
        let config = |evidence_days, records_days| RetentionConfig {
            evidence_days,
            records_days,
        };
        assert_eq!(RetentionConfig::default().check(), Ok(()));
        assert_eq!(config(0, 0).check(), Ok(()));
        assert_eq!(config(30, 7).check(), Ok(()));
        for (short, part) in [
            (config(29, 7), "evidence_days = 29"),
            (config(30, 6), "records_days = 6"),
        ] {
            let told = short.check().err().unwrap_or_default();
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(before_ms(90 * DAY_MS + 5, 90), 5);
    }
}

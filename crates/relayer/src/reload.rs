//! Settings that a running relayer takes over: what they are, how they reach the main loop, and what is said
//! about it.
//!
//! The main loop takes them between two iterations, so no iteration works under two settings.

use crate::{
    config::{Limits, RelayerConfig},
    error::RelayerError,
    ops::ReloadReport,
    plan::PolicyConfig,
    retention::RetentionConfig,
};
use llm_oracle_chain::Expect;
use llm_oracle_llm::Provider;
use std::sync::Arc;
use tokio::sync::watch;

/// What can be changed while a relayer runs.
pub struct LiveSettings {
    pub(crate) limits: Limits,
    pub(crate) policy: PolicyConfig,
    /// All nodes, in the order of preference.
    pub(crate) urls: Vec<String>,
    pub(crate) retention: RetentionConfig,
    pub(crate) expect: Expect,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) report: ReloadReport,
}

impl LiveSettings {
    /// Those of a configuration, with the provider that was built for its models, and what is to be said
    /// once they are taken over.
    ///
    /// # Errors
    /// When a code hash is malformed.
    pub fn new(
        config: &RelayerConfig,
        provider: Arc<dyn Provider>,
        report: ReloadReport,
    ) -> Result<Self, RelayerError> {
        Ok(Self {
            limits: config.limits,
            policy: config.policy.clone(),
            urls: config.all_urls(),
            retention: config.retention,
            expect: config.code_hash.expected()?,
            provider,
            report,
        })
    }
}

impl LiveSettings {
    /// What is said once they are taken over.
    pub fn report(&self) -> &ReloadReport {
        &self.report
    }
}

/// Where the settings of a running relayer are handed in.
#[derive(Clone)]
pub struct Reloader(Arc<watch::Sender<Option<Arc<LiveSettings>>>>);

impl Reloader {
    /// Hands in settings, to be taken over before the next iteration. They replace those that wait.
    pub fn hand_in(&self, settings: LiveSettings) {
        self.0.send_replace(Some(Arc::new(settings)));
    }
}

/// Where the main loop finds them.
pub struct ReloadInbox(watch::Receiver<Option<Arc<LiveSettings>>>);

impl ReloadInbox {
    /// What was handed in since the last look.
    pub(crate) fn take(&mut self) -> Option<Arc<LiveSettings>> {
        let is_new = self.0.has_changed().unwrap_or_default();
        let found = is_new.then(|| self.0.borrow_and_update().clone());
        found.flatten()
    }

    /// Waits until something is handed in; for ever when nobody can.
    pub(crate) async fn arrived(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
        self.0.mark_changed();
    }
}

/// A way for settings into a running relayer.
pub fn reload_channel() -> (Reloader, ReloadInbox) {
    let (sender, receiver) = watch::channel(None);
    (Reloader(Arc::new(sender)), ReloadInbox(receiver))
}

//! Taking over settings that were read again, between two iterations.

use crate::{relayer::Relayer, reload::LiveSettings};
use std::sync::Arc;

impl Relayer {
    /// Works under these settings from now on.
    pub(crate) fn take_over(&mut self, settings: &LiveSettings) {
        let LiveSettings {
            limits,
            policy,
            urls,
            retention,
            expect,
            provider,
            report,
        } = settings;
        self.session.reload(urls, expect.clone());
        self.failures.reload(limits.max_attempts);
        let money = limits.money(self.session.properties().unit());
        self.batches.reload(money.max_fee, money.max_tip);
        self.settlement.reload(limits.takeover_delay_ms);
        self.equivocations.reload(limits.report_equivocations);
        self.observer.reload(money.min_balance);
        self.retention.reload(*retention);
        let at_once = limits.max_concurrent_model_requests;
        let provider = Arc::clone(provider);
        self.ops.answers_with(provider.name());
        self.models.reload(provider, (at_once, policy.clone()));
        self.config.limits = *limits;
        self.config.policy = policy.clone();
        self.ops.metrics().parts().reloaded();
        self.ops.reloaded(report.clone());
    }
}

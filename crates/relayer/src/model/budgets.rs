//! What may be spent on the model today, and what has been: kept over a restart.

use super::{spend::SpendTracker, starts::ModelStarts};
use crate::{
    error::RelayerError,
    plan::{Candidate, PolicyConfig, Stake},
};
use llm_oracle_llm::{day_of, share_ppm, Provider, ProviderState};
use llm_oracle_store::{now_ms, SeatId, Store};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What has been used, as the store keeps it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredUsage {
    providers: Vec<ProviderState>,
    /// The name is that of the stored row.
    ledger: SpendTracker,
    starts: ModelStarts,
}

/// The policy and what of its limits today has left.
pub(super) struct Budgets {
    policy: PolicyConfig,
    spend: SpendTracker,
    /// What is with a model, written with the rest: one write for both.
    pub(super) starts: ModelStarts,
    store: Arc<Store>,
}

impl Budgets {
    /// Those of a policy; what an earlier process used today is read from the store, also for the provider.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn load(
        policy: PolicyConfig,
        store: Arc<Store>,
        provider: &dyn Provider,
    ) -> Result<Self, RelayerError> {
        let usage: StoredUsage = store
            .usage()?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        provider.restore(&usage.providers);
        Ok(Self {
            policy,
            spend: usage.ledger,
            starts: usage.starts,
            store,
        })
    }

    /// Takes another policy. What has been used today stays used.
    pub(super) fn reload(&mut self, policy: PolicyConfig) {
        self.policy = policy;
    }

    /// Begins the day that it is.
    pub(super) fn begin_day(&mut self) {
        let day = day_of(now_ms());
        self.spend.begin_day(day);
        self.starts.begin_day(day);
    }

    /// A question is about to be put.
    pub(super) fn begin_start(&mut self, question: &str) {
        self.starts.begin(question, day_of(now_ms()));
    }

    /// Whether a seat has cost something and has not ended.
    pub(super) fn is_open(&self, seat: &SeatId) -> bool {
        self.spend.is_open(seat)
    }

    /// Why policy or budgets refuse a seat, if they do.
    pub(super) fn refusal(&self, min_reward: u128, candidate: &Candidate<'_>) -> Option<String> {
        self.policy.refusal(min_reward, candidate, &self.spend)
    }

    /// Counts an answer as spent before the model is asked.
    ///
    /// # Errors
    /// The budget that it exceeds; nothing is counted then.
    pub(super) fn charge(&mut self, stake: &Stake) -> Result<(), String> {
        if let Some(reason) = self.policy.over_budget(stake, &self.spend) {
            return Err(reason);
        }
        self.spend.charge(&self.policy, stake);
        Ok(())
    }

    /// A seat has ended and was paid so much: what it earned is no longer at risk.
    pub(super) fn close(&mut self, seat: &SeatId, seat_fee: u128, paid: u128) {
        self.begin_day();
        self.spend.close(&self.policy, seat, seat_fee, paid);
    }

    /// Part of today's stake at risk that is used, parts per million; `None` without such a budget.
    pub(super) fn at_risk_ppm(&self) -> Option<u32> {
        let most = self.policy.max_stake_at_risk_per_day;
        (most > 0).then(|| share_ppm(self.spend.at_risk(), most))
    }

    /// Stores what has been used today, also of the provider.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn store(&mut self, provider: &dyn Provider) -> Result<(), RelayerError> {
        self.begin_day();
        let usage = StoredUsage {
            providers: provider.states(),
            ledger: self.spend.clone(),
            starts: self.starts.clone(),
        };
        let bytes = serde_json::to_vec(&usage).unwrap_or_default();
        Ok(self.store.set_usage(&bytes)?)
    }
}

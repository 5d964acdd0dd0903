//! What answers have cost today and what of it is at risk: the memory of the policy. Amounts are worst
//! cases, taken before the model is asked; what seats earn comes off them.

use crate::plan::{PolicyConfig, Stake};
use llm_oracle_primitives::AccountId;
use llm_oracle_store::SeatId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Requesters that are told apart on one day; further ones share one budget.
const REQUESTERS_MAX: usize = 4_096;
/// Seats that are remembered one by one; what is at risk for others stays at risk for the day.
const SEATS_MAX: usize = 65_536;

/// What one requester has used today.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct RequesterSpend {
    /// Questions put to a model.
    pub(crate) requests: u32,
    /// What they could cost, planck, as a decimal: JSON's numbers end at 2^53.
    cost: String,
}

impl RequesterSpend {
    pub(crate) fn cost(&self) -> u128 {
        amount(&self.cost)
    }
}

/// One seat that was asked for.
#[derive(Debug, Clone, Copy, Default)]
struct SeatSpend {
    model: u128,
    at_risk: u128,
}

/// What today's answers cost and put at risk.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SpendTracker {
    day: i64,
    /// As a decimal, planck.
    at_risk: String,
    requesters: BTreeMap<String, RequesterSpend>,
    /// Not kept over a restart: what is at risk for them then stays at risk for the day.
    #[serde(skip)]
    seats: HashMap<SeatId, SeatSpend>,
}

/// Reads an amount that we wrote; what does not read back counts as everything.
fn amount(text: &str) -> u128 {
    match text {
        "" => 0,
        text => text.parse().unwrap_or(u128::MAX),
    }
}

impl SpendTracker {
    /// Begins a day; nothing changes while it is the same one.
    pub(crate) fn begin_day(&mut self, day: i64) {
        if self.day != day {
            self.day = day;
            self.at_risk.clear();
            self.requesters.clear();
            // Seats asked for yesterday are yesterday's risk; what they earn changes nothing today.
            self.seats.values_mut().for_each(|seat| seat.at_risk = 0);
        }
    }

    pub(crate) fn at_risk(&self) -> u128 {
        amount(&self.at_risk)
    }

    pub(crate) fn of_requester(&self, requester: &AccountId) -> RequesterSpend {
        self.requesters
            .get(&self.key(requester))
            .cloned()
            .unwrap_or_default()
    }

    fn key(&self, requester: &AccountId) -> String {
        let account: &[u8; 32] = requester.as_ref();
        let key = hex::encode(account);
        if self.requesters.len() >= REQUESTERS_MAX && !self.requesters.contains_key(&key) {
            return "others".to_owned();
        }
        key
    }

    /// What another answer for this seat puts at risk beyond what is so already.
    pub(crate) fn more_at_risk(&self, policy: &PolicyConfig, stake: &Stake) -> u128 {
        let known = self.seats.get(&stake.entry).copied().unwrap_or_default();
        let after = stake.at_risk(policy, known.model);
        after.saturating_sub(known.at_risk)
    }

    /// Adds an answer that is about to be asked for.
    pub(crate) fn charge(&mut self, policy: &PolicyConfig, stake: &Stake) {
        let more = self.more_at_risk(policy, stake);
        self.at_risk = self.at_risk().saturating_add(more).to_string();
        // Who asks costs strangers nothing, and all of it is written with each question: without a budget
        // for it nobody needs it.
        if policy.has_requester_budgets() {
            let key = self.key(&stake.requester);
            let spend = self.requesters.entry(key).or_default();
            spend.requests = spend.requests.saturating_add(1);
            spend.cost = spend.cost().saturating_add(stake.price).to_string();
        }
        let room = self.seats.len() < SEATS_MAX;
        if more == 0 && stake.price == 0 {
            return;
        }
        if room || self.seats.contains_key(&stake.entry) {
            let seat = self.seats.entry(stake.entry).or_default();
            seat.model = seat.model.saturating_add(stake.price);
            seat.at_risk = seat.at_risk.saturating_add(more);
        }
    }

    /// Whether a seat has cost something and has not ended.
    pub(crate) fn is_open(&self, entry: &SeatId) -> bool {
        self.seats.contains_key(entry)
    }

    /// A seat that was taken has ended and was paid so much: only what it lost stays at risk.
    pub(crate) fn close(
        &mut self,
        policy: &PolicyConfig,
        entry: &SeatId,
        seat_fee: u128,
        paid: u128,
    ) {
        let Some(seat) = self.seats.remove(entry) else {
            return;
        };
        let cost = seat
            .model
            .saturating_add(policy.tx_fees_per_seat.unwrap_or(seat_fee));
        let lost = cost.saturating_sub(seat_fee).saturating_sub(paid);
        let back = seat.at_risk.saturating_sub(lost);
        self.at_risk = self.at_risk().saturating_sub(back).to_string();
    }
}

#[cfg(test)]
#[path = "spend_tests.rs"]
mod tests;

//! The settings of the policy, and what is at stake with one answer under them.

use llm_oracle_primitives::AccountId;
use llm_oracle_store::SeatId;
use llm_oracle_support::{
    address::parse_account,
    amount::{planck, some_planck},
};
use serde::{de::Error as _, Deserialize, Deserializer};

/// An account as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedAccount(pub AccountId);

impl<'de> Deserialize<'de> for ListedAccount {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        parse_account(&text).map(Self).map_err(D::Error::custom)
    }
}

/// What one requester may have in a day (UTC). Zero is no limit.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Questions put to a model.
    #[serde(alias = "requests_a_day")]
    pub max_requests_per_day: u32,
    /// What they may cost at most, planck.
    #[serde(alias = "cost_a_day", deserialize_with = "planck")]
    pub max_cost_per_day: u128,
}

/// A requester with a budget of its own.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RequesterBudget {
    /// The account or contract that asks.
    pub account: ListedAccount,
    /// Questions a day; 0 for any number.
    #[serde(default, alias = "requests_a_day")]
    pub max_requests_per_day: u32,
    /// What they may cost at most a day, planck; 0 for any amount.
    #[serde(default, alias = "cost_a_day", deserialize_with = "planck")]
    pub max_cost_per_day: u128,
}

/// Which requests are answered. By default all that pay `min_reward`, as long as no model is priced.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// Least gain of a seat that agrees: reward and seat fee less the model and the fees, planck.
    #[serde(deserialize_with = "planck")]
    pub min_profit: u128,
    /// Transaction fees of a seat, planck. Without it they are taken to be the seat fee.
    #[serde(alias = "seat_fees", deserialize_with = "some_planck")]
    pub tx_fees_per_seat: Option<u128>,
    /// Most that may be at risk in a day (UTC), planck: what hostile requests can cost, should all
    /// else go wrong. With 0, only what is surely covered is asked.
    #[serde(alias = "risk_a_day", deserialize_with = "planck")]
    pub max_stake_at_risk_per_day: u128,
    /// The only accounts and contracts that are answered; everybody if there are none.
    #[serde(alias = "only")]
    pub allow: Vec<ListedAccount>,
    /// Accounts and contracts that are not answered, neither as requester nor as the account that
    /// gets the refunds.
    pub deny: Vec<ListedAccount>,
    /// What each requester may have in a day.
    #[serde(alias = "each")]
    pub per_requester: Budget,
    /// Requesters with budgets of their own.
    pub requesters: Vec<RequesterBudget>,
    /// Longest prompt with its instruction, bytes.
    pub max_prompt_bytes: u32,
    /// Most sources of a question; 0: none are read.
    pub max_sources: u8,
    /// Most tokens that a request may let the model make.
    #[serde(alias = "max_tokens")]
    pub max_output_tokens: u32,
    /// Shortest reveal window, blocks: a seat that can't be revealed in time costs its bond.
    pub min_reveal_blocks: u32,
    /// Longest commit window, blocks: a seat locks part of the bond until its request ends. 0: any.
    pub max_commit_blocks: u32,
    /// Longest reveal window, blocks. 0: any.
    pub max_reveal_blocks: u32,
    /// Most seats that one operator has at the same time. 0: as many as its bond covers.
    pub max_open_seats: u32,
    /// Most of an operator's bond that the seats of one requester lock at the same time, percent. 0: all.
    pub max_bond_percent_per_requester: u8,
    /// Words that a question must not contain, in any case, anywhere in its texts.
    #[serde(alias = "forbidden")]
    pub forbidden_words: Vec<String>,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            min_profit: 0,
            tx_fees_per_seat: None,
            max_stake_at_risk_per_day: 0,
            allow: Vec::new(),
            deny: Vec::new(),
            per_requester: Budget::default(),
            requesters: Vec::new(),
            max_prompt_bytes: 12 * 1024,
            max_sources: 8,
            max_output_tokens: 16 * 1024,
            min_reveal_blocks: 0,
            max_commit_blocks: 0,
            max_reveal_blocks: 0,
            max_open_seats: 0,
            max_bond_percent_per_requester: 50,
            forbidden_words: Vec::new(),
        }
    }
}

impl PolicyConfig {
    /// Whether any requester has a budget of its own.
    pub(crate) fn has_requester_budgets(&self) -> bool {
        self.per_requester != Budget::default() || !self.requesters.is_empty()
    }

    /// Each setting by its key in the file; of lists their lengths.
    pub fn shown(&self) -> [(&'static str, String); 17] {
        let fees = self.tx_fees_per_seat.map(|fees| fees.to_string());
        let Budget {
            max_requests_per_day,
            max_cost_per_day,
        } = self.per_requester;
        [
            ("policy.min_profit", self.min_profit.to_string()),
            (
                "policy.tx_fees_per_seat",
                fees.unwrap_or_else(|| "-".to_owned()),
            ),
            (
                "policy.max_stake_at_risk_per_day",
                self.max_stake_at_risk_per_day.to_string(),
            ),
            ("policy.allow", self.allow.len().to_string()),
            ("policy.deny", self.deny.len().to_string()),
            ("policy.max_sources", self.max_sources.to_string()),
            ("policy.max_prompt_bytes", self.max_prompt_bytes.to_string()),
            (
                "policy.max_output_tokens",
                self.max_output_tokens.to_string(),
            ),
            (
                "policy.min_reveal_blocks",
                self.min_reveal_blocks.to_string(),
            ),
            (
                "policy.max_commit_blocks",
                self.max_commit_blocks.to_string(),
            ),
            (
                "policy.max_reveal_blocks",
                self.max_reveal_blocks.to_string(),
            ),
            ("policy.max_open_seats", self.max_open_seats.to_string()),
            (
                "policy.max_bond_percent_per_requester",
                self.max_bond_percent_per_requester.to_string(),
            ),
            (
                "policy.forbidden_words",
                self.forbidden_words.len().to_string(),
            ),
            (
                "policy.per_requester.max_requests_per_day",
                max_requests_per_day.to_string(),
            ),
            (
                "policy.per_requester.max_cost_per_day",
                max_cost_per_day.to_string(),
            ),
            ("policy.requesters", self.requesters.len().to_string()),
        ]
    }
}

/// What is at stake with one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stake {
    pub(crate) entry: SeatId,
    pub(crate) requester: AccountId,
    /// What taking the seat credits, planck.
    pub(crate) seat_fee: u128,
    /// What an answer earns whatever comes out of the request, the owner's part taken off, planck; 0 while
    /// too few seats may be taken for that.
    pub(crate) effort: u128,
    /// Whether nobody else can take the seat.
    pub(crate) kept: bool,
    /// The most that the answer can cost, planck.
    pub(crate) price: u128,
}

impl Stake {
    /// Transaction fees of a seat, planck.
    pub(super) fn fees(&self, policy: &PolicyConfig) -> u128 {
        policy.tx_fees_per_seat.unwrap_or(self.seat_fee)
    }

    /// What would be lost at the worst after this answer too, `spent` being what others before it
    /// cost: with a seat that is kept everything but what is sure, with another one the model,
    /// and the fee of a commit that comes too late.
    pub(crate) fn at_risk(&self, policy: &PolicyConfig, spent: u128) -> u128 {
        let model = spent.saturating_add(self.price);
        let seated = model
            .saturating_add(self.fees(policy))
            .saturating_sub(self.seat_fee)
            .saturating_sub(self.effort);
        if self.kept {
            return seated;
        }
        let missed = model.saturating_add(policy.tx_fees_per_seat.unwrap_or(0));
        seated.max(missed)
    }
}

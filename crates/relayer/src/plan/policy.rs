//! Which requests an operator answers. Pure: what is decided depends on the arguments alone.
//!
//! The rule behind the money: a requester may be hostile and all other operators may be its own. Sure
//! is then only the seat fee, and the part of the reward that every answer gets, once enough seats are
//! taken; and both only where nobody else can take the seat. Whatever an answer
//! costs beyond what is sure is at risk, and all that is at risk on one day stays below `max_stake_at_risk_per_day`.

use crate::model::SpendTracker;
use llm_oracle_primitives::{limits, AccountId, AnswerKind, Terms};
use llm_oracle_store::SeatId;
use llm_oracle_support::{address::parse_account, amount::planck};
use serde::{de::Error as _, Deserialize, Deserializer};

/// An account as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account(pub AccountId);

impl<'de> Deserialize<'de> for Account {
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
    pub account: Account,
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
    #[serde(alias = "seat_fees", deserialize_with = "maybe_planck")]
    pub tx_fees_per_seat: Option<u128>,
    /// Most that may be at risk in a day (UTC), planck: what hostile requests can cost, should all
    /// else go wrong. With 0, only what is surely covered is asked.
    #[serde(alias = "risk_a_day", deserialize_with = "planck")]
    pub max_stake_at_risk_per_day: u128,
    /// The only accounts and contracts that are answered; everybody if there are none.
    #[serde(alias = "only")]
    pub allow: Vec<Account>,
    /// Accounts and contracts that are not answered, neither as requester nor as the account that
    /// gets the refunds.
    pub deny: Vec<Account>,
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

fn maybe_planck<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u128>, D::Error> {
    planck(input).map(Some)
}

/// A seat that may be gone for, as far as policy is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) stake: Stake,
    /// Who gets the refunds.
    pub(crate) beneficiary: AccountId,
    pub(crate) terms: &'a Terms,
    /// Reward of the seat, planck.
    pub(crate) reward: u128,
    /// The owner's part of it, parts per million.
    pub(crate) fee_ppm: u32,
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
    fn fees(&self, policy: &PolicyConfig) -> u128 {
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

impl PolicyConfig {
    /// Why a seat is left out, if it is.
    pub(crate) fn refusal(
        &self,
        min_reward: u128,
        candidate: &Candidate<'_>,
        spend: &SpendTracker,
    ) -> Option<String> {
        self.who(candidate)
            .or_else(|| self.what(candidate.terms))
            .or_else(|| self.gain(min_reward, candidate))
            .or_else(|| self.over_budget(&candidate.stake, spend))
    }

    /// Whether any requester has a budget of its own.
    pub(crate) fn has_requester_budgets(&self) -> bool {
        self.per_requester != Budget::default() || !self.requesters.is_empty()
    }

    /// Why the day's budgets have no room for an answer, if they have none.
    pub(crate) fn over_budget(&self, stake: &Stake, spend: &SpendTracker) -> Option<String> {
        self.budget(stake, spend)
            .or_else(|| self.risk(stake, spend))
    }

    fn who(&self, candidate: &Candidate<'_>) -> Option<String> {
        let is_in = |list: &[Account], account| list.iter().any(|known| known.0 == account);
        if is_in(&self.deny, candidate.stake.requester) {
            return Some("its requester is denied by policy.deny".to_owned());
        }
        if is_in(&self.deny, candidate.beneficiary) {
            return Some("its refunds go to an account that policy.deny denies".to_owned());
        }
        let known = self.allow.is_empty() || is_in(&self.allow, candidate.stake.requester);
        (!known).then(|| "its requester is not in policy.allow".to_owned())
    }

    fn what(&self, terms: &Terms) -> Option<String> {
        let (sources, most) = (terms.sources.len(), usize::from(self.max_sources));
        if sources > most {
            return Some(format!(
                "it has {sources} sources, and policy.max_sources is {most}"
            ));
        }
        let bytes = texts(terms).take(2).map(<[u8]>::len).sum::<usize>();
        let most = usize::try_from(self.max_prompt_bytes).unwrap_or(usize::MAX);
        if bytes > most {
            return Some(format!(
                "its prompt has {bytes} bytes, and policy.max_prompt_bytes is {most}"
            ));
        }
        let (tokens, most) = (terms.sampling.max_tokens, self.max_output_tokens);
        if tokens > most {
            return Some(format!(
                "it lets the model make {tokens} tokens, and policy.max_output_tokens is {most}"
            ));
        }
        let (blocks, least) = (terms.reveal_blocks, self.min_reveal_blocks);
        if blocks < least {
            return Some(format!(
                "it leaves {blocks} blocks for reveals, and policy.min_reveal_blocks is {least}"
            ));
        }
        for (what, blocks, most) in [
            ("commit", terms.commit_blocks, self.max_commit_blocks),
            ("reveal", terms.reveal_blocks, self.max_reveal_blocks),
        ] {
            if most > 0 && blocks > most {
                return Some(format!(
                    "it locks a seat's bond for {blocks} blocks of {what}s, and policy.max_{what}_blocks is {most}"
                ));
            }
        }
        // The place in the list, not the word: reasons are shown where the word may be unwelcome.
        let place = self
            .forbidden_words
            .iter()
            .position(|word| contains(terms, word))?;
        Some(format!(
            "it contains the word number {place} of policy.forbidden_words"
        ))
    }

    fn gain(&self, min_reward: u128, candidate: &Candidate<'_>) -> Option<String> {
        let reward = candidate.reward;
        if reward < min_reward {
            return Some(format!(
                "pays {reward} planck a seat, and min_reward is {min_reward}"
            ));
        }
        let stake = &candidate.stake;
        let net = reward.saturating_sub(limits::share(reward, candidate.fee_ppm));
        let income = net.saturating_add(stake.seat_fee);
        let cost = stake.price.saturating_add(stake.fees(self));
        let least = cost.saturating_add(self.min_profit);
        (income < least).then(|| {
            format!(
                "pays {income} planck a seat with its seat fee, and costs up to {cost}; policy.min_profit is {}",
                self.min_profit
            )
        })
    }

    fn budget(&self, stake: &Stake, spend: &SpendTracker) -> Option<String> {
        let own = self
            .requesters
            .iter()
            .find(|one| one.account.0 == stake.requester);
        let budget = own.map_or(self.per_requester, |one| Budget {
            max_requests_per_day: one.max_requests_per_day,
            max_cost_per_day: one.max_cost_per_day,
        });
        let used = spend.of_requester(&stake.requester);
        if budget.max_requests_per_day > 0 && used.requests >= budget.max_requests_per_day {
            return Some(format!(
                "its requester has had {} answers today, and its max_requests_per_day is {}",
                used.requests, budget.max_requests_per_day
            ));
        }
        let cost = used.cost().saturating_add(stake.price);
        (budget.max_cost_per_day > 0 && cost > budget.max_cost_per_day).then(|| {
            format!(
                "its requester's answers would cost up to {cost} planck today, and its max_cost_per_day is {}",
                budget.max_cost_per_day
            )
        })
    }

    fn risk(&self, stake: &Stake, spend: &SpendTracker) -> Option<String> {
        let more = spend.more_at_risk(self, stake);
        let total = spend.at_risk().saturating_add(more);
        (more > 0 && total > self.max_stake_at_risk_per_day).then(|| {
            format!(
                "{more} planck of its cost are not sure to come back, {total} in all today, and policy.max_stake_at_risk_per_day is {}",
                self.max_stake_at_risk_per_day
            )
        })
    }
}

/// The texts of a question: prompt and instruction first.
fn texts(terms: &Terms) -> impl Iterator<Item = &[u8]> {
    let form: Vec<&[u8]> = match &terms.answer {
        AnswerKind::Choice { options } => options.iter().map(Vec::as_slice).collect(),
        AnswerKind::Json { schema } => vec![schema],
        AnswerKind::Bool | AnswerKind::Number { .. } | AnswerKind::Text { .. } => Vec::new(),
    };
    let system = terms.system.as_deref().unwrap_or_default();
    [terms.prompt.as_slice(), system].into_iter().chain(form)
}

/// Whether a word stands in one of the texts, in any case and with any white space between its parts.
fn contains(terms: &Terms, word: &str) -> bool {
    let plain = |text: &str| llm_oracle_primitives::canonical::text(text).to_lowercase();
    let word = plain(word);
    !word.is_empty()
        && texts(terms).any(|text| plain(&String::from_utf8_lossy(text)).contains(&word))
}

#[cfg(test)]
#[path = "policy_tests.rs"]
pub(crate) mod tests;

//! Which requests an operator answers. Pure: what is decided depends on the arguments alone.
//!
//! The rule behind the money: a requester may be hostile and all other operators may be its own. Sure
//! is then only the seat fee, and the part of the reward that every answer gets, once enough seats are
//! taken; and both only where nobody else can take the seat. Whatever an answer
//! costs beyond what is sure is at risk, and all that is at risk on one day stays below `max_stake_at_risk_per_day`.

use super::policy_config::{Budget, ListedAccount, PolicyConfig, Stake};
use crate::model::SpendTracker;
use llm_oracle_primitives::{limits, AccountId, AnswerKind, Terms};

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

    /// Why the day's budgets have no room for an answer, if they have none.
    pub(crate) fn over_budget(&self, stake: &Stake, spend: &SpendTracker) -> Option<String> {
        self.budget(stake, spend)
            .or_else(|| self.risk(stake, spend))
    }

    fn who(&self, candidate: &Candidate<'_>) -> Option<String> {
        let is_in = |list: &[ListedAccount], account| list.iter().any(|known| known.0 == account);
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

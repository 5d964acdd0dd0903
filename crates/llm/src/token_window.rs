//! The tokens of a provider's last minute. Pure: the caller passes the time.

use llm_oracle_support::clock::Instant;
use std::{collections::VecDeque, time::Duration};

/// The window of `max_requests_per_minute` and `max_tokens_per_minute`.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// Pause when room depends on a question under way, whose end nobody can foresee.
const UNDER_WAY_PAUSE: Duration = Duration::from_secs(1);

/// Why a provider cannot be called now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallDenied {
    /// The reason, as a text.
    pub reason: String,
    /// Time until another try can succeed.
    pub wait: Duration,
    /// Nothing is wrong: others were asked before, and the provider's rate is limited.
    pub is_rate: bool,
}

/// Tokens of one answer.
#[derive(Debug)]
struct AnswerTokens {
    id: u64,
    tokens: u64,
    /// When the answer came; until then its maximum counts. Servers count at the latest then.
    ended_at: Option<Instant>,
}

/// Tokens of answers under way, and of those that ended in the last minute.
#[derive(Debug, Default)]
pub(super) struct TokenWindow {
    /// Those that have ended, in the order in which they ended.
    ended: VecDeque<AnswerTokens>,
    under_way: Vec<AnswerTokens>,
}

impl TokenWindow {
    /// Whether there is room for so many tokens more when `most` are allowed; 0 allows any number. A question
    /// that may take more than a minute allows gets its turn when it is alone.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn check(&mut self, most: u64, tokens: u64, now: Instant) -> Result<(), CallDenied> {
        if most == 0 {
            // What is under way is counted by no limit any more.
            self.ended.clear();
            return Ok(());
        }
        self.forget_old(now);
        let of_ended: u64 = sum(self.ended.iter());
        let counted = of_ended.saturating_add(sum(self.under_way.iter()));
        let wanted = tokens.min(most);
        let over = counted.saturating_add(wanted).saturating_sub(most);
        if over == 0 {
            return Ok(());
        }
        let reason = format!(
            "{counted} tokens count in this minute, its answer may take {tokens}, and max_tokens_per_minute is {most}"
        );
        Err(CallDenied {
            reason,
            wait: self.wait(over, now),
            is_rate: true,
        })
    }

    /// A question is put whose answer may take so many tokens.
    pub(super) fn open(&mut self, id: u64, tokens: u64) {
        self.under_way.push(AnswerTokens {
            id,
            tokens,
            ended_at: None,
        });
    }

    /// A question has ended, and took so many.
    pub(super) fn close(&mut self, id: u64, tokens: u64, now: Instant) {
        let Some(at) = self.under_way.iter().position(|one| one.id == id) else {
            return;
        };
        self.under_way.swap_remove(at);
        if tokens > 0 {
            self.ended.push_back(AnswerTokens {
                id,
                tokens,
                ended_at: Some(now),
            });
        }
    }

    fn forget_old(&mut self, now: Instant) {
        let is_old = |one: &AnswerTokens| {
            let ended_at = one.ended_at.unwrap_or(now);
            now.saturating_duration_since(ended_at) >= MINUTE
        };
        while self.ended.front().is_some_and(is_old) {
            self.ended.pop_front();
        }
    }

    /// Time until so many tokens count no more, as far as that can be foreseen.
    fn wait(&self, over: u64, now: Instant) -> Duration {
        let mut freed = 0_u64;
        for one in &self.ended {
            freed = freed.saturating_add(one.tokens);
            if freed >= over {
                let since = now.saturating_duration_since(one.ended_at.unwrap_or(now));
                return MINUTE.saturating_sub(since);
            }
        }
        UNDER_WAY_PAUSE
    }
}

fn sum<'a>(all: impl Iterator<Item = &'a AnswerTokens>) -> u64 {
    all.map(|one| one.tokens).fold(0, u64::saturating_add)
}

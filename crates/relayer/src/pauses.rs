//! Pauses between attempts at a chain that fails, in the loop and at the start.

use crate::error::RelayerError;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use llm_oracle_chain::ChainError;
use llm_oracle_support::{clock::Instant, random};
use std::time::Duration;

/// The longest.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Ever longer pauses, without an end.
pub(crate) fn pauses() -> ExponentialBackoff {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(PAUSE_MAX)
        .without_max_times();
    random::jitter(pauses).build()
}

/// How long a node may refuse at the start before that ends the relayer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Patience with a node while a relayer starts.
pub(crate) struct StartPatience {
    began: Instant,
    /// Whether a node has been there: then it is no mistake in the settings when it is not, a moment later.
    has_reached: bool,
}

impl StartPatience {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            has_reached: false,
        }
    }

    /// Does a step of the start again while the node only refuses it, or a connection breaks, for a limited time.
    /// Each attempt takes a connection that stands. A node that is never reached, or is not healthy, ends the start
    /// at once.
    ///
    /// # Errors
    /// Those of the step.
    pub(crate) async fn with<T>(
        &mut self,
        mut step: impl AsyncFnMut() -> Result<T, RelayerError>,
    ) -> Result<T, RelayerError> {
        let mut pauses = pauses();
        loop {
            match step().await {
                Err(error) if self.is_transient(&error) && self.began.elapsed() < PATIENCE => {
                    let pause = pauses.next().unwrap_or(PAUSE_MAX);
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "not started yet; trying again");
                    tokio::time::sleep(pause).await;
                }
                done => {
                    self.has_reached |= done.is_ok();
                    return done;
                }
            }
        }
    }

    fn is_transient(&mut self, error: &RelayerError) -> bool {
        match error {
            RelayerError::Chain(ChainError::MethodNotFound { .. }) => false,
            RelayerError::Chain(ChainError::Unreachable { .. }) => self.has_reached,
            RelayerError::Chain(ChainError::Lost { .. }) => {
                self.has_reached = true;
                true
            }
            error => error.is_refusal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> RelayerError {
        let (url, reason) = ("ws://a".into(), "refused".into());
        ChainError::Unreachable { url, reason }.into()
    }

    fn lost() -> RelayerError {
        let (url, reason) = ("ws://a".into(), "cut".into());
        ChainError::Lost { url, reason }.into()
    }

    fn refused() -> RelayerError {
        let (what, reason) = ("finalized heads".into(), "-32603".into());
        ChainError::Node { what, reason }.into()
    }

    /// How many attempts are made when these errors come in turn, and whether one succeeds.
    async fn attempts(patience: &mut StartPatience, errors: Vec<RelayerError>) -> (usize, bool) {
        let (mut errors, mut made) = (errors.into_iter(), 0_usize);
        let step = async || {
            made = made.saturating_add(1);
            errors.next().map_or(Ok(()), Err)
        };
        let done = patience.with(step).await;
        (made, done.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_was_there_may_refuse_or_break_off_for_a_while() {
        let patience = &mut StartPatience::new();
        assert_eq!(attempts(patience, vec![unreachable()]).await, (1, false));
        let comes_back = vec![refused(), lost(), unreachable(), refused()];
        assert_eq!(attempts(patience, comes_back).await, (5, true));
        assert_eq!(attempts(patience, vec![unreachable()]).await, (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn the_patience_with_a_node_ends_after_a_minute() {
        let patience = &mut StartPatience::new();
        let began = Instant::now();
        let for_ever = (0..100).map(|_| refused()).collect();
        let (made, is_ok) = attempts(patience, for_ever).await;
        assert!(!is_ok && (6..40).contains(&made), "{made}");
        let took = began.elapsed();
        assert!((60..85).contains(&took.as_secs()), "{took:?}");
    }
}

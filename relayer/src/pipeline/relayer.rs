//! The daemon: one wheel, turned by finalized heads, by answers of the model and by a timer.

use super::{
    ask::Asks, config::RelayerConfig, error::RelayerError, evidence::Base, keys::load_key,
    scan::Memory,
};
use crate::{
    chain::{
        account_of, parse_account, parse_hash, ss58, Chain, CheckedOracle, Class, Expect, Head,
        Keypair, Oracle, WakeUps,
    },
    llm::Provider,
    store::{now_ms, Entry, Identity, JobState, Purpose, Store},
};
use backon::{BackoffBuilder, ExponentialBuilder};
use llm_oracle_primitives::{AccountId, RequestId, Slot};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What a turn achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Something was done; another turn may find more.
    Worked,
    /// Nothing to do until the chain or the model moves.
    Idle,
}

/// One account that this process works for.
pub(super) struct Operator {
    pub(super) key: Keypair,
    pub(super) account: AccountId,
    pub(super) id: [u8; 32],
    pub(super) slot: Slot,
    /// Its key is in use elsewhere; it does nothing any more.
    pub(super) stopped: bool,
}

impl Operator {
    pub(super) fn entry(&self, request_id: RequestId) -> Entry {
        Entry {
            request_id,
            operator: self.id,
        }
    }
}

/// A live connection with its alarm clock.
struct Link {
    oracle: Oracle,
    wake: WakeUps,
}

/// The chain as one turn sees it: everything in a turn is read at these two blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) finalized: Head,
    pub(super) best: Head,
}

/// A relayer for one oracle and one or more operators.
pub struct Relayer {
    pub(super) config: RelayerConfig,
    pub(super) operators: Vec<Operator>,
    pub(super) store: Store,
    pub(super) base: Base,
    pub(super) asks: Asks,
    pub(super) memory: Memory,
    address: AccountId,
    expect: Expect,
    link: Option<Link>,
}

impl Relayer {
    /// Loads the keys, connects, checks chain and contract, and opens the store.
    ///
    /// # Errors
    /// Anything that is not as the configuration says, by name.
    pub async fn start(
        config: RelayerConfig,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, RelayerError> {
        let keys = load_keys(&config)?;
        let address = parse_account(&config.contract)?;
        let code_hash = config.code_hash.as_deref().map(parse_hash).transpose()?;
        let expect = Expect { code_hash };
        let chain = Chain::connect(&config.url).await?;
        let checked = CheckedOracle::check(&chain, address, expect).await?;
        let operators = look_up(&checked.oracle, keys).await?;
        let contract: &[u8; 32] = address.as_ref();
        let base = Base {
            domain: checked.config.domain,
            contract: *contract,
        };
        let identity = Identity {
            genesis: chain.genesis(),
            contract: *contract,
            domain: base.domain,
        };
        let store = Store::open(&config.store, &identity)?;
        let wake = chain.wake_ups().await?;
        Ok(Self {
            asks: Asks::new(provider, config.limits.model_calls),
            memory: Memory::default(),
            link: Some(Link {
                oracle: checked.oracle,
                wake,
            }),
            config,
            operators,
            store,
            base,
            address,
            expect,
        })
    }

    /// What this relayer has recorded.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Works until it is told to stop. A lost connection is made again; what cannot get better by
    /// waiting ends it.
    ///
    /// # Errors
    /// Another chain or contract behind the URL, a store that fails, a key that is used elsewhere.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), RelayerError> {
        let mut pauses = pauses();
        loop {
            let turn = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                turn = self.step() => turn,
            };
            match turn {
                Ok(progress) => {
                    pauses = self::pauses();
                    if progress == Progress::Worked {
                        continue;
                    }
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        () = self.wait() => {}
                    }
                }
                Err(error) if is_passing(&error) => {
                    // The next turn connects and checks everything again.
                    self.link = None;
                    let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "a turn failed; trying again");
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One turn: read, decide, do. Safe to stop at any point.
    ///
    /// # Errors
    /// As [`Self::run`], and connection errors.
    pub async fn step(&mut self) -> Result<Progress, RelayerError> {
        let oracle = self.connected().await?;
        let mut worked = self.record_answers()?;
        let now = Now {
            finalized: oracle.chain.finalized().await?,
            best: oracle.chain.best().await?,
        };
        worked |= self.reconcile(&oracle, &now).await?;
        let plan = self.scan(&oracle, &now).await?;
        worked |= plan.settled_something;
        worked |= self.start_asks(plan.asks);
        worked |= self
            .send_seats(&oracle, &now, Purpose::Commit, plan.commits)
            .await?;
        worked |= self
            .send_seats(&oracle, &now, Purpose::Answer, plan.answers)
            .await?;
        worked |= self
            .send_seats(&oracle, &now, Purpose::Reveal, plan.reveals)
            .await?;
        for ending in plan.endings {
            worked |= self.finish(&oracle, &now, ending).await?;
        }
        Ok(if worked {
            Progress::Worked
        } else {
            Progress::Idle
        })
    }

    /// Waits until the chain or the model has moved, or the timer says to look anyway.
    pub async fn wait(&mut self) {
        let timer = tokio::time::sleep(Duration::from_millis(self.config.limits.poll_ms));
        let Some(link) = self.link.as_mut() else {
            return timer.await;
        };
        let alive = tokio::select! {
            head = link.wake.next() => head.is_some(),
            () = self.asks.any() => true,
            () = timer => true,
        };
        if !alive {
            self.link = None;
        }
    }

    /// The oracle over a live connection. A new connection is checked like the first one, code hash
    /// included: it may lead to another node, and the contract may have been changed meanwhile.
    async fn connected(&mut self) -> Result<Oracle, RelayerError> {
        if let Some(link) = &self.link {
            if !link.oracle.chain.is_lost() {
                return Ok(link.oracle.clone());
            }
        }
        let chain = Chain::connect(&self.config.url).await?;
        let checked = CheckedOracle::check(&chain, self.address, self.expect).await?;
        if checked.config.domain != self.base.domain {
            // The same address on a chain that was started anew.
            let (expected, found) = (self.base.domain, checked.config.domain);
            return Err(crate::chain::ChainError::OtherDomain { expected, found }.into());
        }
        let wake = chain.wake_ups().await?;
        tracing::info!(url = chain.url(), "connected again");
        self.link = Some(Link {
            oracle: checked.oracle.clone(),
            wake,
        });
        Ok(checked.oracle)
    }

    /// Operators that still act, by position.
    pub(super) fn able(&self) -> Vec<usize> {
        (0..self.operators.len())
            .filter(|index| !self.operators[*index].stopped)
            .collect()
    }

    /// Counts a failure. At the last allowed one asking and committing are given up, visibly; a
    /// reveal goes on, since a bond is at stake, and shows why it has not succeeded yet.
    pub(super) fn fail(
        &self,
        entry: &Entry,
        purpose: Purpose,
        reason: &str,
    ) -> Result<(), RelayerError> {
        let count = self.store.add_failure(entry, purpose, reason)?;
        let (request, purpose_name) = (entry.request_id, purpose.name());
        let operator = ss58(&entry.operator.into());
        if count < self.config.limits.max_attempts {
            tracing::warn!(
                request,
                operator,
                purpose = purpose_name,
                count,
                reason,
                "failed"
            );
            return Ok(());
        }
        tracing::error!(
            request,
            operator,
            purpose = purpose_name,
            count,
            reason,
            "failed often"
        );
        let given_up = gave_up(purpose, count, reason);
        match purpose {
            Purpose::Ask => self.leave_out(entry, &given_up)?,
            Purpose::Commit | Purpose::Answer => {
                self.note_job(entry, JobState::Dead, &given_up)?;
            }
            Purpose::Reveal => {
                let job = self.store.job(entry.request_id, &entry.operator)?;
                // Not over what the chain has shown since.
                if job.is_some_and(|job| job.state == JobState::Committed) {
                    let reason = format!("{count} reveals failed, the last one: {reason}");
                    self.note_job(entry, JobState::Committed, &reason)?;
                }
            }
            // Depends on whose seats they are about: `plan_ending` decides.
            Purpose::Advance | Purpose::Deliver => {}
        }
        Ok(())
    }

    fn note_job(&self, entry: &Entry, state: JobState, reason: &str) -> Result<(), RelayerError> {
        let Entry {
            request_id,
            operator,
        } = entry;
        Ok(self
            .store
            .set_job_state(*request_id, operator, state, Some(reason))?)
    }

    /// Whether something failed too often, or so recently that it must wait.
    pub(super) fn must_wait(&self, entry: &Entry, purpose: Purpose) -> Result<bool, RelayerError> {
        let (count, _) = self.store.failures(entry, purpose)?;
        Ok(count >= self.config.limits.max_attempts || self.is_resting(entry, purpose)?)
    }

    /// Whether something failed so recently that it must wait; however often it failed, it comes
    /// back.
    pub(super) fn is_resting(&self, entry: &Entry, purpose: Purpose) -> Result<bool, RelayerError> {
        let (count, at_ms) = self.store.failures(entry, purpose)?;
        Ok(rests(count, now_ms().saturating_sub(at_ms)))
    }
}

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Longest pause before something that failed is tried again, milliseconds.
const LONGEST_REST_MS: i64 = 30_000;

/// Whether the pause after the last of `count` failures, `since_ms` ago, still lasts: 1 s after the
/// first, doubling up to [`LONGEST_REST_MS`].
fn rests(count: u32, since_ms: i64) -> bool {
    let pause = 500_i64
        .saturating_mul(2_i64.saturating_pow(count.min(6)))
        .min(LONGEST_REST_MS);
    // A failure in the future is a clock that was set back: nobody can say how long to wait.
    count > 0 && (0..pause).contains(&since_ms)
}

/// Why something was given up, for the record.
pub(super) fn gave_up(purpose: Purpose, count: u32, reason: &str) -> String {
    format!(
        "gave up to {} after {count} attempts: {reason}",
        purpose.name()
    )
}

/// Which of the able operators acts: `first` counts them round, and each failure moves on by one.
pub(super) fn in_turn(able: &[usize], first: u64, failures: u32) -> Option<usize> {
    let turn = first
        .wrapping_add(failures.into())
        .checked_rem(able.len() as u64)?;
    able.get(usize::try_from(turn).ok()?).copied()
}

fn pauses() -> backon::ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Errors that a new connection or some time may cure. A chain or contract that is another one, and
/// everything that is not the chain's, is not among them.
fn is_passing(error: &RelayerError) -> bool {
    match error {
        RelayerError::Chain(error) => error.class() != Class::Wrong,
        _ => false,
    }
}

fn load_keys(config: &RelayerConfig) -> Result<Vec<Keypair>, RelayerError> {
    let mut keys: Vec<Keypair> = Vec::new();
    for source in &config.operators {
        let key = load_key(source)?;
        let account = account_of(&key);
        if keys.iter().any(|known| account_of(known) == account) {
            return Err(RelayerError::OperatorTwice(ss58(&account)));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(RelayerError::NoOperators);
    }
    Ok(keys)
}

async fn look_up(oracle: &Oracle, keys: Vec<Keypair>) -> Result<Vec<Operator>, RelayerError> {
    let mut operators = Vec::with_capacity(keys.len());
    for key in keys {
        let account = account_of(&key);
        let view = oracle.operator(&account, None).await?;
        let view = view.ok_or_else(|| RelayerError::NotRegistered {
            operator: ss58(&account),
        })?;
        let id: &[u8; 32] = account.as_ref();
        operators.push(Operator {
            id: *id,
            key,
            account,
            slot: view.slot,
            stopped: false,
        });
    }
    Ok(operators)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_hands_the_batch_to_the_next_operator() {
        // The second of four operators is stopped.
        let able = [0, 2, 3];
        let carriers: Vec<_> = (0..4).map(|failures| in_turn(&able, 7, failures)).collect();
        assert_eq!(carriers, [Some(2), Some(3), Some(0), Some(2)]);
        assert_eq!(in_turn(&able, u64::MAX, 1), Some(0));
        assert_eq!(in_turn(&[], 7, 0), None);
    }

    #[test]
    fn what_failed_rests_longer_each_time_and_always_comes_back() {
        assert!(!rests(0, 0));
        for (count, pause) in [
            (1, 1_000_i64),
            (2, 2_000),
            (5, 16_000),
            (6, 30_000),
            (99, 30_000),
        ] {
            assert!(rests(count, pause.saturating_sub(1)), "{count}");
            assert!(!rests(count, pause), "{count}");
        }
        // The clock was set back.
        assert!(!rests(99, -1));
    }
}

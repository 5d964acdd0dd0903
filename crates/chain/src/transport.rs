//! The RPC client under subxt: gives every request a timeout, counts it, asks again after a refusal that
//! passes, keeps the pauses that a node asks for, and remembers when the connection failed.
//!
//! subxt's errors do not tell whether the node answered with an error or did not answer. This layer sees
//! each answer before subxt does.

use super::refusal::RpcRefusal;
use futures::StreamExt;
use llm_oracle_support::clock::Instant;
use std::{
    collections::VecDeque,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    },
    time::Duration,
};
use subxt::rpcs::{
    client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
    Error as RpcError, UserError,
};

/// How often a request is sent at most: a refusal that passes is not the caller's affair.
const TRIES: u32 = 3;
/// Longest pause that a request waits for before it is sent; a longer one is the caller's affair, who may
/// have another node.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pause after a rate limit that names none; doubles with each further one in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest of these.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Pause before a request is sent again that the node failed at; doubles.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Refusals that are remembered, so that an error of subxt is told by the text it quotes.
const REMEMBERED: usize = 16;
/// HTTP's code for too many requests, in an error of this layer.
const TOO_MANY_REQUESTS: i32 = 429;

/// Requests over one connection, or to one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RpcCount {
    /// Requests sent, repeated ones each time.
    pub sent: u64,
    /// JSON errors among the answers.
    pub refused: u64,
    /// Rate limits among those.
    pub rate_limited: u64,
}

impl RpcCount {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent.saturating_add(other.sent),
            refused: self.refused.saturating_add(other.refused),
            rate_limited: self.rate_limited.saturating_add(other.rate_limited),
        }
    }
}

/// What is known of one connection, shared by its clones.
#[derive(Debug, Default, Clone)]
pub(super) struct ConnectionState(Arc<TransportShared>);

#[derive(Debug, Default)]
struct TransportShared {
    failure: OnceLock<String>,
    sent: AtomicU64,
    refused: AtomicU64,
    rate_limited: AtomicU64,
    limits: Mutex<RateLimit>,
}

#[derive(Debug, Default)]
struct RateLimit {
    /// Nothing is sent before.
    until: Option<Instant>,
    /// Rate limits in a row.
    in_a_row: u32,
    /// The last refusals by their text.
    refusals: VecDeque<(String, RpcRefusal)>,
}

impl ConnectionState {
    /// Why the connection is lost, if it is. It never recovers; connect again.
    pub(super) fn failure(&self) -> Option<&str> {
        self.0.failure.get().map(String::as_str)
    }

    /// Requests so far.
    pub(super) fn count(&self) -> RpcCount {
        RpcCount {
            sent: self.0.sent.load(Ordering::Relaxed),
            refused: self.0.refused.load(Ordering::Relaxed),
            rate_limited: self.0.rate_limited.load(Ordering::Relaxed),
        }
    }

    /// How long the node wants no request.
    pub(super) fn pause(&self) -> Option<Duration> {
        let until = self.limits().until?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// The kind of the refusal that an error's text quotes.
    pub(super) fn refusal_in(&self, text: &str) -> Option<RpcRefusal> {
        let limits = self.limits();
        let mut refusals = limits.refusals.iter().rev();
        let (_, refusal) = refusals.find(|(quoted, _)| text.contains(quoted.as_str()))?;
        Some(*refusal)
    }

    fn limits(&self) -> MutexGuard<'_, RateLimit> {
        // Plain values: a panic elsewhere left them whole.
        self.0.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sent(&self) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    fn record<T>(&self, result: Result<T, RpcError>) -> Result<T, RpcError> {
        if let Err(error @ (RpcError::Client(_) | RpcError::DisconnectedWillReconnect(_))) = &result
        {
            // Only the first reason counts; later ones follow from it.
            let _ = self.0.failure.set(error.to_string());
        }
        result
    }

    /// Takes note of an answer. Says how long to wait before the request is sent again, if that helps.
    fn note<T>(&self, result: &Result<T, RpcError>, tried: u32) -> Option<Duration> {
        let error = match result {
            Ok(_) => {
                self.limits().in_a_row = 0;
                return None;
            }
            Err(RpcError::User(error)) => error,
            Err(_) => return None,
        };
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        let refusal = RpcRefusal::of(error);
        let mut limits = self.limits();
        limits.remember(error.to_string(), refusal);
        match refusal {
            RpcRefusal::RateLimited(named) => {
                self.0.rate_limited.fetch_add(1, Ordering::Relaxed);
                Some(limits.pause_for(named))
            }
            RpcRefusal::Internal => Some(RETRY_PAUSE.saturating_mul(2_u32.saturating_pow(tried))),
            RpcRefusal::StateGone | RpcRefusal::MethodNotFound | RpcRefusal::Other => None,
        }
    }
}

impl RateLimit {
    fn pause_for(&mut self, named: Option<Duration>) -> Duration {
        let usual = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.in_a_row.min(8)));
        let pause = named.unwrap_or(usual.min(PAUSE_MAX));
        self.in_a_row = self.in_a_row.saturating_add(1);
        let until = Instant::now().checked_add(pause);
        self.until = self.until.max(until);
        pause
    }

    fn remember(&mut self, text: String, refusal: RpcRefusal) {
        self.refusals.retain(|(known, _)| *known != text);
        if self.refusals.len() >= REMEMBERED {
            self.refusals.pop_front();
        }
        self.refusals.push_back((text, refusal));
    }
}

/// A client whose requests end after a fixed time.
pub(super) struct TimeoutRpcClient<C> {
    pub(super) inner: C,
    pub(super) state: ConnectionState,
    pub(super) timeout: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer to {method} within {seconds} s")]
struct NoAnswer {
    method: String,
    seconds: u64,
}

impl<C: RpcClientT> TimeoutRpcClient<C> {
    async fn bounded<T>(&self, method: &str, answer: RawRpcFuture<'_, T>) -> Result<T, RpcError> {
        self.state.sent();
        let result = match tokio::time::timeout(self.timeout, answer).await {
            Ok(result) => result,
            Err(_) => Err(RpcError::Client(Box::new(NoAnswer {
                method: method.to_owned(),
                seconds: self.timeout.as_secs(),
            }))),
        };
        self.state.record(result)
    }

    /// Waits for the end of the node's pause, if that is soon.
    async fn wait_for_turn(&self) -> Result<(), RpcError> {
        let Some(pause) = self.state.pause() else {
            return Ok(());
        };
        if pause <= PATIENCE {
            tokio::time::sleep(pause).await;
            return Ok(());
        }
        let error = UserError {
            code: TOO_MANY_REQUESTS,
            message: "the node's pause after a rate limit is not over".to_owned(),
            data: None,
        };
        let refusal = RpcRefusal::RateLimited(None);
        self.state.limits().remember(error.to_string(), refusal);
        Err(RpcError::User(error))
    }

    /// Sends a request, and again after a refusal that passes. Every request may be repeated: reads change
    /// nothing, and the same bytes sent twice are one transaction.
    async fn request(
        &self,
        method: &str,
        params: Option<Box<RawValue>>,
    ) -> Result<Box<RawValue>, RpcError> {
        let mut tried = 0_u32;
        loop {
            self.wait_for_turn().await?;
            let answer = self.inner.request_raw(method, params.clone());
            let result = self.bounded(method, answer).await;
            let again = self.state.note(&result, tried);
            tried = tried.saturating_add(1);
            match again {
                Some(pause) if tried < TRIES && pause <= PATIENCE => {
                    tokio::time::sleep(pause).await;
                }
                _ => return result,
            }
        }
    }
}

impl<C: RpcClientT> RpcClientT for TimeoutRpcClient<C> {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(self.request(method, params))
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<RawValue>>,
        unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async move {
            self.wait_for_turn().await?;
            let subscription = self.inner.subscribe_raw(sub, params, unsub);
            let subscribed = self.bounded(sub, subscription).await;
            self.state.note(&subscribed, TRIES);
            let RawRpcSubscription { stream, id } = subscribed?;
            let state = self.state.clone();
            let stream = stream.map(move |item| state.record(item)).boxed();
            Ok(RawRpcSubscription { stream, id })
        })
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;

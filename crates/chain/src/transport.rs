//! The wire under subxt: gives every request a deadline and remembers when the line went dead.
//!
//! subxt's errors lose, on their way up, whether the node said no or was not there. This layer sees
//! each answer before they do.

use futures::StreamExt;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use subxt::rpcs::{
    client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
    Error as RpcError,
};

/// Remembers the first failure of the line.
#[derive(Debug, Default, Clone)]
pub(super) struct Line(Arc<OnceLock<String>>);

impl Line {
    /// Why the line is dead, if it is. A dead line never comes back; connect again.
    pub(super) fn dead(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    fn note<T>(&self, result: Result<T, RpcError>) -> Result<T, RpcError> {
        if let Err(error @ (RpcError::Client(_) | RpcError::DisconnectedWillReconnect(_))) = &result
        {
            // Only the first reason counts; the rest are its echoes.
            let _ = self.0.set(error.to_string());
        }
        result
    }
}

/// A client whose requests end after a fixed time.
pub(super) struct Watched<C> {
    pub(super) inner: C,
    pub(super) line: Line,
    pub(super) timeout: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer to {method} within {seconds} s")]
struct NoAnswer {
    method: String,
    seconds: u64,
}

impl<C: RpcClientT> Watched<C> {
    async fn bounded<T>(&self, method: &str, answer: RawRpcFuture<'_, T>) -> Result<T, RpcError> {
        let result = match tokio::time::timeout(self.timeout, answer).await {
            Ok(result) => result,
            Err(_) => Err(RpcError::Client(Box::new(NoAnswer {
                method: method.to_owned(),
                seconds: self.timeout.as_secs(),
            }))),
        };
        self.line.note(result)
    }
}

impl<C: RpcClientT> RpcClientT for Watched<C> {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(self.bounded(method, self.inner.request_raw(method, params)))
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<RawValue>>,
        unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async move {
            let subscription = self.inner.subscribe_raw(sub, params, unsub);
            let RawRpcSubscription { stream, id } = self.bounded(sub, subscription).await?;
            let line = self.line.clone();
            let stream = stream.map(move |item| line.note(item)).boxed();
            Ok(RawRpcSubscription { stream, id })
        })
    }
}

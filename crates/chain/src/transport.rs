//! The RPC client under subxt: gives every request a timeout and remembers when the connection failed.
//!
//! subxt's errors do not tell whether the node answered with an error or did not answer. This layer sees
//! each answer before subxt does.

use futures::StreamExt;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use subxt::rpcs::{
    client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
    Error as RpcError,
};

/// The first failure of a connection, shared by its clones.
#[derive(Debug, Default, Clone)]
pub(super) struct ConnectionFailure(Arc<OnceLock<String>>);

impl ConnectionFailure {
    /// Why the connection is lost, if it is. It never recovers; connect again.
    pub(super) fn reason(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    fn record<T>(&self, result: Result<T, RpcError>) -> Result<T, RpcError> {
        if let Err(error @ (RpcError::Client(_) | RpcError::DisconnectedWillReconnect(_))) = &result
        {
            // Only the first reason counts; later ones follow from it.
            let _ = self.0.set(error.to_string());
        }
        result
    }
}

/// A client whose requests end after a fixed time.
pub(super) struct TimeoutRpcClient<C> {
    pub(super) inner: C,
    pub(super) failure: ConnectionFailure,
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
        let result = match tokio::time::timeout(self.timeout, answer).await {
            Ok(result) => result,
            Err(_) => Err(RpcError::Client(Box::new(NoAnswer {
                method: method.to_owned(),
                seconds: self.timeout.as_secs(),
            }))),
        };
        self.failure.record(result)
    }
}

impl<C: RpcClientT> RpcClientT for TimeoutRpcClient<C> {
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
            let failure = self.failure.clone();
            let stream = stream.map(move |item| failure.record(item)).boxed();
            Ok(RawRpcSubscription { stream, id })
        })
    }
}

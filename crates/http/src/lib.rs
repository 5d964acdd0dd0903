//! Bounded HTTP: a small server with one request for each connection, clients that follow no redirects, and
//! one for addresses that strangers name ([`GuardedClient`]).

mod address;
pub mod coding;
mod guarded;

pub use address::{is_public, AddressGuard};
pub use guarded::{check, GuardedClient, PageError, PageLimits, PageResponse};
pub use ipnet::IpNet;
pub use reqwest::{dns, Certificate, Client, Url};

use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
    Request, Response,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use reqwest::{redirect, ClientBuilder};
use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

/// Connections at the same time; further ones are closed at once.
const CONNECTIONS_MAX: usize = 32;
/// Largest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Longest time to connect as a client.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// A client that follows no redirects, with a timeout for the whole of each request.
pub fn client(timeout: Duration) -> ClientBuilder {
    // An error means that a provider is installed already, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT_MAX.min(timeout))
        .timeout(timeout)
        .referer(false)
        .user_agent(concat!("llm-oracle/", env!("CARGO_PKG_VERSION")))
}

/// The body of a response; `None` if it has more than `max_bytes`.
///
/// # Errors
/// When the connection fails before its end.
pub async fn body(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len().saturating_add(chunk.len()) > max_bytes {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// Timeouts of the server.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a whole connection, which carries one request.
    pub connection: Duration,
    /// For the head of a request.
    pub head: Duration,
}

/// Serves until `stop` is cancelled.
pub async fn serve<F, R>(
    listener: TcpListener,
    stop: CancellationToken,
    timeouts: Timeouts,
    respond: F,
) where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Mostly out of file descriptors: wait until other connections close.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Without a free slot the stream is dropped, which closes it.
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            let conversation = serve_connection(stream, timeouts.head, respond.clone());
            tokio::spawn(async move {
                let _slot = slot;
                // A client that is too slow or disconnects gets no answer.
                let _ = tokio::time::timeout(timeouts.connection, conversation).await;
            });
        }
    }
}

async fn serve_connection<F, R>(
    stream: TcpStream,
    head: Duration,
    respond: F,
) -> Result<(), hyper::Error>
where
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

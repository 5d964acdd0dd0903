//! HTTP on both sides, everything bounded: a small server with one request for each connection, and clients
//! that follow no redirect.

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
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A client that follows no redirect and gives up after a time.
pub fn client(longest: Duration) -> ClientBuilder {
    // Fails when some other part of the process has installed one already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_MAX.min(longest))
        .timeout(longest)
        .referer(false)
        .user_agent(concat!("llm-oracle/", env!("CARGO_PKG_VERSION")))
}

/// The body of a response; none if it has more than `most` bytes.
///
/// # Errors
/// When it breaks off.
pub async fn body(
    mut response: reqwest::Response,
    most: usize,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len().saturating_add(chunk.len()) > most {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// How long others may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For one connection, which carries one request.
    pub connection: Duration,
    /// For the head of a request.
    pub head: Duration,
}

/// Serves until it is told to stop.
pub async fn serve<F, R>(
    listener: TcpListener,
    stop: CancellationToken,
    patience: Patience,
    respond: F,
) where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, mostly: others must close first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Without a place the stream is dropped, which closes it.
        if let Ok(place) = places.clone().try_acquire_owned() {
            let conversation = converse(stream, patience.head, respond.clone());
            tokio::spawn(async move {
                let _place = place;
                // Whoever is slower than that, or breaks off, is not waited for.
                let _ = tokio::time::timeout(patience.connection, conversation).await;
            });
        }
    }
}

async fn converse<F, R>(stream: TcpStream, head: Duration, respond: F) -> Result<(), hyper::Error>
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

//! The wire to a node: a WebSocket on which no answer waits for another one's acknowledgement.
//!
//! The RPC servers of Substrate nodes leave Nagle's algorithm on: an answer is held back until what was
//! sent before it has been acknowledged, and Linux puts acknowledgements off by 40 ms when it has nothing
//! to send along. Every second answer of two that are asked for at once would take that long. Here the
//! system is told to acknowledge at once, which helps with any node.

use jsonrpsee::{
    client_transport::ws::{Url, WsTransportClientBuilder},
    core::client::Client,
};
use std::{
    io,
    pin::Pin,
    task::{ready, Context, Poll},
};
use subxt::rpcs::client::jsonrpsee_client;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Notifications of one subscription that wait to be looked at.
const NOTIFICATIONS_MOST: usize = 4_096;

/// Connects to a node's WebSocket. The reason of a failure may hold the URL.
pub(super) async fn connect(url: &str) -> Result<Client, String> {
    let parsed = Url::parse(url).map_err(|error| error.to_string())?;
    let place = match (parsed.scheme(), parsed.host_str()) {
        ("ws", Some(host)) => Some((host.trim_matches(['[', ']']).to_owned(), parsed.port())),
        // With encryption in between, and over a way that takes longer than that.
        _ => None,
    };
    let Some((host, port)) = place else {
        let connecting = jsonrpsee_client(url).await;
        return connecting.map_err(|error| error.to_string());
    };
    let stream = TcpStream::connect((host, port.unwrap_or(80))).await;
    let stream = stream.map_err(|error| error.to_string())?;
    stream
        .set_nodelay(true)
        .map_err(|error| error.to_string())?;
    let transport = WsTransportClientBuilder::default().build_with_stream(parsed, Prompt(stream));
    let (sender, receiver) = transport.await.map_err(|error| error.to_string())?;
    Ok(Client::builder()
        .max_buffer_capacity_per_subscription(NOTIFICATIONS_MOST)
        .build_with_tokio(sender, receiver))
}

/// A connection that acknowledges what comes at once.
struct Prompt(TcpStream);

impl Prompt {
    /// The system forgets it with what is sent and received, so it is told each time.
    fn acknowledge(&self) {
        // Where it can't be told, answers only come later.
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.0, true);
    }
}

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.0).poll_read(context, buffer));
        self.acknowledge();
        Poll::Ready(read)
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.0).poll_write(context, bytes));
        self.acknowledge();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
